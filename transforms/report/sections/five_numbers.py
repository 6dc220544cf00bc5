"""The five numbers, first: by band, against target, beside last period, with the count behind each and what dates it."""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import RATED_BANDS
from transforms.report import charts, fragments
from transforms.report.dashboard import BANDS, MODES, Dashboard, Row
from transforms.report.fragments import EMPTY, Column
from transforms.report.headlines import BREACHES, DEPTH, INSTANTS, MEDIAN, NINETIETH, RATE, Headline, headlines
from transforms.report.period import Period
from transforms.report.wording import duration, duration_words, mode, none_or, number, percent, sentence_case, verb

NAME = "five_numbers"
TITLE = "The five numbers"
ORDER = 10
QUERIES = ("dashboard", "threshold", "trend")
KINDS = ("week", "month", "quarter")

_HOUR, _DAY = 3_600, 86_400
_TICKS = (
    (1, "1 s"), (60, "1 min"), (600, "10 min"), (_HOUR, "1 h"), (6 * _HOUR, "6 h"), (_DAY, "1 d"), (3 * _DAY, "3 d"), (7 * _DAY, "7 d"),
    (30 * _DAY, "30 d"), (90 * _DAY, "90 d"), (365 * _DAY, "1 y"), (3_650 * _DAY, "10 y"),
)  # fmt: skip
#: A bar ends at this many times its target: beyond it the length says nothing more, and the figure stands beside it.
_LONGEST = 3.0


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    board, period = Dashboard(frames["dashboard"]), Period.of(frames)
    parts = [_latency_clause(board, period), _breach_clause(board), _silence_clause(board)]
    depth = board.amount(DEPTH, "all")
    return sentence_case(f"{parts[0]}; {parts[1]}, {parts[2]}, and {none_or(depth, 'handoff')} {verb(depth, 'waits', 'wait')} with nobody valid named.")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    board, period, found = Dashboard(frames["dashboard"]), Period.of(frames), headlines(frames)
    numbers = (_median, _ninetieth, _rate, _breaches, _queue)
    return fragments.join([_tiles(found, period), _overview(found, period), *(draw(board, period) for draw in numbers)])


def _latency_clause(board: Dashboard, period: Period) -> str:
    median = board.leading(MEDIAN, "business")
    if not median:
        return f"no handoff was acknowledged {period.this}"
    some = "one" if median["population"] == 1 else f"{median['population']:,}"
    clause = f"the {some} {median['severity']} {verb(median['population'], 'handoff', 'handoffs')} acknowledged {period.this} took "
    clause += duration_words(median["value"], "business") + (" at the median" if median["population"] > 1 else "")
    return clause + (f" against a target of {duration_words(median['target'], 'business')}" if median.get("target") is not None else "")


def _breach_clause(board: Dashboard) -> str:
    breaches, due = board.amount(BREACHES, "all"), int(board.get(BREACHES, "all").get("population") or 0)
    if not due:
        return "no handoff fell due"
    if due == 1:
        return f"the one handoff that fell due {'broke' if breaches else 'kept'} the SLA"
    return f"{breaches or 'none'} of {due:,} handoffs that fell due broke the SLA"


def _silence_clause(board: Dashboard) -> str:
    ended, silent = board.ended("all")
    if not ended:
        return "no acknowledgement window ended"
    if ended == 1:
        return f"the one acknowledgement window that ended passed {'without' if silent else 'with'} an acknowledgement"
    return f"{silent or 'none'} of {ended:,} acknowledgement windows that ended passed without an acknowledgement"


def _tiles(found: list[Headline], period: Period) -> Markup:
    tiles = [
        _tile(
            headline.label,
            headline.value,
            headline.unit,
            _met(headline),
            f"{period.last} {headline.previous}" if headline.previous else f"no figure {period.last}",
            _spark(headline),
            headline.behind,
            f"{headline.confidence} confidence" if headline.confidence else "",
        )
        for headline in found
    ]
    return Markup('<dl class="headline">\n{}</dl>\n').format(fragments.join(tiles))


def _tile(label: str, value: str, *rest: str | Markup) -> Markup:
    lines = fragments.join(Markup("<dd>{}</dd>").format(line) for line in rest if line)
    return Markup('<div><dt>{}</dt><dd class="big">{}</dd>{}</div>\n').format(label, value, lines)


def _met(headline: Headline) -> str | Markup:
    """The target of a headline, and on which side of it the figure is."""
    if headline.is_within is None:
        return "no target" if headline.said_target == "none" else f"target {headline.said_target}"
    return fragments.against(headline.is_within, f"{'within' if headline.is_within else 'over'} {headline.target}")


def _spark(headline: Headline) -> Markup:
    said = "; ".join(f"{start}: {point}" for start, point in zip(headline.starts, headline.said_points, strict=True))
    title = f"{headline.label}, period by period"
    return charts.sparkline(f"spark-{headline.number.replace('_', '-')}", title, said, headline.points, target=headline.target_point)


def _overview(found: list[Headline], period: Period) -> Markup:
    """What stands behind the tiles: everything that a reader asks of a figure before believing it."""
    rows = [
        [
            f"{headline.label}, {headline.unit}",
            headline.value,
            headline.said_target,
            headline.previous or EMPTY,
            headline.behind,
            percent(headline.coverage) if headline.coverage is not None else EMPTY,
            headline.confidence or EMPTY,
            headline.interval or EMPTY,
            headline.dated_by,
        ]
        for headline in found
    ]
    columns = [
        Column("Number, unit", False), Column("Value"), Column("Target"), Column(sentence_case(period.last)), Column("Behind it", False), Column("Coverage"),
        Column("Confidence", False), Column("95 % interval"), Column("Dated by", False),
    ]  # fmt: skip
    return fragments.join(
        [
            fragments.table("The five numbers, with what is behind them", columns, rows, is_wide=True),
            fragments.note(
                "Latencies are of the most severe band that has any, the others of all bands. Coverage: the share of what ought to be measured that was. "
                "Confidence is defined, with its thresholds, under definitions; the trends stand in figures under the five numbers over time. The interval holds the median with a confidence of 95 %, whatever the distribution."
            ),
        ]
    )


def _median(board: Dashboard, period: Period) -> Markup:
    drawn = []
    for severity in RATED_BANDS:
        row = board.get(MEDIAN, severity, "business")
        value, target = row.get("value"), row.get("target")
        if value is None:
            drawn.append(charts.Bar(severity, None, "none acknowledged", 1.0 if target else None))
        elif not target:
            drawn.append(charts.Bar(severity, None, f"{duration(value, 'business')}, no target in business time"))
        else:
            style = "fill-within" if value <= target else "fill-over"
            drawn.append(charts.Bar(severity, min(value / target, _LONGEST), f"{duration(value, 'business')} of {duration(target, 'business')}", 1.0, style))
    has_target = any(bar.target for bar in drawn)
    chart = charts.bars("median-chart", "Median handoff latency as a share of the handoff SLA", _said(drawn), drawn, ceiling=max([1.25, *(bar.value or 0 for bar in drawn)]))
    ended = " A bar ends at three times it." if any(bar.value == _LONGEST for bar in drawn) else ""
    return _number(
        "Median handoff latency",
        "From capture (t0) to acknowledgement (t1). In business time, the open hours of the owning team's calendar, beside the handoff SLA; "
        "and apart, in wall time, beside the policy's target.",
        _dated(board, MEDIAN, "business time, and wall time apart"),
        fragments.figure(chart, f"Business time as a share of the handoff SLA: the upright line is the SLA.{ended}") if has_target else Markup(""),
        _latencies(board, period, MEDIAN, "business", "Median in business time", "SLA"),
        _latencies(board, period, MEDIAN, "wall", "Median in wall time", "Target"),
    )


def _ninetieth(board: Dashboard, period: Period) -> Markup:
    drawn = []
    for severity in RATED_BANDS:
        median, row = board.get(MEDIAN, severity, "wall"), board.get(NINETIETH, severity, "wall")
        low, high = median.get("value"), row.get("value")
        text = f"{duration(low, 'wall')} to {duration(high, 'wall')}" if low is not None and high is not None else "none acknowledged"
        drawn.append(charts.Interval(severity, text, low, high, median.get("target"), row.get("target")))
    chart = charts.intervals("p90-chart", "Median and 90th percentile of handoff latency in wall time", _said(drawn), drawn, _TICKS)
    return _number(
        "90th percentile handoff latency",
        "Nine in ten acknowledged handoffs took no longer than this. Those still waiting are not in it: they stand under the worst tails.",
        _dated(board, NINETIETH, "wall time, and business time apart"),
        fragments.figure(chart, "Wall time on a logarithmic scale: the dot is the median, the ring the 90th percentile, the upright lines the target of each."),
        _latencies(board, period, NINETIETH, "wall", "90th percentile in wall time", "Target"),
        _latencies(board, period, NINETIETH, "business", "90th percentile in business time", "Target"),
    )


def _latencies(board: Dashboard, period: Period, name: str, clock: str, caption: str, target: str) -> Markup:
    rows = {severity: board.get(name, severity, clock) for severity in BANDS}
    has_target = any(row.get("target") is not None for row in rows.values())
    body = []
    for severity, row in rows.items():
        value, before = row.get("value"), row.get("previous_value")
        body.append(
            [
                _band(severity),
                duration(value, clock) if value is not None else EMPTY,
                *([duration(row["target"], clock) if row.get("target") is not None else EMPTY, _distance(row, clock)] if has_target else []),
                duration(before, clock) if before is not None else EMPTY,
                # In the unit of the larger figure, so that a column is read at one glance.
                fragments.change(value, before, duration(abs(value - before), clock, like=max(value, before)) if value is not None and before is not None else ""),
                fragments.amount(row.get("population") or 0),
            ]
        )
    targets = [Column(target), Column(f"Against {target if target == 'SLA' else target.lower()}", is_figure=False)] if has_target else []
    columns = [Column("Severity", False), Column("Value"), *targets, Column(sentence_case(period.last)), Column("Change"), Column("Acknowledged")]
    beside = f", beside the {'handoff SLA' if target == 'SLA' else 'policy’s target'}" if has_target else ""
    return fragments.table(caption + beside, columns, body)


def _distance(row: Row, clock: str) -> Markup:
    if row.get("value") is None or row.get("target") is None:
        return Markup("")
    over = row["value"] - row["target"]
    return fragments.against(over <= 0, f"{duration(over, clock)} over" if over > 0 else "within")


def _rate(board: Dashboard, period: Period) -> Markup:
    rows, drawn = [], []
    for severity in BANDS:
        row, (ended, silent) = board.get(RATE, severity), board.ended(severity)
        value, before, target = row.get("value"), row.get("previous_value"), row.get("target")
        within = value is None or target is None or value <= target
        rows.append(
            [
                _band(severity),
                percent(value) if value is not None else EMPTY,
                percent(target) if target is not None else EMPTY,
                Markup("") if value is None or target is None else fragments.against(within, "within" if within else f"{_points(value - target)} over"),
                percent(before) if before is not None else EMPTY,
                fragments.change(value, before, _points(abs(value - before)) if value is not None and before is not None else ""),
                f"{silent:,} of {ended:,}" if ended else fragments.amount(0),
            ]
        )
        if severity in RATED_BANDS:
            text = f"{percent(value)}, {silent:,} of {ended:,}" if value is not None else "no window ended"
            drawn.append(charts.Bar(severity, value, text, target, "fill-within" if within else "fill-over"))
    columns = [
        Column("Severity", False), Column("Rate"), Column("Target"), Column("Against target", False), Column(sentence_case(period.last)),
        Column("Change"), Column("Windows"),
    ]  # fmt: skip
    return _number(
        "No-acknowledgement rate",
        "Of the acknowledgement windows that ended, the share in which nobody acknowledged. Handoffs whose window still runs are in neither figure.",
        _dated(board, RATE, "share of windows, which are wall time"),
        fragments.figure(charts.bars("silence-chart", "No-acknowledgement rate by severity", _said(drawn), drawn, ceiling=1.0), "From 0 to 100 %: the upright line is the target."),
        fragments.table("Share of ended windows without an acknowledgement inside them", columns, rows),
        _rate_causes(board, period),
    )


def _rate_causes(board: Dashboard, period: Period) -> Markup:
    ended, _ = board.ended("all")
    rows = [
        [mode(cause), percent(row["value"] or 0), f"{round((row['value'] or 0) * ended):,} of {ended:,}" if ended else fragments.amount(0), percent(row["previous_value"] or 0)]
        for cause, row in board.modes(RATE, "all").items()
    ]
    columns = [Column("Failure mode", False), Column("Rate"), Column("Windows"), Column(sentence_case(period.last))]
    return fragments.table("The same rate by primary failure mode, all severities; the rows add up to all", columns, rows) if rows else Markup("")


def _points(share: float) -> str:
    return f"{number(share * 100)}\N{NO-BREAK SPACE}points"


def _breaches(board: Dashboard, period: Period) -> Markup:
    styles = {cause: f"mode-{place}" for place, cause in enumerate(MODES, 1)}
    drawn = [
        (severity, f"{board.amount(BREACHES, severity):,}", {cause: row["value"] or 0 for cause, row in board.modes(BREACHES, severity).items()})
        for severity in RATED_BANDS
    ]
    used = {cause for _, _, parts in drawn for cause, amount in parts.items() if amount}
    chart = charts.stacked_bars("breach-chart", "Handoff SLA breaches by severity and failure mode", "; ".join(f"{label}: {text}" for label, text, _ in drawn), drawn, styles)
    return _number(
        "Handoff SLA breaches",
        "Handoffs without an acknowledgement at the instant that the handoff SLA set. Security operations is accountable for it. "
        "The counts by severity and failure mode stand under failure modes.",
        _dated(board, BREACHES, "count of handoffs"),
        fragments.figure(
            chart, "Count by severity, parted by primary failure mode.", fragments.key([(style, mode(cause)) for cause, style in styles.items() if cause in used]) if used else None
        ),
        _counts(board, period, BREACHES, "Breaches of the handoff SLA", "Breaches", "Fell due"),
    )


def _queue(board: Dashboard, period: Period) -> Markup:
    drawn = [charts.Bar(severity, board.amount(DEPTH, severity), f"{board.amount(DEPTH, severity):,}") for severity in RATED_BANDS]
    return _number(
        "Unrouted queue depth",
        "Open handoffs that nobody acknowledged and whose routing names no valid person.",
        _dated(board, DEPTH, "count of handoffs at an instant"),
        fragments.figure(charts.bars("queue-chart", "Unrouted queue depth by severity", _said(drawn), drawn), "Count by severity."),
        _counts(board, period, DEPTH, "Depth of the unrouted queue", "Handoffs"),
    )


def _counts(board: Dashboard, period: Period, name: str, caption: str, unit: str, behind: str | None = None) -> Markup:
    """A number that is a count: now, last period, change, and the count behind it where that is another."""
    rows = []
    for severity in BANDS:
        row, value = board.get(name, severity), board.amount(name, severity)
        before = int(row.get("previous_value") or 0)
        cells = [_band(severity), fragments.amount(value), fragments.amount(before), fragments.change(value, before, f"{abs(value - before):,}")]
        rows.append([*cells, fragments.amount(int(row.get("population") or 0))] if behind else cells)
    last = sentence_case(period.last) if behind else f"End of {period.last}"
    columns = [Column("Severity", False), Column(unit), Column(last), Column("Change")]
    return fragments.table(caption, [*columns, Column(behind)] if behind else columns, rows)


def _band(severity: str) -> str | Markup:
    return severity if severity == "all" else fragments.band(severity)


def _said(rows: list[charts.Bar] | list[charts.Interval]) -> str:
    """What a chart shows, for those who do not see it."""
    return "; ".join(f"{row.label}: {row.text}" for row in rows)


def _dated(board: Dashboard, name: str, unit: str) -> Markup:
    return Markup('<p class="note"><b>Dated by</b> {}: {}. <b>Unit:</b> {}.</p>\n').format(INSTANTS[name], board.dated_by(name), unit)


def _number(title: str, meaning: str, dated: Markup, chart: Markup, *tables: Markup) -> Markup:
    return Markup('<article class="number">\n<h3>{}</h3>\n{}{}<div class="pair">\n<div>{}</div>\n<div>{}</div>\n</div>\n</article>\n').format(
        title, fragments.note(meaning), dated, chart, fragments.join(tables)
    )
