"""When a notification would have reached its person under a daily digest."""

from __future__ import annotations

import pytest

from transforms.digest import Delivery, Place, deliver, most_severe, waiting_bands
from transforms.domain.calendar import Calendar
from transforms.domain.instants import iso

LOW = {"dispatch": {"digest": {"medium": "business_day", "low": "business_day"}}}
BERLIN = "calendars: {default: {time_zone: Europe/Berlin, windows: ['09:00-12:00', '13:00-17:00'], holidays: [2026-04-06]}}"


def calendar(tools, overlay=BERLIN) -> Calendar:
    return Calendar("default", tools.make_policy(overlay).calendars["default"])


@pytest.mark.parametrize(
    ("at", "morning"),
    [
        ("2026-04-01T06:59:59Z", "2026-04-01T07:00:00Z"),  # before the day begins
        ("2026-04-01T07:00:00Z", "2026-04-02T07:00:00Z"),  # at its very beginning: too late for it
        ("2026-04-01T10:30:00Z", "2026-04-02T07:00:00Z"),  # the afternoon is no new day
        ("2026-04-02T15:00:00Z", "2026-04-03T07:00:00Z"),
        ("2026-04-03T20:00:00Z", "2026-04-07T07:00:00Z"),  # a weekend and a holiday
        ("2026-03-27T16:00:00Z", "2026-03-30T07:00:00Z"),  # summer time has begun
    ],
)
def test_the_next_morning_is_the_beginning_of_a_business_day(tools, at, morning):
    assert iso(calendar(tools).next_morning(tools.us(at))) == morning


def test_a_night_shift_begins_the_evening_that_owns_it(tools):
    nights = calendar(tools, "calendars: {default: {windows: ['22:00-30:00']}}")
    assert iso(nights.next_morning(tools.us("2026-04-02T01:00:00Z"))) == "2026-04-02T22:00:00Z"


def test_by_default_nothing_waits(tools):
    assert waiting_bands(tools.make_policy()) == frozenset()
    assert waiting_bands(tools.make_policy(LOW)) == {"medium", "low"}


AT, MORNING = "2026-04-01T10:00:00Z", "2026-04-02T07:00:00Z"


@pytest.mark.parametrize(
    ("places", "as_of", "expected"),
    [
        ([], "2026-05-01T00:00:00Z", ("at_once", AT, [])),
        ([("A", "critical", None)], "2026-05-01T00:00:00Z", ("at_once", AT, ["A"])),
        ([("A", "low", None), ("B", "critical", None)], "2026-05-01T00:00:00Z", ("at_once", AT, ["A", "B"])),
        ([("A", "unrated", None)], "2026-05-01T00:00:00Z", ("at_once", AT, ["A"])),
        ([("A", "low", None)], "2026-05-01T00:00:00Z", ("in_digest", MORNING, ["A"])),
        ([("A", "low", None)], MORNING, ("in_digest", MORNING, ["A"])),
        ([("A", "low", None)], "2026-04-02T06:59:59Z", ("waits", None, ["A"])),
        ([("A", "low", "2026-04-01T11:00:00Z")], "2026-05-01T00:00:00Z", ("needless", None, [])),
        ([("A", "low", MORNING)], "2026-05-01T00:00:00Z", ("needless", None, [])),
        ([("A", "low", "2026-04-01T11:00:00Z"), ("B", "medium", "2026-04-03T00:00:00Z")], "2026-05-01T00:00:00Z", ("in_digest", MORNING, ["B"])),
    ],
)
def test_what_becomes_of_a_dispatch(tools, places, as_of, expected):
    about = [Place(finding, 1, band, settled and tools.us(settled)) for finding, band, settled in places]
    status, delivered, left = expected
    found = deliver(tools.us(AT), about, {"medium", "low"}, calendar(tools), tools.us(as_of))
    assert found == Delivery(status, delivered and tools.us(delivered), frozenset((finding, 1) for finding in left))


def test_a_dispatch_counts_under_its_most_severe_handoff():
    assert most_severe([Place("A", 1, "low", None), Place("B", 1, "high", None)]) == "high"
    assert most_severe([]) is None


# In the programme


def derived(zone, tools, waiting, as_of="2026-05-01T00:00:00Z", policy=None):
    """Derived with these bands waiting, as a what-if does it."""
    from transforms import programme

    rules = tools.make_policy(policy)
    found = programme.derive(zone._record(tools.us(as_of), rules), rules, tools.us(as_of), completes_stages=False, waiting_bands=waiting)
    return tools.State(found, rules, tools.us(as_of))


@pytest.fixture
def noisy(zone):
    """Three low handoffs of anna's, of each of which she is told on one Wednesday; of A three times."""
    for own in "ABC":
        zone.scan("2026-04-01T08:00:00Z", "Low", own=own, cve=f"CVE-2026-{ord(own)}")
    for ref, hour in (("A", 9), ("A", 10), ("A", 11), ("B", 9), ("C", 12)):
        zone.event("notified", f"2026-04-01T{hour:02d}:30:00Z", "bot", ref=ref, target_person="anna")
    return zone


def test_a_run_knows_nothing_of_digests(noisy, tools):
    assert noisy.state().rows("dispatch") == []
    assert noisy.state(policy=LOW).rows("cycle") == noisy.state().rows("cycle")


def test_with_no_band_waiting_every_dispatch_is_told_of_and_nothing_moves(noisy, tools):
    plain, told = noisy.state(), derived(noisy, tools, frozenset())
    assert {name: told.rows(name) for name in plain.frames if name != "dispatch"} == {name: plain.rows(name) for name in plain.frames if name != "dispatch"}
    assert [(row["status"], row["dispatched_at"] == row["delivered_at"]) for row in told.rows("dispatch")] == [("at_once", True)] * 5


def test_what_waits_goes_out_in_one_message_and_is_noise_once(noisy, tools):
    policy = {"noise": {"threshold": 5}}
    assert {row["mode"] for row in derived(noisy, tools, frozenset(), policy=policy).rows("mode")} >= {"notification_noise"}
    found = derived(noisy, tools, {"low"}, policy=policy)
    assert {(row["person_id"], row["delivered_at"], row["status"]) for row in found.rows("dispatch")} == {("anna", "2026-04-02T09:00:00Z", "in_digest")}
    assert [row["notified_at"] for row in found.rows("cycle")] == ["2026-04-02T09:00:00Z"] * 3
    assert "notification_noise" not in {row["mode"] for row in found.rows("mode")}
    assert sorted(row["status"] for row in found.rows("event") if row["event"] == "notified") == ["counted"] * 3 + ["in_digest"] * 2


def test_an_acknowledgement_stays_where_it_is_and_makes_its_digest_needless(noisy, tools):
    noisy.event("acknowledged", "2026-04-01T14:00:00Z", ref="B")
    cycles = {row["own_ids"][0]: row for row in derived(noisy, tools, {"low"}).rows("cycle")}
    assert (cycles["B"]["acknowledged_at"], cycles["B"]["notified_at"]) == ("2026-04-01T14:00:00Z", None)
    assert cycles["C"]["notified_at"] == "2026-04-02T09:00:00Z"


def test_what_waits_beyond_as_of_has_reached_nobody(noisy, tools):
    found = derived(noisy, tools, {"low"}, as_of="2026-04-01T20:00:00Z")
    assert {(row["status"], row["delivered_at"]) for row in found.rows("dispatch")} == {("waits", None)}
    assert [row["notified_at"] for row in found.rows("cycle")] == [None] * 3
