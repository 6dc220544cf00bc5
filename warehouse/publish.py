"""The published copy: replaced atomically, read-only, whole. Readers with the old one open keep seeing it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb

from warehouse import keys, questions, schema
from warehouse.connection import connect, transaction
from warehouse.home import Home


def publish(connection: duckdb.DuckDBPyConnection, home: Home) -> Path:
    """Writes schema `record` and `mart` of the open warehouse, and the questions, as `handoff.duckdb` and puts it in place in one step.

    The copy leaves out the raw text of rejected rows and the derived tables; the connection stays open.
    """
    target = home.published
    draft = target.with_name(f".{target.name}.draft")
    draft.unlink(missing_ok=True)
    connection.execute("CHECKPOINT")
    # A checkpointed file without a write-ahead log is the whole database: copying it is far faster than copying row by row.
    shutil.copyfile(home.warehouse, draft)
    copy = connect(draft)
    try:
        strip(copy)
    finally:
        copy.close()
    _sync(draft)
    os.replace(draft, target)
    _sync(target.parent)
    return target


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
