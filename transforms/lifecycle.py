"""Observations and events of one finding → its handoff cycles: the state machine of rulings 42 to 45.

A cycle opens by capture, reopening or a lapsed control, and ends at verified closure, withdrawal, or the next cycle's start. Items
are walked in time order; at one instant observations come first, then events in the vocabulary's order, then a control's due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Literal, NamedTuple

from transforms.domain.vocabulary import EVENT_RANK

Origin = Literal["first_time", "reopened", "revalidation"]
State = Literal["open", "resolved", "verified", "withdrawn", "superseded"]
Ending = Literal["due", "control_expired", "verified", "withdrawn"]


class Event(NamedTuple):
    """One accepted event, resolved to a finding. The field order is the tie order of ruling 5."""

    occurred_us: int
    rank: int
    event_id: str
    kind: str
    actor: str | None
    target: str | None
    severity: str | None
    channel: str | None
    comment: str | None
    method: str
    recorded_us: int

    @property
    def is_own(self) -> bool:
        """Whether our own run wrote it to stamp a stage: it dates that stage and names nobody."""
        return self.method == "own"


class Capture(NamedTuple):
    """One observation of a finding; the field order is the tie order of ruling 5."""

    captured_us: int
    scanner: str
    own_id: str
    title: str
    observation_id: str
    sighting_id: str
    band: str
    native_severity: str | None
    scanner_band: str
    engagement: str | None
    capture_channel: str
    recorded_us: int

    @property
    def is_informational(self) -> bool:
        return self.band == "informational"


class Control(NamedTuple):
    """A compensating control while it holds; `end_us` and `ended_by` None while it runs, `due_us` its next attestation."""

    start_us: int
    due_us: int
    #: The cycle in which it was accepted; a reopening does not end it.
    cycle: int
    #: The last acceptance or attestation, and how many of them were attestations.
    attested_us: int
    attestations: int
    end_us: int | None = None
    ended_by: Ending | None = None
    #: The cycle that it started when it fell due; None where the finding was resolved then.
    revalidation: int | None = None


@dataclass(slots=True)
class Cycle:
    number: int
    origin: Origin
    started_us: int
    state: State = "open"
    ended_us: int | None = None
    resolved_us: int | None = None
    verified_us: int | None = None
    withdrawn_us: int | None = None
    withdrawal_reason: str | None = None
    captures: list[Capture] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.ended_us is None


class History(NamedTuple):
    """The cycles of a finding, its controls, and the events that are in no cycle, each with the reason."""

    cycles: list[Cycle]
    controls: list[Control]
    ignored: list[tuple[Event, str]]


#: Events that can end a cycle or run a control; without any of them a finding has one cycle from its first capture.
_TURNING = frozenset(("resolved", "verified", "reopened", "withdrawn", "control_accepted", "control_attested", "control_expired"))


def history(captures: Sequence[Capture], events: Sequence[Event], *, as_of_us: int, grace_us: int, attestation_us: int) -> History:
    """The history of one finding. `captures` and `events` are sorted and known by `as_of_us`; informational captures open nothing."""
    rated = [capture for capture in captures if not capture.is_informational]
    if not rated:
        return History([], [], [(event, "before_capture") for event in events])
    if not any(event.kind in _TURNING for event in events):
        cycle = Cycle(1, "first_time", rated[0].captured_us, captures=rated)
        ignored = []
        for event in events:
            if event.occurred_us < cycle.started_us:
                ignored.append((event, "before_capture"))
            else:
                cycle.events.append(event)
        return History([cycle], [], ignored)
    return _Machine(as_of_us, grace_us, attestation_us).run(rated, events)


class _Machine:
    def __init__(self, as_of_us: int, grace_us: int, attestation_us: int) -> None:
        self._as_of, self._grace, self._attestation = as_of_us, grace_us, attestation_us
        self._cycles: list[Cycle] = []
        self._controls: list[Control] = []
        self._ignored: list[tuple[Event, str]] = []
        self._control: Control | None = None  # the running one
        self._is_expired = False  # whether it is due because it expired

    def run(self, captures: Sequence[Capture], events: Sequence[Event]) -> History:
        items = merge(
            ((capture.captured_us, 0, index, capture) for index, capture in enumerate(captures)),
            ((event.occurred_us, 1, index, event) for index, event in enumerate(events)),
        )
        for instant, _, _, item in items:
            self._fire_due(before=instant)
            if isinstance(item, Capture):
                self._capture(item)
            else:
                self._event(item)
        self._fire_due(before=self._as_of + 1)
        if self._control:
            self._controls.append(self._control)
        return History(self._cycles, self._controls, self._ignored)

    def _open(self, origin: Origin, instant: int) -> Cycle:
        if self._cycles and self._cycles[-1].ended_us is None:
            self._cycles[-1].ended_us, self._cycles[-1].state = instant, "superseded"
        self._cycles.append(Cycle(len(self._cycles) + 1, origin, instant))
        return self._cycles[-1]

    def _capture(self, capture: Capture) -> None:
        if not self._cycles:
            self._open("first_time", capture.captured_us).captures.append(capture)
            return
        cycle = self._cycles[-1]
        if cycle.state == "withdrawn":
            return  # a scan never reopens a withdrawn finding
        if cycle.state in ("resolved", "verified"):
            base = cycle.resolved_us if cycle.resolved_us is not None else cycle.verified_us
            if capture.captured_us > base + self._grace:  # type: ignore[operator]  # one of both is set in these states
                cycle = self._open("reopened", capture.captured_us)
        cycle.captures.append(capture)

    def _event(self, event: Event) -> None:
        if not self._cycles:
            self._ignored.append((event, "before_capture"))
            return
        cycle = self._cycles[-1]
        if event.kind == "reopened":
            if cycle.state == "open":
                self._ignored.append((event, "reopened_while_open"))
            else:
                self._open("reopened", event.occurred_us).events.append(event)
            return
        if cycle.state in ("verified", "withdrawn"):
            self._ignored.append((event, "outside_cycle"))
            return
        if event.kind == "control_expired" and self._control is None:
            self._ignored.append((event, "no_running_control"))
            return
        cycle.events.append(event)
        self._turn(cycle, event)

    def _turn(self, cycle: Cycle, event: Event) -> None:
        instant = event.occurred_us
        if event.kind == "resolved" and cycle.resolved_us is None:
            cycle.resolved_us, cycle.state = instant, "resolved"
        elif event.kind == "verified":
            cycle.verified_us = cycle.ended_us = instant
            cycle.state = "verified"
            self._end_control(instant, "verified")
        elif event.kind == "withdrawn":
            cycle.withdrawn_us = cycle.ended_us = instant
            cycle.state, cycle.withdrawal_reason = "withdrawn", event.comment
            self._end_control(instant, "withdrawn")
        elif event.kind in ("control_accepted", "control_attested"):
            running = self._control or Control(instant, instant, cycle.number, instant, 0)
            attestations = running.attestations + (event.kind == "control_attested")
            self._control = running._replace(due_us=instant + self._attestation, attested_us=instant, attestations=attestations)
        elif event.kind == "control_expired" and self._control:
            self._control, self._is_expired = self._control._replace(due_us=instant), True

    def _end_control(self, instant: int, ended_by: Ending, revalidation: int | None = None) -> None:
        if self._control:
            self._controls.append(self._control._replace(end_us=instant, ended_by=ended_by, revalidation=revalidation))
        self._control, self._is_expired = None, False

    def _fire_due(self, *, before: int) -> None:
        """Lapses a control whose attestation fell due: events at the due instant itself have come first."""
        if self._control is None or self._control.due_us >= before:
            return
        due = self._control.due_us
        opened = self._open("revalidation", due).number if self._cycles[-1].state == "open" else None
        self._end_control(due, "control_expired" if self._is_expired else "due", opened)


def sort_events(events: list[Event]) -> list[Event]:
    """Events in the order of ruling 5."""
    return sorted(events, key=lambda event: (event.occurred_us, event.rank, event.event_id))


def event_rank(kind: str) -> int:
    return EVENT_RANK[kind]
