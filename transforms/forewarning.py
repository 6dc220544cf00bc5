"""Early warnings as a letter to whoever takes what nobody owns: at most one a business day, and only what is worth saying.

A letter goes out where it says something that the last one did not; what merely stands is said again in the first letter of a week. The same list every
morning would be the noise that the programme counts as a failure mode, and said only once it would be forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

from transforms.domain.calendar import Calendar
from transforms.domain.digests import identifier
from transforms.domain.instants import MICROSECONDS
from transforms.domain.policy import Policy
from transforms.recipients import Recipients, Sent, calendars_of
from transforms.routing import Directory

KINDS = ("breach_expected", "source_silent", "arrivals_above_capacity", "ownership_currency_fell", "coverage_fell")
_WORDS = {
    "breach_expected": ("breach to expect within five business days", "breaches to expect within five business days"),
    "source_silent": ("silent source", "silent sources"),
    "arrivals_above_capacity": ("unit with arrivals above capacity", "units with arrivals above capacity"),
    "ownership_currency_fell": ("fall of ownership currency", "falls of ownership currency"),
    "coverage_fell": ("fall of scan coverage", "falls of scan coverage"),
}
HoldReason = Literal["business_day", "quiet_hours", "backoff", "cap"]
#: How long from its beginning a business day can be written to, and on while it is open: into the evening of the office, into the next noon of a night shift.
_DAY_US = 16 * 3600 * MICROSECONDS


class Forewarning(NamedTuple):
    """A letter: to whom, on which business day of theirs (ISO), rows of mart.early_warning with those that are new first, and how many those are."""

    person_id: str
    day: str
    rows: tuple[Mapping[str, Any], ...]
    new: int

    @property
    def subjects(self) -> list[str]:
        return sorted(map(subject, self.rows))

    @property
    def key(self) -> str:
        """A day has one letter, whatever is in it: tried again an hour later it is that letter, with what is known by then."""
        return identifier("early warning", self.person_id, self.day)


class Told(NamedTuple):
    """A letter that went out before."""

    person_id: str
    day: str
    subjects: frozenset[str]


class Before(NamedTuple):
    """What went out before: letters, all messages for the cap, and by a letter's key until when a channel that failed is left alone."""

    told: Collection[Told] = ()
    sent: Collection[Sent] = ()
    left_alone_until: Mapping[str, int] = {}


class Found(NamedTuple):
    """What there is to say: a letter that goes out unless `hold` says what it waits for, or why there is nobody to tell."""

    letter: Forewarning | None = None
    hold: HoldReason | None = None
    unreachable: str | None = None


def subject(row: Mapping[str, Any]) -> str:
    """What a warning is about: the same one on another day, whatever its figures."""
    return identifier(row["kind"], row["subject_kind"], row["subject_id"], row["cycle"])


def plan(
    rows: Iterable[Mapping[str, Any]], directory: Directory, before: Before, policy: Policy, as_of_us: int, calendars: Mapping[str, Calendar] | None = None
) -> Found:
    """The letter that is due at `as_of_us`, if any, about these rows of mart.early_warning in their order."""
    standing = list(rows)
    if not standing:
        return Found()
    default = policy.routing.escalation_default
    person = directory.person(default, as_of_us) if default else None
    if person is None or not person.is_valid or person.person_id is None:
        return Found(unreachable=(person.reason if person else None) or "no_escalation_default")
    recipients = Recipients(directory, policy, as_of_us, calendars or calendars_of(policy))
    who, day = person.person_id, recipients.day(person.person_id)
    letters = sorted((told for told in before.told if told.person_id == who), key=lambda told: told.day)
    last = letters[-1] if letters else None
    known = last.subjects if last else frozenset()
    fresh = [row for row in standing if subject(row) not in known]
    if last and (last.day >= day.isoformat() or not (fresh or _week(date.fromisoformat(last.day)) < _week(day))):
        return Found()
    letter = Forewarning(who, day.isoformat(), (*fresh, *(row for row in standing if subject(row) in known)), len(fresh))
    if as_of_us >= recipients.morning(who) + _DAY_US and not recipients.calendar(who).business_us(as_of_us, as_of_us + 1):
        return Found(letter, "business_day")
    if recipients.is_quiet(who):
        return Found(letter, "quiet_hours")
    if before.left_alone_until.get(letter.key, as_of_us) > as_of_us:
        return Found(letter, "backoff")
    return Found(letter, "cap" if recipients.sent_today(before.sent)[who] >= policy.dispatch.cap_per_day else None)


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """All of them in one line."""
    return summary_of(Counter(row["kind"] for row in rows))


def summary_of(counts: Mapping[str, int]) -> str:
    """The same of how many there are of each kind."""
    return ", ".join(f"{counts[kind]} {_WORDS[kind][counts[kind] != 1]}" for kind in KINDS if counts.get(kind)) or "no early warning"


def _week(day: date) -> Sequence[int]:
    return day.isocalendar()[:2]
