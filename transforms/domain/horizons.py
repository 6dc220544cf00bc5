"""The stretches of business days that breaches are forecast over: from as_of on, and from each past week's end, to hold the forecast to."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from transforms.domain.calendar import Calendar
from transforms.domain.instants import from_us, zone
from transforms.domain.periods import midnight_us
from transforms.domain.policy import Duration

HORIZON = Duration(amount=5, unit="bd")
_WEEKS = 12


class Horizon(NamedTuple):
    """`starts_us` to `ends_us`, the business days after it; `previous_from_us` to `previous_to_us`, as many before it.

    `week_start` is the local Monday of the week that ends at `starts_us`; None for the horizon that begins at as_of.
    """

    starts_us: int
    week_start: date | None
    ends_us: int
    previous_from_us: int
    previous_to_us: int


def horizons(as_of_us: int, zone_name: str, calendar: Calendar) -> list[Horizon]:
    """That of `as_of_us`, and those of the last twelve ends of ISO weeks whose business days were over before it."""
    found = [_horizon(as_of_us, None, calendar)]
    today = from_us(as_of_us).astimezone(zone(zone_name)).date()
    monday = today - timedelta(days=today.weekday())
    while len(found) <= _WEEKS:
        week = _horizon(midnight_us(monday, zone_name), monday - timedelta(days=7), calendar)
        if week.ends_us < as_of_us:
            found.append(week)
        monday -= timedelta(days=7)
    return found


def business_days(as_of_us: int, days: int, zone_name: str, calendar: Calendar) -> list[tuple[date, int]]:
    """(local day, business days from the first of these days up to and with it) of the `days` before that of `as_of_us`, and of it."""
    today = from_us(as_of_us).astimezone(zone(zone_name)).date()
    found, count = [], 0
    for offset in range(-days, 1):
        day = today + timedelta(days=offset)
        count += calendar.business_us(midnight_us(day, zone_name), midnight_us(day + timedelta(days=1), zone_name)) > 0
        found.append((day, count))
    return found


def _horizon(starts_us: int, week_start: date | None, calendar: Calendar) -> Horizon:
    budget = calendar.budget_us(HORIZON)
    return Horizon(starts_us, week_start, calendar.due(starts_us, budget), *calendar.last_open(starts_us, budget))
