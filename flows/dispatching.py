"""Dispatch: what the plan says is sent, each decision once, and what went out is an event of the record. Nothing without --apply.

A message is claimed in the outbox, marked as sent before its first byte goes out, said to the record, and then confirmed. Who is killed in between
finds it there: what surely arrived is confirmed, what may have is sent again under the same key (once a decision, at least once an outage).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from flows import settings
from flows.acknowledging import signer
from flows.channels import Channel, Letter, channel
from transforms import dispatch, forewarning, messages
from transforms.dispatch import Before, Decision, Message, Plan, Taken
from transforms.domain.digests import identifier
from transforms.domain.errors import RunError
from transforms.domain.instants import iso
from transforms.domain.vocabulary import BAND_RANK
from transforms.forewarning import Forewarning
from transforms.messages import Answers
from transforms.recipients import Sent
from warehouse import dispatch as published
from warehouse import links, originated
from warehouse.dispatch import Facts
from warehouse.home import Home
from warehouse.outbox import Entry, Outbox, open_outbox

#: All that is sent to people is under this name in the outbox, whatever channel carries it; no connection can have it.
OUTBOX = "dispatch to people"
Channels = Callable[[str], Channel]
#: Finding, cycle, person, what they answer by it, and until when it holds, to the address of a link.
Sign = Callable[[str, int, str, links.Action, int], str]


_ACTIONS = ("send", "wait", "nobody")


@dataclass
class Step:
    """What is done about one message, or would be. `action`: one of `_ACTIONS`."""

    action: str
    person_id: str | None
    channel: str | None
    is_urgent: bool
    is_digest: bool
    severity: str
    findings: list[str]
    cycles: list[int]
    decisions: list[str]
    why: str
    key: str | None = None
    is_done: bool = False
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Round:
    """One dispatch: what it did or would do."""

    as_of: str
    is_applied: bool
    counts: dict[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def send(
    home: Home, *, is_applied: bool, by: str, as_of_us: int | None = None, channels: Channels | None = None, sign: Sign | None = None, desk: str | None = None,
    wait_seconds: float = 0,
) -> Round:
    """Decides and, where it is applied, sends. `as_of_us`: the instant that everything is dated by [now]. `sign` makes the links by which each is
    answered, None where there is no page behind them; `desk`: the address at which findings can be looked at.

    Raises `UsageError` where nothing is published, `RunError` for a clock that went back, `LockHeld` where another is sending.
    """
    find = channels or (lambda name: channel(name, home.letters))
    with home.lock(settings.new_run_id(), iso(settings.now_us()), wait_seconds, file_name="dispatch.lock"), open_outbox(home.outbox) as outbox:
        facts = published.read(home)
        at = _instant(as_of_us if as_of_us is not None else settings.now_us(), facts, outbox)
        post = _Post(home, facts, outbox, find, by, at, sign, desk)
        if is_applied:
            post.settle()
        before = _before(outbox, facts, at)
        warned = forewarning.plan(facts.warnings, facts.directory, _forewarned(outbox, before, facts), facts.policy, at)
        letter = warned.letter if warned.hold is None else None
        if letter is not None:  # it goes first of what is not urgent: one message of the day, and the cap's
            before = before._replace(sent=[*before.sent, Sent(letter.person_id, at, is_urgent=False, is_digest=False)])
        plan = dispatch.plan(facts.cases, facts.directory, before, facts.policy, at)
        steps = sorted([*_warning_steps(warned, facts), *_steps(plan, facts)], key=lambda step: _ACTIONS.index(step.action))
        found = Round(iso(at), is_applied, {**dispatch.counts(plan), "early_warnings": int(letter is not None)}, steps)
        if is_applied:
            ready = iter([step for step in found.steps if step.action == "send"])
            if letter is not None:
                post.forewarn(letter, next(ready))
            for message, step in zip(plan.messages, ready, strict=True):
                post.carry_out(message, step)
        found.counts["sent"] = sum(step.is_done for step in found.steps)
        found.counts["failed"] = sum(step.fault is not None for step in found.steps)
        return found


def send_from(home: Home, *, is_applied: bool, base_url: str | None = None, as_of_us: int | None = None, wait_seconds: float = 0) -> Round:
    """`send` as this installation is set up: its links where a base URL is given or configured, its desk, its identity. Raises what `send` does."""
    base = settings.ack_url(base_url)
    sign = signer(settings.link_key(home.folder), base) if base else None
    return send(home, is_applied=is_applied, by=settings.identity(), as_of_us=as_of_us, sign=sign, desk=settings.desk_url(), wait_seconds=wait_seconds)


def require_complete(found: Round) -> None:
    """Raises `RunError` that says what could not be sent."""
    faults = list(dict.fromkeys(step.fault for step in found.steps if step.fault))
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise RunError("dispatch", seen="; ".join(faults[:3]) + more, remedy="what was sent stays; the rest is tried again by a later dispatch")


def _instant(at: int, facts: Facts, outbox: Outbox) -> int:
    """The instant of this dispatch. A clock that is behind by no more than the tolerance goes on from where it was (ruling 1)."""
    last = max([facts.as_of_us, *(us for entry in outbox.entries(OUTBOX) for us in (entry.claimed_us, entry.sent_us, entry.confirmed_us) if us is not None)])
    if at >= last:
        return at
    if last - at > facts.policy.clock_tolerance.wall_us():
        seen = f"the clock went back: it is {iso(at)}, and the last run or dispatch was at {iso(last)}"
        raise RunError("dispatch", seen=seen, expected=f"{iso(last)} or later", remedy="set the clock, or give --as-of; nothing was sent")
    return last


def _before(outbox: Outbox, facts: Facts, at: int) -> Before:
    """What the outbox and the record have of what was said. A finding that was merged into another since is that one."""
    sent, taken, failures, last = [], list(facts.taken), {}, {}
    for entry in outbox.entries(OUTBOX):
        if entry.state == "confirmed":
            payload = entry.payload
            sent.append(Sent(payload["person_id"], entry.sent_us or entry.claimed_us, payload["is_urgent"], payload["is_digest"]))
            for decision in _decisions(entry):
                taken.append(Taken(facts.findings.get(decision.finding_id, decision.finding_id), decision.cycle, decision.person_id, decision.word))
        elif entry.state == "failed":
            for decision in _decisions(entry):
                failures[decision.key] = failures.get(decision.key, 0) + entry.attempts
                last[decision.key] = max(last.get(decision.key, 0), entry.sent_us or entry.claimed_us)
    until = {key: last[key] + dispatch.backoff_us(attempts, facts.policy) for key, attempts in failures.items() if attempts}
    return Before(sent, taken, until)


def _forewarned(outbox: Outbox, before: Before, facts: Facts) -> forewarning.Before:
    """What the outbox has of letters of early warnings: they are about no single finding, so the record has none."""
    told, until = [], {}
    for entry in outbox.entries(OUTBOX):
        if (found := entry.payload.get("early_warning")) is None:
            continue
        if entry.state == "confirmed":
            told.append(forewarning.Told(entry.payload["person_id"], found["day"], frozenset(found["subjects"])))
        elif entry.state == "failed" and entry.attempts:
            until[entry.key] = (entry.sent_us or entry.claimed_us) + dispatch.backoff_us(entry.attempts, facts.policy)
    return forewarning.Before(told, before.sent, until)


class _Post:
    """Carries messages out under one instant."""

    def __init__(self, home: Home, facts: Facts, outbox: Outbox, find: Channels, by: str, at: int, sign: Sign | None, desk: str | None) -> None:
        self._home, self._facts, self._outbox, self._find, self._by, self._at, self._sign, self._desk = home, facts, outbox, find, by, at, sign, desk
        self._cases = {case.place: case for case in facts.cases}

    def settle(self) -> None:
        """Finds out about what was being sent when a dispatch before this one ended."""
        for entry in self._outbox.entries(OUTBOX):
            if not entry.is_uncertain:
                continue
            name = self._arrived(entry)
            if name is None:
                self._outbox.fail(entry.key, "it was being sent when the dispatch ended, and may have arrived")
            else:
                self._confirm(entry, name)

    def carry_out(self, message: Message, step: Step) -> None:
        """Sends a message about findings. What fails is the step's fault, and stops no other."""
        subject = f"{len(message.places)} findings" if message.is_digest else f"finding {message.places[0][0]}, cycle {message.places[0][1]}"
        payload = {
            "is_urgent": message.is_urgent, "is_digest": message.is_digest, "links_expire_us": self._expiry(message),
            "decisions": [decision._asdict() for decision in message.decisions],
        }  # fmt: skip
        link = None if self._sign is None else lambda *place: self._answers(*place, payload["links_expire_us"])
        self._send(
            message.key, message.person_id, subject, payload, step, [place[0] for place in message.places],
            lambda: messages.write(message, self._cases, self._facts.directory, self._facts.policy, self._at, link, self._desk),
        )  # fmt: skip

    def forewarn(self, letter: Forewarning, step: Step) -> None:
        """Sends a letter of early warnings, like a message about findings."""
        payload = {"is_urgent": False, "is_digest": False, "decisions": [], "early_warning": {"day": letter.day, "subjects": letter.subjects}}
        self._send(
            letter.key, letter.person_id, f"early warnings of {letter.day}", payload, step, [],
            lambda: messages.forewarn(letter, self._facts.directory, self._facts.policy, self._facts.as_of_us, self._at, self._desk),
        )  # fmt: skip

    def _send(self, key: str, person_id: str, subject: str, payload: dict[str, Any], step: Step, findings: list[str], write: Callable[[], messages.Text]) -> None:
        person = self._facts.directory.person(person_id, self._at)
        assert person.record is not None and step.channel is not None
        self._outbox.claim(key, OUTBOX, f"{subject} to {person_id}", {**payload, "person_id": person_id, "channel": step.channel}, self._at)
        self._outbox.send(key, self._at)
        try:
            text = write()
            name = self._find(step.channel).deliver(Letter(key, text.subject, text.body, person.record, findings, self._at))
        except RunError as error:
            self._outbox.fail(key, str(error))
            step.fault = f"{person_id}: {error}"
            return
        entry = self._outbox.get(key)
        assert entry is not None
        self._confirm(entry, name)
        step.is_done = True

    def _expiry(self, message: Message) -> int:
        """Until when its links hold. Sent again it says the same links, as long as they hold."""
        before = self._outbox.get(message.key)
        kept = before.payload.get("links_expire_us", 0) if before is not None else 0
        return kept if kept > self._at else self._at + self._facts.policy.dispatch.link_lifetime.wall_us()

    def _answers(self, finding_id: str, cycle: int, person_id: str, expires_us: int) -> Answers:
        assert self._sign is not None
        return Answers(*(self._sign(finding_id, cycle, person_id, action, expires_us) for action in ("acknowledge", "decline")))

    def _arrived(self, entry: Entry) -> str | None:
        """What it is called where it surely arrived: in the channel, or since the record was told so."""
        told = {event["event_id"] for event in self._events(entry)}
        if told and told <= self._facts.event_ids:
            return entry.payload["channel"]
        try:
            return self._find(entry.payload["channel"]).has(entry.key)
        except RunError:
            return None

    def _confirm(self, entry: Entry, name: str) -> None:
        """The events go into the record before the outbox is done with it: who is killed in between says them again, in the same words."""
        if told := self._events(entry):
            originated.originate(self._home, told)
        self._outbox.confirm(entry.key, name, self._at)

    def _events(self, entry: Entry) -> list[dict[str, Any]]:
        """One `notified` event a finding, of the act of sending: sent twice in an outage, it went out twice."""
        words: dict[tuple[str, int], list[str]] = {}
        severities: dict[tuple[str, int], str] = {}
        for decision in _decisions(entry):
            words.setdefault((decision.finding_id, decision.cycle), []).append(decision.word)
            severities[decision.finding_id, decision.cycle] = decision.severity
        return [
            {
                "event_id": identifier("notified", entry.key, *place, entry.sent_us), "ref": place[0], "event": "notified", "occurred_at": entry.sent_us,
                "target_person": entry.payload["person_id"], "severity": severities[place], "channel": entry.payload["channel"],
                "comment": published.comment_of(found), "batch_id": entry.key if entry.payload["is_digest"] else None, "method": "cli", "asserted_by": self._by,
            }
            for place, found in words.items()
        ]  # fmt: skip


def _decisions(entry: Entry) -> list[Decision]:
    return [Decision(**decision) for decision in entry.payload["decisions"]]


def _warning_steps(warned: forewarning.Found, facts: Facts) -> list[Step]:
    """The line of the letter of early warnings, where there is one to write."""
    letter, severities = warned.letter, [row["severity"] for row in facts.warnings]
    if letter is None and warned.unreachable is None:
        return []
    severity, word = min(severities, key=BAND_RANK.__getitem__), "early warning"
    if letter is None:
        return [Step("nobody", None, None, False, False, severity, [], [], [word], f"nobody can be told: {_NOBODY.get(warned.unreachable, warned.unreachable)}")]
    said = forewarning.summary(letter.rows) + (f" ({letter.new} new)" if letter.new else " (none of it new: it is said again once a week)")
    action, why = ("send", said) if warned.hold is None else ("wait", f"{said}; {_HELD[warned.hold]}")
    return [Step(action, letter.person_id, facts.policy.dispatch.channels.routine, False, False, severity, [], [], [word], why, letter.key)]


def _steps(plan: Plan, facts: Facts) -> list[Step]:
    """One line a message, those that go out first and in their order, then those that wait, then what there is nobody for."""
    steps = [_step("send", message, facts, _reasons(message)) for message in plan.messages]
    steps += [_step("wait", held.message, facts, _HELD[held.reason]) for held in plan.held]
    for found in plan.unreachable:
        word = f"{found.kind} {found.step}".rstrip()
        steps.append(Step("nobody", None, None, False, False, found.severity, [found.finding_id], [found.cycle], [word], f"nobody can be told: {_NOBODY.get(found.reason, found.reason)}"))
    return steps


_NOBODY = {"no_manager": "there is no manager that far up who can be told", "no_escalation_default": "the policy names no routing.escalation_default"}
_HELD = {
    "business_day": "it goes out on their next business day",
    "digest": "it goes out with the digest of their next business day",
    "quiet_hours": "it is night where they are",
    "cap": "they have had as many messages today as the policy allows",
    "backoff": "its channel failed, and is left alone for a while",
}


def _reasons(message: Message) -> str:
    return "what came up or fell due since their last digest" if message.is_digest else dispatch.reasons(message.decisions)


def _step(action: str, message: Message, facts: Facts, why: str) -> Step:
    names = facts.policy.dispatch.channels
    places = message.places
    severity = min((decision.severity for decision in message.decisions), key=BAND_RANK.__getitem__)
    return Step(
        action, message.person_id, names.urgent if message.is_urgent else names.routine, message.is_urgent, message.is_digest, severity,
        [finding for finding, _ in places], [cycle for _, cycle in places], sorted({decision.word for decision in message.decisions}), why, message.key,
    )  # fmt: skip
