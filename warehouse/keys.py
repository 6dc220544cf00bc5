"""The keys of a published file as a table of it: many hold nulls (the period of all time, the finding of an event that matches none), so no
PRIMARY KEY can state them; and an index on those that do not would cost the file's size and the time of every publishing.
"""

from __future__ import annotations

import duckdb

from transforms.domain import tables
from warehouse import questions
from warehouse.models import models
from warehouse.schema import RECORD_VIEWS, comment_on, create_table

TABLE_KEY = tables.Table(
    "table_key",
    "one row per table or view of this file and column of its key: what a row of it is one of; only in a published file",
    ("schema_name", "table_name", "position"),
    (
        tables.Column("schema_name", "VARCHAR", "Schema."),
        tables.Column("table_name", "VARCHAR", "Table or view."),
        tables.Column("position", "INTEGER", "Place of the column in the key, from 1."),
        tables.Column("column_name", "VARCHAR", "Column; it may be null, as one value among others."),
    ),
)


def write(connection: duckdb.DuckDBPyConnection) -> None:
    """Writes record.table_key about the tables and views that an open file has, itself included."""
    create_table(connection, "record", TABLE_KEY)
    there = set(connection.execute("SELECT schema_name, table_name FROM duckdb_tables() UNION ALL SELECT schema_name, view_name FROM duckdb_views()").fetchall())
    rows = [(schema, name, position, column) for (schema, name), key in _keys().items() if (schema, name) in there for position, column in enumerate(key, 1)]
    frame = TABLE_KEY.frame({column.name: list(values) for column, values in zip(TABLE_KEY.columns, zip(*rows, strict=True), strict=True)})
    connection.register("the_keys", frame)
    connection.execute("INSERT INTO record.table_key SELECT * FROM the_keys ORDER BY ALL")
    connection.unregister("the_keys")
    comment_on(connection, "TABLE", "record.table_key", TABLE_KEY.row)
    for column in TABLE_KEY.columns:
        comment_on(connection, "COLUMN", f"record.table_key.{column.name}", column.meaning)


def _keys() -> dict[tuple[str, str], tuple[str, ...]]:
    """The key of everything that a published file can hold, by (schema, name)."""
    found = {("mart", name): model.key for name, model in models().items()}
    found |= {("record", table.name): table.key for table in (*tables.RECORD_TABLES.values(), TABLE_KEY)}
    found |= {("record", view.name): view.key for view in RECORD_VIEWS}
    found |= {("record", "schema_version"): ("version",)}
    return found | {(questions.SCHEMA, name): question.model.key for name, question in questions.questions().items()}
