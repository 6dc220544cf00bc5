"""Whose clock ran out: the handoff SLA is security operations', the remediation SLA engineering's; and whom one single SLA would have blamed.

Not weekly: remediation budgets are 7 to 180 days, and whose clock it was is a matter for leadership, steering and audit.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import BAND_RANK, RATED_BANDS
from transforms.report import charts, fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.wording import count, duration, none_or, percent, sentence_case, verb

NAME = "dual_sla"
TITLE = "Two SLAs, and who was blamed rightly"
ORDER = 35
QUERIES = ("broken_sla", "closed_segment", "single_sla")
KINDS = ("month", "quarter")

#: Segments of a closed handoff in their order, each with whose it is.
_SEGMENTS = {
    "handoff": ("stage-6", "handoff, to triage entry"),
    "triage": ("stage-4", "triage"),
    "fix": ("stage-3", "fix"),
    "verification": ("stage-2", "verification"),
}


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    period, broken = Period.of(frames), _broken(frames)
    handoff, remediation = (sum(broken.get((severity, sla), 0) for severity in RATED_BANDS) for sla in ("handoff", "remediation"))
    first = f"{period.this} the handoff SLA, security operations' own, broke for {none_or(handoff, 'handoff')} "
    first += f"and the remediation SLA, engineering's, for {f'{remediation:,}' if remediation else 'none'}"
    single = _single(frames).get("all", {})
    blamed, rightly, wrongly = (single.get(name, 0) for name in ("single_breaches", "blamed_rightly", "misattributed"))
    if not blamed:
        return sentence_case(f"{first}; a single SLA would have blamed nobody.")
    second = f"a single SLA would have blamed engineering for {count(blamed, 'handoff')}"
    if wrongly == blamed:
        third = f"wrongly{'' if blamed == 1 else f' for all {blamed:,}'}, for only the handoff was late"
    elif wrongly:
        third = f"wrongly for {wrongly:,} of them, in which only the handoff was late"
    elif rightly == blamed:
        third = f"rightly{'' if blamed == 1 else f' for all {blamed:,}'}, for the remediation was late too"
    else:
        third = f"of which the remediation was late in {f'{rightly:,}' if rightly else 'none'}"
    return sentence_case(f"{first}; {second}, {third}.")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period = Period.of(frames)
    return fragments.join([_clocks(_broken(frames), period), _blame(_single(frames), period), _segments(frames["closed_segment"].rows(named=True), period)])


def _broken(frames: Mapping[str, polars.DataFrame]) -> dict[tuple[str, str], int]:
    return {(row["severity"], row["sla"]): row["breaches"] for row in frames["broken_sla"].iter_rows(named=True)}


def _single(frames: Mapping[str, polars.DataFrame]) -> dict[str, dict]:
    return {row["severity"]: row for row in frames["single_sla"].iter_rows(named=True)}


def _clocks(broken: Mapping[tuple[str, str], int], period: Period) -> Markup:
    if not broken:
        return Markup("")
    slas = ("handoff", "remediation", "single")
    rows: list[list[str | Markup]] = [[fragments.band(severity), *(fragments.amount(broken.get((severity, sla), 0)) for sla in slas)] for severity in RATED_BANDS]
    rows.append(["all", *(fragments.amount(sum(broken.get((severity, sla), 0) for severity in RATED_BANDS)) for sla in slas)])
    return fragments.table(
        f"SLAs that broke {period.this}, dated by the due instant, as counts of handoffs; one handoff can break several",
        [Column("Severity", False), Column("Handoff SLA: security operations'"), Column("Remediation SLA: engineering's"), Column("Single SLA, had there been one")],
        rows,
    )


def _blame(single: Mapping[str, dict], period: Period) -> Markup:
    if not single:
        return Markup("")
    rows: list[list[str | Markup]] = []
    for severity in (*RATED_BANDS, "all"):
        row = single.get(severity)
        if row is None:
            continue
        blamed, rightly, wrongly = row["single_breaches"], row["blamed_rightly"], row["misattributed"]
        rows.append(
            [
                severity if severity == "all" else fragments.band(severity),
                f"{row['cycles']:,}",
                fragments.amount(blamed),
                fragments.amount(rightly),
                fragments.amount(wrongly),
                fragments.amount(blamed - rightly - wrongly),
                percent(wrongly / blamed) if blamed else EMPTY,
                duration(row["misattributed_seconds"], "wall") if wrongly else EMPTY,
            ]
        )
    return fragments.join(
        [
            _blame_chart(single, period),
            fragments.table(
                f"Whom a single SLA would have blamed: handoffs whose one budget from capture to closure fell due {period.this}",
                [
                    Column("Severity", False), Column("Fell due"), Column("Broke it"), Column("Remediation late too: rightly"), Column("Only the handoff late: wrongly"),
                    Column("Neither late by its own SLA"), Column("Wrongly, of those that broke it"), Column("Late by, wall, of the wrongly blamed"),
                ],
                rows,
                is_wide=True,
            ),  # fmt: skip
            fragments.note(
                "Dated by the due instant of the single SLA, whose budget is the sum of the other two. Its breach is put on engineering, who close the finding: "
                "rightly where the remediation SLA broke too, wrongly where only the handoff SLA did."
            ),
        ]
    )


def _blame_chart(single: Mapping[str, dict], period: Period) -> Markup:
    styles = {"rightly": ("fill-plain", "the remediation late too: rightly"), "wrongly": ("fill-over", "only the handoff late: wrongly"), "neither": ("mode-6", "neither late by its own SLA")}
    drawn = []
    for severity in RATED_BANDS:
        row = single.get(severity, {})
        blamed, rightly, wrongly = (row.get(name, 0) for name in ("single_breaches", "blamed_rightly", "misattributed"))
        drawn.append((severity, f"{wrongly:,} of {blamed:,} wrongly", {"rightly": rightly, "wrongly": wrongly, "neither": blamed - rightly - wrongly}))
    if not any(sum(parts.values()) for _, _, parts in drawn):
        return Markup("")
    chart = charts.stacked_bars(
        "blame-chart",
        "Handoffs for which a single SLA would have blamed engineering",
        "; ".join(f"{label}: {text}" for label, text, _ in drawn),
        drawn,
        {name: style for name, (style, _) in styles.items()},
    )
    return fragments.figure(chart, f"Handoffs that would have broken a single SLA {period.this}, by whether engineering was late by its own.", fragments.key(list(styles.values())))


def _segments(rows: list[dict], period: Period) -> Markup:
    bands: dict[str, dict[str, dict]] = {}
    for row in sorted(rows, key=lambda row: BAND_RANK[row["severity"]]):
        bands.setdefault(row["severity"], {})[row["segment"]] = row
    closed = {severity: parts for severity, parts in bands.items() if parts["handoff"]["cycle_us"]}
    if not closed:
        return Markup("")
    chart = charts.stacked_bars(
        "segment-chart",
        "Time from capture to verified closure, parted by segment",
        "; ".join(f"{severity}: {', '.join(f'{name} {percent(part)}' for name, part in _shares(parts).items())}" for severity, parts in closed.items()),
        [(severity, duration(parts["handoff"]["cycle_us"] / 1e6, "wall"), _shares(parts)) for severity, parts in closed.items()],
        {name: style for name, (style, _) in _SEGMENTS.items()},
    )
    body = [
        [
            fragments.band(severity),
            f"{parts['handoff']['handoffs']:,}",
            *(f"{duration(parts[name]['segment_us'] / 1e6, 'wall')} ({percent(parts[name]['segment_us'] / parts[name]['cycle_us'])})" for name in _SEGMENTS),
            duration(parts["handoff"]["cycle_us"] / 1e6, "wall"),
            f"{sum(parts[name]['segment_us'] for name in _SEGMENTS) / 1e6:,.6f}".rstrip("0").rstrip("."),
        ]
        for severity, parts in closed.items()
    ]
    merged, reversed_ = sum(row["merged"] for row in rows), sum(parts["handoff"]["out_of_order"] for parts in bands.values())
    notes = [f"{count(merged, 'segment')} also {verb(merged, 'holds', 'hold')} the time before {verb(merged, 'it', 'them')} that was not observed."] if merged else []
    if reversed_:
        notes.append(f"{count(reversed_, 'handoff')} {verb(reversed_, 'was', 'were')} verified before an earlier step and {verb(reversed_, 'is', 'are')} left out.")
    return fragments.join(
        [
            fragments.figure(
                chart,
                f"Summed wall time of handoffs verified {period.this}, as shares of each severity's own; the handoff is security operations', the rest engineering's.",
                fragments.key([(style, text) for style, text in _SEGMENTS.values()]),
            ),
            fragments.table(
                f"Wall time of handoffs verified {period.this}, dated by the verification: the segments add up to the whole, to the microsecond",
                [
                    Column("Severity", False), Column("Handoffs"), *(Column(name) for name in ("Handoff", "Triage", "Fix", "Verification")),
                    Column("Capture to verified"), Column("The same in seconds"),
                ],
                body,
                is_wide=True,
            ),  # fmt: skip
            fragments.note(" ".join(notes)) if notes else "",
        ]
    )


def _shares(parts: Mapping[str, dict]) -> dict[str, float]:
    return {name: parts[name]["segment_us"] / parts[name]["cycle_us"] for name in _SEGMENTS}
