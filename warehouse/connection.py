"""The one way to open a DuckDB file: settings that every connection shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from transforms.domain.errors import RunError

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET preserve_insertion_order = false",
    "SET memory_limit = '4GB'",
)


def connect(path: Path | str, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Opens a file. Raises `RunError` saying who holds it, or that it is damaged, with what to do."""
    try:
        connection = duckdb.connect(str(path), read_only=read_only)
    except duckdb.IOException as error:
        remedy = "close the program that has it open" if "lock" in str(error).lower() else "rebuild it from the raw files with `handoff rebuild`"
        raise RunError(str(path), seen=str(error).splitlines()[0], remedy=remedy) from None
    except duckdb.Error as error:
        raise RunError(str(path), seen=f"it cannot be read: {str(error).splitlines()[0]}", remedy="rebuild it with `handoff rebuild`") from None
    for setting in _SETTINGS:
        connection.execute(setting)
    return connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of it or nothing."""
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def dicts(connection: duckdb.DuckDBPyConnection, text: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rows of a query, each by its columns' names."""
    result = connection.execute(text, parameters or {})
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
