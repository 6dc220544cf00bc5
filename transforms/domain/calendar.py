"""Business time. `B(t)` is the open microseconds before t; business time is `B(t_b) - B(t_a)`, a due instant is the earliest t with
`B(t) = B(t_0) + budget`.

A calendar is a sorted list of open intervals with the open time before each (prefix sums), so each answer is one binary search; local
windows are resolved with the zone database: an ambiguous opening is the first, an ambiguous closing the second, a time in a gap is
pushed forward by the gap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import holidays as holidays_library

from transforms.domain.errors import PolicyError
from transforms.domain.instants import from_us, to_us, zone
from transforms.domain.policy import CalendarPolicy, Duration, window_minutes

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: How far a calendar is laid out beyond what was asked for, and where a search for a due instant gives up.
_MARGIN_DAYS = 400
_LAST_YEAR = 2200
_EDGE = timedelta(days=2)


class Calendar:
    """One calendar of the policy. Lays out more years by itself when it is asked about them."""

    def __init__(self, name: str, policy: CalendarPolicy) -> None:
        self.name, self._policy = name, policy
        self._zone = zone(policy.time_zone)
        self._windows = [window_minutes(text) for text in policy.windows]
        self._overrides = {day: [window_minutes(text) for text in texts] for day, texts in policy.overrides.items()}
        self._days = frozenset(_WEEKDAYS.index(day) for day in policy.days)
        self._closed = frozenset(policy.holidays)
        self._region(2026)  # an unknown region is an error of the policy, not of the first finding
        self._first, self._last = date(2000, 1, 1), date(2000, 1, 1)
        self._covered_from = self._covered_to = 0
        self.opens: list[int] = []
        self.closes: list[int] = []
        self.open_before: list[int] = []

    @property
    def business_day_us(self) -> int:
        return self._policy.business_day.wall_us()

    def open_us(self, instant: int) -> int:
        """`B(instant)`, counted from the first day laid out: only differences mean anything, and they never change."""
        self._cover(instant)
        index = bisect_right(self.opens, instant) - 1
        if index < 0:
            return 0
        return self.open_before[index] + min(instant, self.closes[index]) - self.opens[index]

    def business_us(self, start: int, end: int) -> int:
        """Open microseconds of [start, end); negative when end is before start."""
        self._cover(min(start, end))
        self._cover(max(start, end))
        return self.open_us(end) - self.open_us(start)

    def due(self, start: int, budget_us: int) -> int:
        """The earliest instant, not before `start`, by which `budget_us` of open time have passed since `start`."""
        if budget_us <= 0:
            return start
        self._cover(start)
        while True:
            target = self.open_us(start) + budget_us
            index = bisect_left(self._open_after, target)
            if index < len(self.opens):
                return self.opens[index] + target - self.open_before[index]
            self._lay_out(self._first, self._last + timedelta(days=4 * 365))

    def last_open(self, end: int, budget_us: int) -> tuple[int, int]:
        """From and to of the last `budget_us` of open time before `end`: from as late as they can begin to the last open instant."""
        self._cover(end)
        while (target := self.open_us(end) - budget_us) < 0:
            self._lay_out(self._first - timedelta(days=4 * 365), self._last)
        index = bisect_right(self.open_before, target) - 1
        closes = self.closes[bisect_left(self.opens, end) - 1]
        return self.opens[index] + target - self.open_before[index], min(closes, end)

    def next_morning(self, instant: int) -> int:
        """When the first business day begins that begins later than `instant`."""
        day = from_us(instant).astimezone(self._zone).date() - timedelta(days=1)
        while day.year <= _LAST_YEAR:
            begins = min((opens for opens, _ in self._day(day)), default=instant)
            if begins > instant:
                return begins
            day += timedelta(days=1)
        raise self._never_open()

    def last_morning(self, instant: int) -> int:
        """When the last business day began that had begun at `instant`."""
        day = from_us(instant).astimezone(self._zone).date() + timedelta(days=1)
        for _ in range(_MARGIN_DAYS):
            begins = min((opens for opens, _ in self._day(day)), default=instant + 1)
            if begins <= instant:
                return begins
            day -= timedelta(days=1)
        raise self._never_open()

    def local_date(self, instant: int) -> date:
        """The date in the calendar's zone."""
        return from_us(instant).astimezone(self._zone).date()

    def budget_us(self, duration: Duration) -> int:
        return duration.business_us(self.business_day_us)

    def _cover(self, instant: int) -> None:
        if self._covered_from <= instant < self._covered_to:
            return
        day = from_us(instant).date()
        margin = timedelta(days=_MARGIN_DAYS)
        if not self.opens:
            self._lay_out(day - margin, day + margin)
        else:
            self._lay_out(min(self._first, day - margin), max(self._last, day + margin))

    def _lay_out(self, first: date, last: date) -> None:
        if last.year > _LAST_YEAR:
            raise self._never_open()
        self._first, self._last = first, last
        # Two days inside the laid-out ones: no zone and no window past midnight reaches further.
        self._covered_from, self._covered_to = (to_us(datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in (first + _EDGE, last - _EDGE))
        self.opens, self.closes, self.open_before, self._open_after = [], [], [], []
        total = 0
        for opens, closes in self._intervals(first, last):
            self.opens.append(opens)
            self.closes.append(closes)
            self.open_before.append(total)
            total += closes - opens
            self._open_after.append(total)

    def _never_open(self) -> PolicyError:
        return PolicyError(f"calendars.{self.name}", seen=f"no open time to be found before {_LAST_YEAR}", remedy="open more days or windows")

    def _intervals(self, first: date, last: date) -> Iterator[tuple[int, int]]:
        """Open intervals in order, those that touch or overlap (windows past midnight) joined."""
        current: tuple[int, int] | None = None
        spans = sorted(span for offset in range((last - first).days + 1) for span in self._day(first + timedelta(days=offset)))
        for opens, closes in spans:
            if current and opens <= current[1]:
                current = (current[0], max(current[1], closes))
                continue
            if current:
                yield current
            current = (opens, closes)
        if current:
            yield current

    def _day(self, day: date) -> Iterator[tuple[int, int]]:
        if day in self._overrides:
            windows = self._overrides[day]
        elif day in self._closed or day in self._region(day.year) or day.weekday() not in self._days:
            return
        else:
            windows = self._windows
        midnight = datetime(day.year, day.month, day.day)
        for start, end in windows:
            opens, closes = self._opening(midnight + timedelta(minutes=start)), self._closing(midnight + timedelta(minutes=end))
            if opens < closes:
                yield opens, closes

    def _opening(self, local: datetime) -> int:
        return to_us(local.replace(tzinfo=self._zone))

    def _closing(self, local: datetime) -> int:
        first, second = local.replace(tzinfo=self._zone, fold=0), local.replace(tzinfo=self._zone, fold=1)
        is_ambiguous = first.utcoffset() > second.utcoffset()  # type: ignore[operator]  # a gap has it the other way round
        return to_us(second if is_ambiguous else first)

    def _region(self, year: int) -> frozenset[date]:
        return _holidays(self.name, self._policy.holiday_region, year) if self._policy.holiday_region else frozenset()


@lru_cache(maxsize=4096)
def _holidays(name: str, region: str, year: int) -> frozenset[date]:
    country, _, subdivision = region.partition("/")
    try:
        return frozenset(holidays_library.country_holidays(country, subdiv=subdivision or None, years=year))
    except (NotImplementedError, KeyError) as error:
        raise PolicyError(f"calendars.{name}.holiday_region", seen=f"{region!r}: {error}", expected="a region of the holidays library, as in DE/BE") from None
