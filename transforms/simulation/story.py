"""What happens to each finding: causes are chosen first, then everything that anybody could have observed of them.

A cause is planted as what really goes wrong (the desk routes to somebody who left, an engineer is flooded, work starts without a word). A
decoy is planted likewise and goes wrong for nobody. Which failure mode that makes is not decided here but in `truth.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from transforms.domain.vocabulary import BAND_RANK, RATED_BANDS
from transforms.simulation import hours
from transforms.simulation.hours import DAY, HOUR
from transforms.simulation.world import ANALYSTS, AS_OF, DESK_BOT, END, ROUND, UNOWNED, Cell, Person, Service

MINUTE = HOUR // 60
#: Causes of one cycle and the mode that each makes; those of a service are its condition. `unseen` leaves no evidence at all.
CYCLE_CAUSES = {
    "misrouted": "decayed_routing",
    "milder_band": "severity_mismatch",
    "flooded": "notification_noise",
    "burst": "notification_noise",
    "nagged": "notification_noise",
    "silent_start": "acknowledgement_ambiguity",
    "unseen": None,
}
SERVICE_CAUSES = {
    **dict.fromkeys(("unregistered", "ambiguous", "retired", "registered_late"), "asset_binding_gap"),
    **dict.fromkeys((*UNOWNED, "owner_leaves"), "decayed_routing"),
}
MODES = {**SERVICE_CAUSES, **CYCLE_CAUSES}
_WEIGHTS = {"misrouted": 24, "milder_band": 20, "flooded": 14, "nagged": 12, "silent_start": 30}
ATTESTATION = 30 * DAY
GRACE = DAY


class Following(NamedTuple):
    """How and when the next cycle begins; `is_said` where somebody reopened it and no scan did."""

    origin: str
    at: int
    is_said: bool = False


class Event(NamedTuple):
    """Something that happened; `counts` says whether it is what it claims to be."""

    at: int
    kind: str
    actor: str = ""
    target: str = ""
    severity: str = ""
    counts: bool = True
    channel: str = ""
    comment: str = ""


@dataclass(eq=False)
class Cycle:
    """One handoff as it really went."""

    number: int
    origin: str
    started_at: int
    events: list[Event] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    decoys: list[str] = field(default_factory=list)
    ended_at: int | None = None
    #: Spans under a compensating control.
    controls: list[tuple[int, int]] = field(default_factory=list)

    def first(self, kind: str) -> int | None:
        """The earliest event of that kind which is what it claims to be."""
        return min((event.at for event in self.events if event.kind == kind and event.counts), default=None)

    def say(self, *event: object, **more: object) -> None:
        self.events.append(Event(*event, **more))  # type: ignore[arg-type]


@dataclass(eq=False)
class Finding:
    """One vulnerability at one place of one service."""

    serial: int
    service: Service
    fact: dict[str, str]
    #: (from when, band): more than one where a later scan rates it more severely.
    bands: list[tuple[int, str]]
    #: (scanner, captured, band) of everything that saw it, the primary scanner's first.
    sightings: list[tuple[str, int, str]] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    #: Position in a burst of arrivals, 0 for none.
    burst: int = 0

    @property
    def scanner(self) -> str:
        """The scanner whose own id names it."""
        return next(iter(self.service.targets))

    @property
    def handle(self) -> str:
        return self.fact["own_id"]

    def band(self, instant: int) -> str:
        return min((band for since, band in self.bands if since <= instant), key=BAND_RANK.__getitem__)


class Teller:
    """Tells the stories of one cell."""

    def __init__(self, cell: Cell) -> None:
        self.cell, self.rng = cell, cell.rng
        self._alerts = 0
        #: Notifications that concern no finding of the programme: what floods are made of. (instant, person)
        self.alerts: list[tuple[int, str]] = []

    def live(self, finding: Finding, started_at: int) -> None:
        """All cycles of a finding."""
        following: Following | None = Following("first_time", started_at)
        while following is not None:
            cycle = Cycle(len(finding.cycles) + 1, following.origin, following.at)
            finding.cycles.append(cycle)
            if following.is_said:
                cycle.say(following.at, "reopened", self.rng.choice(ANALYSTS))
            self._handoff(finding, cycle)
            is_worked = cycle.first("acknowledged") is not None or cycle.first("resolved") is not None
            following = self._close(finding, cycle) if is_worked else self._leave(cycle)
            cycle.events.sort()

    # The handoff itself

    def _handoff(self, finding: Finding, cycle: Cycle) -> None:
        rng, service, t0 = self.rng, finding.service, cycle.started_at
        band = finding.band(t0)
        calendar = self.cell.calendar if service.has_team and service.binding(t0) in ("bound", "retired") else "default"
        due = hours.due(calendar, t0, hours.HANDOFF_HOURS[band] * HOUR)
        window = t0 + hours.WINDOW_HOURS[band] * HOUR
        causes = self._choose(finding, cycle, band)
        is_wronged = bool(causes) or service.condition in SERVICE_CAUSES
        outcome = rng.choices(("prompt", "late", "never"), (25, 45, 30) if is_wronged else (80, 12, 8))[0]
        t1 = self._acknowledge_at(outcome, t0, due, window)
        span = (min(t1, due) if t1 is not None else min(due, END)) - t0
        _Desk(self, finding, cycle, band, t0, span, t1).work(causes)
        if outcome != "prompt" and not cycle.causes:
            cycle.causes.append("unseen")

    def _choose(self, finding: Finding, cycle: Cycle, band: str) -> list[str]:
        rng = self.rng
        if finding.burst and cycle.number == 1:
            return ["burst"] if finding.burst >= 20 else []
        roll = rng.random()
        pool = {name: weight for name, weight in _WEIGHTS.items() if name != "milder_band" or band != "low"}
        chosen: list[str] = []
        for _ in range(2 if roll < 0.09 else 1 if roll < 0.36 else 0):
            left = {name: weight for name, weight in pool.items() if name not in chosen and not {name, *chosen} >= {"flooded", "nagged"}}
            chosen.append(rng.choices(tuple(left), tuple(left.values()))[0])
        return chosen

    def _acknowledge_at(self, outcome: str, t0: int, due: int, window: int) -> int | None:
        rng = self.rng
        if outcome == "never":
            return None
        if outcome == "prompt":
            at = t0 + _part(min(due, window) - t0, 0.3 + 0.6 * rng.random())
        else:
            at = max(due, window) + _part(max(due, window) - t0, 0.05 + 1.2 * rng.random() ** 2)
        return at if at < END - 2 * DAY else None

    def alert(self, person: Person, instant: int) -> None:
        person.notify(instant)
        self.alerts.append((instant, person.person_id))

    # What comes after it

    def _close(self, finding: Finding, cycle: Cycle) -> Following | None:
        """Triage, work, closure; how and when the next cycle begins."""
        rng, t1 = self.rng, cycle.first("acknowledged")
        actor = self.engineer(finding, t1 if t1 is not None else cycle.started_at).person_id
        last = max(event.at for event in cycle.events if event.counts)
        if t1 is not None:
            if rng.random() < 0.85:
                last = max(last, t1) + rng.randrange(MINUTE, 5 * HOUR)
                cycle.say(last, "triaged", rng.choice((actor, rng.choice(ANALYSTS))))
            if rng.random() < 0.05 and len(finding.bands) == 1:
                return self._control(cycle, last)
            if rng.random() < 0.04:
                self._withdraw(cycle, last + rng.randrange(DAY, 6 * DAY))
                return None
            if rng.random() < 0.75 and cycle.first("in_progress") is None:
                last += rng.randrange(HOUR, 4 * DAY)
                cycle.say(last, "in_progress", actor)
            if rng.random() < 0.35:
                return None
            last = max(last, cycle.started_at + DAY) + _part(40 * DAY, rng.random() ** 2) + HOUR
            cycle.say(last, "resolved", actor)
        if rng.random() < 0.6:
            last += rng.randrange(HOUR, 5 * DAY)
            cycle.say(last, "verified", rng.choice(ANALYSTS))
        cycle.events = [event for event in cycle.events if event.at <= END]
        cycle.ended_at = cycle.first("verified")
        return self._reopen(finding, cycle)

    def _reopen(self, finding: Finding, cycle: Cycle) -> Following | None:
        rng, resolved = self.rng, cycle.first("resolved")
        if resolved is None or len(finding.bands) > 1 or cycle.number == 3 or rng.random() > 0.15:
            return None
        last = max(resolved, cycle.ended_at or 0)
        is_said = finding.scanner == "github" or rng.random() < 0.4
        if is_said:
            at = last + rng.randrange(HOUR, 20 * DAY)
        else:
            service = finding.service
            at = service.phase + ((max(last, resolved + GRACE) - service.phase) // ROUND + 1 + rng.randrange(2)) * ROUND
        if at > END - DAY:
            return None
        cycle.ended_at = cycle.ended_at or at
        return Following("reopened", at, is_said)

    def _control(self, cycle: Cycle, last: int) -> Following | None:
        """A compensating control in place of a fix: attested for a while, then it lapses or is taken back."""
        rng = self.rng
        started = attested = last + rng.randrange(HOUR, 3 * DAY)
        words = [(started, "control_accepted")]
        while rng.random() < 0.5:
            attested += rng.randrange(20 * DAY, ATTESTATION + 1)
            words.append((attested, "control_attested"))
        due = attested + ATTESTATION
        if rng.random() < 0.3:
            due = attested + rng.randrange(DAY, 3 * DAY)
            words.append((due, "control_expired"))
        if words[-1][0] > END or END - DAY < due <= AS_OF:
            return None  # what would come after it lies beyond what is told
        for instant, kind in words:
            cycle.say(instant, kind, rng.choice(ANALYSTS))
        if due > AS_OF:
            cycle.controls.append((started, AS_OF))
            return None
        cycle.controls.append((started, due))
        cycle.ended_at = due
        return Following("revalidation", due)

    def _withdraw(self, cycle: Cycle, at: int) -> None:
        if at <= END:
            cycle.say(at, "withdrawn", self.rng.choice(ANALYSTS), comment="false positive")
            cycle.ended_at = at

    def _leave(self, cycle: Cycle) -> Following | None:
        """A cycle that nobody acknowledged: left open, or closed over everybody's head."""
        rng = self.rng
        last = max([cycle.started_at, *(event.at for event in cycle.events)])
        roll, at = rng.random(), last + DAY + _part(30 * DAY, rng.random() ** 2)
        if roll < 0.08:
            self._withdraw(cycle, at)
        elif roll < 0.16 and at <= END:
            cycle.say(at, "verified", rng.choice(ANALYSTS))
            cycle.ended_at = at
        return None

    def engineer(self, finding: Finding, instant: int) -> Person:
        """The owner where they can act, else a colleague."""
        owner = finding.service.owner
        return (
            owner
            if owner.is_valid(instant) and owner.is_valid(instant + 3 * DAY)
            else self.cell.engineers[finding.serial % len(self.cell.engineers)]
        )


class _Desk:
    """The desk's and the team's doing from t0 to the acknowledgement, as events with what each is worth."""

    def __init__(self, teller: Teller, finding: Finding, cycle: Cycle, band: str, t0: int, span: int, t1: int | None) -> None:
        self.teller, self.finding, self.cycle, self.band = teller, finding, cycle, band
        self.t0, self.span, self.t1 = t0, span, t1
        self.rng: Random = teller.rng
        #: Position in a burst of arrivals; what comes back later comes alone.
        self.burst = finding.burst if cycle.number == 1 else 0
        self.service = finding.service
        self.owner = teller.engineer(finding, t1 if t1 is not None else t0 + span)
        #: Named by the desk, None while only the mapping speaks.
        self.named: Person | None = None

    def at(self, share: float) -> int:
        """An instant of the way from t0, with a little chance in it."""
        return self.t0 + _part(self.span, share + 0.02 * self.rng.random())

    def work(self, causes: list[str]) -> None:
        cycle, rng = self.cycle, self.rng
        self._enrich()
        is_unowned = self.service.mapped(self.t0) is None
        if "misrouted" in causes:
            self._misroute("milder_band" in causes)
        elif "milder_band" in causes:
            self._route(self.owner, 0.18, is_milder=True)
        elif self.burst:
            pass
        elif is_unowned:
            # In time by hand: the mapping's fault is no fault of this handoff.
            if not causes and self.service.condition in UNOWNED and rng.random() < 0.2:
                self._route(self.owner, 0.04)
                cycle.decoys.append("routed_by_hand")
        elif rng.random() < 0.7:
            self._route(self.owner, 0.18)
        causes = [cause for cause in causes if self._plant(cause)]
        cycle.causes += causes
        if not {"flooded", "nagged"} & set(causes):
            self._decoy_or_dispatch()
        if "silent_start" in causes:
            self._start_silently()
        if not causes:
            self._other_decoy()
        if self.t1 is not None:
            self._acknowledge()

    def _plant(self, cause: str) -> bool:
        """Whether the world had room for that cause: nobody can be flooded whose days are planned already."""
        if cause == "flooded":
            return self._flood(20 + self.rng.randrange(20), 0.45)
        if cause == "nagged":
            return self._nag(3 + self.rng.randrange(3))
        return True

    # Stages

    def _enrich(self) -> None:
        at = self.t0 + self.burst * MINUTE // 2 if self.burst else self.at(0.03)
        late = self.service.registered_at
        if late is not None and late > at:
            at = late + self.rng.randrange(MINUTE, HOUR)
        if self.service.binding(at) in ("bound", "retired") and (self.t1 is None or at < self.t1) and at < END and self.rng.random() < 0.9:
            self.cycle.say(at, "enriched", DESK_BOT)

    def _route(self, person: Person, share: float, *, is_milder: bool = False, kind: str = "routed") -> None:
        rng, at = self.rng, self.at(share)
        band = self.finding.band(at)
        if is_milder:
            severity = rng.choice(RATED_BANDS[BAND_RANK[band] + 1 :])
        else:
            severity = rng.choice((band, band, band, "", RATED_BANDS[rng.randrange(BAND_RANK[band] + 1)]))
        self.cycle.say(at, kind, rng.choice(ANALYSTS), person.person_id, severity if kind == "routed" else "", True)
        self.named = person

    def _misroute(self, is_milder: bool) -> None:
        """The desk names somebody who cannot take it; where it is noticed, somebody who can."""
        rng, cell = self.rng, self.teller.cell
        wrong = rng.choice((cell.gone, cell.inactive, cell.inbox, cell.bot, cell.unreachable, cell.without_role, "unknown", ""))
        name = wrong.person_id if isinstance(wrong, Person) else (f"nobody-{cell.number}" if wrong else "")
        at = self.at(0.1)
        band = self.finding.band(at)
        severity = rng.choice(RATED_BANDS[BAND_RANK[band] + 1 :]) if is_milder else band
        self.cycle.say(at, "routed", rng.choice(ANALYSTS), name, severity, False)
        if name and rng.random() < 0.6:
            self.cycle.say(self.at(0.14), "notified", DESK_BOT, name, "", False, "mail")
            if isinstance(wrong, Person):
                wrong.notify(self.cycle.events[-1].at)
        if self.t1 is not None and rng.random() < 0.7:
            self._route(self.owner, 0.2, kind=rng.choice(("routed", "reassigned")))

    def _can_dispatch(self, person: Person, at: int) -> bool:
        """Whether a notification to them would be one to the candidate."""
        if not person.is_valid(at):
            return False
        return self.named is person or (self.named is None and self._last_named() is None and self.service.mapped(at) is person)

    def _last_named(self) -> str | None:
        return next((event.target for event in reversed(self.cycle.events) if event.kind in ("routed", "reassigned")), None)

    def _dispatch(self, share: float) -> bool:
        at, person = self.at(share), self.named or self.owner
        if not self._can_dispatch(person, at) or not person.is_calm(at):
            return False
        self._notify(person, at)
        return True

    def _notify(self, person: Person, at: int) -> None:
        person.notify(at)
        self.cycle.say(at, "notified", DESK_BOT, person.person_id, "", True, self.rng.choice(("chat", "mail")))

    def _quiet(self, start: int, end: int) -> Person | None:
        """Somebody of the team to whom nothing else is sent in that span."""
        return next((person for person in self.teller.cell.quiet if person.reserve(start, end)), None)

    def _flood(self, count: int, share: float, *, hours_before: int = 0) -> bool:
        """`count` notifications in a day to somebody, the desk's own the last; with `hours_before` it comes that long after them."""
        at = self.at(share)
        person = self._quiet(at - 3 * DAY, at + 2 * DAY) if at < END else None
        if person is None:
            return False
        self._route(person, share - 0.06)
        last = at - hours_before * HOUR
        for _ in range(count - (not hours_before)):
            self.teller.alert(person, last - self.rng.randrange(1, DAY - 2 * HOUR))
        self._notify(person, at)
        return True

    def _nag(self, count: int) -> bool:
        at = self.at(0.3)
        person = self._quiet(at - 3 * DAY, at + max(self.span, DAY) + 2 * DAY) if at < END else None
        if person is None:
            return False
        self._route(person, 0.26)
        for number in range(count):
            self._notify(person, self.at(0.3 + 0.03 * number))
        return True

    def _decoy_or_dispatch(self) -> None:
        rng, cycle = self.rng, self.cycle
        is_steady = self._last_named() is None and self.service.mapped(self.t0) is not None and not self.burst
        roll = rng.random() if is_steady or (self.named is not None and "misrouted" not in cycle.causes) else 1
        if roll < 0.04 and self._flood(19, 0.45):
            cycle.decoys.append("nineteen")
        elif roll < 0.08 and self._flood(40, 0.45, hours_before=25):
            cycle.decoys.append("flood_yesterday")
        elif roll < 0.12 and self._nag(2):
            cycle.decoys.append("twice")
        elif self.burst:
            self._burst()
        elif rng.random() < 0.85:
            self._dispatch(0.4)

    def _burst(self) -> None:
        """One of many notifications in an hour, in the order of arrival."""
        at = self.t0 + self.burst * MINUTE
        if self.t1 is None or at < self.t1:
            self._notify(self.owner, at)

    # The team

    def _start_silently(self) -> None:
        """Work that everybody can see, and no word that it is theirs."""
        rng, at = self.rng, self.at(0.6)
        actor = self.named or self.owner
        kinds = ("commented", "in_progress", "assigned", "triaged") + (("resolved",) if self.t1 is None and at > self.t0 + DAY else ())
        kind = rng.choice(kinds)
        self.cycle.say(
            at,
            kind,
            actor.person_id,
            actor.person_id if kind == "assigned" else "",
            "",
            kind != "triaged",
            comment="looking at it" if kind == "commented" else "",
        )
        if kind == "assigned":
            self.named = actor

    def _other_decoy(self) -> None:
        rng, cycle, cell = self.rng, self.cycle, self.teller.cell
        if rng.random() > 0.3 or self.service.binding(self.t0) not in ("bound", "retired"):
            return
        decoy = rng.choice(("outsider_comment", "bot_assignment", "word_of_another", "comment_afterwards", "milder_afterwards"))
        at, after = self.at(0.7), (self.t1 or 0) + rng.randrange(MINUTE, HOUR)
        if decoy == "outsider_comment":
            cycle.say(at, "commented", rng.choice(ANALYSTS), comment="any news?")
        elif decoy == "bot_assignment" and self.service.mapped(at) is self.owner:
            cycle.say(at, "assigned", cell.bot.person_id, self.owner.person_id)
        elif decoy == "word_of_another":
            cycle.say(
                at,
                "acknowledged",
                rng.choice((cell.inbox.person_id, cell.bot.person_id, cell.gone.person_id, cell.inactive.person_id, ANALYSTS[0])),
                counts=False,
            )
        elif decoy == "comment_afterwards" and self.t1 is not None:
            cycle.say(after, "commented", self.owner.person_id, comment="started")
        elif decoy == "milder_afterwards" and self.t1 is not None and self.band != "low":
            cycle.say(after, "routed", rng.choice(ANALYSTS), self.owner.person_id, "low", False)
        else:
            return
        cycle.decoys.append(decoy)

    def _acknowledge(self) -> None:
        assert self.t1 is not None
        rng, actor = self.rng, self.named or self.owner
        if self.named is None and self.service.has_team and rng.random() < 0.15:
            actor = self.teller.cell.engineers[0]
        if rng.random() < 0.02 and not self.cycle.causes:
            # Given, taken back and given again: the last word is t1.
            early = self.at(0.85)
            self.cycle.say(early, "acknowledged", actor.person_id, counts=False)
            self.cycle.say(early + MINUTE, "acknowledgement_withdrawn", actor.person_id)
            self.cycle.decoys.append("taken_back")
            if early + MINUTE >= self.t1:
                self.t1 = early + 2 * MINUTE
        self.cycle.say(self.t1, "acknowledged", actor.person_id)


def _part(span: int, share: float) -> int:
    """That share of a span, in whole milliseconds."""
    return int(span * share) // 1000 * 1000
