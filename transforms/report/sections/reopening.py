"""What did not stay closed, and what stands in for a fix: reopened handoffs, compensating controls, and the latency of each by how it began.

Not weekly: few cycles are completed, and fewer controls lapse, in a week; leadership, steering and audit read them.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import BAND_RANK, RATED_BANDS
from transforms.report import charts, fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.wording import count, duration, duration_words, instant, none_or, percent, sentence_case, verb, words

NAME = "reopening"
TITLE = "Reopened, and held by a control"
ORDER = 55
QUERIES = ("control_state", "origin_latency", "reopened")
KINDS = ("month", "quarter")

_ORIGINS = {"first_time": "first time", "reopened": "reopened", "revalidation": "revalidation of a control"}
#: States of a control in which it runs or ought to: closed ones ask for nothing.
_STATES = {"current": "fill-within", "due_soon": "age-3", "lapsed": "fill-over"}


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    return sentence_case(f"{_reopened_clause(frames)}; {_control_clause(frames)}.")


def _reopened_clause(frames: Mapping[str, polars.DataFrame]) -> str:
    period, row = Period.of(frames), _rates(frames).get(("all", "all", True))
    if row is None:
        return f"no handoff was resolved or verified {period.this}"
    completed, again = row["completed"], row["reopened"]
    since = f"{duration_words(row['median_seconds_to_reopen'], 'wall')} after it was done" if again else ""
    if completed == 1:
        return f"the one handoff resolved or verified {period.this} was {f'opened again, {since}' if again else 'not opened again'}"
    if not again:
        return f"none of {completed:,} handoffs resolved or verified {period.this} was opened again"
    when = f", {since}" if again == 1 else f", at the median {since.replace('it was', 'they were')}"
    return f"{again:,} of {completed:,} handoffs resolved or verified {period.this} ({percent(again / completed)}) {verb(again, 'was', 'were')} opened again{when}"


def _control_clause(frames: Mapping[str, polars.DataFrame]) -> str:
    states = _states(frames)
    running, lapsed = states.get("current", 0) + states.get("due_soon", 0), states.get("lapsed", 0)
    first = f"{none_or(running, 'compensating control')} {verb(running, 'runs', 'run')}"
    if running and states.get("due_soon"):
        first += f", {states['due_soon']:,} of them due for attestation within 14 days" if running > 1 else ", due for attestation within 14 days"
    return f"{first}, and {f'{lapsed:,}' if lapsed else 'none'} {verb(lapsed or 1, 'has', 'have')} lapsed"


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period = Period.of(frames)
    return fragments.join([_rate_tables(_rates(frames), period), _origins(frames["origin_latency"].rows(named=True), period), _controls(frames, period)])


def _rates(frames: Mapping[str, polars.DataFrame]) -> dict[tuple[str, str, bool], dict]:
    """By origin (or all), band (or all) and whether it is this period."""
    return {(row["dimension_value"], row["severity"], row["is_current"]): row for row in frames["reopened"].iter_rows(named=True)}


def _states(frames: Mapping[str, polars.DataFrame]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in frames["control_state"].iter_rows(named=True):
        found[row["state"]] = found.get(row["state"], 0) + row["controls"]
    return found


def _rate_tables(rates: Mapping[tuple[str, str, bool], dict], period: Period) -> Markup:
    if not rates:
        return Markup("")
    drawn = []
    for severity in RATED_BANDS:
        row = rates.get(("all", severity, True))
        text = f"{percent(row['reopened'] / row['completed'])}, {row['reopened']:,} of {row['completed']:,}" if row else "none completed"
        drawn.append(charts.Bar(severity, row["reopened"] / row["completed"] if row else None, text))
    chart = charts.bars("reopen-chart", "Reopen rate by severity", "; ".join(f"{bar.label}: {bar.text}" for bar in drawn), drawn, ceiling=1.0)
    body = [[severity if severity == "all" else fragments.band(severity), *_rate(rates, "all", severity)] for severity in (*RATED_BANDS, "all")]
    body += [[f"began as {label}", *_rate(rates, origin, "all")] for origin, label in _ORIGINS.items() if (origin, "all", True) in rates or (origin, "all", False) in rates]
    return fragments.join(
        [
            fragments.figure(chart, f"Share of handoffs resolved or verified {period.this} that were opened again, from 0 to 100 %."),
            fragments.table(
                f"Reopened of those resolved or verified {period.this}, dated by the resolution, else the verification",
                [Column("Completed", False), Column("Handoffs"), Column("Opened again"), Column("Rate"), Column("Until then, median, wall"), Column(sentence_case(period.last))],
                body,
                is_wide=True,
            ),
        ]
    )


def _rate(rates: Mapping[tuple[str, str, bool], dict], origin: str, severity: str) -> list[str | Markup]:
    now, before = rates.get((origin, severity, True)), rates.get((origin, severity, False))
    last = f"{percent(before['reopened'] / before['completed'])}, {before['reopened']:,} of {before['completed']:,}" if before else EMPTY
    if now is None:
        return [fragments.amount(0), fragments.amount(0), EMPTY, EMPTY, last]
    until = duration(now["median_seconds_to_reopen"], "wall") if now["reopened"] else EMPTY
    return [f"{now['completed']:,}", fragments.amount(now["reopened"]), percent(now["reopened"] / now["completed"]), until, last]


def _origins(rows: list[dict], period: Period) -> Markup:
    if not rows:
        return Markup("")
    found = {row["origin"]: row for row in rows}
    body = [
        [
            label,
            f"{row['acknowledged']:,}",
            duration(row["median_business_seconds"], "business"),
            duration(row["median_seconds"], "wall"),
            duration(row["p90_seconds"], "wall"),
            fragments.amount(row["breaches"]),
        ]
        for origin, label in _ORIGINS.items()
        if (row := found.get(origin))
    ]
    return fragments.table(
        f"Handoffs acknowledged {period.this} by how they began, dated by the acknowledgement",
        [Column("Began as", False), Column("Acknowledged"), Column("Median, business"), Column("Median, wall"), Column("90th percentile, wall"), Column("Broke the SLA")],
        body,
        is_wide=True,
    )


def _controls(frames: Mapping[str, polars.DataFrame], period: Period) -> Markup:
    rows = sorted(frames["control_state"].rows(named=True), key=lambda row: (BAND_RANK[row["severity"]], [*_STATES, "closed"].index(row["state"])))
    if not rows:
        return Markup("")
    states = _states(frames)
    drawn = [charts.Bar(words(state), states.get(state, 0), f"{states.get(state, 0):,}", style=style) for state, style in _STATES.items()]
    drawn.append(charts.Bar("closed", states.get("closed", 0), f"{states.get('closed', 0):,}"))
    chart = charts.bars("control-chart", "Compensating controls by state", "; ".join(f"{bar.label}: {bar.text}" for bar in drawn), drawn)
    total = sum(states.values())
    body = [
        [
            fragments.band(row["severity"]),
            words(row["state"]),
            f"{row['controls']:,}",
            duration(row["oldest_seconds"], "wall"),
            fragments.amount(row["rehandoffs"]),
            fragments.amount(row["rehandoffs_acknowledged"]),
        ]
        for row in rows
    ]
    return fragments.join(
        [
            fragments.figure(chart, f"{sentence_case(count(total, 'compensating control'))} on record by state, as of {instant(period.as_of)}."),
            fragments.table(
                f"Compensating controls by severity now and state, as of {instant(period.as_of)}: due soon is within 14 days, lapsed not attested when it fell due",
                [Column("Severity now", False), Column("State", False), Column("Controls"), Column("Oldest, wall"), Column("Handed off again"), Column("Of them acknowledged")],
                body,
                is_wide=True,
            ),
        ]
    )
