"""The generated pages are what the code says now, and the file that an analyst opens says the same."""

from __future__ import annotations

import re

import duckdb
import pytest

from warehouse import dictionary

#: Left out of the published copy: the raw text of rejected rows.
NOT_PUBLISHED = ("record", "rejected_row", "raw")


@pytest.fixture(scope="module")
def published(published_home):
    """The file that an analyst opens, in a plain client: no extension is fetched, none is loaded by itself."""
    plain = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with duckdb.connect(str(published_home / "handoff.duckdb"), read_only=True, config=plain) as connection:
        yield connection


def columns(connection, schema):
    """(table, column, type, comment) of every column in a schema, in order."""
    return connection.execute(
        "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE schema_name = ? ORDER BY table_name, column_index", [schema]
    ).fetchall()


def documented(schema, *, views):
    found = sorted((entry for entry in dictionary.entries() if entry.schema == schema), key=lambda entry: entry.name)
    return [
        (entry.name, *column)
        for entry in found
        if entry.is_view in (False, views)
        for column in entry.columns
        if (schema, entry.name, column[0]) != NOT_PUBLISHED
    ]


def test_the_page_is_the_one_that_is_generated():
    assert dictionary.PAGE.read_text(encoding="utf-8") == dictionary.render(), "run `make docs`"


def test_every_documented_thing_has_words():
    for entry in dictionary.entries():
        assert entry.row.rstrip("."), entry.name
        assert set(entry.key) <= {name for name, _, _ in entry.columns}, entry.name
        assert [name for name, _, meaning in entry.columns if not meaning.strip()] == [], entry.name


@pytest.mark.parametrize("schema", ["record", "mart"])
def test_the_published_copy_has_exactly_the_documented_columns(published, schema):
    assert [row[:3] for row in columns(published, schema)] == [row[:3] for row in documented(schema, views=True)]


@pytest.mark.parametrize("schema", ["record", "mart"])
def test_every_published_table_carries_its_meaning(published, schema):
    stored = published.execute("SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = ? ORDER BY ALL", [schema]).fetchall()
    assert stored == sorted((entry.name, entry.comment) for entry in dictionary.entries() if entry.schema == schema and not entry.is_view)


@pytest.mark.parametrize("schema", ["record", "mart"])
def test_every_published_column_carries_its_meaning(published, schema):
    views = {entry.name for entry in dictionary.entries() if entry.is_view}
    assert [row for row in columns(published, schema) if row[0] not in views] == documented(schema, views=False)


def test_the_published_copy_has_no_other_schema(published):
    schemas = {row[0] for row in published.execute("SELECT DISTINCT schema_name FROM duckdb_tables()").fetchall()}
    assert schemas == {"record", "mart"}


def test_the_warehouse_carries_the_marts_meanings(published_home):
    with duckdb.connect(str(published_home / "warehouse.duckdb"), read_only=True) as connection:
        assert columns(connection, "mart") == documented("mart", views=False)


def test_every_table_and_view_is_read_by_a_plain_client(published):
    there = published.execute("SELECT table_schema, table_name, table_type, TABLE_COMMENT FROM information_schema.tables").fetchall()
    assert {schema for schema, *_ in there} == {"mart", "record", "question"}
    for schema, name, _, _ in there:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        published.execute(f"FROM {schema}.{name}").fetchall()  # no name needs quotes
    columns = published.execute("SELECT table_name, column_name, COLUMN_COMMENT FROM information_schema.columns").fetchall()
    assert [name for _, name, _ in columns if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []
    # A view of the record says what its columns are where it is documented; all else says so itself.
    views = {"landed_file", "file_decision"}
    assert [name for _, name, _, comment in there if not comment and name not in views] == []
    assert [(table, name) for table, name, comment in columns if not comment and table not in views] == []


def test_the_keys_are_a_table_of_the_file(published):
    there = set(published.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall())
    keys = {}
    for schema, table, column in published.execute("SELECT schema_name, table_name, column_name FROM record.table_key ORDER BY position").fetchall():
        keys.setdefault((schema, table), []).append(column)
    assert keys.keys() == there
    assert keys["mart", "handoff"] == ["finding_id", "cycle"]
    for (schema, table), columns in keys.items():
        if schema != "record":
            key = ", ".join(columns)
            repeated = published.execute(f"SELECT {key} FROM {schema}.{table} GROUP BY ALL HAVING count(*) > 1").fetchall()
            assert repeated == [], f"{schema}.{table}"
