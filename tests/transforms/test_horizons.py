"""Stretches of five business days: from as_of, from past weeks' ends, and the five before each."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.domain.calendar import Calendar
from transforms.domain.horizons import horizons
from transforms.domain.instants import iso, parse_stamp
from transforms.domain.policy import CalendarPolicy

HOUR = 3_600_000_000
INSTANTS = st.integers(min_value=1_672_531_200, max_value=1_830_000_000).map(lambda second: second * 1_000_000)


def calendar(**more: object) -> Calendar:
    return Calendar("default", CalendarPolicy.model_validate(more))


def told(as_of: str, zone_name: str = "UTC", **more: object) -> list[tuple]:
    return [
        (horizon.week_start, *(iso(us).removesuffix("Z").removesuffix(":00") for us in (horizon.starts_us, horizon.ends_us, horizon.previous_from_us, horizon.previous_to_us)))
        for horizon in horizons(parse_stamp(as_of).us, zone_name, calendar(**more))
    ]


def test_from_as_of_and_from_twelve_weeks_ends():
    found = told("2026-01-07T12:00:00Z")
    assert found[0] == (None, "2026-01-07T12:00", "2026-01-14T12:00", "2025-12-31T12:00", "2026-01-07T12:00")
    # The week that ended on 5 January cannot be held to what happened: its five days end on the 9th.
    assert found[1] == (date(2025, 12, 22), "2025-12-29T00:00", "2026-01-02T17:00", "2025-12-22T09:00", "2025-12-26T17:00")
    assert [week for week, *_ in found[1:]] == [date.fromordinal(date(2025, 12, 22).toordinal() - 7 * number) for number in range(12)]


@pytest.mark.parametrize(("as_of", "latest"), [("2026-01-09T17:00:00Z", date(2025, 12, 22)), ("2026-01-09T17:00:00.000001Z", date(2025, 12, 29))])
def test_a_week_counts_once_its_five_days_are_over(as_of, latest):
    # What is due at their last instant is broken only after it.
    assert told(as_of)[1][0] == latest


def test_weeks_end_in_the_reporting_zone_and_days_are_the_calendars():
    found = told("2026-04-08T12:00:00Z", "America/New_York", time_zone="Europe/Berlin", holidays=["2026-03-31"])
    # Midnight in New York, summer time; Tuesday the 31st is closed in Berlin, where summer time began on the 29th.
    assert found[1] == (date(2026, 3, 23), "2026-03-30T04:00", "2026-04-06T15:00", "2026-03-23T08:00", "2026-03-27T16:00")


def test_a_calendar_that_never_closes():
    assert told("2026-01-07T12:00:00Z", days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"], windows=["00:00-24:00"], business_day="24h")[0] == (
        None, "2026-01-07T12:00", "2026-01-12T12:00", "2026-01-02T12:00", "2026-01-07T12:00",
    )  # fmt: skip


def test_a_calendar_with_one_day_a_week_looks_further_back():
    found = told("2026-03-02T12:00:00Z", days=["mon"])
    assert found[0][2] == "2026-04-06T12:00"
    assert found[1] == (date(2026, 1, 19), "2026-01-26T00:00", "2026-02-23T17:00", "2025-12-22T09:00", "2026-01-19T17:00")
    assert len(found) == 13


@given(end=INSTANTS, budget=st.integers(min_value=1, max_value=400 * HOUR), kind=st.sampled_from([{}, {"time_zone": "America/New_York", "windows": ["22:00-30:00"]}, {"days": ["wed"]}]))
def test_the_last_open_time_is_as_much_as_was_asked_for_and_as_late_as_can_be(end, budget, kind):
    kept = calendar(**kind)
    begins, closes = kept.last_open(end, budget)
    assert begins < closes <= end
    assert kept.business_us(begins, end) == kept.business_us(begins, closes) == budget
    assert kept.business_us(begins + 1, end) == budget - 1
    assert kept.business_us(closes - 1, end) == 1
