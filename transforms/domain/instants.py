"""Instants: every time in the record is an integer of microseconds since 1970-01-01T00:00:00Z.

A `Stamp` is what a source wrote: an instant, and how much of it was said (a zone, a time of day, or only a date).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dateutil.parser

MICROSECONDS = 1_000_000
DAY_US = 86_400 * MICROSECONDS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_ONLY = re.compile(r"\s*(\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{4}|\d{4}/\d{2}/\d{2}|\d{8})\s*")
_SLASHED = re.compile(r"\s*(\d{1,2})[/.](\d{1,2})[/.](\d{4})\b(.*)")

DateOrder = Literal["mdy", "dmy"]


class Stamp(NamedTuple):
    """An instant as a source stated it. `precision`: 'zoned', 'naive' (time of day without zone) or 'date'."""

    us: int
    precision: Literal["zoned", "naive", "date"]


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """The zone of that IANA name; raises `zoneinfo.ZoneInfoNotFoundError` (a KeyError) or ValueError for a bad one."""
    return UTC if name == "UTC" else ZoneInfo(name)


def is_zone(name: str) -> bool:
    """Whether there is a zone of that name."""
    try:
        zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime, exactly."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * MICROSECONDS + delta.microseconds


def from_us(us: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return _EPOCH + timedelta(microseconds=us)


def iso(us: int) -> str:
    """ISO 8601 with Z, with microseconds only where there are any."""
    return from_us(us).replace(tzinfo=None).isoformat() + "Z"


def parse_stamp(value: object, *, zone_name: str = "UTC", date_order: DateOrder = "mdy") -> Stamp:
    """The instant that a source wrote, as text, epoch seconds, date or datetime.

    A naive value is read in `zone_name`; `07/03/2026` month first unless that is impossible or `date_order` is 'dmy'.
    Raises ValueError with the value in its text when it is no instant.
    """
    if isinstance(value, bool) or value is None:
        raise ValueError(f"not an instant: {value!r}")
    if isinstance(value, datetime):
        return _stamp(value, zone_name)
    if isinstance(value, date):
        return Stamp(to_us(datetime(value.year, value.month, value.day, tzinfo=zone(zone_name))), "date")
    if isinstance(value, int | float):
        return Stamp(round(value * MICROSECONDS), "zoned")
    if not isinstance(value, str):
        raise ValueError(f"not an instant: {value!r}")
    return _parse_text(value, zone_name, date_order)


@lru_cache(maxsize=65_536)
def _parse_text(text: str, zone_name: str, date_order: DateOrder) -> Stamp:
    moment = _datetime(text.strip(), date_order)
    if _DATE_ONLY.fullmatch(text):
        return Stamp(to_us(moment.replace(tzinfo=zone(zone_name))), "date")
    return _stamp(moment, zone_name)


def _datetime(text: str, date_order: DateOrder) -> datetime:
    if not text:
        raise ValueError("not an instant: empty text")
    try:
        if text[:4].isdigit():
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    slashed = _SLASHED.fullmatch(text)
    try:
        if slashed:
            first, second = int(slashed[1]), int(slashed[2])
            month, day = (second, first) if (date_order == "dmy" and second <= 12) or first > 12 else (first, second)
            text = f"{slashed[3]}-{month:02d}-{day:02d}{slashed[4]}"
        # Two defaults that differ in every date part show a text that left one out: that is no instant.
        moment, other = (dateutil.parser.parse(text, default=datetime(year, month, day)) for year, month, day in ((2000, 1, 1), (2001, 2, 2)))
        if moment.date() != other.date():
            raise ValueError("it leaves out a part of the date")
        return moment
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not an instant: {text!r} ({error})") from None


def _stamp(moment: datetime, zone_name: str) -> Stamp:
    if moment.tzinfo is not None:
        return Stamp(to_us(moment), "zoned")
    return Stamp(to_us(moment.replace(tzinfo=zone(zone_name))), "naive")
