"""What the expectations look at, and where their verdict goes: one query a batch in, schema `derived` out."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Protocol

import duckdb
import pyarrow as pa

from transforms.domain.errors import ModuleMalformed

if TYPE_CHECKING:
    import pandas as pd

#: Columns that every batch begins with: what a failing row is about.
SUBJECT_COLUMNS = ("subject_kind", "subject_id", "finding_id", "cycle")


class Verdict(Protocol):
    """What `expectations.gate.validate` returns, as far as it is kept."""

    @property
    def results(self) -> pa.Table: ...

    @property
    def flags(self) -> pa.Table: ...


def names() -> list[str]:
    """The batches that there are: the files of sql/batches."""
    return sorted(entry.name.removesuffix(".sql") for entry in files("warehouse").joinpath("sql", "batches").iterdir() if entry.name.endswith(".sql"))


def fetch(connection: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame]:
    """Every batch as a frame, by name: only the columns that its query names, typed alike whether or not it has rows.

    Raises `ModuleMalformed`, naming the file, where a query cannot be run or does not begin with the subject's columns.
    """
    return {name: _frame(_rows(connection, name)) for name in names()}


def write_results(connection: duckdb.DuckDBPyConnection, verdict: Verdict) -> None:
    """Keeps the verdict as derived.expectation_result and derived.flag, from which their marts are built."""
    connection.register("results", verdict.results)
    connection.register("flags", verdict.flags)
    try:
        connection.execute("CREATE OR REPLACE TABLE derived.expectation_result AS FROM results")
        connection.execute("CREATE OR REPLACE TABLE derived.flag AS FROM flags")
    finally:
        connection.unregister("results")
        connection.unregister("flags")


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> pa.Table:
    query = files("warehouse").joinpath("sql", "batches", f"{name}.sql").read_text(encoding="utf-8")
    try:
        rows = connection.execute(query).to_arrow_table()
    except duckdb.Error as error:
        raise ModuleMalformed(f"sql/batches/{name}.sql", seen=str(error)) from error
    if tuple(rows.column_names[: len(SUBJECT_COLUMNS)]) != SUBJECT_COLUMNS:
        raise ModuleMalformed(f"sql/batches/{name}.sql", seen=f"it begins with {rows.column_names[:4]}", expected=", ".join(SUBJECT_COLUMNS))
    return rows


def _frame(rows: pa.Table) -> pd.DataFrame:
    """A frame whose types do not depend on the rows: whole numbers and truth values may be missing, texts stay Arrow's own memory."""
    import pandas as pd  # takes half a second to import, and only this needs it

    types = {
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
        pa.string(): pd.StringDtype(na_value=float("nan")),
    }
    return rows.to_pandas(types_mapper=types.get)
