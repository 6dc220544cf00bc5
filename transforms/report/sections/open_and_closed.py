"""Beside the five numbers: what is open and how old, by severity, and what came in and went out in the period."""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import BAND_RANK, RATED_BANDS
from transforms.report import charts, fragments
from transforms.report.fragments import Column
from transforms.report.period import Period
from transforms.report.wording import duration, instant, none_or, sentence_case, verb

NAME = "open_and_closed"
TITLE = "Open, opened, closed"
ORDER = 12
QUERIES = ("open_handoff", "throughput")
KINDS = ("week", "month", "quarter")

_AGES = ("under 7 days", "7 to 30 days", "30 to 90 days", "90 days and more")
_MOMENTS = ("opened", "acknowledged", "closed")


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    return _sentence(_by_severity(frames["open_handoff"]), _flow(frames["throughput"]), Period.of(frames))


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period = Period.of(frames)
    aged, flow = _by_severity(frames["open_handoff"]), _flow(frames["throughput"])
    parts = []
    if aged:
        parts.append(_aging(aged, period))
    if flow:
        parts.append(_throughput(flow, period))
    return fragments.join(parts)


def _by_severity(frame: polars.DataFrame) -> list[dict]:
    """One row for each severity, the worst first, with a column for each age."""
    found: dict[str, dict] = {}
    for row in frame.iter_rows(named=True):
        new = {"severity": row["severity"], "handoffs": 0, "acknowledged": 0, "oldest_seconds": 0.0, **dict.fromkeys(_AGES, 0)}
        total = found.setdefault(row["severity"], new)
        total[row["age_bucket"]] = row["handoffs"]
        total["handoffs"] += row["handoffs"]
        total["acknowledged"] += row["acknowledged"]
        total["oldest_seconds"] = max(total["oldest_seconds"], row["oldest_seconds"])
    return sorted(found.values(), key=lambda row: BAND_RANK[row["severity"]])


def _flow(frame: polars.DataFrame) -> dict[tuple[str, bool], dict]:
    return {(row["severity"], row["is_current"]): row for row in frame.iter_rows(named=True)}


def _sentence(aged: list[dict], flow: dict[tuple[str, bool], dict], period: Period) -> str:
    open_ = sum(row["handoffs"] for row in aged)
    unacknowledged = open_ - sum(row["acknowledged"] for row in aged)
    first = f"{none_or(open_, 'handoff')} {verb(open_, 'is', 'are')} open"
    if open_:
        bands = [f"{row['handoffs']:,} {row['severity']}" for row in aged] if open_ > 1 else [aged[0]["severity"]]
        first += f" ({', '.join(bands)})"
        first += f", {unacknowledged:,} of them not acknowledged" if open_ > 1 else ", acknowledged" if not unacknowledged else ", not acknowledged"
    opened, acknowledged, closed = (_amount(flow, "all", moment) for moment in _MOMENTS)
    return sentence_case(f"{first}; {period.this} {_some(opened)} {verb(opened, 'was', 'were')} opened, {_some(acknowledged)} acknowledged and {_some(closed)} closed.")


def _some(amount: int) -> str:
    return f"{amount:,}" if amount else "none"


def _aging(rows: list[dict], period: Period) -> Markup:
    styles = {age: f"age-{number}" for number, age in enumerate(_AGES, 2)}
    chart = charts.stacked_bars(
        "aging-chart",
        "Open handoffs by severity and age",
        "; ".join(f"{row['severity']}: {row['handoffs']}" for row in rows),
        [(row["severity"], f"{row['handoffs']:,}", {age: row[age] for age in _AGES}) for row in rows],
        styles,
    )
    return fragments.join(
        [
            fragments.figure(chart, f"Open handoffs by severity, parted by age since capture (wall time), as of {instant(period.as_of)}.", fragments.key([(styles[age], age) for age in _AGES])),
            fragments.table(
                "The same by severity as it is now and age; open until verified or withdrawn",
                [Column("Severity now", False), *(Column(age) for age in _AGES), Column("All"), Column("Acknowledged"), Column("Oldest, wall")],
                [
                    [
                        fragments.band(row["severity"]), *(fragments.amount(row[age]) for age in _AGES), f"{row['handoffs']:,}", fragments.amount(row["acknowledged"]),
                        duration(row["oldest_seconds"], "wall"),
                    ]
                    for row in rows
                ],
                is_wide=True,
            ),  # fmt: skip
        ]
    )


def _throughput(flow: dict[tuple[str, bool], dict], period: Period) -> Markup:
    rows = [[fragments.band(severity), *(_pair(flow, severity, moment) for moment in _MOMENTS)] for severity in RATED_BANDS]
    rows.append(["all", *(_pair(flow, "all", moment) for moment in _MOMENTS)])
    return fragments.table(
        f"Handoffs {period.this}, each by its own instant; in brackets {period.last}",
        [Column("Severity", False), *(Column(sentence_case(moment)) for moment in _MOMENTS)],
        rows,
    )


def _pair(flow: dict[tuple[str, bool], dict], severity: str, moment: str) -> str:
    return f"{_amount(flow, severity, moment):,} ({_amount(flow, severity, moment, is_current=False):,})"


def _amount(flow: dict[tuple[str, bool], dict], severity: str, moment: str, *, is_current: bool = True) -> int:
    """What happened in this period or the one before; one in which nothing did has no row."""
    return flow.get((severity, is_current), {}).get(moment, 0)
