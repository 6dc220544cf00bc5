"""Charts as inline SVG: pure functions of figures. Across, everything is in per cent of the width, so that a chart fills a page and a phone
with letters of one size; colours are the page's custom properties, so that light, dark and print come from one file (docs/decisions/0005).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from markupsafe import Markup

from transforms.report.fragments import and_more, join

R = TypeVar("R")

_ROW = 42
_BAR_TOP, _BAR_HEIGHT = 19, 12
_AXIS = 24
_SPARK = 34
#: Bars that a chart shows, and letters that it is described with: the table below it says more.
MOST_BARS = 25
_MOST_LETTERS = 1_000
#: Letters that stand side by side above a bar on the narrowest screen; of a longer label the table below says all.
_LETTERS = 42
_PANEL, _PLOT_TOP, _PLOT_HEIGHT = 126, 22, 88
#: Marks of an axis stand at least this share of the width apart, so that their labels do not meet on a phone.
_APART = 0.15


class Bar(NamedTuple):
    """One labelled bar; no value draws none. `target` is a tick on the same scale."""

    label: str
    value: float | None
    text: str
    target: float | None = None
    style: str = "fill-plain"


class Step(NamedTuple):
    """One step of a waterfall: it begins where the one before it ended."""

    label: str
    value: float
    text: str
    style: str = "fill-plain"


class Interval(NamedTuple):
    """A dot at `low`, a ring at `high`, and a tick at the target of each."""

    label: str
    text: str
    low: float | None
    high: float | None
    low_target: float | None = None
    high_target: float | None = None


class Histogram(NamedTuple):
    """One panel: for each bin, from left to right, its figure by part. `mark` is an upright line at a share of the width."""

    label: str
    text: str
    bins: Sequence[Mapping[str, float]]
    mark: float | None = None


class Curve(NamedTuple):
    """One panel: a falling step curve from (0, 1), as (share of the width, height 0 to 1), until `end`, and round it a band of (from, to, low, high)."""

    label: str
    text: str
    steps: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float, float]]
    end: float
    mark: float | None = None


def bars(name: str, title: str, description: str, rows: Sequence[Bar], *, ceiling: float | None = None) -> Markup:
    """Horizontal bars on one scale from zero; `ceiling` is the scale's end, else the largest figure or target."""
    top = ceiling or max([figure for row in rows for figure in (row.value, row.target) if figure is not None], default=0) or 1
    shown, body = _shown(rows)
    for number, row in enumerate(shown):
        y = number * _ROW
        body += [_labels(y, row.label, row.text), _track(y)]
        if row.value:
            body.append(_rect(y, 0, min(row.value / top, 1), row.style))
        if row.target is not None and row.target <= top:
            body.append(_tick(y, row.target / top))
    return _svg(name, title, description, _height(rows), body)


def stacked_bars(
    name: str, title: str, description: str, rows: Sequence[tuple[str, str, Mapping[str, float]]], styles: Mapping[str, str]
) -> Markup:
    """Horizontal bars of parts on one scale. A row is (label, text, figure by part); `styles` gives the parts' order and style."""
    top = max((sum(parts.values()) for _, _, parts in rows), default=0) or 1
    shown, body = _shown(rows)
    for number, (label, text, parts) in enumerate(shown):
        y, start = number * _ROW, 0.0
        body += [_labels(y, label, text), _track(y)]
        for part, style in styles.items():
            if parts.get(part):
                body.append(_rect(y, start / top, parts[part] / top, style))
                start += parts[part]
    return _svg(name, title, description, _height(rows), body)


def waterfall(name: str, title: str, description: str, steps: Sequence[Step]) -> Markup:
    """Parts of a whole, each from where the last one ended: together they fill the width."""
    whole = math.fsum(step.value for step in steps) or 1
    body, start = [], 0.0
    for number, step in enumerate(steps):
        y = number * _ROW
        body += [_labels(y, step.label, step.text), _track(y), _rect(y, start / whole, step.value / whole, step.style)]
        start += step.value
    return _svg(name, title, description, len(steps) * _ROW, body)


def intervals(name: str, title: str, description: str, rows: Sequence[Interval], ticks: Sequence[tuple[float, str]]) -> Markup:
    """Pairs of figures on a logarithmic scale, whose end marks are the ticks around the figures; what lies below the first tick sits on it."""
    figures = [figure for row in rows for figure in (row.low, row.high, row.low_target, row.high_target) if figure]
    shown = _around(figures, ticks)
    low, high = math.log(shown[0][0]), math.log(shown[-1][0])

    def across(value: float) -> float:
        return min(max((math.log(value) - low) / (high - low), 0), 1) if value > 0 else 0

    bottom = len(rows) * _ROW
    body = []
    for number, (value, label) in enumerate(shown):
        anchor = "start" if number == 0 else "end" if number == len(shown) - 1 else "middle"
        x = _per_cent(across(value))
        body.append(Markup('<line class="grid" x1="{0}" x2="{0}" y1="0" y2="{1}"/>').format(x, bottom))
        body.append(Markup('<text class="axis" x="{}" y="{}" text-anchor="{}">{}</text>').format(x, bottom + 16, anchor, label))
    for number, row in enumerate(rows):
        y = number * _ROW
        middle = y + _BAR_TOP + _BAR_HEIGHT // 2
        body.append(_labels(y, row.label, row.text))
        body += [_tick(y, across(target)) for target in (row.low_target, row.high_target) if target is not None]
        if row.low is not None and row.high is not None:
            body.append(Markup('<line class="reach" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(_per_cent(across(row.low)), _per_cent(across(row.high)), y=middle))
        if row.high is not None:
            body.append(Markup('<circle class="ring" cx="{}" cy="{}" r="5"/>').format(_per_cent(across(row.high)), middle))
        if row.low is not None:
            body.append(Markup('<circle class="dot" cx="{}" cy="{}" r="5.5"/>').format(_per_cent(across(row.low)), middle))
    return _svg(name, title, description, bottom + _AXIS, body)


def histograms(
    name: str, title: str, description: str, rows: Sequence[Histogram], styles: Mapping[str, str], ticks: Sequence[tuple[float, str]]
) -> Markup:
    """Panels of columns, one below the other over one axis; each panel's highest column fills its height. `styles` gives the parts' order from the ground."""
    body = []
    for number, row in enumerate(rows):
        y = number * _PANEL
        ground = y + _PLOT_TOP + _PLOT_HEIGHT
        body += [_labels(y, row.label, row.text), *_upright(y, ticks)]
        top = max((sum(parts.values()) for parts in row.bins), default=0) or 1
        width = 1 / max(len(row.bins), 1)
        for place, parts in enumerate(row.bins):
            base = float(ground)
            for part, style in styles.items():
                if parts.get(part):
                    height = parts[part] / top * (_PLOT_HEIGHT - 4)
                    base -= height
                    body.append(
                        Markup('<rect class="mark {}" x="{}" y="{:.2f}" width="{}" height="{:.2f}"/>').format(style, _per_cent(place * width), base, _per_cent(width), height)
                    )
        body += [_ground(ground), *_mark(y, row.mark)]
    return _svg(name, title, description, len(rows) * _PANEL + _AXIS, [*body, *_axis(len(rows) * _PANEL, ticks)])


def curves(name: str, title: str, description: str, rows: Sequence[Curve], ticks: Sequence[tuple[float, str]]) -> Markup:
    """Panels of step curves, one below the other over one axis; across the middle of each a line at one half.

    A curve is a path, which knows no per cent: it stands in a picture of its own that is stretched to the panel.
    """
    body = []
    for number, row in enumerate(rows):
        y = number * _PANEL
        ground, half = y + _PLOT_TOP + _PLOT_HEIGHT, y + _PLOT_TOP + _PLOT_HEIGHT // 2
        body += [_labels(y, row.label, row.text), *_upright(y, ticks), Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(half)]
        body.append(
            Markup(
                '<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">'
                '<path class="spread" d="{}"/><path class="curve" d="{}"/></svg>'
            ).format(y + _PLOT_TOP, _PLOT_HEIGHT, _band(row), _steps([(0.0, 1.0), *row.steps], row.end))
        )
        body.append(Markup('<text class="axis" x="100%" y="{}" text-anchor="end">half</text>').format(half - 4))
        body += [_ground(ground), *_mark(y, row.mark)]
    return _svg(name, title, description, len(rows) * _PANEL + _AXIS, [*body, *_axis(len(rows) * _PANEL, ticks)])


def logarithmic(low: float, high: float) -> Callable[[float], float]:
    """The share of the width at which a value stands on a logarithmic scale from `low` to `high`, both above 0; what lies outside stands at its end."""
    bottom, reach = math.log(low), math.log(high / low)
    return lambda value: min(max((math.log(value) - bottom) / reach, 0.0), 1.0) if value > 0 else 0.0


def _steps(points: Sequence[tuple[float, float]], end: float) -> str:
    """A path that keeps each height until the next point, and the last one until `end`."""
    first, *rest = points
    moves = [f"M{_thousandth(first[0])} {_thousandth(1 - first[1])}"]
    moves += [f"H{_thousandth(across)}V{_thousandth(1 - height)}" for across, height in rest]
    return "".join([*moves, f"H{_thousandth(max(end, points[-1][0]))}"])


def _band(row: Curve) -> str:
    """The outline of a band: out along its upper end, back along its lower one."""
    out = [f"L{_thousandth(start)} {_thousandth(1 - high)}H{_thousandth(end)}" for start, end, _, high in row.band]
    back = [f"L{_thousandth(end)} {_thousandth(1 - low)}H{_thousandth(start)}" for start, end, low, _ in reversed(row.band)]
    return "".join(["M" + out[0][1:], *out[1:], *back, "Z"]) if out else ""


def _thousandth(share: float) -> str:
    return f"{share * 1000:.1f}".removesuffix(".0")


def _upright(y: int, ticks: Sequence[tuple[float, str]]) -> list[Markup]:
    return [
        Markup('<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(_per_cent(across), y + _PLOT_TOP, y + _PLOT_TOP + _PLOT_HEIGHT)
        for across, _ in ticks
    ]


def _ground(y: int) -> Markup:
    return Markup('<line class="ground" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(y)


def _mark(y: int, across: float | None) -> list[Markup]:
    if across is None:
        return []
    x = _per_cent(min(max(across, 0.003), 0.997))
    return [Markup('<line class="target" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(x, y + _PLOT_TOP, y + _PLOT_TOP + _PLOT_HEIGHT)]


def _axis(y: int, ticks: Sequence[tuple[float, str]]) -> list[Markup]:
    """The labels of an axis, as many as have room."""
    drawn, last = [], -1.0
    for across, label in ticks:
        if across - last < _APART:
            continue
        last = across
        anchor = "start" if across < 0.03 else "end" if across > 0.97 else "middle"
        drawn.append(Markup('<text class="axis" x="{}" y="{}" text-anchor="{}">{}</text>').format(_per_cent(across), y + 2, anchor, label))
    return drawn


def _around(figures: Sequence[float], ticks: Sequence[tuple[float, str]]) -> Sequence[tuple[float, str]]:
    if not figures:
        return ticks
    first = max((number for number, (value, _) in enumerate(ticks) if value <= min(figures)), default=0)
    last = min((number for number, (value, _) in enumerate(ticks) if value >= max(figures)), default=len(ticks) - 1)
    return ticks[min(first, last - 1) if last else 0 : max(last, 1) + 1]


def _shown(rows: Sequence[R]) -> tuple[Sequence[R], list[Markup]]:
    """The rows of which bars are drawn, and below them how many more there are."""
    if len(rows) <= MOST_BARS:
        return rows, []
    return rows[:MOST_BARS], [_labels(MOST_BARS * _ROW, and_more(len(rows) - MOST_BARS), "")]


def _height(rows: Sequence[object]) -> int:
    return len(rows) * _ROW if len(rows) <= MOST_BARS else MOST_BARS * _ROW + _AXIS


def _svg(name: str, title: str, description: str, height: int, body: Sequence[Markup], *, style: str = "chart") -> Markup:
    return Markup(
        '<svg class="{5}" role="img" aria-labelledby="{0}-title {0}-desc" width="100%" height="{1}" focusable="false">'
        '<title id="{0}-title">{2}</title><desc id="{0}-desc">{3}</desc>\n{4}</svg>'
    ).format(name, height, title, description if len(description) <= _MOST_LETTERS else description[:_MOST_LETTERS] + "…", join(Markup("{}\n").format(part) for part in body), style)


def _labels(y: int, label: str, text: str) -> Markup:
    room = max(_LETTERS - len(text), 8)
    label = label if len(label) <= room else label[: room - 1] + "…"
    return Markup('<text class="label" x="0" y="{0}">{1}</text><text class="value" x="100%" y="{0}" text-anchor="end">{2}</text>').format(y + 13, label, text)


def _track(y: int) -> Markup:
    return Markup('<rect class="track" x="0" y="{}" width="100%" height="{}"/>').format(y + _BAR_TOP, _BAR_HEIGHT)


def _rect(y: int, start: float, length: float, style: str) -> Markup:
    return Markup('<rect class="mark {}" x="{}" y="{}" width="{}" height="{}"/>').format(
        style, _per_cent(start), y + _BAR_TOP, _per_cent(length), _BAR_HEIGHT
    )


def _tick(y: int, across: float) -> Markup:
    # Inside the picture at either end, where half of the line would be cut off.
    x = _per_cent(min(max(across, 0.003), 0.997))
    return Markup('<line class="target" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(x, y + _BAR_TOP - 3, y + _BAR_TOP + _BAR_HEIGHT + 3)


def _per_cent(share: float) -> str:
    return f"{share * 100:.3f}".rstrip("0").rstrip(".") + "%"


def sparkline(name: str, title: str, description: str, values: Sequence[float | None], *, target: float | None = None) -> Markup:
    """A trend from the left to now, from zero up, without axes; where a value is missing the line breaks. `target` is a line across."""
    top = max([value for value in (*values, target) if value is not None], default=0) or 1
    last = len(values) - 1

    def across(number: int) -> str:
        # Inside the picture at either end, where half of the dot would be cut off.
        return _per_cent(0.02 + 0.96 * number / last if last else 0.98)

    def down(value: float) -> str:
        return f"{_SPARK - 4 - value / top * (_SPARK - 8):.1f}"

    body = []
    if target is not None:
        body.append(Markup('<line class="spark-target" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(down(target)))
    for number, (before, value) in enumerate(pairwise(values), 1):
        if before is not None and value is not None:
            body.append(Markup('<line class="spark-line" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(across(number - 1), down(before), across(number), down(value)))
    for number, value in enumerate(values):
        # One without neighbours has no line to be seen by.
        is_alone = value is not None and (number == 0 or values[number - 1] is None) and (number == last or values[number + 1] is None)
        if value is not None and (is_alone or number == last):
            body.append(Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format("spark-now" if number == last else "spark-dot", across(number), down(value), "3" if number == last else "1.5"))
    return _svg(name, title, description, _SPARK, body, style="spark")
