"""One sentence for each severity: what latency, ownership, queue and arrivals together ask for first, by the table of transforms.report.diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import RATED_BANDS
from transforms.report import diagnosis, fragments
from transforms.report.dashboard import Dashboard
from transforms.report.diagnosis import State
from transforms.report.fragments import EMPTY, Column
from transforms.report.headlines import DEPTH, MEDIAN, NINETIETH
from transforms.report.period import Period
from transforms.report.thresholds import Thresholds
from transforms.report.wording import count, duration, listed, percent, sentence_case

NAME = "diagnosis"
TITLE = "Diagnosis"
ORDER = 14
QUERIES = ("currency", "dashboard", "threshold", "throughput")
KINDS = ("week", "month", "quarter")


class _Band(NamedTuple):
    """The figures of one severity; (value, target) of median and 90th percentile in wall seconds, None where nothing was acknowledged."""

    severity: str
    median: tuple[float, float] | None
    ninetieth: tuple[float, float] | None
    measured: int
    open_findings: int
    active: int
    unrouted: int
    waiting: int
    opened: int
    acknowledged: int

    @property
    def is_empty(self) -> bool:
        return not (self.measured or self.open_findings or self.waiting or self.opened or self.acknowledged)

    def state(self, thresholds: Thresholds) -> State:
        pairs = [pair for pair in (self.median, self.ninetieth) if pair]
        return State(
            latency="none" if not pairs else "over" if any(value > target for value, target in pairs) else "within",
            ownership="none" if not self.open_findings else "outdated" if self.active / self.open_findings < thresholds.currency else "current",
            queue="long" if self.waiting and self.unrouted / self.waiting > thresholds.queue else "short",
            arrivals="above" if self.opened > self.acknowledged else "within",
        )


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    period, thresholds = Period.of(frames), Thresholds.of(frames)
    bands = [band for band in _bands(frames) if not band.is_empty]
    if not bands:
        return f"No handoff was open, opened or acknowledged {period.this}, so there is nothing to diagnose."
    states = {band.severity: band.state(thresholds) for band in bands}
    over = [severity for severity, state in states.items() if state.latency == "over"]
    outdated = [severity for severity, state in states.items() if state.ownership == "outdated"]
    if over:
        first = f"latency is over target for {listed(over)}"
    elif any(state.latency == "within" for state in states.values()):
        first = "latency is over target for no severity"
    else:
        first = f"nothing was acknowledged {period.this}, so that no latency can be judged"
    second = f"ownership is outdated for {listed(outdated)}" if outdated else "ownership is outdated for none"
    # What the most severe band asks for that asks for something by its latency, else by its ownership.
    leading = next(iter([*over, *outdated]), bands[0].severity)
    return sentence_case(f"{first}, and {second}; for {leading}: {diagnosis.advice(states[leading])}.")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period, thresholds = Period.of(frames), Thresholds.of(frames)
    bands = _bands(frames)
    if all(band.is_empty for band in bands):
        return Markup("")
    lines = [
        Markup("<div><dt>{}</dt><dd>{}</dd></div>\n").format(fragments.band(band.severity), _sentence(band, period, thresholds)) for band in bands
    ]
    return fragments.join(
        [
            Markup('<dl class="diagnosis">\n{}</dl>\n').format(fragments.join(lines)),
            fragments.table(
                f"The figures that the sentences go by; latencies of handoffs acknowledged {period.this}, wall time",
                [
                    Column("Severity", False), Column("Median"), Column("Target"), Column("90th percentile"), Column("Target"),
                    Column("Open findings"), Column("Owner still there"), Column("Waiting"), Column("Unrouted"), Column("Opened"), Column("Acknowledged"),
                ],
                [_row(band) for band in bands],
                is_wide=True,
            ),
            fragments.note("What follows from which figures is a written table: it stands, with its thresholds, under definitions."),
        ]
    )  # fmt: skip


def _bands(frames: Mapping[str, polars.DataFrame]) -> list[_Band]:
    board = Dashboard(frames["dashboard"])
    owned = {row["severity"]: row for row in frames["currency"].iter_rows(named=True)}
    flow = {row["severity"]: row for row in frames["throughput"].iter_rows(named=True) if row["is_current"]}
    return [_band(severity, board, owned.get(severity, {}), flow.get(severity, {})) for severity in RATED_BANDS]


def _band(severity: str, board: Dashboard, owned: Mapping, flow: Mapping) -> _Band:
    median, ninetieth, depth = board.get(MEDIAN, severity, "wall"), board.get(NINETIETH, severity, "wall"), board.get(DEPTH, severity)
    return _Band(
        severity,
        *((row["value"], row["target"]) if row.get("value") is not None else None for row in (median, ninetieth)),
        measured=int(median.get("population") or 0),
        open_findings=owned.get("open_findings", 0),
        active=owned.get("active", 0),
        unrouted=board.amount(DEPTH, severity),
        waiting=int(depth.get("eligible") or 0),
        opened=flow.get("opened", 0),
        acknowledged=flow.get("acknowledged", 0),
    )


def _sentence(band: _Band, period: Period, thresholds: Thresholds) -> str:
    if band.is_empty:
        return f"No {band.severity} handoff was open, opened or acknowledged {period.this}."
    state = band.state(thresholds)
    clauses = [
        _latency(band, state),
        diagnosis.OWNERSHIP[state.ownership] + (f" ({band.active:,} of {count(band.open_findings, 'open finding')} with an owner who is still there)" if band.open_findings else ""),
        diagnosis.QUEUE[state.queue]
        + (f" ({band.unrouted:,} of {band.waiting:,} not acknowledged {'waits' if band.unrouted == 1 else 'wait'} unrouted)" if band.waiting else " (nothing waits for an acknowledgement)"),
        f"{diagnosis.ARRIVALS[state.arrivals]} ({band.opened:,} opened, {band.acknowledged:,} acknowledged)",
    ]
    return sentence_case(f"{clauses[0]}, {clauses[1]}, {clauses[2]}, and {clauses[3]}: {diagnosis.advice(state)}.")


def _latency(band: _Band, state: State) -> str:
    if not band.median or not band.ninetieth:
        return diagnosis.LATENCY[state.latency]
    (median, target), (ninetieth, its_target) = band.median, band.ninetieth
    figures = f"median {duration(median, 'wall')} against {duration(target, 'wall')}, 90th percentile {duration(ninetieth, 'wall')} against {duration(its_target, 'wall')}"
    return f"{diagnosis.LATENCY[state.latency]} ({figures}, wall time, of {band.measured:,})"


def _row(band: _Band) -> list[str | Markup]:
    latencies = [duration(figure, "wall") for pair in (band.median, band.ninetieth) if pair for figure in pair] or [EMPTY] * 4
    share = f"{band.active:,}, {percent(band.active / band.open_findings)}" if band.open_findings else EMPTY
    amounts = [fragments.amount(amount) for amount in (band.waiting, band.unrouted, band.opened, band.acknowledged)]
    return [fragments.band(band.severity), *latencies, fragments.amount(band.open_findings), share, *amounts]
