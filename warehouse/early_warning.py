"""Early warning as the published copy has it: what will hurt soon, and whom to call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from transforms.domain.errors import UsageError
from transforms.forewarning import KINDS
from warehouse.published import dicts, open_copy
from warehouse.schema import sql_file


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
