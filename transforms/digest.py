"""Notifications as a digest window would have delivered them: what waits, until when, and what goes out together.

The record says when each dispatch reached its person. Under a window that it was not sent under, a dispatch of a band that waits goes out
when the person's next business day begins, in one message with all else that waits for it. What people did stays as the record has it: no
acknowledgement is moved, so a dispatch that was answered, or whose handoff had ended, before its digest would not have been in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

from transforms.domain.calendar import Calendar
from transforms.domain.policy import Policy
from transforms.domain.vocabulary import BAND_RANK, RATED_BANDS

Status = Literal["at_once", "in_digest", "waits", "needless"]


#: The bands whose notifications handoff itself sends in a digest where the policy does not say.
_BY_DEFAULT = ("medium", "low")


class Place(NamedTuple):
    """A handoff that a dispatch is about: its band at that instant, and from when nobody needs to be told of it any more."""

    finding_id: str
    cycle: int
    band: str
    settled_us: int | None


class Delivery(NamedTuple):
    """What becomes of one dispatch. `delivered_us` is None while it waits and where it is needless; `places` are those that it still tells of."""

    status: Status
    delivered_us: int | None
    places: frozenset[tuple[str, int]]


def waiting_bands(policy: Policy) -> frozenset[str]:
    """The bands whose notifications the policy says wait for a digest."""
    return frozenset(band for band in RATED_BANDS if policy.dispatch.digest.of(band) == "business_day")


def dispatched_bands(policy: Policy) -> frozenset[str]:
    """The bands that handoff's own dispatch holds back for a digest: those that the policy says, and medium and low where it says nothing."""
    return waiting_bands(policy) | {band for band in _BY_DEFAULT if policy.dispatch.digest.of(band) is None}


def deliver(dispatched_us: int, places: Iterable[Place], waiting: Collection[str], calendar: Calendar, as_of_us: int) -> Delivery:
    """When a dispatch reaches its person. One that is about no known handoff, or about any whose band does not wait, goes out at once."""
    about = list(places)
    if not about or any(place.band not in waiting for place in about):
        return Delivery("at_once", dispatched_us, frozenset((place.finding_id, place.cycle) for place in about))
    goes_out = calendar.next_morning(dispatched_us)
    left = frozenset((place.finding_id, place.cycle) for place in about if place.settled_us is None or place.settled_us > goes_out)
    if not left:
        return Delivery("needless", None, left)
    return Delivery("waits", None, left) if goes_out > as_of_us else Delivery("in_digest", goes_out, left)


def most_severe(places: Iterable[Place]) -> str | None:
    """The band that a dispatch counts under."""
    return min((place.band for place in places), key=BAND_RANK.__getitem__, default=None)
