"""How long acknowledged handoffs took, by severity: not one figure but all of them, and those that broke the SLA among them with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import BAND_RANK
from transforms.report import charts, fragments
from transforms.report.dashboard import MODES, Dashboard
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.wording import cause, count, duration, duration_words, mark, mode, reason_label, sentence_case, verb

NAME = "latency_distribution"
TITLE = "Latency distribution"
ORDER = 24
QUERIES = ("dashboard", "late_reason", "latency_bin")
KINDS = ("week", "month", "quarter")

_STYLES = {"kept": "fill-within", "broken": "fill-over"}


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    period, bands = Period.of(frames), _bands(frames)
    if not bands:
        return f"No handoff was acknowledged {period.this}, so there is no latency to show."
    severity, bins = next(iter(bands.items()))
    total, broken = _total(bins, "handoffs"), _total(bins, "breaches")
    median = duration_words(Dashboard(frames["dashboard"]).get("median_handoff_latency", severity, "business")["value"], "business")
    because = _because(frames, severity, broken)
    if total == 1:
        first = f"the one {severity} handoff acknowledged {period.this} took {median} and {f'broke the SLA, {because}' if broken else 'kept the SLA'}"
    else:
        first = f"the {total:,} {severity} handoffs acknowledged {period.this} took {median} at the median; "
        first += f"{broken:,} of {total:,} broke the SLA, {because}" if broken else "none broke the SLA"
    if len(bands) > 1:
        every, late = (sum(_total(rows, name) for rows in bands.values()) for name in ("handoffs", "breaches"))
        first += f"; of all {every:,} acknowledged, {f'{late:,}' if late else 'none'} broke it"
    return sentence_case(f"{first}.")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    bands, period, board = _bands(frames), Period.of(frames), Dashboard(frames["dashboard"])
    if not bands:
        return Markup("")
    parts = [_chart(bands, board), _table(bands, period), _axes(bands, board)]
    reasons = frames["late_reason"].rows(named=True)
    return fragments.join([*parts, _reasons(reasons) if reasons else ""])


def _bands(frames: Mapping[str, polars.DataFrame]) -> dict[str, list[dict]]:
    """The bins of every band with an acknowledged handoff, the most severe first."""
    rows = sorted(frames["latency_bin"].rows(named=True), key=lambda row: (BAND_RANK[row["severity"]], row["from_seconds"]))
    return {severity: list(bins) for severity, bins in groupby(rows, key=lambda row: row["severity"])}


def _total(bins: list[dict], name: str) -> int:
    return sum(row[name] for row in bins)


def _because(frames: Mapping[str, polars.DataFrame], severity: str, broken: int) -> str:
    """What explains most of a band's broken SLAs; of equals, the first in stage order."""
    found = [row for row in frames["late_reason"].iter_rows(named=True) if row["severity"] == severity and row["failure_mode"] != "unexplained"]
    if not found:
        return "which no failure mode explains" if broken == 1 else "none of them explained by a failure mode"
    most = min(found, key=lambda row: (-row["handoffs"], MODES.index(row["failure_mode"]), row["reason"] or ""))
    clause = f"because {cause(most['failure_mode'], most['reason'])}"
    return clause if broken == 1 else f"{most['handoffs']:,} of them {clause}"


def _label(row: dict) -> str:
    if row["to_seconds"] is None:
        return f"over {mark(row['from_seconds'], 'business')}"
    upper = mark(row["to_seconds"], "business")
    return f"{mark(row['from_seconds'], 'business')} to {upper}" if row["from_seconds"] else f"up to {upper}"


def _chart(bands: dict[str, list[dict]], board: Dashboard) -> Markup:
    first = next(iter(bands.values()))
    edges = [row["to_seconds"] for row in first if row["to_seconds"]]
    # Bins double, so that on this scale they are equally wide: the lowest stands for half its end, the highest for twice its own.
    across = charts.logarithmic(edges[0] / 2, edges[-1] * 2)
    slas = {severity: board.get("median_handoff_latency", severity, "business").get("target") for severity in bands}
    panels = [
        charts.Histogram(
            severity,
            f"{count(_total(bins, 'handoffs'), 'handoff')}, {_total(bins, 'breaches'):,} broke the SLA",
            [{"kept": row["handoffs"] - row["breaches"], "broken": row["breaches"]} for row in bins],
            across(slas[severity]) if slas[severity] else None,
        )
        for severity, bins in bands.items()
    ]
    ticks = [(across(edge), mark(edge, "business")) for edge in edges]
    chart = charts.histograms(
        "latency-chart", "Handoff latency in business time, by severity", "; ".join(f"{panel.label}: {panel.text}" for panel in panels), panels, _STYLES, ticks
    )
    marks = " The upright line is the handoff SLA of the default calendar." if any(slas.values()) else ""
    caption = f"Handoffs by latency from capture to acknowledgement, in business time on a logarithmic scale; each severity fills its own height.{marks}"
    return fragments.figure(chart, caption, fragments.key([("fill-within", "kept the SLA"), ("fill-over", "broke the SLA")]))


def _table(bands: dict[str, list[dict]], period: Period) -> Markup:
    """The figures of the chart; in brackets those that broke the SLA."""
    body = []
    for place, row in enumerate(next(iter(bands.values()))):
        cells = [bins[place] for bins in bands.values()]
        body.append([_label(row), *(f"{cell['handoffs']:,} ({cell['breaches']:,})" if cell["handoffs"] else fragments.amount(0) for cell in cells)])
    body.append(["all", *(f"{_total(bins, 'handoffs'):,} ({_total(bins, 'breaches'):,})" for bins in bands.values())])
    return fragments.table(
        f"Handoffs acknowledged {period.this}, dated by the acknowledgement, by latency in business time; in brackets those that broke the SLA",
        [Column("Latency", False), *map(Column, bands)],
        body,
        is_wide=True,
    )


def _axes(bands: dict[str, list[dict]], board: Dashboard) -> Markup:
    rows = []
    for severity, bins in bands.items():
        median, ninetieth = (board.get(name, severity, "business") for name in ("median_handoff_latency", "p90_handoff_latency"))
        rows.append(
            [
                fragments.band(severity),
                f"{_total(bins, 'handoffs'):,}",
                duration(median["value"], "business"),
                duration(ninetieth["value"], "business"),
                duration(median["target"], "business") if median.get("target") is not None else EMPTY,
                fragments.amount(_total(bins, "breaches")),
            ]
        )
    return fragments.table(
        "The same handoffs by median, 90th percentile and handoff SLA of the default calendar, business time",
        [Column("Severity", False), Column("Acknowledged"), Column("Median"), Column("90th percentile"), Column("Handoff SLA"), Column("Broke the SLA")],
        rows,
        is_wide=True,
    )


def _reasons(rows: list[dict]) -> Markup:
    ordered = sorted(rows, key=lambda row: (BAND_RANK[row["severity"]], -row["handoffs"], MODES.index(row["failure_mode"]), row["reason"] or ""))
    total = sum(row["handoffs"] for row in rows)
    return fragments.table(
        f"Why the {total:,} that broke the SLA did, by primary failure mode" if total > 1 else "Why the one that broke the SLA did, by primary failure mode",
        [Column("Severity", False), Column("Failure mode", False), Column("What was wrong", False), Column(sentence_case(verb(total, "handoff", "handoffs")))],
        [[fragments.band(row["severity"]), mode(row["failure_mode"]), reason_label(row["reason"]) if row["reason"] else EMPTY, f"{row['handoffs']:,}"] for row in ordered],
    )
