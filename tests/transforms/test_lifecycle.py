"""The state machine of handoff cycles: rulings 41 to 45 as tables, and the laws of its output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.domain.vocabulary import EVENT_RANK, EVENTS
from transforms.lifecycle import Capture, Event, History, history, sort_events

GRACE, ATTESTATION, AS_OF = 10, 50, 1000


def seen(at: int, band: str = "high", scanner: str = "one") -> Capture:
    return Capture(at, scanner, "", "T", f"{scanner}-{at}", "s", band, band, band, None, "scanner", at)


def happened(at: int, word: str, number: int = 0, comment: str | None = None) -> Event:
    return Event(at, EVENT_RANK[word], f"{word}-{at}-{number}", word, "anna", None, None, None, comment, "file", at)


def live(*items: Capture | tuple, as_of: int = AS_OF) -> History:
    """A history of captures (an instant, or a Capture) and events (instant, word)."""
    captures = sorted(item if isinstance(item, Capture) else seen(item[0]) for item in items if isinstance(item, Capture) or len(item) == 1)
    events = sort_events([happened(*item) for item in items if not isinstance(item, Capture) and len(item) > 1])
    return history(captures, events, as_of_us=as_of, grace_us=GRACE, attestation_us=ATTESTATION)


def cycles(*items: Capture | tuple, as_of: int = AS_OF) -> list[tuple]:
    """(origin, start, end, state) of each cycle."""
    return [(cycle.origin, cycle.started_us, cycle.ended_us, cycle.state) for cycle in live(*items, as_of=as_of).cycles]


FIRST = ("first_time", 100)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        # One capture opens, later ones change nothing
        ([(100,)], [(*FIRST, None, "open")]),
        ([(100,), (200,), (300,)], [(*FIRST, None, "open")]),
        ([seen(50, "informational"), (100,)], [(*FIRST, None, "open")]),
        ([seen(100, "unrated")], [(*FIRST, None, "open")]),
        ([seen(100, "informational")], []),
        # 42: what ends a cycle
        ([(100,), (200, "resolved")], [(*FIRST, None, "resolved")]),
        ([(100,), (200, "verified")], [(*FIRST, 200, "verified")]),
        ([(100,), (150, "resolved"), (200, "verified")], [(*FIRST, 200, "verified")]),
        ([(100,), (200, "withdrawn")], [(*FIRST, 200, "withdrawn")]),
        ([(100,), (150, "acknowledged"), (200, "withdrawn")], [(*FIRST, 200, "withdrawn")]),
        ([(100,), (150, "resolved"), (200, "withdrawn")], [(*FIRST, 200, "withdrawn")]),
        # 43: reopened by an event
        ([(100,), (200, "resolved"), (220, "reopened")], [(*FIRST, 220, "superseded"), ("reopened", 220, None, "open")]),
        ([(100,), (200, "verified"), (220, "reopened")], [(*FIRST, 200, "verified"), ("reopened", 220, None, "open")]),
        ([(100,), (200, "withdrawn"), (220, "reopened")], [(*FIRST, 200, "withdrawn"), ("reopened", 220, None, "open")]),
        ([(100,), (220, "reopened")], [(*FIRST, None, "open")]),
        ([(100,), (200, "resolved"), (200, "reopened")], [(*FIRST, 200, "superseded"), ("reopened", 200, None, "open")]),
        # 43: reopened by a scan later than the grace, counted from the earliest resolved, else from verified
        ([(100,), (200, "resolved"), (210,)], [(*FIRST, None, "resolved")]),
        ([(100,), (200, "resolved"), (211,)], [(*FIRST, 211, "superseded"), ("reopened", 211, None, "open")]),
        ([(100,), (200, "resolved"), (205, "resolved"), (211,)], [(*FIRST, 211, "superseded"), ("reopened", 211, None, "open")]),
        ([(100,), (200, "verified"), (210,)], [(*FIRST, 200, "verified")]),
        ([(100,), (200, "verified"), (211,)], [(*FIRST, 200, "verified"), ("reopened", 211, None, "open")]),
        ([(100,), (200, "resolved"), (208, "verified"), (211,)], [(*FIRST, 208, "verified"), ("reopened", 211, None, "open")]),
        ([(100,), (200, "withdrawn"), (500,)], [(*FIRST, 200, "withdrawn")]),
        ([(100,), (200, "resolved"), seen(300, "informational")], [(*FIRST, None, "resolved")]),
        ([(100,), (200, "resolved"), seen(300, "unrated")], [(*FIRST, 300, "superseded"), ("reopened", 300, None, "open")]),
        # moving back to in progress is no reopening
        ([(100,), (200, "resolved"), (220, "in_progress")], [(*FIRST, None, "resolved")]),
        # 45: a control whose attestation falls due starts a cycle
        ([(100,), (200, "control_accepted")], [(*FIRST, 250, "superseded"), ("revalidation", 250, None, "open")]),
        ([(100,), (200, "control_attested")], [(*FIRST, 250, "superseded"), ("revalidation", 250, None, "open")]),
        ([(100,), (200, "control_accepted"), (250, "control_attested")], [(*FIRST, 300, "superseded"), ("revalidation", 300, None, "open")]),
        ([(100,), (200, "control_accepted"), (251, "control_attested")],
         [(*FIRST, 250, "superseded"), ("revalidation", 250, 301, "superseded"), ("revalidation", 301, None, "open")]),
        ([(100,), (200, "control_accepted"), (220, "control_expired")], [(*FIRST, 220, "superseded"), ("revalidation", 220, None, "open")]),
        ([(100,), (220, "control_expired")], [(*FIRST, None, "open")]),
        ([(100,), (200, "control_accepted"), (230, "resolved")], [(*FIRST, None, "resolved")]),
        ([(100,), (200, "control_accepted"), (230, "verified")], [(*FIRST, 230, "verified")]),
        ([(100,), (200, "control_accepted"), (230, "withdrawn")], [(*FIRST, 230, "withdrawn")]),
        ([(100,), (200, "control_accepted"), (250, "resolved")], [(*FIRST, None, "resolved")]),
        # across a reopening it runs on
        ([(100,), (200, "control_accepted"), (210, "resolved"), (220, "reopened")],
         [(*FIRST, 220, "superseded"), ("reopened", 220, 250, "superseded"), ("revalidation", 250, None, "open")]),
        # due at as_of is due, later is not
        ([(100,), (AS_OF - ATTESTATION, "control_accepted")], [(*FIRST, AS_OF, "superseded"), ("revalidation", AS_OF, None, "open")]),
        ([(100,), (AS_OF - ATTESTATION + 1, "control_accepted")], [(*FIRST, None, "open")]),
    ],
)  # fmt: skip
def test_the_cycles_of(items, expected):
    assert cycles(*items) == expected


@pytest.mark.parametrize(
    ("items", "ignored"),
    [
        ([(100,), (99, "acknowledged")], [("acknowledged", "before_capture")]),
        ([(100,), (100, "acknowledged")], []),
        ([(100,), (150, "reopened")], [("reopened", "reopened_while_open")]),
        ([(100,), (150, "verified"), (150, "withdrawn"), (160, "commented")], [("withdrawn", "outside_cycle"), ("commented", "outside_cycle")]),
        ([(100,), (150, "control_expired")], [("control_expired", "no_running_control")]),
        ([(100,), (150, "resolved"), (160, "commented")], []),
        ([seen(100, "informational"), (150, "acknowledged")], [("acknowledged", "before_capture")]),
        ([(99, "resolved"), (100,)], [("resolved", "before_capture")]),
    ],
)
def test_events_outside_every_cycle_are_kept_with_their_reason(items, ignored):
    assert [(event.kind, reason) for event, reason in live(*items).ignored] == ignored


def test_an_ending_event_belongs_to_the_cycle_it_ends_a_reopening_to_the_one_it_starts():
    first, second = live((100,), (200, "verified"), (220, "reopened"), (230, "acknowledged")).cycles
    assert [event.kind for event in first.events] == ["verified"]
    assert [event.kind for event in second.events] == ["reopened", "acknowledged"]


def test_at_one_instant_captures_come_first_then_events_then_a_due():
    first, second = live((100,), (200, "resolved"), (211,), (211, "verified")).cycles
    assert [event.kind for event in first.events] == ["resolved"]
    assert (second.started_us, second.ended_us, second.state) == (211, 211, "verified")
    (only,) = live((100,), (200, "control_accepted"), (250, "verified")).cycles
    assert (only.ended_us, only.state) == (250, "verified")


def test_a_sighting_within_the_grace_belongs_to_the_cycle_that_it_did_not_reopen():
    (only,) = live((100,), (200, "verified"), (205,)).cycles
    assert [capture.captured_us for capture in only.captures] == [100, 205]
    assert only.ended_us == 200


@pytest.mark.parametrize(
    ("items", "controls"),
    [
        ([(100,), (200, "control_accepted")], [(200, 250)]),
        ([(100,), (200, "control_accepted"), (240, "control_attested"), (260, "verified")], [(200, 260)]),
        ([(100,), (200, "control_accepted"), (220, "control_expired")], [(200, 220)]),
        ([(100,), (200, "control_accepted"), (210, "resolved"), (220, "reopened")], [(200, 250)]),
        ([(100,), (990, "control_accepted")], [(990, None)]),
        ([(100,), (200, "control_accepted"), (300, "control_accepted")], [(200, 250), (300, 350)]),
    ],
)
def test_when_a_control_held(items, controls):
    assert [(control.start_us, control.end_us) for control in live(*items).controls] == controls


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        # (cycle, last attested, attestations, due, ended by, cycle that the lapse started)
        ([(100,), (990, "control_accepted")], (1, 990, 0, 1040, None, None)),
        ([(100,), (990, "control_attested")], (1, 990, 1, 1040, None, None)),
        ([(100,), (200, "control_accepted"), (240, "control_attested"), (250, "control_accepted"), (260, "verified")], (1, 250, 1, 300, "verified", None)),
        ([(100,), (200, "control_accepted"), (240, "withdrawn")], (1, 200, 0, 250, "withdrawn", None)),
        ([(100,), (200, "control_accepted")], (1, 200, 0, 250, "due", 2)),
        ([(100,), (200, "control_accepted"), (240, "resolved")], (1, 200, 0, 250, "due", None)),
        ([(100,), (200, "control_accepted"), (220, "control_expired")], (1, 200, 0, 220, "control_expired", 2)),
        # at one instant the attestation comes before the expiry
        ([(100,), (200, "control_accepted"), (220, "control_expired"), (220, "control_attested")], (1, 220, 1, 220, "control_expired", 2)),
        ([(100,), (150, "resolved"), (160, "reopened"), (200, "control_accepted"), (210, "resolved"), (220, "reopened")], (2, 200, 0, 250, "due", 4)),
    ],
)
def test_the_attestations_and_the_end_of_a_control(items, expected):
    (control,) = live(*items).controls
    assert (control.cycle, control.attested_us, control.attestations, control.due_us, control.ended_by, control.revalidation) == expected


def test_the_comment_of_a_withdrawal_is_its_reason():
    found = history([seen(100)], [happened(200, "withdrawn", comment="false positive")], as_of_us=AS_OF, grace_us=GRACE, attestation_us=ATTESTATION)
    assert found.cycles[0].withdrawal_reason == "false positive"


CAPTURES = st.lists(st.builds(seen, st.integers(0, 400), st.sampled_from(["high", "low", "unrated", "informational"]), st.sampled_from(["one", "two"])), max_size=8, unique_by=lambda capture: capture.observation_id)
HAPPENED = st.lists(st.builds(happened, st.integers(0, 400), st.sampled_from(EVENTS), st.integers(0, 2)), max_size=14, unique_by=lambda event: event.event_id)


@given(CAPTURES, HAPPENED)
def test_cycles_partition_time_and_events(captures, events):
    found = history(sorted(captures), sort_events(events), as_of_us=AS_OF, grace_us=GRACE, attestation_us=ATTESTATION)
    rated = [capture for capture in captures if not capture.is_informational]
    assert bool(found.cycles) == bool(rated)
    if rated:
        assert found.cycles[0].started_us == min(capture.captured_us for capture in rated)
        assert found.cycles[0].origin == "first_time"
    assert [cycle.number for cycle in found.cycles] == list(range(1, len(found.cycles) + 1))
    for before, after in zip(found.cycles, found.cycles[1:], strict=False):
        assert before.ended_us is not None
        assert before.started_us <= before.ended_us <= after.started_us
        assert after.origin != "first_time"
        assert before.state != "superseded" or before.ended_us == after.started_us
    for cycle in found.cycles:
        assert (cycle.ended_us is None) == (cycle.state in ("open", "resolved"))
        for event in cycle.events:
            assert cycle.started_us <= event.occurred_us
            assert cycle.ended_us is None or event.occurred_us <= cycle.ended_us
        assert cycle.events == sort_events(cycle.events)
    # every event is in one cycle, or ignored with a reason
    placed = [event.event_id for cycle in found.cycles for event in cycle.events] + [event.event_id for event, _ in found.ignored]
    assert sorted(placed) == sorted(event.event_id for event in events)
    # every capture that is not informational is in at most one cycle
    taken = [capture.observation_id for cycle in found.cycles for capture in cycle.captures]
    assert len(taken) == len(set(taken))
    for control in found.controls:
        assert control.end_us is None or control.start_us <= control.end_us <= control.due_us
        assert (control.end_us is None) == (control.ended_by is None)
        assert control.start_us <= control.attested_us <= control.due_us <= control.attested_us + ATTESTATION
    assert len({control.start_us for control in found.controls}) == len(found.controls)
    # a lapse starts a cycle, and nothing else starts one of that origin
    lapses = [(control.revalidation, control.end_us) for control in found.controls if control.revalidation]
    assert lapses == [(cycle.number, cycle.started_us) for cycle in found.cycles if cycle.origin == "revalidation"]


@given(CAPTURES, HAPPENED)
def test_the_quick_way_and_the_machine_agree(captures, events):
    """Without a turning event there is one cycle: said without the machine, and by it."""
    quiet = [event for event in events if event.kind in ("acknowledged", "commented", "routed", "notified")]
    plain = history(sorted(captures), sort_events(quiet), as_of_us=AS_OF, grace_us=GRACE, attestation_us=ATTESTATION)
    # an event that is ignored makes the machine run
    nudge = happened(401, "control_expired")
    machine = history(sorted(captures), sort_events([*quiet, nudge]), as_of_us=AS_OF, grace_us=GRACE, attestation_us=ATTESTATION)
    assert machine.cycles == plain.cycles
    assert [pair for pair in machine.ignored if pair[0] != nudge] == plain.ignored


@given(CAPTURES, HAPPENED, st.integers(400, 600), st.integers(0, 200))
def test_a_later_as_of_only_adds(captures, events, as_of, more):
    """What was known of closed cycles stays when nothing but time passes."""
    earlier = history(sorted(captures), sort_events(events), as_of_us=as_of, grace_us=GRACE, attestation_us=ATTESTATION).cycles
    later = history(sorted(captures), sort_events(events), as_of_us=as_of + more, grace_us=GRACE, attestation_us=ATTESTATION).cycles
    assert len(earlier) <= len(later)
    for before, after in zip(earlier, later, strict=False):
        assert (before.number, before.origin, before.started_us) == (after.number, after.origin, after.started_us)
        if before.ended_us is not None:
            assert before == after


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(EVENTS), st.integers(0, 3)), unique=True), st.randoms(use_true_random=False))
def test_the_order_of_input_is_irrelevant(items, random):
    events = [happened(*item) for item in items]
    assert sort_events(random.sample(events, len(events))) == sort_events(events)


def test_a_programme_in_another_order_is_the_same_programme(zone):
    zone.scan("2026-04-01T09:00:00Z").scan("2026-04-10T09:00:00Z", scanner="two", own="B").event("resolved", "2026-04-03T09:00:00Z").event("acknowledged", "2026-04-02T09:00:00Z")
    zone.event("reopened", "2026-04-05T09:00:00Z").event("acknowledged", "2026-04-05T09:00:00Z")
    before = zone.cycles()
    zone.events.reverse()
    zone.files = dict(reversed(zone.files.items()))
    assert zone.cycles() == before
    assert [(row["origin"], row["state"]) for row in before] == [("first_time", "superseded"), ("reopened", "open")]
