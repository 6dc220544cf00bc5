"""The letter of early warnings by itself: whom it goes to, when its day begins and ends, what is new in it, how it reads."""

from __future__ import annotations

from datetime import datetime

import pytest

from transforms import forewarning, messages
from transforms.dispatch import directory_of
from transforms.forewarning import Before, Told, subject

PERSON = {"name": "Dana", "email": "dana@example.com", "role": "lead", "manager_id": "", "channel": "chat", "time_zone": "", "kind": "human", "status": "active", "is_in_force": True}
ALWAYS = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "windows": ["00:00-24:00"], "business_day": "24h"}
NIGHTS = {"windows": ["22:00-30:00"]}


def row(name: str = "trivy", **more: object) -> dict:
    values = {"kind": "source_silent", "severity": "high", "subject_kind": "scanner", "subject_id": name, "cycle": None, "due_at": None, "detail": f"{name} is silent", "evidence": "{}", "call": [], "action": "look"}
    return {**values, **more}


@pytest.fixture(scope="module")
def found(tools):
    def ask(rows: list[dict], at: str, *told: Told, person: dict | None = None, **overlay: object) -> forewarning.Found:
        directory = directory_of([{**PERSON, "person_id": "dana", "team": "secops", "standing": "valid", **(person or {})}])
        policy = tools.make_policy({"routing": {"escalation_default": "dana"}, **overlay})
        return forewarning.plan(rows, directory, Before(told), policy, tools.us(at))

    return ask


@pytest.mark.parametrize(
    ("at", "calendar", "hold"),
    [
        ("2026-05-04T08:59:59Z", {}, "business_day"), ("2026-05-04T09:00:00Z", {}, None), ("2026-05-04T19:59:00Z", {}, None), ("2026-05-04T20:00:00Z", {}, "quiet_hours"),
        ("2026-05-09T10:00:00Z", {}, "business_day"), ("2026-05-04T10:00:00Z", {"holidays": ["2026-05-04"]}, "business_day"),
        ("2026-05-09T18:00:00Z", ALWAYS, None), ("2026-05-05T07:30:00Z", NIGHTS, None), ("2026-05-05T14:00:00Z", NIGHTS, "business_day"),
    ],
    ids=["before it begins", "begins", "evening", "night", "weekend", "holiday", "round the clock", "after a night shift", "before one"],
)  # fmt: skip
def test_a_letter_goes_out_on_a_business_day(found, at, calendar, hold):
    answer = found([row()], at, calendars={"default": calendar} if calendar else {})
    assert answer.letter is not None and answer.hold == hold


def test_one_a_day_of_what_is_new_and_all_of_it_once_a_week(found):
    one, two = row("one"), row("two")
    told = Told("dana", "2026-05-05", frozenset({subject(one)}))
    assert found([one], "2026-05-05T15:00:00Z", told).letter is None, "the day has had its letter"
    assert found([one, two], "2026-05-05T15:00:00Z", told).letter is None, "what came up since waits for the next"
    assert found([one], "2026-05-08T15:00:00Z", told).letter is None, "nothing is new"
    assert [(r["subject_id"]) for r in found([one, two], "2026-05-06T15:00:00Z", told).letter.rows] == ["two", "one"]
    assert found([one], "2026-05-11T15:00:00Z", told).letter.new == 0, "another week"
    assert found([one], "2026-05-06T15:00:00Z", Told("erin", "2026-05-05", frozenset({subject(one)}))).letter.new == 1, "they were not told yet"
    assert found([], "2026-05-06T15:00:00Z") == forewarning.Found()


def test_a_day_has_one_letter_whatever_is_in_it(found):
    keys = {found(rows, at).letter.key for rows in ([row("one")], [row("two")]) for at in ("2026-05-05T10:00:00Z", "2026-05-05T15:00:00Z")}
    assert len(keys) == 1 != len(keys | {found([row("one")], "2026-05-06T10:00:00Z").letter.key})


@pytest.mark.parametrize(
    ("routing", "person", "reason"),
    [({"escalation_default": None}, {}, "no_escalation_default"), ({"escalation_default": "who"}, {}, "unknown_person"), ({"escalation_default": "dana"}, {"channel": None}, "no_channel")],
)
def test_where_nobody_can_be_told_it_is_said(found, routing, person, reason):
    assert found([row()], "2026-05-05T10:00:00Z", routing=routing, person=person).unreachable == reason


def test_how_it_reads(found, tools):
    rows = [
        row("f1", kind="breach_expected", severity="critical", subject_kind="handoff", cycle=1, due_at=datetime(2026, 5, 6, 9), detail="a <b>handoff</b>\nof x", evidence='{"title": "A `title`"}', call=["dana", "gone"]),
        *(row(f"s{number}") for number in range(24)),
    ]
    letter = found(rows, "2026-05-05T10:00:00Z").letter
    directory, policy = directory_of([{**PERSON, "person_id": "dana", "team": "secops", "standing": "valid"}]), tools.make_policy({"reporting_zone": "Europe/Berlin"})
    text = messages.forewarn(letter, directory, policy, tools.us("2026-05-05T08:00:00Z"), tools.us("2026-05-05T10:00:00Z"), "https://desk.example.com/")
    assert text.subject == "[early warning] 1 breach to expect within five business days, 24 silent sources"
    for line in ("as of Tue 2026-05-05 10:00 Europe/Berlin", "1. CRITICAL, new: a ‹b›handoff‹/b› of x\n  What:    A 'title'\n  Due:     Wed 2026-05-06 11:00 Europe/Berlin\n  Call:    Dana (dana), then gone\n",
                 "Id:      f1", "More:    https://desk.example.com/finding.html#f1", "2. HIGH, new: s0 is silent\n  Call:    nobody is known\n  Do:      look\n", "5 more are not shown here."):  # fmt: skip
        assert line in text.body, line
    assert "21. " not in text.body
