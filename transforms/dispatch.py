"""Who is to be told what, now: first notices, digests, escalations. Open cycles, people and what went out before in; messages out.

A decision is one thing to say to one person about one cycle: a notice, a rung of a ladder. It is taken once; what holds it back (a digest,
quiet hours, the cap, a channel that was away) only delays it. Messages carry decisions: one message a finding, or one digest a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from transforms.digest import Place, deliver, dispatched_bands
from transforms.domain.calendar import Calendar
from transforms.domain.digests import identifier
from transforms.domain.instants import from_us
from transforms.domain.policy import Policy
from transforms.domain.vocabulary import BAND_RANK
from transforms.managers import manager_chain
from transforms.recipients import Recipients, Sent, calendars_of
from transforms.routing import Directory, Person, person_key
from transforms.versions import ALWAYS, Timeline, Version

Kind = Literal["notice", "handoff", "remediation", "reassignment"]
HoldReason = Literal["digest", "quiet_hours", "cap", "backoff"]
#: What becomes of a decision whose owner is gone: their manager has to name somebody.
_GONE = ("departed_person", "inactive_person", "unknown_person")
NOTICE = "notice"


class Case(NamedTuple):
    """An open handoff cycle as the published copy has it; instants in microseconds."""

    finding_id: str
    cycle: int
    severity: str
    title: str | None
    asset_id: str | None
    target: str | None
    team: str | None
    calendar: str
    captured_us: int
    acknowledged_us: int | None
    acknowledged_by: str | None
    resolved_us: int | None
    handoff_due_us: int
    remediation_due_us: int | None
    #: The decision in force: `routed`, or why nobody valid is named; whom it names; by what mapping (None: an event), since when.
    status: str
    person_id: str | None
    named_by: str | None
    named_us: int | None
    #: Since when it names nobody valid; None where it does.
    decayed_us: int | None
    #: Who declined it, and when first.
    declined: Mapping[str, int] = {}
    #: Whether somebody answered, of which the next run has still to judge.
    is_claimed: bool = False
    #: Who saw it: a later scan of theirs without it is what shows it fixed.
    scanners: Sequence[str] = ()

    @property
    def place(self) -> tuple[str, int]:
        return self.finding_id, self.cycle


class Decision(NamedTuple):
    """One thing to say to one person about one cycle. `step` is empty for a notice, else the rung; `due_us` is when it fell due."""

    kind: Kind
    step: str
    finding_id: str
    cycle: int
    person_id: str
    severity: str
    due_us: int
    #: Why they, and what has not happened; empty for a notice.
    why: str
    what: str = ""

    @property
    def word(self) -> str:
        """Kind and step as the record has them."""
        return f"{self.kind} {self.step}".rstrip()

    @property
    def key(self) -> str:
        return identifier("dispatch", self.word, self.finding_id, self.cycle, self.person_id)


class Unreachable(NamedTuple):
    """A decision that there is nobody for, and why."""

    kind: Kind
    step: str
    finding_id: str
    cycle: int
    severity: str
    reason: str


class Message(NamedTuple):
    """What goes to one person at once: of one cycle, or a digest of several."""

    person_id: str
    is_urgent: bool
    is_digest: bool
    decisions: tuple[Decision, ...]

    @property
    def key(self) -> str:
        """The same decisions are the same message."""
        return identifier("message", *sorted(decision.key for decision in self.decisions))

    @property
    def places(self) -> list[tuple[str, int]]:
        return list(dict.fromkeys((decision.finding_id, decision.cycle) for decision in self.decisions))


class Held(NamedTuple):
    """A message that waits, and what for."""

    message: Message
    reason: HoldReason


class Taken(NamedTuple):
    """A decision that was carried out before. `word` is its kind and step."""

    finding_id: str
    cycle: int
    person_id: str
    word: str


class Before(NamedTuple):
    """What went out before `as_of`, and by decision key until when a channel that failed is left alone."""

    sent: Collection[Sent] = ()
    taken: Collection[Taken] = ()
    left_alone_until: Mapping[str, int] = {}


class Plan(NamedTuple):
    """What is to be sent now, what waits, and what there is nobody for; each in a fixed order."""

    messages: list[Message]
    held: list[Held]
    unreachable: list[Unreachable]


def directory_of(people: Iterable[Mapping[str, Any]]) -> Directory:
    """The people of `mart.person` as a directory that always was so. Who is in it no more is departed, and still has a manager."""
    rows = [
        {**person, "status": person["status"] if person["is_in_force"] else "departed", "aliases": None} for person in sorted(people, key=lambda row: row["person_id"])
    ]
    versions: dict[Any, list[Version]] = {person_key(row["person_id"]): [Version(ALWAYS, row)] for row in rows}
    return Directory(Timeline(versions, []), {row["person_id"]: person_key(row["person_id"]) for row in rows})


def plan(cases: Iterable[Case], directory: Directory, before: Before, policy: Policy, as_of_us: int, calendars: Mapping[str, Calendar] | None = None) -> Plan:
    """What is due to be said at `as_of_us` and was not said before."""
    found = _Planner(directory, before, policy, as_of_us, calendars or calendars_of(policy))
    for case in sorted(cases, key=lambda case: (BAND_RANK[case.severity], case.handoff_due_us, case.place)):
        found.consider(case)
    return found.result()


#: Somebody who may be told, and why they.
_Candidate = tuple[Person, str]


class _Due(NamedTuple):
    """A rung that has fallen due: for the first of `people` that can be told."""

    kind: Kind
    step: str
    due_us: int
    people: list[_Candidate]
    otherwise: str
    #: What has not happened; empty for a notice.
    what: str


class _Planner:
    def __init__(self, directory: Directory, before: Before, policy: Policy, as_of_us: int, calendars: Mapping[str, Calendar]) -> None:
        self._directory, self._before, self._policy, self._as_of, self._calendars = directory, before, policy, as_of_us, calendars
        self._recipients = Recipients(directory, policy, as_of_us, calendars)
        self._taken = {(taken.finding_id, taken.cycle, taken.word, taken.person_id) for taken in before.taken}
        # A rung is climbed once a cycle: whoever is there later is told of the next.
        self._climbed = {(taken.finding_id, taken.cycle, taken.word) for taken in before.taken if taken.word != NOTICE}
        self._digest_bands = dispatched_bands(policy)
        self._decisions: dict[tuple[str, tuple[str, int]], list[Decision]] = defaultdict(list)
        self._unreachable: list[Unreachable] = []

    def consider(self, case: Case) -> None:
        """Takes down what is due of a case."""
        if case.is_claimed and case.acknowledged_us is None:
            return
        for due in (*self._of_the_handoff(case), *self._of_the_fix(case), *self._of_the_route(case)):
            if due.due_us <= self._as_of:
                self._decide(case, due)

    def result(self) -> Plan:
        messages, held = [], []
        sent_today = self._recipients.sent_today(self._before.sent)
        for message in self._messages():
            reason = self._hold(message, sent_today)
            if reason is not None:
                held.append(Held(message, reason))
                continue
            sent_today[message.person_id] += not message.is_urgent
            messages.append(message)
        return Plan(messages, held, self._unreachable)

    # What is due

    def _of_the_handoff(self, case: Case) -> Iterator[_Due]:
        if case.acknowledged_us is not None:
            return
        owner = self._owner(case)
        lost = "" if owner else f"{lost_route(case)}: "
        default = self._default(f"{lost}you are the escalation default")
        first = [(owner, _why(case))] if owner else default
        yield _Due("notice", "", case.captured_us, first, "no_escalation_default", "")
        calendar = self._calendars[case.calendar]
        budget = calendar.business_us(case.captured_us, case.handoff_due_us)
        height = 0
        for step in self._policy.escalation.handoff:
            at = calendar.due(case.captured_us, int(_exactly(step.at) * budget))
            height += step.to == "manager"
            if step.to == "owner":
                people = first
            elif step.to == "manager":
                unmanaged = f"nobody {'else ' if height > 1 else ''}above {case.person_id} can be told: " if owner else lost
                people = [*self._manager(case.person_id, height), *self._default(f"{unmanaged}you are the escalation default")]
            else:
                people = default
            unheard = owner is not None and step.to != "owner" and (*case.place, NOTICE, owner.person_id) not in self._taken
            what = f"not acknowledged after {step.at:.0%} of the time that there is for it"
            yield _Due("handoff", f"{step.at:g} {step.to}", at, people, "no_escalation_default", what + (f" (no message has reached {case.person_id} yet)" if unheard else ""))

    def _of_the_fix(self, case: Case) -> Iterator[_Due]:
        if case.acknowledged_us is None or case.remediation_due_us is None or case.resolved_us is not None:
            return
        owner = self._owner(case) or self._active(case.acknowledged_by)
        budget, height = case.remediation_due_us - case.acknowledged_us, 0
        for step in self._policy.escalation.remediation:
            at = case.acknowledged_us + int(_exactly(step.at) * budget)
            height += step.to == "manager"
            below = owner.person_id if owner else case.person_id
            if step.to == "owner":
                people = [(owner, _why(case) if owner.person_id == case.person_id else "you acknowledged it")] if owner else self._manager(below, 1)
            else:
                people = self._manager(below, height)
            yield _Due("remediation", f"{step.at:g} {step.to}", at, people, "no_manager", f"not fixed after {step.at:.0%} of the time that there is for it")

    def _of_the_route(self, case: Case) -> Iterator[_Due]:
        """An owner who left, or declined: their manager has so long to name another, then the next above them is told, or whoever takes what is unrouted."""
        if case.person_id is None or case.resolved_us is not None:
            return
        declined_us = case.declined.get(case.person_id) if case.acknowledged_us is None else None
        start = case.decayed_us if case.status in _GONE else declined_us
        if start is None:
            return
        default = self._default(f"nobody above {case.person_id} can be told: you are the escalation default") if case.acknowledged_us is None else []
        limit = self._policy.escalation.reassignment
        ends = start + limit.wall_us()
        yield _Due(
            "reassignment", f"start {case.person_id}", start, [*self._manager(case.person_id, 1), *default], "no_manager",
            f"{lost_route(case)}: it needs another owner within {limit.amount}{limit.unit}",
        )  # fmt: skip
        yield _Due(
            "reassignment", f"end {case.person_id}", ends, [*self._manager(case.person_id, 2), *default], "no_manager",
            f"{lost_route(case)}, and nobody else was named within {limit.amount}{limit.unit}",
        )  # fmt: skip

    def _decide(self, case: Case, due: _Due) -> None:
        word = f"{due.kind} {due.step}".rstrip()
        if (*case.place, word) in self._climbed:
            return
        person, relation = next(((person, relation) for person, relation in due.people if person.is_valid), (None, ""))
        if person is None or person.person_id is None:
            reason = next((person.reason or "" for person, _ in due.people), due.otherwise)
            self._unreachable.append(Unreachable(due.kind, due.step, *case.place, case.severity, reason))
        elif (*case.place, word, person.person_id) not in self._taken:
            decision = Decision(due.kind, due.step, *case.place, person.person_id, case.severity, due.due_us, relation, due.what)
            self._decisions[person.person_id, case.place].append(decision)

    # To whom

    def _owner(self, case: Case) -> Person | None:
        """Who has it to take; None where the route names nobody valid, or who it names has declined."""
        is_declined = case.acknowledged_us is None and case.person_id in case.declined
        return self._active(case.person_id) if case.status == "routed" and not is_declined else None

    def _active(self, reference: str | None) -> Person | None:
        person = self._directory.person(reference, self._as_of)
        return person if person.is_valid else None

    def _default(self, why: str) -> list[_Candidate]:
        default = self._policy.routing.escalation_default
        return [(self._directory.person(default, self._as_of), why)] if default else []

    def _manager(self, reference: str | None, height: int) -> list[_Candidate]:
        """The manager so high above a person, of those who can be told; a channel that is missing is passed over like a person who left."""
        above = [person for person in manager_chain(self._directory, reference or "", self._as_of).managers if person.is_valid]
        return [(person, f"you stand above {reference}") for person in above[height - 1 : height]]

    # In what, and when

    def _messages(self) -> list[Message]:
        digests: dict[str, list[Decision]] = defaultdict(list)
        messages: list[Message] = []
        for (person_id, _), decisions in self._decisions.items():
            severity = decisions[0].severity  # of one cycle, and so of one band
            if severity in self._digest_bands and severity not in self._policy.dispatch.urgent:
                digests[person_id] += decisions
            else:
                messages.append(Message(person_id, severity in self._policy.dispatch.urgent, False, tuple(decisions)))
        for person_id, decisions in digests.items():
            ready = [decision for decision in decisions if self._is_ready(decision)]
            left = [decision for decision in decisions if not self._is_ready(decision)]
            messages += [Message(person_id, False, True, tuple(some)) for some in (ready, left) if some]
        return sorted(messages, key=lambda message: (message.person_id, not message.is_urgent, all(d.kind == NOTICE for d in message.decisions), *_urgency(message)))

    def _hold(self, message: Message, sent_today: Mapping[str, int]) -> HoldReason | None:
        if message.is_digest and (not all(map(self._is_ready, message.decisions)) or self._had_a_digest(message.person_id)):
            return "digest"
        if not message.is_urgent and self._recipients.is_quiet(message.person_id):
            return "quiet_hours"
        if any(self._before.left_alone_until.get(decision.key, self._as_of) > self._as_of for decision in message.decisions):
            return "backoff"
        return "cap" if not message.is_urgent and sent_today[message.person_id] >= self._policy.dispatch.cap_per_day else None

    def _is_ready(self, decision: Decision) -> bool:
        about = [Place(decision.finding_id, decision.cycle, decision.severity, None)]
        return deliver(decision.due_us, about, self._digest_bands, self._recipients.calendar(decision.person_id), self._as_of).status == "in_digest"

    def _had_a_digest(self, person_id: str) -> bool:
        """Whether one went to them since their business day began, or on this day of theirs: one before breakfast was yesterday's, and is enough for today."""
        morning = self._recipients.morning(person_id)
        digests = (sent.at_us for sent in self._before.sent if sent.is_digest and sent.person_id == person_id)
        return any(at_us >= morning or self._recipients.is_today(person_id, at_us) for at_us in digests)



def _exactly(share: float) -> Fraction:
    return Fraction(str(share))


def _urgency(message: Message) -> tuple:
    return min((BAND_RANK[decision.severity], decision.due_us, decision.finding_id, decision.cycle) for decision in message.decisions)


#: What is said of whom a route names, by why they cannot take it.
_AGAINST = {
    "nobody": "no mapping names anybody", "unknown_person": "{who} is not in the directory", "group_inbox": "{who} is a group inbox", "bot": "{who} is a bot",
    "departed_person": "{who} has left", "inactive_person": "{who} is not active", "no_role": "{who} has no role", "no_channel": "{who} has no channel",
    "dissolved_team": "nobody is left in its team", "unbound": "no known asset is behind it", "ambiguous": "several assets may be behind it", "retired": "its asset is retired",
}  # fmt: skip


def lost_route(case: Case) -> str:
    """Why there is nobody who has it to take, in words."""
    return f"{case.person_id} has declined it" if case.status == "routed" else _AGAINST[case.status].format(who=case.person_id)


def _why(case: Case) -> str:
    since = f" since {from_us(case.named_us):%Y-%m-%d}" if case.named_us is not None else ""
    return f"the mapping {case.named_by} names you{since}" if case.named_by else f"it was given to you{since}"


def reasons(decisions: Iterable[Decision]) -> str:
    """Why somebody is told of one cycle, in words: of the rungs of a ladder that they are told of at once, the last says all."""
    last: dict[Kind, Decision] = {}
    for decision in sorted(decisions, key=lambda decision: decision.due_us):
        last[decision.kind] = decision
    found = [text for decision in last.values() for text in (decision.what, decision.why) if text]
    return "; ".join(dict.fromkeys(found))


def backoff_us(attempts: int, policy: Policy) -> int:
    """How long a channel that failed so many times is left alone."""
    return min(policy.dispatch.retry.wall_us() * 2 ** min(attempts - 1, 30), policy.dispatch.retry_limit.wall_us())


def counts(found: Plan) -> dict[str, int]:
    """How many decisions go out, wait by reason, and have nobody."""
    total: dict[str, int] = {"messages": len(found.messages), "decisions": sum(len(message.decisions) for message in found.messages)}
    reasons: Sequence[HoldReason] = ("digest", "quiet_hours", "cap", "backoff")
    for reason in reasons:
        total[f"waiting_{reason}"] = sum(len(held.message.decisions) for held in found.held if held.reason == reason)
    return {**total, "unreachable": len(found.unreachable)}
