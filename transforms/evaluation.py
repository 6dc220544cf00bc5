"""One handoff cycle → its instants: stages, acknowledgement, due dates, window, failure modes (rulings 22, 28, 34 to 65).

Everything here is an instant or a choice of person, team or band. Durations, rates and breaches are computed from them in SQL.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from transforms.acknowledgement import may_acknowledge
from transforms.binding import AssetRegister, Binding
from transforms.domain.calendar import Calendar
from transforms.domain.instants import iso
from transforms.domain.lazy import lazy
from transforms.domain.policy import Duration, Policy
from transforms.domain.vocabulary import BAND_RANK, BINDING_STATUSES, EVENT_RANK, NAMING_EVENTS
from transforms.lifecycle import Control, Cycle, Event
from transforms.routing import Decision, Directory, Ownership, Person

_INFERRING = ("commented", "triaged", "in_progress")
_SELF_ASSIGNING = ("assigned", "reassigned")
_AFTER_ENRICHED = range(EVENT_RANK["routed"], EVENT_RANK["verified"] + 1)
_AFTER_ROUTED = range(EVENT_RANK["notified"], EVENT_RANK["verified"] + 1)
_BINDING_RANK = {status: rank for rank, status in enumerate(BINDING_STATUSES)}


class Sighting(NamedTuple):
    """A target under which the finding was seen, and when first; the field order is the tie order of ruling 28."""

    first_us: int
    scanner: str
    own_id: str
    title: str
    sighting_id: str
    target: str


class Inbox:
    """Every accepted notification by person, findings and unmatched refs alike: what noise is counted over (ruling 63)."""

    def __init__(self) -> None:
        self._instants: dict[str, list[int]] = {}

    def add(self, person_id: str, instant: int) -> None:
        self._instants.setdefault(person_id, []).append(instant)

    def freeze(self) -> None:
        for instants in self._instants.values():
            instants.sort()

    def count(self, person_id: str, end: int, window_us: int) -> int:
        """Notifications to the person in (end - window, end]."""
        instants = self._instants.get(person_id, [])
        return bisect_right(instants, end) - bisect_right(instants, end - window_us)


@dataclass(frozen=True, slots=True)
class World:
    """What holds outside the finding: registers, policy, calendars, the instant asked about."""

    policy: Policy
    as_of_us: int
    assets: AssetRegister
    directory: Directory
    ownership: Ownership
    inbox: Inbox
    calendars: Mapping[str, Calendar]

    def calendar(self, team: str | None) -> Calendar:
        return self.calendars[self.policy.calendar_of(team)]


class Mode(NamedTuple):
    """A failure mode that fired, with what fired it."""

    mode: str
    evidence: dict[str, Any]


class Judged(NamedTuple):
    """An event of a cycle and whether it counted for what it claims; `reason` says why not."""

    event: Event
    is_valid: bool
    reason: str | None


class Evaluation:
    """One cycle, judged at `as_of`. Each property is one answer, computed once."""

    def __init__(
        self, world: World, cycle: Cycle, sightings: Sequence[Sighting], file_path: str | None, controls: Sequence[Control], inherited: str | None
    ) -> None:
        self.world, self.cycle, self.sightings, self._file_path = world, cycle, sightings, file_path
        self._controls = controls
        #: The band of the previous cycle, which one without rated observations of its own takes over (ruling 22).
        self._inherited = inherited
        self._naming = [event for event in cycle.events if event.kind in NAMING_EVENTS and not event.is_own]
        self._decisions: dict[int, Decision] = {}

    def again(self) -> Evaluation:
        """The same cycle judged anew, after an event was added to it."""
        return Evaluation(self.world, self.cycle, self.sightings, self._file_path, self._controls, self._inherited)

    # What holds at an instant

    def binding(self, instant: int) -> Binding:
        """The best binding among the targets under which the finding had been seen by then."""
        return self._bound(instant)[0]

    def _bound(self, instant: int) -> tuple[Binding, str]:
        if len(self.sightings) == 1:
            target = self.sightings[0].target
            return self.world.assets.bind(target, instant), target
        seen = [sighting for sighting in self.sightings if sighting.first_us <= instant] or self.sightings[:1]
        bindings = [(self.world.assets.bind(sighting.target, instant), sighting.target) for sighting in seen]
        return min(bindings, key=lambda found: _BINDING_RANK[found[0].status])

    def decision(self, instant: int) -> Decision:
        """The decision in force: the latest naming event of the cycle by then, else what the primitive names."""
        found = self._decisions.get(instant)
        if found is None:
            found = self._decisions[instant] = self._named(instant) or self.primitive(instant)
        return found

    def _named(self, instant: int) -> Decision | None:
        latest = next((event for event in reversed(self._naming) if event.occurred_us <= instant), None)
        if latest is None:
            return None
        person = self.world.directory.person(latest.target, instant)
        return Decision(person.reason or "routed", latest.target, person, None, latest.occurred_us, is_event=True)

    def primitive(self, instant: int) -> Decision:
        """What the ownership mapping names at that instant."""
        binding, target = self._bound(instant)
        return self.world.ownership.decide(binding, target, self._file_path, instant)

    def team(self, instant: int) -> str | None:
        """The owning team: the asset's, else a matching mapping's, else that of the person in force (ruling 36)."""
        binding, target = self._bound(instant)
        return self.world.ownership.team(binding, target, self._file_path, instant) or self.decision(instant).person.team

    @lazy
    def _bands(self) -> list[tuple[int, str]]:
        """(instant, band) at each change of the cycle's band, by its own observations; starts with the inherited one, if any."""
        changes: list[tuple[int, str]] = [(self.cycle.started_us, self._inherited)] if self._inherited else []
        own: str | None = None
        for capture in self.cycle.captures:
            if capture.band in ("unrated", "informational"):
                continue
            if own is None or BAND_RANK[capture.band] < BAND_RANK[own]:
                own = capture.band
                if changes and changes[-1][0] == capture.captured_us:
                    changes[-1] = (capture.captured_us, own)
                else:
                    changes.append((capture.captured_us, own))
        return changes

    def band(self, instant: int) -> str:
        """The most severe workspace band among the cycle's observations captured by then (ruling 22)."""
        index = bisect_right(self._bands, instant, key=lambda change: change[0]) - 1
        return self._bands[index][1] if index >= 0 else "unrated"

    # Acknowledgement

    def may_acknowledge(self, actor: str | None, instant: int) -> bool:
        """Whether the actor's word would make the handoff at that instant (ruling 50)."""
        decision, person = self.decision(instant), self.world.directory.person(actor, instant)
        owner_id = decision.person.person_id if decision.person.record is not None else None
        return may_acknowledge(self.world.policy.acknowledgement, person, owner_id, self.team(instant), decision.status == "routed")

    @lazy
    def acknowledgements(self) -> list[Judged]:
        """Every acknowledgement of the cycle, judged; the first valid one is t1."""
        withdrawals = [event for event in self.cycle.events if event.kind == "acknowledgement_withdrawn"]
        last_withdrawal = max(((event.occurred_us, event.rank, event.event_id) for event in withdrawals), default=None)
        judged = []
        for event in self.cycle.events:
            if event.kind != "acknowledged":
                continue
            if last_withdrawal and (event.occurred_us, event.rank, event.event_id) < last_withdrawal:
                judged.append(Judged(event, False, "withdrawn"))
            elif not self._is_trusted(event):
                judged.append(Judged(event, False, "untrusted_method"))
            elif not self.may_acknowledge(event.actor, event.occurred_us):
                judged.append(Judged(event, False, "not_allowed"))
            else:
                judged.append(Judged(event, True, None))
        return judged

    def _is_trusted(self, event: Event) -> bool:
        return event.method in self.world.policy.acknowledgement.trust

    @lazy
    def acknowledgement(self) -> Event | None:
        return next((judged.event for judged in self.acknowledgements if judged.is_valid), None)

    @lazy
    def t1(self) -> int | None:
        return self.acknowledgement.occurred_us if self.acknowledgement else None

    @lazy
    def inferences(self) -> list[Event]:
        """Events that would stand in for an acknowledgement: visible work by someone who could have given one (ruling 53)."""
        return [event for event in self.cycle.events if self._infers(event)]

    def _infers(self, event: Event) -> bool:
        if event.kind in _SELF_ASSIGNING:
            if not self.world.directory.is_same(event.actor, event.target, event.occurred_us):
                return False
        elif event.kind not in _INFERRING:
            return False
        return self.may_acknowledge(event.actor, event.occurred_us)

    # Stages

    @lazy
    def stage_events(self) -> list[Judged]:
        """The enriched, routed, notified and triaged events of the cycle, judged (rulings 47 to 49, 51)."""
        judged = []
        for event in self.cycle.events:
            check = {"enriched": self._judge_enriched, "routed": self._judge_routed, "notified": self._judge_notified, "triaged": self._judge_triaged}
            if event.kind in check:
                reason = check[event.kind](event)
                judged.append(Judged(event, reason is None, reason))
        return judged

    def _first(self, kind: str) -> int | None:
        return next((judged.event.occurred_us for judged in self.stage_events if judged.is_valid and judged.event.kind == kind), None)

    def _judge_enriched(self, event: Event) -> str | None:
        if self.t1 is not None and event.occurred_us > self.t1:
            return "after_acknowledgement"
        if self.binding(event.occurred_us).status not in ("bound", "retired"):
            return "not_bound"
        return "overtaken" if event.is_own and self._is_overtaken(event, _AFTER_ENRICHED) else None

    def _judge_routed(self, event: Event) -> str | None:
        if self.t1 is not None and event.occurred_us > self.t1:
            return "after_acknowledgement"
        reason = self.world.directory.person(event.target, event.occurred_us).reason
        if reason:
            return reason
        return "overtaken" if event.is_own and self._is_overtaken(event, _AFTER_ROUTED) else None

    def _judge_notified(self, event: Event) -> str | None:
        if self.t1 is not None and event.occurred_us > self.t1:
            return "after_acknowledgement"
        person = self.world.directory.person(event.target, event.occurred_us)
        if person.reason:
            return person.reason
        in_force = self.decision(event.occurred_us).person
        if in_force.record is not None and in_force.person_id == person.person_id:
            return None
        if self.acknowledgement and self.world.directory.person(self.acknowledgement.actor, self.t1).person_id == person.person_id:  # type: ignore[arg-type]
            return None
        return "not_the_candidate"

    def _judge_triaged(self, event: Event) -> str | None:
        if self.t1 is None:
            return "not_acknowledged"
        return "before_acknowledgement" if event.occurred_us < self.t1 else None

    def _is_overtaken(self, own: Event, later: range) -> bool:
        """Whether a later stage is known to have happened before our own stamp: then the stamp came too late to mean anything."""
        return any(event.rank in later and event.occurred_us < own.occurred_us and not event.is_own for event in self.cycle.events)

    @lazy
    def enriched_us(self) -> int | None:
        return self._first("enriched")

    @lazy
    def routed_us(self) -> int | None:
        return self._first("routed")

    @lazy
    def notified_us(self) -> int | None:
        return self._first("notified")

    @lazy
    def triaged_us(self) -> int | None:
        return self._first("triaged")

    def earliest(self, kind: str) -> int | None:
        return next((event.occurred_us for event in self.cycle.events if event.kind == kind), None)

    # Instants of reference

    @lazy
    def horizon_us(self) -> int:
        """H: as_of, or the cycle's end before it (ruling 55)."""
        return min(self.world.as_of_us, self.cycle.ended_us) if self.cycle.ended_us is not None else self.world.as_of_us

    @lazy
    def settled_us(self) -> int:
        """Where owner, team, binding and band are read: at t1 once there is one, else at as_of."""
        return self.t1 if self.t1 is not None else self.world.as_of_us

    @lazy
    def calendar(self) -> Calendar:
        return self.world.calendar(self.team(self.settled_us))

    @lazy
    def severity(self) -> str:
        """The band at t1 or as_of; the first rated one where it was rated only after t1 (ruling 23)."""
        band = self.band(self.settled_us)
        return self._bands[0][1] if band == "unrated" and self._bands else band

    # Due dates (ruling 59: a raise shortens, a lowering moves nothing)

    def _raises(self, start: int, limit: int | None) -> list[tuple[int, str]]:
        """(instant, band) at `start` and at each raise after it up to `limit`; a cycle rated later starts when it was rated."""
        first = self.band(start)
        if first == "unrated":
            first_rated = self._bands[0] if self._bands else None
            if first_rated is None:
                return []
            start, first = first_rated
        found, worst = [(start, first)], BAND_RANK[first]
        for instant, band in self._bands:
            if instant > start and (limit is None or instant <= limit) and BAND_RANK[band] < worst:
                worst = BAND_RANK[band]
                found.append((instant, band))
        return found

    def _after(self, start: int, duration: Duration) -> int:
        return self.calendar.due(start, self.calendar.budget_us(duration)) if duration.is_business else start + duration.wall_us()

    @lazy
    def handoff_due_us(self) -> int | None:
        budgets = self.world.policy.handoff_sla
        return min((self._after(at, budgets.of(band)) for at, band in self._raises(self.cycle.started_us, self.settled_us)), default=None)

    @lazy
    def window_ends_us(self) -> int | None:
        windows = self.world.policy.acknowledgement_window
        return min((at + windows.of(band).wall_us() for at, band in self._raises(self.cycle.started_us, self.settled_us)), default=None)

    @lazy
    def remediation_due_us(self) -> int | None:
        if self.t1 is None:
            return None
        budgets = self.world.policy.remediation_sla
        return min((self._after_controls(at, budgets.of(band).wall_us()) for at, band in self._raises(self.t1, None)), default=None)

    @lazy
    def single_due_us(self) -> int | None:
        """What one SLA from t0 to closure would have asked: the handoff's due plus the remediation budget (ruling 57)."""
        if self.handoff_due_us is None:
            return None
        return self.handoff_due_us + self.world.policy.remediation_sla.of(self.severity).wall_us()

    @lazy
    def control_intervals(self) -> list[tuple[int, int]]:
        """When a compensating control held inside the cycle, up to as_of or the cycle's end."""
        clipped = [
            (max(control.start_us, self.cycle.started_us), min(control.end_us if control.end_us is not None else self.horizon_us, self.horizon_us))
            for control in self._controls
        ]
        return [(start, end) for start, end in clipped if start < end]

    def _after_controls(self, start: int, budget_us: int) -> int:
        """The earliest instant by which `budget_us` have passed since `start`, time under a control not counted."""
        at, left = start, budget_us
        for begins, ends in self.control_intervals:
            begins = max(begins, start)
            if ends <= begins:
                continue
            if begins - at >= left:
                break
            left -= begins - at
            at = ends
        return at + left

    @lazy
    def control_us(self) -> int:
        """Time under a control in [t1, remediation due)."""
        if self.t1 is None or self.remediation_due_us is None:
            return 0
        return sum(max(0, min(end, self.remediation_due_us) - max(start, self.t1)) for start, end in self.control_intervals)

    # Failure modes, whether or not the cycle passes their gate (which needs the breach, and so is SQL's)

    @lazy
    def binding_due_us(self) -> int | None:
        """x: half the handoff budget gone, or t1, or H, whichever is first (ruling 60)."""
        due, start = self.handoff_due_us, self.cycle.started_us
        if due is None:
            return None
        share = self.world.policy.half_budget
        # Open time, also where the SLA is written in wall time: half of what the handoff had of its working hours.
        budget = self.calendar.business_us(start, due) * share
        half = self.calendar.due(start, -(-budget.numerator // budget.denominator))
        return min(half, self._end_us)

    @lazy
    def _end_us(self) -> int:
        """min(t1, H): after it nothing explains the handoff any more."""
        return min(self.t1, self.horizon_us) if self.t1 is not None else self.horizon_us

    def _until_end(self, kind: str) -> list[Event]:
        return [event for event in self.cycle.events if event.kind == kind and event.occurred_us <= self._end_us]

    def modes(self) -> list[Mode]:
        """The failure modes that fire, in stage order."""
        checks = (self._binding_gap, self._decayed_routing, self._severity_mismatch, self._notification_noise, self._ambiguity)
        return [mode for check in checks if (mode := check()) is not None]

    def _binding_gap(self) -> Mode | None:
        x = self.binding_due_us
        if x is None:
            return None
        binding, target = self._bound(x)
        if binding.status == "bound":
            return None
        return Mode("asset_binding_gap", {"target": target, "status": binding.status, "candidates": list(binding.candidates), "at": iso(x)})

    def _decayed_routing(self) -> Mode | None:
        for event in self._naming:
            if event.occurred_us <= self._end_us:
                person = self.world.directory.person(event.target, event.occurred_us)
                if not person.is_valid:
                    return Mode("decayed_routing", _candidate(person, event.target, event.occurred_us) | {"event": event.event_id})
        instants = [event.occurred_us for event in self._until_end("notified")]
        if self.binding_due_us is not None:
            instants.append(self.binding_due_us)
        for instant in instants:
            if not self.is_decayed(instant):
                continue
            decision = self.decision(instant)
            age = None if decision.since_us is None else (instant - decision.since_us) / 1_000_000
            evidence = _candidate(decision.person, decision.reference, instant)
            return Mode("decayed_routing", evidence | {"reason": decision.status, "mapping": decision.primitive, "mapping_age_seconds": age})
        return None

    def is_decayed(self, instant: int) -> bool:
        """Whether the decision in force names no valid person; the primitive's counts only while there is an asset to own (ruling 61)."""
        decision = self.decision(instant)
        return decision.status != "routed" and (decision.is_event or self.binding(instant).status == "bound")

    def _severity_mismatch(self) -> Mode | None:
        for event in self._until_end("routed"):
            band = self.band(event.occurred_us)
            if event.severity and band != "unrated" and event.severity != "unrated" and BAND_RANK[event.severity] > BAND_RANK[band]:
                return Mode("severity_mismatch", {"event": event.event_id, "routed_as": event.severity, "workspace_band": band, "at": iso(event.occurred_us)})
        return None

    def _notification_noise(self) -> Mode | None:
        noise = self.world.policy.noise
        repeats: dict[str, int] = {}
        for event in self._until_end("notified"):
            person = self.world.directory.person(event.target, event.occurred_us)
            if not person.is_valid or person.person_id is None:
                continue
            repeats[person.person_id] = repeats.get(person.person_id, 0) + 1
            count = self.world.inbox.count(person.person_id, event.occurred_us, noise.window.wall_us())
            if count >= noise.threshold or repeats[person.person_id] >= noise.repeats:
                evidence = {"person": person.person_id, "channel": event.channel, "at": iso(event.occurred_us)}
                return Mode("notification_noise", evidence | {"notifications_in_window": count, "of_this_cycle": repeats[person.person_id]})
        return None

    def _ambiguity(self) -> Mode | None:
        work = [event for event in (*self.inferences, *(e for e in self.cycle.events if e.kind == "resolved")) if event.occurred_us <= self.horizon_us]
        first = min(work, default=None)
        if first is None or (self.t1 is not None and self.t1 <= first.occurred_us):
            return None
        return Mode("acknowledgement_ambiguity", {"event": first.event_id, "kind": first.kind, "actor": first.actor, "at": iso(first.occurred_us)})

    # Our own stage events (ruling 51)

    def own_events(self) -> list[tuple[str, str | None]]:
        """(event, target_person) of the stages that this run itself completes at as_of."""
        if not self.cycle.is_open or not self._bands:
            return []
        delivered = [event for event in self.cycle.events if not event.is_own]
        as_of, own = self.world.as_of_us, []
        if self.enriched_us is None and not any(e.rank in _AFTER_ENRICHED for e in delivered) and self.binding(as_of).status == "bound":
            own.append(("enriched", None))
        if self.routed_us is None and not self._naming and not any(e.rank in _AFTER_ROUTED for e in delivered):
            decision = self.primitive(as_of)
            if decision.status == "routed":
                own.append(("routed", decision.person.person_id))
        return own


def _candidate(person: Person, reference: str | None, instant: int) -> dict[str, Any]:
    record = person.record
    state = None if record is None else {"status": record["status"], "kind": record["kind"], "team": record["team"]}
    return {"candidate": reference, "state": state, "reason": person.reason, "at": iso(instant)}
