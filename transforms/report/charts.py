"""Charts as inline SVG: pure functions of figures. Across, everything is in per cent of the width, so that a chart fills a page and a phone
with letters of one size; colours are the page's custom properties, so that light, dark and print come from one file (docs/decisions/0005).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from transforms.report.fragments import join

_ROW = 42
_BAR_TOP, _BAR_HEIGHT = 19, 12
_AXIS = 24
#: Letters that stand side by side above a bar on the narrowest screen; of a longer label the table below says all.
_LETTERS = 42


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


def bars(name: str, title: str, description: str, rows: Sequence[Bar], *, ceiling: float | None = None) -> Markup:
    """Horizontal bars on one scale from zero; `ceiling` is the scale's end, else the largest figure or target."""
    top = ceiling or max([figure for row in rows for figure in (row.value, row.target) if figure is not None], default=0) or 1
    body = []
    for number, row in enumerate(rows):
        y = number * _ROW
        body += [_labels(y, row.label, row.text), _track(y)]
        if row.value:
            body.append(_rect(y, 0, min(row.value / top, 1), row.style))
        if row.target is not None and row.target <= top:
            body.append(_tick(y, row.target / top))
    return _svg(name, title, description, len(rows) * _ROW, body)


def stacked_bars(
    name: str, title: str, description: str, rows: Sequence[tuple[str, str, Mapping[str, float]]], styles: Mapping[str, str]
) -> Markup:
    """Horizontal bars of parts on one scale. A row is (label, text, figure by part); `styles` gives the parts' order and style."""
    top = max((sum(parts.values()) for _, _, parts in rows), default=0) or 1
    body = []
    for number, (label, text, parts) in enumerate(rows):
        y, start = number * _ROW, 0.0
        body += [_labels(y, label, text), _track(y)]
        for part, style in styles.items():
            if parts.get(part):
                body.append(_rect(y, start / top, parts[part] / top, style))
                start += parts[part]
    return _svg(name, title, description, len(rows) * _ROW, body)


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


def _around(figures: Sequence[float], ticks: Sequence[tuple[float, str]]) -> Sequence[tuple[float, str]]:
    if not figures:
        return ticks
    first = max((number for number, (value, _) in enumerate(ticks) if value <= min(figures)), default=0)
    last = min((number for number, (value, _) in enumerate(ticks) if value >= max(figures)), default=len(ticks) - 1)
    return ticks[min(first, last - 1) if last else 0 : max(last, 1) + 1]


def _svg(name: str, title: str, description: str, height: int, body: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" role="img" aria-labelledby="{0}-title {0}-desc" width="100%" height="{1}" focusable="false">'
        '<title id="{0}-title">{2}</title><desc id="{0}-desc">{3}</desc>\n{4}</svg>'
    ).format(name, height, title, description, join(Markup("{}\n").format(part) for part in body))


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
