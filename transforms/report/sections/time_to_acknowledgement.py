"""Kaplan-Meier: how long until somebody acknowledges, when those that still wait count too. The body's median forgets them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import BAND_RANK
from transforms.report import charts, fragments
from transforms.report.dashboard import Dashboard
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.wording import count, duration, duration_words, instant, listed, mark, percent, sentence_case, verb

NAME = "time_to_acknowledgement"
TITLE = "Time to acknowledgement, with those that still wait"
ORDER = 26
QUERIES = ("dashboard", "survival", "survival_at_risk", "survival_cohort")
KINDS = ("week", "month", "quarter")

_COHORTS = ("all", "this", "last")


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    bands = _cohorts(frames)
    if not bands:
        return "No handoff is on record, so there is no time to acknowledgement to show."
    severity, rows = next(iter(bands.items()))
    row = rows["all"]
    total, median = row["handoffs"], row["km_median_seconds"]
    if total == 1:
        became = f"was acknowledged after {duration_words(median, 'wall')}" if median is not None else _standing(row)
        return f"The one {severity} handoff on record {became}: too few for an interval."
    if median is None:
        parts = f"{row['acknowledged'] or 'none'} {verb(row['acknowledged'], 'is', 'are')} acknowledged, {_rest(row)}"
        return f"Counting those without an acknowledgement, the {total:,} {severity} handoffs on record have not reached their median: {parts}."
    first = f"counting those without an acknowledgement, half of the {total:,} {severity} handoffs on record were acknowledged within {duration_words(median, 'wall')}"
    return sentence_case(f"{first} ({_interval_words(row)}); {_rest(row)}.")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    bands, period = _cohorts(frames), Period.of(frames)
    if not bands:
        return Markup("")
    curves = {severity: frames["survival"].filter(polars.col("severity") == severity).rows(named=True) for severity in bands}
    at_risk: dict[str, dict[int, int]] = {severity: {} for severity in bands}
    longest: dict[str, float] = {}
    for row in frames["survival_at_risk"].iter_rows(named=True):
        at_risk[row["severity"]][row["seconds"]] = row["at_risk"]
        longest[row["severity"]] = row["longest_seconds"]
    ticks = _ticks(curves, at_risk)
    return fragments.join(
        [
            _chart(bands, curves, longest, ticks, Dashboard(frames["dashboard"]), period),
            _curve_table(curves, at_risk, ticks),
            _medians(bands, period),
            fragments.note(
                "Kaplan-Meier in wall time from capture (t0): a handoff without an acknowledgement counts as at risk until the report's instant, its withdrawal or its "
                "closure. The 95 % intervals are Greenwood's, log-log. The curves are of all handoffs on record at the report's instant; a period's own are dated by capture."
            ),
        ]
    )


def _cohorts(frames: Mapping[str, polars.DataFrame]) -> dict[str, dict[str, dict]]:
    """The row of each cohort by band, the most severe first."""
    bands: dict[str, dict[str, dict]] = {}
    for row in sorted(frames["survival_cohort"].rows(named=True), key=lambda row: BAND_RANK[row["severity"]]):
        bands.setdefault(row["severity"], {})[row["cohort"]] = row
    return bands


def _ended(row: Mapping) -> int:
    return row["handoffs"] - row["acknowledged"] - row["waiting"]


def _standing(row: Mapping) -> str:
    return "still waits" if row["waiting"] else "ended unacknowledged"


def _rest(row: Mapping) -> str:
    waiting, ended = row["waiting"], _ended(row)
    parts = [f"{waiting or 'none'} still {verb(waiting or 1, 'waits', 'wait')}"]
    return listed([*parts, f"{ended:,} ended unacknowledged"] if ended else parts)


def _interval_words(row: Mapping) -> str:
    low = duration_words(row["km_median_low_seconds"], "wall")
    high = row["km_median_high_seconds"]
    return f"95 % interval {low} to {duration_words(high, 'wall')}" if high is not None else f"95 % interval from {low}, its upper end not reached"


def _ticks(curves: Mapping[str, list[dict]], at_risk: Mapping[str, Mapping[int, int]]) -> list[int]:
    """The durations between which something happens: from the last before the first acknowledgement to the first at which nobody is at risk."""
    every = sorted(next(iter(at_risk.values())))[1:]
    first = min((rows[0]["seconds"] for rows in curves.values() if rows), default=every[0])
    begin = max(bisect_right(every, first) - 1, 0)
    end = next((place for place, tick in enumerate(every) if not any(found[tick] for found in at_risk.values())), len(every) - 1)
    return every[min(begin, max(end - 1, 0)) : max(end, 1) + 1]


def _chart(
    bands: Mapping[str, dict], curves: Mapping[str, list[dict]], longest: Mapping[str, float], ticks: list[int], board: Dashboard, period: Period
) -> Markup:
    across = charts.logarithmic(ticks[0], ticks[-1])
    panels = []
    for severity, cohorts in bands.items():
        rows, total = curves[severity], cohorts["all"]
        # Where nobody is at risk any more nothing is known: a curve ends with the longest of its handoffs.
        end = across(longest[severity])
        ends = [*(across(row["seconds"]) for row in rows[1:]), end] if rows else []
        target = board.get("median_handoff_latency", severity, "wall").get("target")
        median = total["km_median_seconds"]
        panels.append(
            charts.Curve(
                severity,
                f"median {duration(median, 'wall')}" if median is not None else "median not reached",
                [(across(row["seconds"]), row["surviving"]) for row in rows],
                [(across(row["seconds"]), end, row["low"], row["high"]) for row, end in zip(rows, ends, strict=True) if row["high"] is not None],
                end,
                across(target) if target else None,
            )
        )
    chart = charts.curves(
        "survival-chart",
        "Share of handoffs not yet acknowledged, by severity",
        "; ".join(f"{panel.label}: {panel.text} of {count(bands[panel.label]['all']['handoffs'], 'handoff')}" for panel in panels),
        panels,
        [(across(tick), mark(tick, "wall")) for tick in ticks],
    )
    marks = " The upright line is the policy's target of the median: a curve that is below one half there keeps it." if any(panel.mark is not None for panel in panels) else ""
    return fragments.figure(
        chart,
        f"Share not yet acknowledged (from all at the top to none) by time since capture, wall time on a logarithmic scale, as of {instant(period.as_of)}; "
        f"around it the 95 % interval.{marks}",
    )


def _curve_table(curves: Mapping[str, list[dict]], at_risk: Mapping[str, Mapping[int, int]], ticks: list[int]) -> Markup:
    body = []
    for tick in ticks:
        cells: list[str | Markup] = [mark(tick, "wall")]
        for severity, rows in curves.items():
            step = rows[place - 1] if (place := bisect_right([row["seconds"] for row in rows], tick)) else None
            cells += [_share(step) if at_risk[severity][tick] or (step and not step["surviving"]) else EMPTY, fragments.amount(at_risk[severity][tick])]
        body.append(cells)
    columns = [Column("After", False)]
    for severity in curves:
        columns += [Column(f"{severity}, not acknowledged"), Column("At risk")]
    return fragments.table("The curves at the marks: share not yet acknowledged, in brackets its 95 % interval, and handoffs at risk", columns, body, is_wide=True)


def _share(step: Mapping | None) -> str:
    if step is None:
        return percent(1)
    if step["high"] is None:
        return percent(step["surviving"])
    return f"{percent(step['surviving'])} ({_bare(step['low'])} to {_bare(step['high'])})"


def _bare(rate: float) -> str:
    """A share whose unit stands before it already."""
    return percent(rate).removesuffix("\N{NO-BREAK SPACE}%")


def _medians(bands: Mapping[str, dict[str, dict]], period: Period) -> Markup:
    names = {"all": "all on record", "this": f"captured {period.this}", "last": f"captured {period.last}"}
    body = [
        [
            fragments.band(severity),
            names[cohort],
            f"{row['handoffs']:,}",
            fragments.amount(row["acknowledged"]),
            fragments.amount(row["waiting"]),
            fragments.amount(_ended(row)),
            _reached(row["km_median_seconds"]),
            _interval(row),
            _reached(row["km_p90_seconds"]),
        ]
        for severity, cohorts in bands.items()
        for cohort in _COHORTS
        if (row := cohorts.get(cohort))
    ]
    return fragments.table(
        "Kaplan-Meier median and 90th percentile in wall time, by cohort of capture (t0)",
        [
            Column("Severity", False), Column("Handoffs of", False), Column("Handoffs"), Column("Acknowledged"), Column("Still waiting"),
            Column("Ended unacknowledged"), Column("Median"), Column("95 % interval"), Column("90th percentile"),
        ],
        body,
        is_wide=True,
    )  # fmt: skip


def _reached(seconds: float | None) -> str | Markup:
    return duration(seconds, "wall") if seconds is not None else Markup('<span class="empty">not reached</span>')


def _interval(row: Mapping) -> str | Markup:
    low, high = row["km_median_low_seconds"], row["km_median_high_seconds"]
    if low is None:
        return EMPTY
    return f"{duration(low, 'wall')} to {duration(high, 'wall')}" if high is not None else f"from {duration(low, 'wall')}"
