"""Business time: the 140 cases worked three ways, and the laws that hold for every calendar."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.domain.calendar import Calendar
from transforms.domain.errors import PolicyError
from transforms.domain.instants import iso, parse_stamp
from transforms.domain.policy import CalendarPolicy, Duration

CASES = json.loads((Path(__file__).parents[1] / "golden" / "calendar" / "business_time_cases.json").read_text(encoding="utf-8"))
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SECOND, HOUR = 1_000_000, 3_600_000_000
NAMES = sorted(CASES["calendars"])
#: 2023 to 2027, wherever the cases have holidays and every zone its changes of the clock.
INSTANTS = st.integers(min_value=1_672_531_200, max_value=1_830_000_000).map(lambda second: second * SECOND)
BUDGETS = st.integers(min_value=0, max_value=400 * HOUR)


def us(text: str) -> int:
    return parse_stamp(text).us


def fresh(name: str) -> Calendar:
    stated = CASES["calendars"][name]
    return Calendar(
        name,
        CalendarPolicy.model_validate(
            {
                "time_zone": stated["tz"],
                "days": [WEEKDAYS[day] for day in stated["days"]],
                "windows": ["-".join(window) for window in stated["windows"]],
                "holidays": stated["holidays"],
                "overrides": {day: ["-".join(window) for window in windows] for day, windows in stated.get("overrides", {}).items()},
            }
        ),
    )


@cache
def kept(name: str) -> Calendar:
    """One calendar for all examples, so that what it laid out for others is there too."""
    return fresh(name)


def berlin(**more: object) -> Calendar:
    return Calendar("berlin", CalendarPolicy.model_validate({"time_zone": "Europe/Berlin", **more}))


def test_there_are_140_cases():
    assert len(CASES["cases"]) == 140


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: f"{case['id']}-{case['calendar']}")
def test_a_worked_case(case):
    start, end = us(case["start_utc"]), us(case["end_utc"])
    calendar = fresh(case["calendar"])
    spent = case["business_seconds"] * SECOND
    assert calendar.business_us(start, end) == spent
    assert calendar.business_us(end, start) == -spent
    due = calendar.due(start, spent)
    assert due <= end
    assert calendar.business_us(start, due) == spent


@given(st.sampled_from(NAMES), st.lists(INSTANTS, min_size=3, max_size=3))
def test_business_time_adds_up(name, instants):
    a, b, c = instants
    calendar = kept(name)
    assert calendar.business_us(a, b) + calendar.business_us(b, c) == calendar.business_us(a, c)
    first, last = min(instants), max(instants)
    assert 0 <= calendar.business_us(first, last) <= last - first


@given(st.sampled_from(NAMES), INSTANTS, BUDGETS)
def test_due_is_the_earliest_instant_by_which_the_budget_has_passed(name, start, budget):
    calendar = kept(name)
    due = calendar.due(start, budget)
    assert due >= start
    assert calendar.business_us(start, due) == budget
    if budget:
        assert calendar.business_us(start, due - 1) == budget - 1
    else:
        assert due == start


@given(st.sampled_from(NAMES), INSTANTS, INSTANTS, BUDGETS)
def test_an_answer_does_not_depend_on_what_was_asked_before(name, start, end, budget):
    one, other = fresh(name), fresh(name)
    due = one.due(start, budget)
    answer = one.business_us(start, end)
    assert other.business_us(start, end) == answer
    assert other.due(start, budget) == due


@given(st.sampled_from(NAMES), INSTANTS, BUDGETS, BUDGETS)
def test_one_budget_after_another_is_their_sum(name, start, first, second):
    calendar = kept(name)
    assert calendar.due(calendar.due(start, first), second) == calendar.due(start, first + second)


@pytest.mark.parametrize(
    ("windows", "start", "end", "hours"),
    [
        # 2026-03-29: 02:00 to 03:00 does not exist. A window inside the gap is pushed forward by it and keeps its length.
        (["02:15-02:45"], "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 0.5),
        (["01:30-03:30"], "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 1),
        (["00:00-24:00"], "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
        # 2026-10-25: 02:00 to 03:00 is there twice. An ambiguous opening is the first, an ambiguous closing the second.
        (["02:15-02:45"], "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 1.5),
        (["02:30-06:00"], "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 4.5),
        (["00:00-24:00"], "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
    ],
)
def test_days_on_which_the_clock_changes(windows, start, end, hours):
    assert berlin(windows=windows, days=WEEKDAYS).business_us(us(start), us(end)) == hours * HOUR


def test_a_window_past_midnight_belongs_to_the_day_it_starts_on():
    night = berlin(windows=["22:00-30:00"], days=["fri"])
    assert night.business_us(us("2026-04-03T00:00:00Z"), us("2026-04-06T00:00:00Z")) == 8 * HOUR
    assert iso(night.due(us("2026-04-03T12:00:00Z"), 8 * HOUR)) == "2026-04-04T04:00:00Z"


def test_windows_that_touch_are_one():
    touching = berlin(windows=["09:00-12:00", "12:00-17:00"])
    assert iso(touching.due(us("2026-04-07T07:00:00Z"), 3 * HOUR)) == "2026-04-07T10:00:00Z"
    assert touching.business_us(us("2026-04-07T00:00:00Z"), us("2026-04-08T00:00:00Z")) == 8 * HOUR


def test_due_on_the_closing_minute_stays_there():
    assert iso(berlin().due(us("2026-04-07T07:00:00Z"), 8 * HOUR)) == "2026-04-07T15:00:00Z"
    assert iso(berlin().due(us("2026-04-07T07:00:00Z"), 8 * HOUR + 1)) == "2026-04-08T07:00:00.000001Z"


def test_an_override_wins_over_weekday_and_holiday():
    calendar = berlin(holidays=["2026-04-06"], overrides={"2026-04-06": ["09:00-10:00"], "2026-04-05": ["08:00-09:00"], "2026-04-07": []})
    assert calendar.business_us(us("2026-04-04T00:00:00Z"), us("2026-04-08T00:00:00Z")) == 2 * HOUR


def test_holidays_of_a_region_and_of_the_policy_both_close():
    calendar = berlin(holiday_region="DE/BE", holidays=["2026-05-04"])
    open_days = calendar.business_us(us("2026-04-30T00:00:00Z"), us("2026-05-06T00:00:00Z")) / (8 * HOUR)
    assert open_days == 2  # Thursday, and Tuesday: 1 May is a holiday, 4 May the policy's


def test_an_unknown_region_is_an_error_of_the_policy():
    with pytest.raises(PolicyError, match=r"calendars.berlin.holiday_region.*'DE/XX'"):
        berlin(holiday_region="DE/XX")


def test_a_calendar_that_never_opens_says_so():
    with pytest.raises(PolicyError, match="no open time"):
        berlin(days=["mon"]).due(us("2196-04-06T00:00:00Z"), 10_000 * 8 * HOUR)


def test_a_budget_in_business_days_is_the_calendars_own_day():
    calendar = berlin(business_day="7h")
    assert calendar.budget_us(Duration(amount=2, unit="bd")) == 14 * HOUR
    assert calendar.budget_us(Duration(amount=2, unit="bh")) == 2 * HOUR


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "2150-01-01T00:00:00Z"])
def test_far_instants_are_answered(text):
    assert berlin().due(us(text), HOUR) > us(text)
