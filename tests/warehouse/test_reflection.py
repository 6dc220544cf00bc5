"""The published file as other programs see it: what the JDBC driver asks for a tree of tables (comments, types, keys), the DuckDB shell, dataframes.

The driver itself needs Java; its questions are asked here in its own words' sense: DatabaseMetaData.getTables reads duckdb_tables() and
duckdb_views(), getColumns reads duckdb_columns(), getPrimaryKeys reads duckdb_constraints() (DuckDB's Java driver, DuckDBDatabaseMetaData).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

SCHEMAS = ("mart", "question", "record")
#: What every client draws in a cell: no struct, map, union, interval or engine's own type.
PLAIN = {"VARCHAR", "VARCHAR[]", "INTEGER[]", "BOOLEAN", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "TIMESTAMP", "DATE"}


@pytest.fixture(scope="module")
def copy(tools, tmp_path_factory) -> Path:
    """A published file with a handoff in it."""
    folder = tmp_path_factory.mktemp("reflection")
    zone = tools.Zone()
    report = {"findings": [{"title": "one", "severity": "High", "description": "d", "unique_id_from_tool": "A"}]}
    zone.put("scans/one.json", json.dumps(report), target="pay-api", captured_at="2026-04-01T09:00:00Z", scanner="one")
    home = tools.Warehouse(folder / "home")
    home.run(zone.write(folder / "landing"), "2026-05-01T00:00:00Z", published=True)
    return home.home.published


@pytest.fixture
def asked(copy):
    with duckdb.connect(str(copy), read_only=True) as connection:
        yield lambda query: connection.execute(query).fetchall()


def test_the_tree_holds_our_schemas_and_each_entry_has_a_remark(asked):
    entries = asked(
        "SELECT schema_name, table_name, 'TABLE', comment FROM duckdb_tables() WHERE NOT internal "
        "UNION ALL SELECT schema_name, view_name, 'VIEW', comment FROM duckdb_views() WHERE NOT internal"
    )
    assert {schema for schema, *_ in entries} == set(SCHEMAS)
    assert [(schema, name) for schema, name, _, remark in entries if not remark] == []
    assert {kind for schema, _, kind, _ in entries if schema == "mart"} == {"TABLE"}, "what needs no knowledge of views"
    assert {kind for schema, _, kind, _ in entries if schema == "question"} == {"VIEW"}


def test_each_column_has_a_remark_and_a_type_that_any_client_draws(asked):
    columns = asked("SELECT schema_name, table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal")
    assert [column[:3] for column in columns if not column[4]] == []
    assert {column[3] for column in columns if column[0] != "record"} <= PLAIN


def test_the_standards_own_views_say_the_same(asked):
    assert asked("SELECT table_name FROM information_schema.tables WHERE table_schema IN ('mart', 'question', 'record') AND coalesce(TABLE_COMMENT, '') = ''") == []
    assert asked("SELECT column_name FROM information_schema.columns WHERE table_schema IN ('mart', 'question', 'record') AND coalesce(COLUMN_COMMENT, '') = ''") == []


#: `both` is one of SQL's reserved words: who types it must quote it.
QUOTED = {("single_sla", "both")}


def test_names_need_no_quotes(asked):
    names = asked("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal")
    reserved = {word for (word,) in asked("SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'")}
    assert [pair for pair in names for name in pair if not name.isidentifier() or name != name.lower() or (name in reserved and pair not in QUOTED)] == []


def test_the_key_of_every_table_and_view_is_told_and_is_one(asked):
    """No PRIMARY KEY stands in the file, since many keys hold nulls: a client finds them in record.table_key, and in each table's remark."""
    keys = asked("SELECT schema_name, table_name, list(column_name ORDER BY position) FROM record.table_key GROUP BY ALL")
    there = asked("SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal")
    assert {key[:2] for key in keys} == set(there)
    for schema, name, columns in keys:
        listed = ", ".join(f'"{column}"' for column in columns)
        assert asked(f"SELECT 1 FROM {schema}.{name} GROUP BY {listed} HAVING count(*) > 1") == [], f"{schema}.{name}"
    remarks = dict(asked("SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = 'mart'"))
    assert all(remarks[name].endswith(f"Key: {', '.join(columns)}.") for schema, name, columns in keys if schema == "mart")
    assert asked("SELECT 1 FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'") == []


def test_python_reads_it_as_frames(copy):
    with duckdb.connect(str(copy), read_only=True) as connection:
        table = connection.execute("FROM mart.handoff").to_arrow_table()
        assert table.num_rows == 1 and table.column("title").to_pylist() == ["one"]
        assert connection.execute("FROM mart.handoff").pl().height == 1
        assert len(connection.execute("FROM mart.handoff").df()) == 1


@pytest.mark.skipif(shutil.which("duckdb") is None, reason="no DuckDB shell on the PATH")
def test_the_duckdb_shell_opens_it(copy):
    done = subprocess.run(["duckdb", "-readonly", "-json", str(copy), "SELECT title FROM mart.handoff"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, json.loads(done.stdout)) == (0, [{"title": "one"}]), done.stderr
