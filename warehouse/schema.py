"""DDL: the record's tables and views from their one declaration, and the check that a file is of this code's schema version."""

from __future__ import annotations

from importlib.resources import files

import duckdb

from transforms.domain import tables
from transforms.domain.errors import RunError


def sql_file(path: str) -> str:
    """The text of a file below warehouse/sql."""
    return files("warehouse").joinpath("sql", path).read_text(encoding="utf-8")


#: Columns that a view of the record adds to those of the table it reads.
_DECISION = tables.Column("decision", "VARCHAR", "What a person decided about the file: release, discard or retract; null where nobody did.")
_DECIDED = tables.Column("decided_at", "TIMESTAMP", "When they decided (UTC).")


def _views() -> tuple[tables.Table, ...]:
    """The views of sql/record/views.sql: columns of the tables that they read, in the views' own order."""
    attempt = {column.name: column for column in tables.LANDING_ATTEMPT.columns}
    counts = ("rows_in", "rows_new", "rows_duplicate", "rows_rejected")
    first = ("sha256", "path", "kind", "format", "bytes", "status", "reason", *counts, "landed_at", "claim_id")
    # `scanners` would stand in the way of `mart.handoff.scanners` in queries that name both.
    columns = (*(attempt[name] for name in first), *(column for name, column in attempt.items() if name not in (*first, "scanners")), _DECISION)
    return (
        tables.Table("file_decision", "one row per landed content about which a person decided: the latest decision", ("sha256",), (attempt["sha256"], _DECISION, _DECIDED)),
        tables.Table("landed_file", "one row per claimed file: its latest reading, with the status that a person's decision gave it", ("claim_id",), columns),
    )


RECORD_VIEWS = _views()


def create_record(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates what is missing of schema `record`. Raises `RunError` where the file is of another schema version."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS record")
    connection.execute("CREATE TABLE IF NOT EXISTS record.schema_version (version INTEGER NOT NULL)")
    if not connection.execute("FROM record.schema_version").fetchone():
        connection.execute("INSERT INTO record.schema_version VALUES (?)", [tables.SCHEMA_VERSION])
    require_version(connection, "the warehouse")
    for table in tables.RECORD_TABLES.values():
        create_table(connection, "record", table)
    connection.execute(sql_file("record/views.sql"))


def require_version(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Raises `RunError` where an open file is of another version than this code's, or has none."""
    try:
        row = connection.execute("SELECT max(version) FROM record.schema_version").fetchone()
    except duckdb.CatalogException:  # a database, and none of ours
        row = None
    version = row[0] if row else None
    if version != tables.SCHEMA_VERSION:
        raise RunError(
            "record.schema_version",
            seen=f"{name} is of version {version}, this code of {tables.SCHEMA_VERSION}",
            remedy="use the newer code, or rebuild the warehouse with `handoff rebuild` and publish it with `handoff run`",
        )


def create_table(connection: duckdb.DuckDBPyConnection, schema: str, table: tables.Table) -> None:
    columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {schema}.{table.name} ({columns})")  # names and types are our own declarations


def comment(connection: duckdb.DuckDBPyConnection, *, published: bool = False) -> None:
    """Stores the meaning of the record's tables, views and columns as COMMENT ON; the published copy has no raw texts."""
    for table in tables.RECORD_TABLES.values():
        comment_on(connection, "TABLE", f"record.{table.name}", table.row)
        for column in table.columns:
            if published and (table.name, column.name) == ("rejected_row", "raw"):
                continue
            comment_on(connection, "COLUMN", f'record.{table.name}."{column.name}"', column.meaning)
    for view in RECORD_VIEWS:
        comment_on(connection, "VIEW", f"record.{view.name}", view.row)
        for column in view.columns:
            comment_on(connection, "COLUMN", f'record.{view.name}."{column.name}"', column.meaning)
    comment_on(connection, "TABLE", "record.schema_version", "one row: the version of this file's tables")
    comment_on(connection, "COLUMN", "record.schema_version.version", "Schema version (transforms.domain.tables.SCHEMA_VERSION).")


def comment_on(connection: duckdb.DuckDBPyConnection, what: str, name: str, text: str) -> None:
    quoted = text.replace("'", "''")  # COMMENT ON takes no parameters
    connection.execute(f"COMMENT ON {what} {name} IS '{quoted}'")
