"""The five numbers, first: by band, against target, beside last period, with the count behind each and the instant that dates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import FAILURE_MODES, RATED_BANDS
from transforms.report import charts, fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.wording import count, duration, duration_words, mode, none_or, number, percent, sentence_case, verb

NAME = "five_numbers"
TITLE = "The five numbers"
ORDER = 10
QUERIES = ("dashboard",)

Row = Mapping[str, Any]
_BANDS = (*RATED_BANDS, "all")
_MODES = (*FAILURE_MODES, "unexplained")
_TICKS = (
    (60, "1 min"), (600, "10 min"), (3_600, "1 h"), (6 * 3_600, "6 h"), (86_400, "1 d"), (3 * 86_400, "3 d"), (7 * 86_400, "7 d"), (30 * 86_400, "30 d"),
    (90 * 86_400, "90 d"), (365 * 86_400, "1 y"), (3_650 * 86_400, "10 y"),
)  # fmt: skip


class Numbers:
    """The dashboard's rows by number, band, mode and clock."""

    def __init__(self, frame: polars.DataFrame) -> None:
        self._rows = {(row["number"], row["severity"], row["failure_mode"], row["clock"]): row for row in frame.iter_rows(named=True)}

    def get(self, name: str, severity: str, clock: str | None = None, failure_mode: str | None = None) -> Row:
        """That row, or one without figures. A number of one clock is found whichever clock is asked for as None."""
        if clock is None:
            for known in (None, "wall", "business"):
                if (name, severity, failure_mode, known) in self._rows:
                    return self._rows[name, severity, failure_mode, known]
        return self._rows.get((name, severity, failure_mode, clock), {})

    def modes(self, name: str, severity: str) -> dict[str, Row]:
        """The decomposition of a number in a band, by mode in stage order."""
        rows = {mode_: self.get(name, severity, None, mode_) for mode_ in _MODES}
        return {mode_: row for mode_, row in rows.items() if row.get("value")}

    def dated_by(self, name: str) -> str:
        return next((row["dated_by"] for key, row in self._rows.items() if key[0] == name and row["dated_by"]), "")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    numbers, period = Numbers(frames["dashboard"]), Period.of(frames)
    return fragments.join(
        [
            fragments.sentence(_sentence(numbers, period)),
            _headline(numbers, period),
            _median(numbers, period),
            _ninetieth(numbers, period),
            _silence(numbers, period),
            _breaches(numbers, period),
            _queue(numbers, period),
        ]
    )


def _sentence(numbers: Numbers, period: Period) -> str:
    median = _leading(numbers, "median_handoff_latency", "business")
    if median:
        first = f"{median['severity']} handoffs took {duration_words(median['value'], 'business')} at the median {period.this}"
        if median.get("target") is not None:
            first += f" against a target of {duration_words(median['target'], 'business')}"
    else:
        first = f"no handoff was acknowledged {period.this}"
    rate = numbers.get("no_acknowledgement_rate", "all")
    ended, silent = _ended(rate)
    if ended:
        second = f"{silent:,} of {count(ended, 'acknowledgement window')} that ended passed in silence"
    else:
        second = "no acknowledgement window ended"
    breaches = int(numbers.get("handoff_sla_breaches", "all").get("value") or 0)
    depth = int(numbers.get("unrouted_queue_depth", "all").get("value") or 0)
    third = f"{none_or(breaches, 'handoff')} broke the SLA"
    fourth = f"{none_or(depth, 'handoff')} {verb(depth, 'waits', 'wait')} with nobody valid named"
    return sentence_case(f"{first}; {second}, {third}, and {fourth}.")


def _leading(numbers: Numbers, name: str, clock: str | None) -> Row:
    """The most severe band that has a figure."""
    for severity in RATED_BANDS:
        row = numbers.get(name, severity, clock)
        if row.get("value") is not None:
            return row
    return {}


def _ended(rate: Row) -> tuple[int, int]:
    """(windows that ended, of them without an acknowledgement)."""
    ended = int(rate.get("population") or 0)
    return ended, round((rate.get("value") or 0) * ended)


def _headline(numbers: Numbers, period: Period) -> Markup:
    tiles = []
    for label, name, clock in (("Median", "median_handoff_latency", "business"), ("90th percentile", "p90_handoff_latency", "wall")):
        row = _leading(numbers, name, clock)
        unit = "business time" if clock == "business" else "wall time"
        tiles.append(
            _tile(
                f"{label}, {row['severity']}" if row else label,
                duration(row["value"], clock) if row else "–",
                unit if row else f"none acknowledged {period.this}",
                _target(row, clock),
                f"{period.last} {duration(row['previous_value'], clock)}" if row.get("previous_value") is not None else "",
            )
        )
    rate = numbers.get("no_acknowledgement_rate", "all")
    ended, silent = _ended(rate)
    before = rate.get("previous_value")
    tiles.append(
        _tile(
            "No acknowledgement",
            percent(rate["value"]) if ended else "–",
            f"{silent:,} of {count(ended, 'window')}" if ended else f"no window ended {period.this}",
            Markup(""),
            f"{period.last} {percent(before)}" if before is not None else "",
        )
    )
    for label, name, unit in (("SLA breaches", "handoff_sla_breaches", period.this), ("Unrouted queue", "unrouted_queue_depth", "waiting now")):
        row = numbers.get(name, "all")
        before = row.get("previous_value")
        tiles.append(
            _tile(label, f"{int(row.get('value') or 0):,}", unit, Markup(""), f"{period.last} {int(before):,}" if before is not None else "")
        )
    return Markup('<dl class="headline">\n{}</dl>\n').format(fragments.join(tiles))


def _tile(label: str, value: str, unit: str, target: Markup, before: str) -> Markup:
    rest = fragments.join(Markup("<dd>{}</dd>").format(part) for part in (target, before) if part)
    return Markup('<div><dt>{}</dt><dd class="big">{}</dd><dd class="unit">{}</dd>{}</div>\n').format(label, value, unit, rest)


def _target(row: Row, clock: str) -> Markup:
    if row.get("value") is None or row.get("target") is None:
        return Markup("")
    return fragments.against(row["value"] <= row["target"], f"{_side(row)} {duration(row['target'], clock)}")


def _side(row: Row) -> str:
    return "within" if row["value"] <= row["target"] else "over"


def _median(numbers: Numbers, period: Period) -> Markup:
    name = "median_handoff_latency"
    rows = [numbers.get(name, severity, "business") for severity in RATED_BANDS]
    drawn = [
        charts.Bar(
            severity,
            row["value"] / row["target"] if row.get("value") is not None and row.get("target") else None,
            _of_target(row, "business"),
            1.0 if row.get("target") else None,
            "fill-over" if row.get("value") is not None and row.get("target") and row["value"] > row["target"] else "fill-within",
        )
        for severity, row in zip(RATED_BANDS, rows, strict=True)
    ]
    # Past three times the target the bar's length says nothing more; the figure stands beside it.
    chart = charts.bars(
        "median-chart",
        "Median handoff latency as a share of its target",
        "; ".join(f"{bar.label}: {bar.text}" for bar in drawn),
        [bar._replace(value=min(bar.value, 3)) if bar.value else bar for bar in drawn],
        ceiling=max([1.25, *(min(bar.value, 3) for bar in drawn if bar.value)]),
    )
    return _number(
        "Median handoff latency",
        f"From capture (t0) to acknowledgement (t1), dated by {numbers.dated_by(name)}. "
        "In business time, the open hours of the owning team's calendar, against the handoff SLA; and apart, in wall time, against the policy's target.",
        fragments.figure(chart, "Business time as a share of the handoff SLA: the upright line is the SLA; bars end at three times it."),
        _latencies(numbers, period, name, "business", "Median in business time against the handoff SLA", "SLA"),
        _latencies(numbers, period, name, "wall", "Median in wall time against the policy's target", "Target"),
    )


def _ninetieth(numbers: Numbers, period: Period) -> Markup:
    name = "p90_handoff_latency"
    drawn = []
    for severity in RATED_BANDS:
        median, row = numbers.get("median_handoff_latency", severity, "wall"), numbers.get(name, severity, "wall")
        low, high = median.get("value"), row.get("value")
        text = f"{duration(low, 'wall')} to {duration(high, 'wall')}" if low is not None and high is not None else "none acknowledged"
        drawn.append(charts.Interval(severity, text, low, high, median.get("target"), row.get("target")))
    chart = charts.intervals(
        "p90-chart", "Median and 90th percentile of handoff latency in wall time", "; ".join(f"{row.label}: {row.text}" for row in drawn), drawn, _TICKS
    )
    tables = [_latencies(numbers, period, name, "wall", "90th percentile in wall time against the policy's target", "Target")]
    if any(numbers.get(name, severity, "business").get("value") is not None for severity in _BANDS):
        tables.append(_latencies(numbers, period, name, "business", "90th percentile in business time", "Target"))
    return _number(
        "90th percentile handoff latency",
        f"Nine in ten acknowledged handoffs took no longer. Dated by {numbers.dated_by(name)}. It leaves out those still waiting: see the worst tails.",
        fragments.figure(
            chart, "Wall time on a logarithmic scale: the dot is the median, the ring the 90th percentile, the upright lines the target of each."
        ),
        *tables,
    )


def _latencies(numbers: Numbers, period: Period, name: str, clock: str, caption: str, target: str) -> Markup:
    has_target = any(numbers.get(name, severity, clock).get("target") is not None for severity in _BANDS)
    rows = []
    for severity in _BANDS:
        row = numbers.get(name, severity, clock)
        value, before = row.get("value"), row.get("previous_value")
        difference = duration(abs(value - before), clock) if value is not None and before is not None else ""
        rows.append(
            [
                _severity(severity),
                duration(value, clock) if value is not None else EMPTY,
                *([duration(row["target"], clock) if row.get("target") is not None else EMPTY, _distance(row, clock)] if has_target else []),
                duration(before, clock) if before is not None else EMPTY,
                fragments.change(value, before, difference),
                f"{row.get('population') or 0:,}",
            ]
        )
    targets = [Column(target), Column(f"Against {target if target == 'SLA' else target.lower()}", is_figure=False)] if has_target else []
    columns = [Column("Severity", False), Column("Value"), *targets, Column(sentence_case(period.last)), Column("Change"), Column("Acknowledged")]
    return fragments.table(caption, columns, rows)


def _severity(severity: str) -> str | Markup:
    return "all" if severity == "all" else fragments.band(severity)


def _of_target(row: Row, clock: str) -> str:
    if row.get("value") is None:
        return "none acknowledged"
    return f"{duration(row['value'], clock)} of {duration(row['target'], clock)}" if row.get("target") else duration(row["value"], clock)


def _distance(row: Row, clock: str) -> Markup:
    if row.get("value") is None or row.get("target") is None:
        return EMPTY
    distance = duration(abs(row["value"] - row["target"]), clock)
    return fragments.against(row["value"] <= row["target"], f"{distance} over" if row["value"] > row["target"] else "within")


def _silence(numbers: Numbers, period: Period) -> Markup:
    name = "no_acknowledgement_rate"
    rows, drawn = [], []
    for severity in _BANDS:
        row = numbers.get(name, severity)
        ended, silent = _ended(row)
        value, before, target = row.get("value"), row.get("previous_value"), row.get("target")
        points = f"{number(abs(value - before) * 100)}\N{NO-BREAK SPACE}points" if value is not None and before is not None else ""
        rows.append(
            [
                _severity(severity),
                percent(value) if value is not None else EMPTY,
                percent(target) if target is not None else EMPTY,
                fragments.against(value <= target, "within" if value <= target else f"{number((value - target) * 100)} points over")
                if value is not None and target is not None
                else EMPTY,
                percent(before) if before is not None else EMPTY,
                fragments.change(value, before, points),
                f"{silent:,} of {ended:,}",
            ]
        )
        if severity != "all":
            text = f"{percent(value)}, {silent:,} of {ended:,}" if value is not None else "no window ended"
            over = value is not None and target is not None and value > target
            drawn.append(charts.Bar(severity, value, text, target, "fill-over" if over else "fill-within"))
    chart = charts.bars("silence-chart", "No-acknowledgement rate by severity", "; ".join(f"{bar.label}: {bar.text}" for bar in drawn), drawn, ceiling=1.0)
    columns = [
        Column("Severity", False), Column("Rate"), Column("Target"), Column("Against target", False), Column(sentence_case(period.last)),
        Column("Change"), Column("Windows"),
    ]  # fmt: skip
    parts = [fragments.table("Share of ended windows without an acknowledgement inside them", columns, rows)]
    causes = numbers.modes(name, "all")
    if causes:
        ended, _ = _ended(numbers.get(name, "all"))
        parts.append(
            fragments.table(
                "The same rate by primary failure mode; the rows add up to all",
                [Column("Failure mode", False), Column("Rate"), Column("Windows"), Column(sentence_case(period.last))],
                [
                    [
                        mode(cause),
                        percent(row["value"]),
                        f"{round(row['value'] * ended):,} of {ended:,}",
                        percent(row["previous_value"]) if row.get("previous_value") is not None else EMPTY,
                    ]
                    for cause, row in causes.items()
                ],
            )
        )
    return _number(
        "No-acknowledgement rate",
        f"Of the acknowledgement windows (wall time) that ended {period.this}, the share in which nobody acknowledged. "
        f"Dated by {numbers.dated_by(name)}. Handoffs whose window still runs are in neither figure.",
        fragments.figure(chart, "Share of ended windows, from 0 to 100 %: the upright line is the target."),
        *parts,
    )


def _breaches(numbers: Numbers, period: Period) -> Markup:
    name = "handoff_sla_breaches"
    styles = {cause: f"mode-{number_}" for number_, cause in enumerate(_MODES, 1)}
    drawn, rows = [], []
    for severity in _BANDS:
        row = numbers.get(name, severity)
        value, before = int(row.get("value") or 0), row.get("previous_value")
        change = fragments.change(value, int(before), f"{abs(value - int(before)):,}") if before is not None else EMPTY
        rows.append([_severity(severity), f"{value:,}", f"{int(before):,}" if before is not None else EMPTY, change])
        if severity != "all":
            drawn.append((severity, f"{value:,}", {cause: part["value"] for cause, part in numbers.modes(name, severity).items()}))
    chart = charts.stacked_bars(
        "breach-chart", "Handoff SLA breaches by severity and failure mode", "; ".join(f"{label}: {text}" for label, text, _ in drawn), drawn, styles
    )
    used = {cause for _, _, parts in drawn for cause in parts}
    return _number(
        "Handoff SLA breaches",
        f"Handoffs not acknowledged by the instant that the handoff SLA (business time) set, dated by {numbers.dated_by(name)}. "
        "Security operations is accountable for this SLA; by severity and failure mode they stand under failure modes.",
        fragments.figure(
            chart,
            "Count by severity, parted by primary failure mode.",
            fragments.key([(style, mode(cause)) for cause, style in styles.items() if cause in used]) if used else None,
        ),
        fragments.table(
            "Breaches of the handoff SLA", [Column("Severity", False), Column("Breaches"), Column(sentence_case(period.last)), Column("Change")], rows
        ),
    )


def _queue(numbers: Numbers, period: Period) -> Markup:
    name = "unrouted_queue_depth"
    drawn, rows = [], []
    for severity in _BANDS:
        row = numbers.get(name, severity)
        value, before = int(row.get("value") or 0), row.get("previous_value")
        change = fragments.change(value, int(before), f"{abs(value - int(before)):,}") if before is not None else EMPTY
        rows.append([_severity(severity), f"{value:,}", f"{int(before):,}" if before is not None else EMPTY, change])
        if severity != "all":
            drawn.append(charts.Bar(severity, value, f"{value:,}"))
    chart = charts.bars("queue-chart", "Unrouted queue depth by severity", "; ".join(f"{bar.label}: {bar.text}" for bar in drawn), drawn)
    return _number(
        "Unrouted queue depth",
        f"Open handoffs that nobody acknowledged and whose routing names no valid person. A count at an instant: {numbers.dated_by(name)}.",
        fragments.figure(chart, "Count by severity."),
        fragments.table(
            "Depth of the unrouted queue",
            [Column("Severity", False), Column("Handoffs"), Column(f"End of {period.last}"), Column("Change")],
            rows,
        ),
    )


def _number(title: str, meaning: str, chart: Markup, *tables: Markup) -> Markup:
    return Markup('<article class="number">\n<h3>{}</h3>\n{}<div class="pair">\n{}<div>{}</div>\n</div>\n</article>\n').format(
        title, fragments.note(meaning), chart, fragments.join(tables)
    )
