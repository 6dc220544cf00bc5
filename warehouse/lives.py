"""The rows that findings' lives are told from (transforms/explanation.py), out of a published file, whole or redacted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from transforms.domain import policy as policies
from transforms.domain.errors import RunError
from transforms.domain.policy import Policy
from transforms.explanation import TABLES
from warehouse.connection import dicts
from warehouse.schema import sql_file

#: Read from tables of the record that the redacted tier has not.
_FULL_ONLY = ("decision", "absence", "restatement")


class About(NamedTuple):
    """What a published copy is of."""

    as_of: datetime
    policy: Policy


def read_about(connection: duckdb.DuckDBPyConnection) -> About:
    """The instant and the policy of a published copy. Raises `RunError` where it has no run."""
    found = connection.execute(sql_file("life/about.sql")).fetchone()
    if found is None:
        raise RunError("the published copy", seen="it holds no run", remedy="publish it again with `handoff run`")
    return About(found[0], policies.from_canonical(found[1]))


def read(connection: duckdb.DuckDBPyConnection, first: str, last: str) -> Iterator[tuple[dict[str, Any], Mapping[str, list[dict[str, Any]]]]]:
    """The findings whose ids lie in [first, last], in order, each with its rows by the names of `explanation.TABLES`.

    Of the redacted tier, the tables that it has not are left out. Raises `RunError` where the file was published by other code.
    """
    among = {"first": first, "last": last}
    try:
        findings = dicts(connection, sql_file("life/finding.sql"), among)
        by_table: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for name in TABLES:
            if name in _FULL_ONLY and is_redacted(connection):
                continue
            rows = by_table[name] = {}
            for row in dicts(connection, sql_file(f"life/{name}.sql"), among):
                rows.setdefault(row["finding_id"], []).append(row)
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        raise RunError("the published copy", seen=f"it is of other code: {str(error).splitlines()[0]}", remedy="publish it again with `handoff run`") from None
    for finding in findings:
        yield finding, {name: rows.get(finding["finding_id"], []) for name, rows in by_table.items()}


def is_redacted(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether an open file is of the redacted tier, which has no observations of the record."""
    (count,) = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'record' AND table_name = 'observation'").fetchone() or (0,)
    return count == 0
