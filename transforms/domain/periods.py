"""Reporting periods: the week, month and quarter that contain an instant, in the reporting zone, and the one before each."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from transforms.domain.instants import from_us, to_us, zone

GRAINS = ("week", "month", "quarter")


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


def _start(day: date, grain: str) -> date:
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1, month=day.month if grain == "month" else (day.month - 1) // 3 * 3 + 1)


def _next(start: date, grain: str) -> date:
    return _start(start + timedelta(days={"week": 7, "month": 31, "quarter": 95}[grain]), grain)


def midnight_us(day: date, zone_name: str) -> int:
    """The first instant of a local day."""
    return to_us(datetime(day.year, day.month, day.day, tzinfo=zone(zone_name)))
