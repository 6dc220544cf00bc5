"""Early warning as the published copy has it: what will hurt soon, and whom to call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from transforms.domain.errors import UsageError
from warehouse.published import dicts, open_copy
from warehouse.schema import sql_file

KINDS = ("breach_expected", "source_silent", "arrivals_above_capacity", "ownership_currency_fell", "coverage_fell")
_WORDS = {
    "breach_expected": ("breach to expect within five business days", "breaches to expect within five business days"),
    "source_silent": ("silent source", "silent sources"),
    "arrivals_above_capacity": ("unit with arrivals above capacity", "units with arrivals above capacity"),
    "ownership_currency_fell": ("fall of ownership currency", "falls of ownership currency"),
    "coverage_fell": ("fall of scan coverage", "falls of scan coverage"),
}


def read(folder: Path, kinds: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Rows of mart.early_warning of these kinds [all], the most urgent of each first. Raises `UsageError` for a kind that is none."""
    unknown = [kind for kind in kinds or () if kind not in KINDS]
    if unknown:
        raise UsageError("--kind", seen=repr(unknown[0]), expected=f"one of {', '.join(KINDS)}")
    with open_copy(folder) as connection:
        return rows_of(connection, [kind for kind in KINDS if not kinds or kind in kinds])


def rows_of(connection: duckdb.DuckDBPyConnection, kinds: Sequence[str] = KINDS) -> list[dict[str, Any]]:
    """Rows of mart.early_warning of an open copy, as `read` has them."""
    return dicts(connection, sql_file("published/early_warning.sql"), {"kinds": list(kinds)})


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """All of them in one line."""
    counts = Counter(row["kind"] for row in rows)
    return ", ".join(f"{counts[kind]} {_WORDS[kind][counts[kind] != 1]}" for kind in KINDS if counts[kind]) or "no early warning"
