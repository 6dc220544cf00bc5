"""Whom messages go to, at one instant: their clock, their business day, their quiet hours, what they had today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import NamedTuple

from transforms.domain.calendar import Calendar
from transforms.domain.instants import from_us, is_zone, zone
from transforms.domain.policy import Policy
from transforms.routing import Directory, Person


class Sent(NamedTuple):
    """A message that went out before."""

    person_id: str
    at_us: int
    is_urgent: bool
    is_digest: bool


def zone_of(person: Person, policy: Policy) -> str:
    """The zone that a person lives by: the directory's, else the reporting zone."""
    name = person.record["time_zone"] if person.record else None
    return name if name and is_zone(name) else policy.reporting_zone


def calendars_of(policy: Policy) -> dict[str, Calendar]:
    """The calendars of a policy by name: to be kept where several plans are made under it."""
    return {name: Calendar(name, calendar) for name, calendar in policy.calendars.items()}


class Recipients:
    """The people of a directory as messages meet them at `as_of_us`."""

    def __init__(self, directory: Directory, policy: Policy, as_of_us: int, calendars: Mapping[str, Calendar]) -> None:
        self._directory, self._policy, self._as_of, self._calendars = directory, policy, as_of_us, calendars
        self._mornings: dict[str, int] = {}

    def calendar(self, person_id: str) -> Calendar:
        """Their team's."""
        return self._calendars[self._policy.calendar_of(self._directory.person(person_id, self._as_of).team)]

    def morning(self, person_id: str) -> int:
        """When their last business day began."""
        calendar = self.calendar(person_id)
        if calendar.name not in self._mornings:
            self._mornings[calendar.name] = calendar.last_morning(self._as_of)
        return self._mornings[calendar.name]

    def day(self, person_id: str) -> date:
        """Which business day of theirs was the last to begin, by their team's calendar."""
        return self.calendar(person_id).local_date(self.morning(person_id))

    def local(self, person_id: str, at_us: int) -> datetime:
        """An instant by their clock."""
        return from_us(at_us).astimezone(zone(zone_of(self._directory.person(person_id, self._as_of), self._policy)))

    def is_today(self, person_id: str, at_us: int) -> bool:
        return self.local(person_id, at_us).date() == self.local(person_id, self._as_of).date()

    def is_quiet(self, person_id: str) -> bool:
        """Whether it is a time of theirs at which only what is urgent goes out."""
        hours = self._policy.dispatch.quiet_hours
        if hours is None:
            return False
        start, end = hours.split("-")
        now = f"{self.local(person_id, self._as_of):%H:%M}"
        return start <= now < end if start <= end else now >= start or now < end

    def sent_today(self, sent: Collection[Sent]) -> dict[str, int]:
        """How many messages that count against the cap each of them had today."""
        found: dict[str, int] = defaultdict(int)
        for one in sent:
            found[one.person_id] += not one.is_urgent and self.is_today(one.person_id, one.at_us)
        return found
