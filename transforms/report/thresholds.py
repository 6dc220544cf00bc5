"""Thresholds of the words that reports use: the policy's, so that no word is stronger than somebody decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars


class Thresholds(NamedTuple):
    high_count: int
    high_coverage: float
    medium_count: int
    medium_coverage: float
    currency: float
    queue: float
    smallest_group: int

    @classmethod
    def of(cls, frames: Mapping[str, polars.DataFrame]) -> Thresholds:
        """From the frame `threshold`, one row."""
        return cls(**frames["threshold"].row(0, named=True))

    def confidence(self, behind: int | None, coverage: float) -> str:
        """high, medium or low. A count of all there is has nothing `behind` it that could be too few: its coverage alone decides."""
        if coverage >= self.high_coverage and (behind is None or behind >= self.high_count):
            return "high"
        if coverage >= self.medium_coverage and (behind is None or behind >= self.medium_count):
            return "medium"
        return "low"
