"""On-call schedules as iCalendar (RFC 5545), as PagerDuty, Opsgenie, Grafana and calendars export them: each shift is a mapping `team:TEAM` for its length.

Which team: the sidecar's `target`, else the calendar's name. Who: the attendees' mail addresses, else what policy `directory.on_call_person` finds
in the SUMMARY. Recurrences are laid out up to policy `directory.on_call_horizon` after the snapshot, in local time: a shift that changes at nine
does so on both sides of a clock change. Of shifts at one time a smaller PRIORITY comes first, then the one that began later.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial
from itertools import islice, takewhile
from operator import ge
from typing import NamedTuple

import icalendar
from dateutil import rrule

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import from_us, is_zone, to_us, zone
from transforms.domain.result import Reject
from transforms.domain.source import Source

NAME = "on_call"
TITLE = "On-call schedule (iCalendar)"
KIND = "ownership"
#: Shifts come and go by themselves: a schedule with other people than the one before it has lost nothing.
IS_ROLLING = True

#: Of one event: ten years of daily shifts.
_MOST_SHIFTS = 4_000
#: Nobody's shift recurs more often than daily, and the search for such a recurrence may never end.
_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
#: PRIORITY 1 is the highest, 9 the lowest, 0 and absent are undefined.
_UNDEFINED_PRIORITY = 10
_NO_PEOPLE = ("GROUP", "RESOURCE", "ROOM")
#: What icalendar raises, also only when a broken property is touched.
_BROKEN = (ValueError, AttributeError, TypeError, KeyError, OverflowError)


class _Event(NamedTuple):
    pointer: str
    event: icalendar.Event
    zone: tzinfo


class _Shift(NamedTuple):
    person_id: str
    start_us: int
    end_us: int
    position: int
    pointer: str


def recognise(head: Head) -> bool:
    return head.content[:256].lstrip().upper().startswith(b"BEGIN:VCALENDAR")


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    try:
        calendars = icalendar.Calendar.from_ical(content, multiple=True)
    except _BROKEN as error:
        raise FileRejected("malformed", seen=str(error)[:200], expected="an iCalendar of RFC 5545") from None
    for number, calendar in enumerate(calendars):
        team = source.target or _text(calendar, "NAME") or _text(calendar, "X-WR-CALNAME")
        if not team:
            raise FileRejected(
                "no_team", seen="neither a sidecar nor the calendar's name says whose schedule it is", expected="a team", remedy="name it as `target` in a sidecar"
            )
        yield from _of_calendar(calendar, f"/{number}" if len(calendars) > 1 else "", team.strip(), source)


def _of_calendar(calendar: icalendar.Component, prefix: str, team: str, source: Source) -> Iterator[dict | Reject]:
    shifts: list[_Shift] = []
    events: list[_Event] = []
    zone_name = _text(calendar, "X-WR-TIMEZONE") or source.zone_name
    if not is_zone(zone_name):
        raise FileRejected("unknown_zone", seen=f"X-WR-TIMEZONE is {zone_name!r}", expected="an IANA time zone, as in Europe/Berlin")
    local = zone(zone_name)
    for number, event in enumerate(calendar.walk("VEVENT")):
        events.append(_Event(f"{prefix}/VEVENT/{number}", event, local))
    replaced: dict[str, set[int]] = defaultdict(set)
    for found in events:
        try:
            if "RECURRENCE-ID" in found.event:
                replaced[_text(found.event, "UID") or ""].add(to_us(_moment(found.event["RECURRENCE-ID"], found.zone)))
        except _BROKEN:
            pass  # the event itself is rejected below
    for found in events:
        try:
            shifts += _shifts(found, replaced, source)
        except _BROKEN as error:
            reason, _, detail = str(error).partition(": ")
            if not re.fullmatch(r"[a-z_]+", reason):
                reason, detail = "malformed", str(error)[:300]
            yield Reject(found.pointer, reason, detail, (_text(found.event, "SUMMARY") or "")[:200])
    yield from _mappings(shifts, team)


def _text(component: icalendar.Component, name: str) -> str | None:
    value = component.get(name)
    if isinstance(value, list):
        value = value[0]
    return (str(value).strip() or None) if value is not None else None


def _moment(value: object, local: tzinfo) -> datetime:
    """The aware start of a date or date-time property. Raises ValueError `unknown_zone: …` for a TZID that is no zone."""
    found, named = value.dt, value.params.get("TZID")  # type: ignore[attr-defined]
    if isinstance(found, datetime):
        if found.tzinfo is None and named:
            raise ValueError(f"unknown_zone: TZID {named!r} is no IANA zone and the calendar does not define it")
        return found if found.tzinfo else found.replace(tzinfo=local)
    return datetime.combine(found, time(), local)


def _length(event: icalendar.Event, start: datetime, local: tzinfo) -> timedelta:
    """The shift's length on the clock: what starts and ends at nine does so also when the clocks are changed in between."""
    if "DTEND" in event:
        end = _moment(event["DTEND"], local)
        same = end.astimezone(start.tzinfo)
        found = same.replace(tzinfo=None) - start.replace(tzinfo=None)
    elif "DURATION" in event:
        found = event["DURATION"].dt
    else:
        found = timedelta(0) if isinstance(event["DTSTART"].dt, datetime) else timedelta(days=1)
    if found <= timedelta(0):
        raise ValueError("bad_interval: the shift ends before it begins, or at once")
    return found


def _shifts(found: _Event, replaced: dict[str, set[int]], source: Source) -> list[_Shift]:
    event = found.event
    if (_text(event, "STATUS") or "").upper() == "CANCELLED":
        return []
    if "DTSTART" not in event:
        raise ValueError("missing_dtstart: the event has no DTSTART")
    start = _moment(event["DTSTART"], found.zone)
    length = _length(event, start, found.zone)
    people = _people(event, source)
    if not people:
        raise ValueError(f"no_person: no attendee, and SUMMARY {_text(event, 'SUMMARY')!r} names nobody by policy directory.on_call_person")
    priority = int(event["PRIORITY"]) if "PRIORITY" in event else 0
    position = priority if 0 < priority < _UNDEFINED_PRIORITY else _UNDEFINED_PRIORITY
    horizon = from_us(source.snapshot_us + source.directory.on_call_horizon.wall_us())
    hidden = set() if "RECURRENCE-ID" in event else replaced[_text(event, "UID") or ""]
    starts = dict.fromkeys(_starts(event, start, horizon), length) | _extra(event, found.zone, length)
    excluded = hidden | {to_us(moment) for moment in _listed(event, "EXDATE", found.zone)}
    intervals = []
    for begin, lasts in starts.items():
        if to_us(begin) not in excluded and begin <= horizon:
            intervals.append((to_us(begin), to_us((begin.replace(tzinfo=None) + lasts).replace(tzinfo=begin.tzinfo))))
    return [_Shift(person, begin, end, position, found.pointer) for begin, end in intervals for person in people]


def _people(event: icalendar.Event, source: Source) -> list[str]:
    attendees = event.get("ATTENDEE", [])
    found: dict[str, None] = {}
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        params = attendee.params
        scheme, _, mail = str(attendee).partition(":")
        if scheme.lower() == "mailto" and mail.strip() and params.get("PARTSTAT", "").upper() != "DECLINED" and params.get("CUTYPE", "").upper() not in _NO_PEOPLE:
            found[mail.strip()] = None
    if not found and (named := re.search(source.directory.on_call_person, _text(event, "SUMMARY") or "")) and named["person"]:
        found[named["person"].strip()] = None
    return list(found)


def _starts(event: icalendar.Event, start: datetime, horizon: datetime) -> Iterable[datetime]:
    """When the event happens by itself and by its rule, up to the horizon."""
    rules = event.get("RRULE")
    if rules is None:
        return [start]
    found: dict[datetime, None] = {start: None}
    for rule in rules if isinstance(rules, list) else [rules]:
        frequency = str(rule.get("FREQ", [""])[0]).upper()
        if frequency not in _FREQUENCIES or any(int(number) < 1 for name in ("INTERVAL", "COUNT") for number in rule.get(name, [])):
            raise ValueError(f"bad_recurrence: {rule.to_ical().decode()!r}, expected FREQ {', '.join(sorted(_FREQUENCIES))} and INTERVAL and COUNT of at least 1")
        # In local time, so that the clock's hour stays; the rule's own end is an instant, or a date or time on that clock.
        last = horizon.astimezone(start.tzinfo)
        for until in rule.get("UNTIL", []):
            moment = until if isinstance(until, datetime) else datetime.combine(until, time.max, start.tzinfo)
            last = min(last, moment.astimezone(start.tzinfo) if moment.tzinfo else moment.replace(tzinfo=start.tzinfo))
        parts = [part for part in rule.to_ical().decode().split(";") if not part.upper().startswith("UNTIL=")]
        laid_out = rrule.rrulestr(";".join(parts), dtstart=start.replace(tzinfo=None))
        dates = list(islice(takewhile(partial(ge, last.replace(tzinfo=None)), laid_out), _MOST_SHIFTS + 1))
        if len(dates) > _MOST_SHIFTS:
            raise ValueError(f"too_many_shifts: more than {_MOST_SHIFTS} up to {horizon:%Y-%m-%d}, expected a schedule of recent years")
        found |= dict.fromkeys(moment.replace(tzinfo=start.tzinfo) for moment in dates)
    return found


def _extra(event: icalendar.Event, local: tzinfo, length: timedelta) -> dict[datetime, timedelta]:
    """The shifts that RDATE adds, each with its own length where it states a period."""
    found = {}
    for value in _values(event, "RDATE"):
        moment, lasts = value if isinstance(value, tuple) else (value, length)
        begin = _aware(moment, local)
        found[begin] = lasts if isinstance(lasts, timedelta) else _aware(lasts, local) - begin
    return found


def _listed(event: icalendar.Event, name: str, local: tzinfo) -> list[datetime]:
    return [_aware(value, local) for value in _values(event, name)]


def _values(event: icalendar.Event, name: str) -> list:
    lists = event.get(name, [])
    found = []
    for values in lists if isinstance(lists, list) else [lists]:
        unzoned = any(isinstance(value.dt, datetime) and value.dt.tzinfo is None for value in values.dts)
        if unzoned and values.params.get("TZID"):
            raise ValueError(f"unknown_zone: TZID {values.params['TZID']!r} of {name} is no IANA zone and the calendar does not define it")
        found += [value.dt for value in values.dts]
    return found


def _aware(value: date | datetime, local: tzinfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), local)
    return value if value.tzinfo else value.replace(tzinfo=local)


def _mappings(shifts: list[_Shift], team: str) -> Iterator[dict]:
    """One mapping for each stretch of time in which a person is on call without a break and a change of place."""
    by_person: dict[str, list[_Shift]] = defaultdict(list)
    for shift in shifts:
        by_person[shift.person_id.lower()].append(shift)
    for found in by_person.values():
        person_id = min(shift.person_id for shift in found)  # one spelling: an address in another case is no other person
        edges = sorted({edge for shift in found for edge in (shift.start_us, shift.end_us)})
        begins: dict[int, list[_Shift]] = defaultdict(list)
        for shift in found:
            begins[shift.start_us].append(shift)
        running: list[_Shift] = []
        stretch: tuple[int, _Shift] | None = None
        for edge in edges:
            running = [shift for shift in (*running, *begins[edge]) if shift.end_us > edge]
            now = min(running, key=lambda shift: (shift.position, shift.start_us, shift.pointer), default=None)
            if stretch and (now is None or now.position != stretch[1].position):
                yield _mapping(stretch[1], person_id, stretch[0], edge, team)
                stretch = None
            if now and stretch is None:
                stretch = edge, now


def _mapping(shift: _Shift, person_id: str, start_us: int, end_us: int, team: str) -> dict:
    return {
        "pointer": f"{shift.pointer} {from_us(start_us):%Y-%m-%dT%H:%MZ}",
        "match": f"team:{team}",
        "person_id": person_id,
        "team": team,
        "position": shift.position,
        "effective_from": start_us,
        "effective_to": end_us,
    }
