"""The five numbers period by period: the sparklines of the first section in figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars
from markupsafe import Markup

from transforms.report import fragments
from transforms.report.fragments import Column
from transforms.report.headlines import BREACHES, DEPTH, Headline, headlines
from transforms.report.period import Period
from transforms.report.wording import sentence_case

NAME = "over_time"
TITLE = "The five numbers over time"
ORDER = 69
QUERIES = ("dashboard", "threshold", "trend")
KINDS = ("week", "month", "quarter")


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    found, period = {headline.number: headline for headline in headlines(frames)}, Period.of(frames)
    measured = [place for place, point in enumerate(found[BREACHES].points) if point is not None]
    if len(measured) < 2:
        return f"No {period.grain} before this one is on record, so there is no trend to show."
    starts, breaches, queue = ([values[place] for place in measured] for values in (found[BREACHES].starts, _amounts(found[BREACHES]), _amounts(found[DEPTH])))
    return sentence(period.grain, starts, breaches, queue)


def sentence(grain: str, starts: Sequence[str], breaches: Sequence[int], queue: Sequence[int]) -> str:
    """When most went wrong; a breach and a depth for each period, by what it is called."""
    return sentence_case(f"{_breaches(grain, starts, breaches)}, and {_queue(grain, starts, queue)}.")


def _breaches(grain: str, starts: Sequence[str], points: Sequence[int]) -> str:
    most, shown = max(points), f"the {len(points)} {grain}s shown"
    if not most:
        return f"no handoff broke its SLA in {shown}"
    if points.count(most) > 1:
        return f"of {shown} {points.count(most)} had the most SLA breaches, {most:,} each"
    return f"of {shown} {_named(grain, starts[points.index(most)])} had the most SLA breaches, {most:,}"


def _queue(grain: str, starts: Sequence[str], points: Sequence[int]) -> str:
    most = max(points)
    if not most:
        return f"the unrouted queue was empty at the end of each {grain}"
    if points.index(most) == len(points) - 1:
        return f"the unrouted queue is at its longest now, {most:,}"
    return f"the unrouted queue was at its longest, {most:,}, at the end of {_named(grain, starts[points.index(most)])}" + (" and is so now" if points[-1] == most else "")


def _amounts(headline: Headline) -> list[int]:
    return [int(point or 0) for point in headline.points]


def _named(grain: str, start: str) -> str:
    return f"the week from {start}" if grain == "week" else start


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    found, period = headlines(frames), Period.of(frames)
    rows = [[start, *(headline.said_points[place] for headline in found)] for place, start in enumerate(found[0].starts)]
    heads = [Column(f"{period.grain.capitalize()}{' from' if period.grain == 'week' else ''}", False), *(Column(f"{headline.label}, {headline.unit}") for headline in found)]
    return fragments.join(
        [
            fragments.table(f"The sparklines in figures, {period.grain} by {period.grain}", heads, rows, is_wide=True),
            fragments.note(
                f"As known now: a {period.grain} reads as it would if it were printed again, late arrivals in it. It begins with the first capture on record. A dash: nothing was there to measure."
            ),
        ]
    )
