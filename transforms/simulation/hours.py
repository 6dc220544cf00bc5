"""Office hours of the programme, counted day by day: plain on purpose, so that a due instant owes nothing to the product's calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache

from transforms.domain.instants import from_us, to_us, zone

HOUR = 3_600_000_000
DAY = 24 * HOUR
_OPENS, _CLOSES = 9, 17
#: Calendar of the policy → zone and holidays. `default` is that of the default policy.
CALENDARS: dict[str, tuple[str, tuple[str, ...]]] = {
    "default": ("UTC", ()),
    "berlin": ("Europe/Berlin", ("2026-04-03", "2026-04-06", "2026-05-01")),
    "new_york": ("America/New_York", ("2026-02-16", "2026-05-25")),
    "kolkata": ("Asia/Kolkata", ("2026-01-26", "2026-03-04")),
}
#: Handoff budget in office hours, acknowledgement window and remediation budget in hours of the clock: the policy's defaults.
HANDOFF_HOURS = {"critical": 4, "high": 8, "medium": 24, "low": 80}
WINDOW_HOURS = {"critical": 24, "high": 72, "medium": 7 * 24, "low": 30 * 24}
REMEDIATION_HOURS = {"critical": 7 * 24, "high": 30 * 24, "medium": 90 * 24, "low": 180 * 24}


def at(text: str) -> int:
    """Microseconds of `2026-03-01T12:00` in UTC."""
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


@cache
def _open(calendar: str, day: date) -> tuple[int, int] | None:
    """Opening and closing of a local day, None where it is closed."""
    name, holidays = CALENDARS[calendar]
    if day.weekday() > 4 or day.isoformat() in holidays:
        return None
    opens, closes = (datetime(day.year, day.month, day.day, hour, tzinfo=zone(name)) for hour in (_OPENS, _CLOSES))
    return to_us(opens), to_us(closes)


def _days(calendar: str, start: int):
    day = from_us(start).astimezone(zone(CALENDARS[calendar][0])).date()
    while True:
        if span := _open(calendar, day):
            yield span
        day += timedelta(days=1)


def due(calendar: str, start: int, budget_us: int) -> int:
    """The earliest instant by which `budget_us` (> 0) of office hours have passed since `start`."""
    for opens, closes in _days(calendar, start):
        begins = max(opens, start)
        if closes - begins >= budget_us:
            return begins + budget_us
        budget_us -= max(0, closes - begins)
    raise AssertionError("days do not end")


def office_us(calendar: str, start: int, end: int) -> int:
    """Office time in [start, end)."""
    total = 0
    for opens, closes in _days(calendar, start):
        if opens >= end:
            return total
        total += max(0, min(closes, end) - max(opens, start))
    raise AssertionError("days do not end")
