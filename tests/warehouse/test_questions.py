"""The questions: each is a view that says what it is, answers on an empty record too, and needs nothing that a plain client has not."""

from __future__ import annotations

import json
import re

import duckdb
import pytest

from warehouse import cookbook, models
from warehouse.questions import questions

AS_OF = "2026-05-04T12:00:00Z"
#: A plain client: no extension is fetched, none is loaded by itself.
PLAIN = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


@pytest.fixture(scope="module")
def empty(tools, tmp_path_factory):
    """The published copy of a record in which nothing has landed."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "landing").mkdir()
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(folder / "landing", AS_OF, published=True)
    with duckdb.connect(str(warehouse.home.published), read_only=True, config=PLAIN) as connection:
        yield connection


def functions_of(query: str) -> set[str]:
    """Names of the functions that a query calls, operators left out."""
    tree = duckdb.execute("SELECT json_serialize_sql(?)", [query]).fetchone()
    return set(re.findall(r'"function_name":"(\w+)"', json.dumps(json.loads(tree[0]), separators=(",", ":"))))


def test_the_page_is_the_one_that_is_generated():
    assert cookbook.PAGE.read_text(encoding="utf-8") == cookbook.render(), "run `make docs`"


def test_the_page_leads_to_each_question():
    page = cookbook.render()
    headings = re.findall(r"^## (.*)$", page, flags=re.MULTILINE)
    assert headings == [question.text for question in questions().values()]
    assert len(headings) == len(set(headings)) >= 30
    assert re.findall(r"\]\(#([\w-]+)\)", page) == [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("name", questions())
def test_question_is_answered_on_an_empty_record(empty, name):
    rows = empty.execute(f"FROM question.{name}").fetchall()
    assert len(rows) == (1 if name == "run_behind_this_file" else 0)


@pytest.mark.parametrize("name", questions())
def test_question_as_the_page_asks_it_can_be_asked(empty, name):
    empty.execute(f"FROM question.{name} {questions()[name].narrowed}")


@pytest.mark.parametrize("name", questions())
def test_view_has_the_declared_columns_and_says_what_they_mean(empty, name):
    question = questions()[name]
    stored = empty.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE schema_name = 'question' AND table_name = ? ORDER BY column_index", [name]
    ).fetchall()
    assert stored == [tuple(column) for column in question.model.columns]
    (comment,) = empty.execute("SELECT comment FROM duckdb_views() WHERE schema_name = 'question' AND view_name = ?", [name]).fetchone()
    assert comment == f"{question.text} {question.reading}"


def test_views_need_no_macro_and_no_extension_but_json(empty):
    macros = empty.execute("SELECT function_name FROM duckdb_functions() WHERE NOT internal").fetchall()
    assert macros == []
    known = {name for (name,) in empty.execute("SELECT function_name FROM duckdb_functions()").fetchall()}
    used = set().union(*(functions_of(question.model.query) for question in questions().values()))
    assert used - known == set()
    assert {name for name in used if "json" in name or "time" in name} == set()  # `->>` is all; ICU would be needed for zones


def test_questions_change_no_mart(empty):
    read = set().union(*(models.tables_read(empty, question.model) for question in questions().values()))
    assert {schema for schema, _ in read} <= {"", "mart", "record"}
    assert empty.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'question'").fetchone() == (0,)
