"""The rows of mart.dashboard, found by number, band, clock and failure mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars

from transforms.domain.vocabulary import FAILURE_MODES, RATED_BANDS

BANDS = (*RATED_BANDS, "all")
MODES = (*FAILURE_MODES, "unexplained")

#: Columns of mart.dashboard by name.
Row = Mapping[str, Any]


class Dashboard:
    """The five numbers of one period."""

    def __init__(self, frame: polars.DataFrame) -> None:
        self._rows = {(row["number"], row["severity"], row["failure_mode"], row["clock"]): row for row in frame.iter_rows(named=True)}

    def get(self, number: str, severity: str, clock: str | None = None, failure_mode: str | None = None) -> Row:
        """That row, or an empty one where the mart has none."""
        return self._rows.get((number, severity, failure_mode, clock), {})

    def amount(self, number: str, severity: str, failure_mode: str | None = None) -> int:
        """A number that is a count; 0 where there is no row."""
        return int(self.get(number, severity, None, failure_mode).get("value") or 0)

    def modes(self, number: str, severity: str) -> dict[str, Row]:
        """What a number is made of in a band, by mode in stage order; modes without a share are left out."""
        rows = {mode: self.get(number, severity, None, mode) for mode in MODES}
        return {mode: row for mode, row in rows.items() if row.get("value") or row.get("previous_value")}

    def dated_by(self, number: str) -> str:
        return next((row["dated_by"] for key, row in self._rows.items() if key[0] == number), "")

    def leading(self, number: str, clock: str | None = None) -> Row:
        """The row of the most severe band that has a figure, or an empty one."""
        rows = (self.get(number, severity, clock) for severity in RATED_BANDS)
        return next((row for row in rows if row.get("value") is not None), {})

    def ended(self, severity: str) -> tuple[int, int]:
        """(acknowledgement windows that ended, of them without an acknowledgement)."""
        row = self.get("no_acknowledgement_rate", severity)
        ended = int(row.get("population") or 0)
        return ended, round((row.get("value") or 0) * ended)
