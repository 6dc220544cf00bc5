"""Instants as sources write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.domain.instants import from_us, iso, parse_stamp, to_us
from transforms.domain.periods import TREND, current_periods, trends

NOON = "2026-05-04T12:00:00Z"


@pytest.mark.parametrize(
    "text",
    ["2026-05-04T12:00:00Z", "2026-05-04T14:00:00+02:00", "2026-05-04 12:00:00+00:00", "20260504T120000Z", "Mon, 04 May 2026 12:00:00 GMT", "2026-05-04T07:30:00-04:30"],
)
def test_one_instant_in_many_writings(text):
    assert parse_stamp(text, zone_name="Asia/Tokyo") == (to_us(datetime(2026, 5, 4, 12, tzinfo=UTC)), "zoned")


def test_what_was_said_of_it():
    assert parse_stamp("2026-05-04").precision == "date"
    assert parse_stamp("2026-05-04T12:00:00").precision == "naive"
    assert parse_stamp(NOON).precision == "zoned"
    assert parse_stamp(date(2026, 5, 4)).precision == "date"


def test_a_naive_stamp_is_read_in_its_zone():
    assert iso(parse_stamp("2026-05-04T12:00:00", zone_name="Asia/Kolkata").us) == "2026-05-04T06:30:00Z"
    assert iso(parse_stamp("2026-05-04", zone_name="America/New_York").us) == "2026-05-04T04:00:00Z"
    # In the hour that is there twice, the first.
    assert iso(parse_stamp("2026-10-25T02:30:00", zone_name="Europe/Berlin").us) == "2026-10-25T00:30:00Z"


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("07/03/2026", "mdy", "2026-07-03"),
        ("07/03/2026", "dmy", "2026-03-07"),
        ("25/03/2026", "mdy", "2026-03-25"),
        ("03/25/2026", "dmy", "2026-03-25"),
        ("7.3.2026", "dmy", "2026-03-07"),
    ],
)
def test_dates_with_slashes(text, order, day):
    assert iso(parse_stamp(text, date_order=order).us) == f"{day}T00:00:00Z"


def test_numbers_are_epoch_seconds():
    assert iso(parse_stamp(1_777_896_000).us) == NOON
    assert iso(parse_stamp(1_777_896_000.25).us) == "2026-05-04T12:00:00.250000Z"


@pytest.mark.parametrize("value", ["", " ", "soon", "2026-13-01", "2026-02-30T00:00:00Z", "12:00", "May 2026", "2026", None, True, [], "99/99/2026", "0", "2026-05-04T25:00:00Z"])
def test_what_is_no_instant(value):
    with pytest.raises(ValueError, match="not an instant"):
        parse_stamp(value)


@given(st.integers(min_value=-(10**15), max_value=4 * 10**15))
def test_every_instant_survives_its_own_writing(us):
    assert parse_stamp(iso(us)).us == us
    assert to_us(from_us(us)) == us


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2090, 1, 1)), st.integers(min_value=-840, max_value=840))
def test_an_offset_is_taken_off(local, minutes):
    from datetime import timezone

    aware = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert from_us(parse_stamp(aware.isoformat()).us) == aware


@pytest.mark.parametrize(
    ("as_of", "zone", "week", "month", "quarter"),
    [
        ("2026-05-04T00:00:00Z", "UTC", "2026-05-04", "2026-05-01", "2026-04-01"),
        ("2026-05-04T03:00:00Z", "America/New_York", "2026-04-27", "2026-05-01", "2026-04-01"),
        ("2026-12-31T23:30:00Z", "Asia/Tokyo", "2026-12-28", "2027-01-01", "2027-01-01"),
        ("2027-01-03T23:00:00Z", "UTC", "2026-12-28", "2027-01-01", "2027-01-01"),
    ],
)
def test_the_periods_that_contain_an_instant(as_of, zone, week, month, quarter):
    at = parse_stamp(as_of).us
    periods = current_periods(at, zone)
    assert [period.start.isoformat() for period in periods] == [week, month, quarter]
    for period in periods:
        assert period.previous_starts_us < period.starts_us <= at
        assert period.previous_start < period.start < period.end


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_trend_leads_to_the_current_period_without_a_gap(zone):
    at = parse_stamp("2026-03-31T23:30:00Z").us
    spans = trends(at, zone)
    for current in current_periods(at, zone):
        found = [span for span in spans if span.grain == current.grain]
        assert len(found) == TREND[current.grain]
        assert (found[-1].start, found[-1].end, found[-1].starts_us, found[-1].ends_us) == (current.start, current.end, current.starts_us, at + 1)
        assert (found[-2].start, found[-2].starts_us) == (current.previous_start, current.previous_starts_us)
        assert [span.is_current for span in found] == [False] * (len(found) - 1) + [True]
        for before, after in pairwise(found):
            assert (before.end, before.ends_us) == (after.start, after.starts_us)
            assert before.starts_us < before.ends_us
