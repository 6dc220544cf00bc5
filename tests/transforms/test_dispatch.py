"""Who is told what, when: a walk through fortnights of plans, and each rule by itself."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import dispatch, messages
from transforms.dispatch import Before, Case, Taken, directory_of, plan
from transforms.domain.instants import MICROSECONDS, iso
from transforms.domain.policy import load_policy
from transforms.recipients import Sent, calendars_of

HOUR = 3_600 * MICROSECONDS
DAY = 24 * HOUR
BUDGET = {"critical": 4, "high": 8, "medium": 24, "low": 80}  # office hours


def person(person_id: str, manager: str = "", **more: object) -> dict:
    row = {"person_id": person_id, "name": person_id, "email": f"{person_id}@example.com", "team": "t", "role": "engineer", "manager_id": manager, "channel": "chat"}
    return {**row, "time_zone": "", "kind": "human", "status": "active", "is_in_force": True, "standing": "valid", **more}


PEOPLE = [
    person("anna", "mara", time_zone="Europe/Berlin"), person("bo", "mara", time_zone="America/New_York"), person("gone", "mara", is_in_force=False),
    person("mara", "zoe"), person("zoe"), person("dana"), person("mute", "quiet"), person("quiet", "zoe", channel=None),
]  # fmt: skip
DIRECTORY = directory_of(PEOPLE)


@pytest.fixture(scope="module")
def rules(tools):
    return lambda **overlay: tools.make_policy({"routing": {"escalation_default": "dana"}, **overlay})


@pytest.fixture(scope="module")
def calendar(rules):
    from transforms.domain.calendar import Calendar

    return Calendar("default", rules().calendars["default"])


@pytest.fixture(scope="module")
def case(calendar, tools):
    def make(name: str = "f", severity: str = "critical", at: str | int = "2026-05-04T10:00:00Z", **more: object) -> Case:
        captured = tools.us(at) if isinstance(at, str) else at
        values = {
            "finding_id": name, "cycle": 1, "severity": severity, "title": f"Title {name}", "asset_id": "pay", "target": "pay-api", "team": "t", "calendar": "default",
            "captured_us": captured, "acknowledged_us": None, "acknowledged_by": None, "resolved_us": None,
            "handoff_due_us": calendar.due(captured, BUDGET[severity] * HOUR), "remediation_due_us": None,
            "status": "routed", "person_id": "anna", "named_by": "asset:pay", "named_us": captured - DAY, "decayed_us": None,
        }  # fmt: skip
        return Case(**{**values, **more})

    return make


@pytest.fixture(scope="module")
def told(rules, tools):
    """(person, words) of every message of a plan, and (person, reason) of what waits."""

    def ask(cases, at: str, before: Before | None = None, **overlay):
        found = plan(cases, DIRECTORY, before or Before(), rules(**overlay), tools.us(at))
        return (
            [(message.person_id, *(decision.word for decision in message.decisions)) for message in found.messages],
            [(held.message.person_id, held.reason) for held in found.held],
            [(row.kind, row.step, row.reason) for row in found.unreachable],
        )

    return ask


def test_the_handoff_ladder_rung_by_rung(case, told):
    """Four business hours from 10:00: half at 12:00, 0.8 at 13:12, 0.9 at 13:36, due at 14:00."""
    rungs = ["notice", "handoff 0.5 owner", "handoff 0.8 manager", "handoff 0.9 manager", "handoff 1 escalation_default"]
    people = ["anna", "anna", "mara", "zoe", "dana"]
    for at, count in [("09:59:59", 0), ("10:00:00", 1), ("11:59:59", 1), ("12:00:00", 2), ("13:12:00", 3), ("13:36:00", 4), ("13:59:59", 4), ("14:00:00", 5)]:
        sent, waits, nobody = told([case()], f"2026-05-04T{at}Z")
        assert sorted((who, word) for who, *words in sent for word in words) == sorted(zip(people[:count], rungs[:count], strict=True))
        assert (waits, nobody) == ([], [])


def test_what_was_taken_is_not_said_again(case, told):
    done = [Taken("f", 1, "anna", "notice"), Taken("f", 1, "bo", "handoff 0.5 owner")]
    assert told([case()], "2026-05-04T12:30:00Z", Before((), done))[0] == [], "a rung is climbed once a cycle, whoever was the owner then"
    assert told([case(person_id="bo")], "2026-05-04T12:30:00Z", Before((), done))[0] == [("bo", "notice")], "a new owner is told"


def test_remediation_goes_up_engineering_and_never_to_security(case, told, tools):
    taken = case(acknowledged_us=tools.us("2026-05-04T11:00:00Z"), acknowledged_by="anna", remediation_due_us=tools.us("2026-05-14T11:00:00Z"))
    assert told([taken], "2026-05-11T22:00:00Z")[0] == [], "nothing of the handoff is left to say"
    assert told([taken], "2026-05-12T12:00:00Z")[0] == [("anna", "remediation 0.75 owner")]
    assert {who for who, *_ in told([taken], "2026-06-12T12:00:00Z")[0]} == {"anna", "mara", "zoe"}
    short = told([taken._replace(person_id="zoe")], "2026-06-12T12:00:00Z")
    assert ([who for who, *_ in short[0]], short[2]) == (["zoe"], [("remediation", "0.9 manager", "no_manager"), ("remediation", "1 manager", "no_manager")])
    assert told([taken._replace(resolved_us=taken.acknowledged_us)], "2026-06-12T12:00:00Z")[0] == []


@pytest.mark.parametrize("how", ["left", "declined"])
def test_an_owner_who_left_or_declined_starts_the_clock_of_reassignment(case, told, tools, how):
    start = tools.us("2026-05-04T10:30:00Z")
    left = case(person_id="gone", status="departed_person", decayed_us=start) if how == "left" else case(person_id="anna", declined={"anna": start})
    name = left.person_id
    for at, words in [("2026-05-04T10:30:00Z", {("mara", f"reassignment start {name}"), ("dana", "notice")}), ("2026-05-06T10:30:00Z", {("zoe", f"reassignment end {name}")})]:
        assert words <= {(who, word) for who, *said in told([left], at)[0] for word in said}
    assert "end" not in str(told([left], "2026-05-06T10:29:59Z")[0])


def test_a_manager_without_a_channel_is_passed_over(case, told):
    sent = told([case(person_id="mute")], "2026-05-04T13:12:00Z")[0]
    assert ("zoe", "handoff 0.8 manager") in sent


def test_what_a_person_without_a_channel_has_is_escalated_and_theirs_once_they_have_one(case, told):
    silent = case(person_id="quiet", status="no_channel")
    assert told([silent], "2026-05-04T10:00:00Z", routing={"escalation_default": None})[2] == [("notice", "", "no_escalation_default")]
    assert told([silent], "2026-05-04T10:00:00Z")[0] == [("dana", "notice")]
    assert ("zoe", "handoff 0.8 manager") in told([silent], "2026-05-04T13:12:00Z")[0]
    before = Before((), [Taken("f", 1, "dana", "notice")])
    assert told([case(person_id="bo")], "2026-05-04T10:30:00Z", before)[0] == [("bo", "notice")]


def test_what_is_unrouted_goes_to_the_default_or_is_said_to_have_nobody(case, told):
    lost = case(person_id=None, status="nobody", named_by=None)
    assert told([lost], "2026-05-04T10:00:00Z") == ([("dana", "notice")], [], [])
    assert told([lost], "2026-05-04T10:00:00Z", routing={"escalation_default": None}) == ([], [], [("notice", "", "no_escalation_default")])
    assert told([lost], "2026-05-04T10:00:00Z", routing={"escalation_default": "quiet"}) == ([], [], [("notice", "", "no_channel")])


def test_one_digest_a_person_and_business_day(case, told, tools):
    some = [case("m", "medium"), case("l", "low", "2026-05-04T18:00:00Z"), case("o", "low", "2026-05-05T08:30:00Z", person_id="bo")]
    assert told(some, "2026-05-05T08:59:59Z") == ([], [("anna", "digest"), ("bo", "digest")], [])
    sent, waits, _ = told(some, "2026-05-05T12:00:00Z")
    assert (sent, waits) == ([("anna", "notice", "notice"), ("bo", "notice")], [])
    late = case("n", "low", "2026-05-05T08:59:00Z")
    had = Before([Sent("anna", tools.us("2026-05-05T09:00:00Z"), False, True)])
    assert told([late], "2026-05-05T13:00:00Z", had)[1] == [("anna", "digest")]
    assert told([late], "2026-05-06T09:00:00Z", had)[0] == [("anna", "notice")]
    assert told(some[:1], "2026-05-04T10:00:00Z", dispatch={"digest": {"medium": "at_once"}})[0] == [("anna", "notice")]


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [("20:00-07:00", "2026-05-04T18:00:00Z", True), ("20:00-07:00", "2026-05-04T17:59:59Z", False), ("20:00-07:00", "2026-05-05T04:59:59Z", True),
     ("20:00-07:00", "2026-05-05T05:00:00Z", False), ("12:00-14:00", "2026-05-04T11:00:00Z", True), (None, "2026-05-04T22:00:00Z", False)],
)  # fmt: skip
def test_quiet_hours_are_the_person_s_own(case, told, hours, at, quiet):
    """anna is in Berlin, two hours ahead."""
    sent, waits, _ = told([case("h", "high"), case("c")], at, dispatch={"quiet_hours": hours}, escalation={"handoff": []})
    assert (("anna", "quiet_hours") in waits, len(sent)) == (quiet, 1 if quiet else 2), "critical goes through"


def test_the_cap_holds_back_what_is_not_urgent_and_loses_nothing(case, told, tools):
    some = [case(f"h{number}", "high") for number in range(4)] + [case("c")]
    ladder = {"escalation": {"handoff": []}, "dispatch": {"cap_per_day": 3}}
    sent, waits, _ = told(some, "2026-05-04T12:00:00Z", **ladder)
    assert (len(sent), waits) == (4, [("anna", "cap")])
    already = Before([Sent("anna", tools.us("2026-05-04T08:00:00Z"), False, False), Sent("anna", tools.us("2026-05-04T08:00:00Z"), True, False)])
    assert len(told(some, "2026-05-04T12:00:00Z", already, **ladder)[0]) == 3, "what was urgent does not count"
    assert len(told(some, "2026-05-05T12:00:00Z", already, **ladder)[0]) == 4, "the next day is another"


def test_a_claim_that_no_run_has_judged_holds_reminders_back(case, told):
    assert told([case(is_claimed=True)], "2026-05-04T14:00:00Z") == ([], [], [])


def test_a_channel_that_failed_is_left_alone(case, rules, tools):
    at = tools.us("2026-05-04T10:00:00Z")
    (message,) = plan([case()], DIRECTORY, Before(), rules(), at).messages
    away = Before((), (), {message.decisions[0].key: at + 1})
    assert [held.reason for held in plan([case()], DIRECTORY, away, rules(), at).held] == ["backoff"]
    assert plan([case()], DIRECTORY, away, rules(), at + 1).messages == [message]
    assert [dispatch.backoff_us(attempts, rules()) // (60 * MICROSECONDS) for attempts in (1, 2, 3, 10)] == [5, 10, 20, 240]


TICKS = st.lists(st.integers(0, 14 * 24 * 4), min_size=1, max_size=20)
ARRIVALS = st.lists(st.tuples(st.integers(0, 9 * 24 * 4), st.sampled_from(list(BUDGET)), st.sampled_from(["anna", "bo", "gone", None])), min_size=1, max_size=12)


@settings(max_examples=12)
@given(TICKS, ARRIVALS, st.data())
def test_a_fortnight_says_everything_once_whatever_runs(case, rules, tools, ticks, arrivals, data):
    """Doubled, missing and late runs: every decision is taken once, and in the end as many as one run that looks at the end alone would take."""
    start, quarter, policy = tools.us("2026-05-04T00:00:00Z"), HOUR // 4, rules(dispatch={"cap_per_day": 2})
    cases = []
    for number, (at, severity, owner) in enumerate(arrivals):
        gone = {"status": "departed_person" if owner else "nobody", "decayed_us": start + at * quarter} if owner in ("gone", None) else {}
        cases.append(case(f"f{number}", severity, start + at * quarter, person_id=owner, **gone))
    sent, taken, days, calendars = [], [], Counter(), calendars_of(policy)

    def round_(at: int) -> None:
        known = data.draw(st.permutations([one for one in cases if one.captured_us <= at])) if len(cases) < 5 else [one for one in cases if one.captured_us <= at]
        for message in plan(known, DIRECTORY, Before(list(sent), list(taken)), policy, at, calendars).messages:
            zone = ZoneInfo({"anna": "Europe/Berlin", "bo": "America/New_York"}.get(message.person_id, "UTC"))
            local = datetime.fromtimestamp(at / MICROSECONDS, UTC).astimezone(zone)
            assert message.is_urgent or 7 <= local.hour < 20
            days[message.person_id, local.date(), message.is_urgent] += 1
            days[message.person_id, local.date(), "digest"] += message.is_digest
            sent.append(Sent(message.person_id, at, message.is_urgent, message.is_digest))
            taken.extend(Taken(decision.finding_id, decision.cycle, decision.person_id, decision.word) for decision in message.decisions)

    for tick in sorted(ticks):
        round_(start + tick * quarter)
    for late in range(45):  # whatever waited goes out in the end
        round_(start + 14 * DAY + (late * 24 + 15) * HOUR)
    assert len(set(taken)) == len(taken)
    assert max((count for (_, _, what), count in days.items() if what is False), default=0) <= 2
    assert max((count for (_, _, what), count in days.items() if what == "digest"), default=0) <= 1
    unlimited = rules(dispatch={"cap_per_day": 10_000, "quiet_hours": None})
    at_the_end = plan(cases, DIRECTORY, Before(), unlimited, start + 59 * DAY + 15 * HOUR)
    assert set(taken) == {Taken(d.finding_id, d.cycle, d.person_id, d.word) for message in at_the_end.messages for d in message.decisions}


# What a message says


HOSTILE = "</b><script>alert(1)</script>\n\nSubject: x\r\nBcc: y@example.com\x1b[31m `*_[a](https://evil.example.com)_*` @here \u202egnp.exe"


def test_what_a_message_says(case, rules, tools):
    policy, at = rules(), tools.us("2026-05-04T12:00:00Z")
    (message,) = plan([case()], DIRECTORY, Before(), policy, at).messages
    text = messages.write(message, {("f", 1): case()}, DIRECTORY, policy, at)
    assert text.subject == "[critical] not acknowledged: Title f"
    for line in ("CRITICAL: Title f", "Where:   pay (scanned as pay-api)", "the mapping asset:pay names you since 2026-05-03", "Due:     Mon 2026-05-04 16:00 Europe/Berlin, to acknowledge",
                 "handoff ack f --as anna", "handoff decline f --as anna"):  # fmt: skip
        assert line in text.body
    linked = messages.write(message, {("f", 1): case()}, DIRECTORY, policy, at, lambda *place: messages.Answers(f"https://handoff.example.com/take/{place}", f"https://handoff.example.com/decline/{place}"))
    assert "Take it: https://handoff.example.com/take/('f', 1, 'anna')\n  Decline: https://handoff.example.com/decline/('f', 1, 'anna')" in linked.body
    assert "handoff ack" not in linked.body and "handoff reassign" not in linked.body
    distrusted = rules(acknowledgement={"trust": ["cli"]})
    assert "handoff ack f --as anna" in messages.write(message, {("f", 1): case()}, DIRECTORY, distrusted, at, lambda *place: messages.Answers("x", "y")).body


def body_for(case, who, at, policy, one=None):
    """What a person reads at an instant of everything that is due about one case."""
    one = one or case()
    (message,) = [message for message in plan([one], DIRECTORY, Before(), policy, at).messages if message.person_id == who]
    return messages.write(message, {one.place: one}, DIRECTORY, policy, at).body


def test_who_stands_above_reads_whose_it_is_how_long_it_waits_and_why_they(case, rules, tools):
    at = tools.us("2026-05-04T13:40:00Z")
    manager = body_for(case, "mara", at, rules())
    for line in ("Why you: not acknowledged after 80% of the time that there is for it (no message has reached anna yet); you stand above anna", "Owner:   anna; team t",
                 "Waiting: 3 h 40 min without an acknowledgement, since Mon 2026-05-04 10:00 UTC", "Pass on: handoff reassign f --as mara --to PERSON"):  # fmt: skip
        assert line in manager, line
    assert "you stand above anna" in body_for(case, "zoe", at, rules())
    lost = case(person_id="gone", status="departed_person", decayed_us=tools.us("2026-05-04T11:00:00Z"))
    default = body_for(case, "dana", at, rules(), lost)
    assert "Why you: gone has left: you are the escalation default" in default and "Owner:   nobody: gone has left; team t" in default
    assert "gone has left: it needs another owner within 48h; you stand above gone" in body_for(case, "mara", at, rules(), lost)


def test_of_rungs_that_are_told_at_once_the_last_says_all(case, rules, tools):
    lost = case(person_id=None, status="nobody", named_by=None)
    found = body_for(case, "dana", tools.us("2026-05-04T15:00:00Z"), rules(), lost)
    assert "Why you: no mapping names anybody: you are the escalation default; not acknowledged after 100% of the time that there is for it\n" in found


def test_only_those_whose_word_would_count_are_offered_to_take_it(case, rules, tools):
    at, elsewhere = tools.us("2026-05-04T13:40:00Z"), case(team="another")
    assert "handoff ack f --as mara" in body_for(case, "mara", at, rules())
    assert "handoff ack" not in body_for(case, "mara", at, rules(), elsewhere)
    assert "handoff ack f --as anna" in body_for(case, "anna", at, rules(), elsewhere)
    assert "handoff ack" not in body_for(case, "mara", at, rules(acknowledgement={"allowed": ["owner"]}))


def test_what_is_not_fixed_says_since_when_and_what_shows_it_fixed(case, rules, tools):
    taken = case(acknowledged_us=tools.us("2026-05-04T11:00:00Z"), acknowledged_by="anna", remediation_due_us=tools.us("2026-05-14T11:00:00Z"), scanners=["one", "two"])
    found = body_for(case, "mara", tools.us("2026-05-13T12:30:00Z"), rules(), taken)
    for line in ("Waiting: 9 d 1 h without a fix, since anna acknowledged it on Mon 2026-05-04 11:00 UTC", "Due:     Thu 2026-05-14 11:00 UTC, to fix and verify\n",
                 "Fixed:   when a later scan by one, two no longer finds it"):  # fmt: skip
        assert line in found, line
    assert "handoff ack" not in found
    assert "(overdue)" in body_for(case, "zoe", tools.us("2026-05-15T12:30:00Z"), rules(), taken)


@pytest.mark.parametrize(("severity", "is_offered"), [("low", True), ("high", False)])
def test_a_digest_is_taken_by_one_word_unless_something_in_it_needs_a_look(case, rules, tools, severity, is_offered):
    policy, at = rules(dispatch={"digest": {"high": "business_day"}}), tools.us("2026-05-05T12:00:00Z")
    some = [case("a", severity), case("b", "medium")]
    (message,) = [found for found in plan(some, DIRECTORY, Before(), policy, at).messages if found.is_digest and found.person_id == "anna"]
    text = messages.write(message, {one.place: one for one in some}, DIRECTORY, policy, at).body
    assert (f"handoff ack {messages.short_id(message.key)} --as anna" in text) is is_offered


def test_a_digest_lists_its_findings_the_most_severe_first(case, rules, tools):
    policy, at = rules(), tools.us("2026-05-05T12:00:00Z")
    some = [case("a", "low"), case("b", "medium")]
    (message,) = [found for found in plan(some, DIRECTORY, Before(), policy, at).messages if found.is_digest]
    text = messages.write(message, {one.place: one for one in some}, DIRECTORY, policy, at)
    assert text.subject == "[digest] 2 security handoffs"
    assert text.body.index("1. MEDIUM: Title b") < text.body.index("2. LOW: Title a")


def test_a_hostile_title_stays_one_line_of_plain_text(case, rules, tools):
    policy, at, one = rules(), tools.us("2026-05-04T10:00:00Z"), case(title=HOSTILE, asset_id=HOSTILE, target=HOSTILE)
    (message,) = plan([one], DIRECTORY, Before(), policy, at).messages
    calm = messages.write(message, {one.place: case()}, DIRECTORY, policy, at)
    text = messages.write(message, {one.place: one}, DIRECTORY, policy, at)
    assert "\n" not in text.subject and len(text.subject) <= 120
    assert len(text.body.splitlines()) == len(calm.body.splitlines())
    for bad in ("<", "`", "*", "@", "://", "\x1b", "\u202e", "["):
        assert bad not in text.body, bad


@settings(max_examples=30)
@given(st.text())
def test_plain_text_is_plain(text):
    found = messages.plain(text)
    assert found.isprintable() and len(found) <= 200 and not set(found) & set("<>`*@[]")
    assert messages.plain(found) == found


# The policy of it


@pytest.mark.parametrize(
    "text",
    ["dispatch: {quiet_hours: 25:00-07:00}", "dispatch: {cap_per_day: 0}", "dispatch: {channels: {urgent: 'mailto://a:b@c'}}", "escalation: {remediation: [{at: 1, to: escalation_default}]}",
     "escalation: {handoff: [{at: 0.9, to: owner}, {at: 0.5, to: manager}]}", "escalation: {reassignment: 4bh}"],
)  # fmt: skip
def test_a_policy_that_cannot_be_meant(tools, text):
    from transforms.domain.errors import PolicyError

    with pytest.raises(PolicyError):
        load_policy(("policy.yaml", tools.DEFAULT_POLICY), ("own.yaml", text))


def test_the_plan_does_not_depend_on_the_order_of_cases(case, rules, tools):
    some = [case(f"f{number}", severity) for number, severity in enumerate(("high", "critical", "low", "medium", "high"))]
    at = tools.us("2026-05-05T12:00:00Z")
    assert plan(some, DIRECTORY, Before(), rules(), at) == plan(some[::-1], DIRECTORY, Before(), rules(), at), iso(at)
