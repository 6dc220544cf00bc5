"""Reporting periods: the week, month and quarter that contain an instant, in the reporting zone, the one before each, and the trend that leads to it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from transforms.domain.instants import from_us, to_us, zone

GRAINS = ("week", "month", "quarter")
#: Periods of a trend, the current one included: a quarter of weeks, a year of months, two years of quarters.
TREND = {"week": 13, "month": 12, "quarter": 8}


class Period(NamedTuple):
    """`starts_us` to `ends_us`, half-open; `start` and `end` are its local days, `previous_*` those of the period before it."""

    grain: str
    start: date
    end: date
    starts_us: int
    previous_start: date
    previous_starts_us: int


def current_periods(as_of_us: int, zone_name: str) -> list[Period]:
    """The periods that contain `as_of_us`."""
    today = from_us(as_of_us).astimezone(zone(zone_name)).date()
    periods = []
    for grain in GRAINS:
        start = _start(today, grain)
        previous = _start(start - timedelta(days=1), grain)
        periods.append(Period(grain, start, _next(start, grain), midnight_us(start, zone_name), previous, midnight_us(previous, zone_name)))
    return periods


class Span(NamedTuple):
    """One period of a trend, half-open as `Period` is; of the current one, `ends_us` is the first instant that is not known yet."""

    grain: str
    start: date
    end: date
    starts_us: int
    ends_us: int
    is_current: bool


def trends(as_of_us: int, zone_name: str) -> list[Span]:
    """The periods that lead to the one that contains `as_of_us`, each beside the next, the oldest first; by grain."""
    spans = []
    for current in current_periods(as_of_us, zone_name):
        found = [Span(current.grain, current.start, current.end, current.starts_us, as_of_us + 1, True)]
        while len(found) < TREND[current.grain]:
            end, ends_us = found[0].start, found[0].starts_us
            start = _start(end - timedelta(days=1), current.grain)
            found.insert(0, Span(current.grain, start, end, midnight_us(start, zone_name), ends_us, False))
        spans += found
    return spans


def _start(day: date, grain: str) -> date:
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1, month=day.month if grain == "month" else (day.month - 1) // 3 * 3 + 1)


def _next(start: date, grain: str) -> date:
    return _start(start + timedelta(days={"week": 7, "month": 31, "quarter": 95}[grain]), grain)


def midnight_us(day: date, zone_name: str) -> int:
    """The first instant of a local day."""
    return to_us(datetime(day.year, day.month, day.day, tzinfo=zone(zone_name)))
