"""The five numbers as a reader meets them first: one figure each, with its target, what it was, what is behind it and what dates it.

Latencies are of the most severe band that has any, so that a thousand low handoffs do not hide one critical; the others are of all bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars

from transforms.domain.vocabulary import RATED_BANDS
from transforms.report.dashboard import Dashboard, Row
from transforms.report.period import Period, short_title
from transforms.report.thresholds import Thresholds
from transforms.report.wording import count, duration, percent

MEDIAN, NINETIETH, RATE, BREACHES, DEPTH = (
    "median_handoff_latency", "p90_handoff_latency", "no_acknowledgement_rate", "handoff_sla_breaches", "unrouted_queue_depth",
)  # fmt: skip
#: The instant that puts a handoff into a period (ruling 93).
INSTANTS = {
    MEDIAN: "the acknowledgement",
    NINETIETH: "the acknowledgement",
    RATE: "the end of the acknowledgement window",
    BREACHES: "the due instant",
    DEPTH: "the instant of counting",
}


class Headline(NamedTuple):
    """One of the five. Texts are empty where there is nothing to say; `points` are the values of the trend, the current one last."""

    number: str
    label: str
    value: str
    unit: str
    target: str
    is_within: bool | None
    previous: str
    behind: str
    interval: str
    coverage: float | None
    confidence: str
    dated_by: str
    points: Sequence[float | None]
    target_point: float | None
    starts: Sequence[str]

    @property
    def said_target(self) -> str:
        """The target; where a figure of all bands has none in common, that each has its own; where the policy has none, none."""
        return self.target or ("by severity" if self.number in (MEDIAN, NINETIETH, RATE) else "none")

    @property
    def said_points(self) -> list[str]:
        """The trend in words, a dash where there was nothing to measure."""
        return [_text(self.number, point) for point in self.points]



_CLOCKS = {MEDIAN: "business", NINETIETH: "wall"}


def headlines(frames: Mapping[str, polars.DataFrame]) -> list[Headline]:
    """The five, from the frames `dashboard`, `trend` and `threshold` of one grain."""
    board, period, thresholds = Dashboard(frames["dashboard"]), Period.of(frames), Thresholds.of(frames)
    return [_headline(name, board, period, thresholds, frames["trend"]) for name in (MEDIAN, NINETIETH, RATE, BREACHES, DEPTH)]


def _headline(name: str, board: Dashboard, period: Period, thresholds: Thresholds, trend: polars.DataFrame) -> Headline:
    clock = _CLOCKS.get(name)
    row = (board.leading(name, clock) if clock else {}) or board.get(name, "all", clock)
    severity = row.get("severity", "all")
    value, target = row.get("value"), _target(name, row, board)
    behind, eligible = _behind(name, row)
    coverage = behind / eligible if eligible else None
    low, high = row.get("low"), row.get("high")
    points = trend.filter((polars.col("number") == name) & (polars.col("severity") == severity) & polars.col("clock").eq_missing(clock)).sort("period_start")
    # Not the dashboard's: that counts none where the record had not begun.
    before = points["value"][-2]
    return Headline(
        number=name,
        label=_LABELS[name] + (f", {severity}" if severity != "all" else ""),
        value=_text(name, value),
        unit=_UNITS[name],
        target=_text(name, target) if target is not None else "",
        is_within=value <= target if value is not None and target is not None else None,
        previous=_text(name, before) if before is not None else "",
        behind=_said_behind(name, row, period),
        interval=f"{duration(low, clock)} to {duration(high, clock)}" if clock and low is not None and high is not None else "",
        coverage=coverage,
        confidence=thresholds.confidence(None if name in (BREACHES, DEPTH) else behind, coverage) if coverage is not None else "",
        dated_by=INSTANTS[name],
        points=points["value"].to_list(),
        target_point=target,
        starts=[short_title(period.grain, start) for start in points["period_start"]],
    )


_LABELS = {MEDIAN: "Median", NINETIETH: "90th percentile", RATE: "No acknowledgement", BREACHES: "SLA breaches", DEPTH: "Unrouted queue"}
_UNITS = {MEDIAN: "business time", NINETIETH: "wall time", RATE: "share of windows", BREACHES: "handoffs", DEPTH: "handoffs"}


def _target(name: str, row: Row, board: Dashboard) -> float | None:
    """The policy's target; for the rate of all bands, that which every band has, if they have one in common."""
    if name != RATE:
        return row.get("target")
    targets = {board.get(RATE, severity).get("target") for severity in RATED_BANDS}
    return next(iter(targets)) if len(targets) == 1 else None


def _behind(name: str, row: Row) -> tuple[int, int]:
    """(the count behind a figure, the count that it ought to be of). The queue is looked for in every open handoff without an acknowledgement."""
    eligible = int(row.get("eligible") or 0)
    return (eligible, eligible) if name == DEPTH else (int(row.get("population") or 0), eligible)


def _said_behind(name: str, row: Row, period: Period) -> str:
    behind, _ = _behind(name, row)
    if name in (MEDIAN, NINETIETH):
        return f"{behind:,} acknowledged" if behind else f"none acknowledged {period.this}"
    if name == RATE:
        return f"{round((row.get('value') or 0) * behind):,} of {count(behind, 'window')}" if behind else "no window ended"
    if name == BREACHES:
        return f"of {behind:,} that fell due" if behind else "none fell due"
    return f"of {behind:,} open, not acknowledged" if behind else "none open, not acknowledged"


def _text(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in _CLOCKS:
        return duration(value, _CLOCKS[name])
    return percent(value) if name == RATE else f"{value:,.0f}"
