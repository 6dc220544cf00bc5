"""The published copy: replaced atomically, read-only, whole. Readers with the old one open keep seeing it."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from transforms.domain import tables
from transforms.domain.errors import RunError
from warehouse import keys, models, questions, schema
from warehouse.connection import connect, transaction
from warehouse.home import Home

_LAST_RUN = "SELECT run_id FROM record.run WHERE is_published ORDER BY number DESC LIMIT 1"
_MARTS = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'mart' ORDER BY table_name"
_MARK = "UPDATE {run} SET is_published = true WHERE run_id = ? AND NOT is_published"


def publish(connection: duckdb.DuckDBPyConnection, home: Home, run_id: str) -> Path:
    """Writes schema `record` and `mart` of the open warehouse, and the questions, as `handoff.duckdb` and puts it in place in one step.

    The copy leaves out the raw text of rejected rows and the derived tables; the connection stays open. The run that it is of is marked as
    published in the copy, and in the warehouse once the copy is there.
    """
    target = home.published
    draft = target.with_name(f".{target.name}.draft")
    draft.unlink(missing_ok=True)
    with connect(draft) as copy:
        schema.create_record(copy)
    marts = _fill(connection, draft, run_id)
    with connect(draft) as copy:
        with transaction(copy):  # each COMMENT ON by itself would be a commit
            for name in marts:
                models.comment(copy, models.models()[name])
        strip(copy)
    _sync(draft)
    os.replace(draft, target)
    _sync(target.parent)
    mark(connection, run_id)
    return target


def mark(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Says of a run in the open warehouse that it published."""
    connection.execute(_MARK.format(run="record.run"), [run_id])


def settle(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Marks the run of the copy that is in place: who was killed after putting it there did not come to it."""
    if not home.published.exists():
        return
    try:
        with connect(home.published, read_only=True) as copy:
            row = copy.execute(_LAST_RUN).fetchone()
    except (RunError, duckdb.Error):
        return  # a copy that cannot be read is replaced by the next publishing
    if row is not None:
        mark(connection, row[0])


def _fill(connection: duckdb.DuckDBPyConnection, draft: Path, run_id: str) -> list[str]:
    """Writes the rows into a new file, since a copied file would hold the pages of what was dropped from it; the names of its marts."""
    connection.execute(f"ATTACH '{str(draft).replace(chr(39), chr(39) * 2)}' AS the_copy")  # ATTACH takes no parameters
    try:
        with transaction(connection):
            for name, table in tables.RECORD_TABLES.items():
                columns = ", ".join(f'"{column.name}"' for column in table.columns if (name, column.name) != ("rejected_row", "raw"))
                connection.execute(f"INSERT INTO the_copy.record.{name} ({columns}) SELECT {columns} FROM record.{name}")  # our own declarations
            connection.execute(_MARK.format(run="the_copy.record.run"), [run_id])
            connection.execute("CREATE SCHEMA the_copy.mart")
            marts = [name for (name,) in connection.execute(_MARTS).fetchall()]
            for name in marts:
                connection.execute(f"CREATE TABLE the_copy.mart.{name} AS FROM mart.{name}")  # our own names
    finally:
        connection.execute("DETACH the_copy")
    return marts


def strip(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes an open file what analysts get: without derived tables and raw texts, with the questions, every table, view and column commented."""
    connection.execute("DROP SCHEMA IF EXISTS derived CASCADE")
    connection.execute("ALTER TABLE record.rejected_row DROP COLUMN raw")
    with transaction(connection):  # each COMMENT ON by itself would be a commit
        schema.comment(connection, published=True)
    questions.create(connection)
    keys.write(connection)
    connection.execute("CHECKPOINT")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
