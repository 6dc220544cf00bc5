"""Messages as a person reads them: plain text, a short subject. What a source wrote is one line of plain characters in it, and never markup."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined, Template

from transforms.acknowledgement import NOT_IN_A_DIGEST, may_acknowledge
from transforms.dispatch import Case, Message, lost_route, reasons
from transforms.domain.documents import one_line
from transforms.domain.instants import MICROSECONDS, from_us, to_us, zone
from transforms.domain.policy import Policy
from transforms.domain.vocabulary import BAND_RANK
from transforms.forewarning import Forewarning, summary
from transforms.recipients import zone_of
from transforms.report.fragments import finding_address
from transforms.routing import Directory

#: Chats and mail programs make markup, mentions and links of these: look-alikes stand for them. The id leads to the title as it was.
_MARKUP = str.maketrans({"<": "‹", ">": "›", "`": "'", "*": "∗", "_": "＿", "~": "∼", "[": "(", "]": ")", "|": "¦", "\\": "/", "@": "＠", "#": "＃", "&": "＆"})
_SUBJECT = 120
#: Early warnings that a letter spells out; the rest is counted.
_WARNINGS = 20


class Answers(NamedTuple):
    """Addresses at which one person answers one handoff."""

    acknowledge: str
    decline: str


#: Finding, cycle and person to where it can be answered.
Link = Callable[[str, int, str], Answers]


class Text(NamedTuple):
    """A message that can be sent."""

    subject: str
    body: str


def write(
    message: Message, cases: Mapping[tuple[str, int], Case], directory: Directory, policy: Policy, at_us: int, link: Link | None = None, desk: str | None = None
) -> Text:
    """What a message says at that instant. `link`: None names the command instead; `desk`: where findings can be looked at, None for nowhere."""
    writer = _Writer(message, directory, policy, at_us, link if "link" in policy.acknowledgement.trust else None, desk)
    ordered = sorted((cases[place] for place in message.places), key=lambda case: (BAND_RANK[case.severity], case.handoff_due_us, case.place))
    items = [writer.item(number, case) for number, case in enumerate(ordered, 1)]
    body = _template("message.txt.j2").render(
        intro=_intro(message, len(items)), items=items, person_id=plain(message.person_id), key=short_id(message.key), can_take_all=writer.can_take_all(ordered),
        has_links=any(item["link"] for item in items),
    )  # fmt: skip
    return Text(one_line(_subject(message, items), _SUBJECT), body)


def forewarn(letter: Forewarning, directory: Directory, policy: Policy, known_us: int, at_us: int, desk: str | None = None) -> Text:
    """What a letter of early warnings says. `known_us`: the instant that they are as of."""
    zone_name, said = zone_of(directory.person(letter.person_id, at_us), policy), summary(letter.rows)
    items = [
        {
            "number": number, "severity": row["severity"], "is_new": number <= letter.new, "detail": plain(row["detail"], 500), "title": plain(json.loads(row["evidence"]).get("title")),
            "due": _local(to_us(row["due_at"].replace(tzinfo=UTC)), zone_name) if row["due_at"] else None,
            "call": ", then ".join(_named(directory, person_id, at_us) for person_id in row["call"]) or "nobody is known", "action": row["action"],
            "finding_id": row["subject_id"] if row["subject_kind"] == "handoff" else None,
            "desk": finding_address(desk, row["subject_id"]) if desk and row["subject_kind"] == "handoff" else None,
        }
        for number, row in enumerate(letter.rows[:_WARNINGS], 1)
    ]  # fmt: skip
    body = _template("warnings.txt.j2").render(
        as_of=_local(known_us, zone_name), summary=said, items=items, more=len(letter.rows) - len(items), key=short_id(letter.key)
    )
    return Text(one_line(f"[early warning] {said}", _SUBJECT), body)


def short_id(key: str) -> str:
    """How people name a message: enough of its key to tell it from all others."""
    return key[:16]


def plain(text: str | None, limit: int = 200) -> str:
    """Anybody's text as one line in which nothing is markup, a control or a link."""
    flat = "".join(character if character.isprintable() else " " for character in text or "")
    return one_line(flat.translate(_MARKUP).replace("://", ":∕∕"), limit)


@cache
def _template(name: str) -> Template:
    # Plain text: what is not ours went through `plain`, and there is no markup to escape it for.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701
    return environment.from_string(files("transforms").joinpath(name).read_text(encoding="utf-8"))


def _intro(message: Message, count: int) -> str:
    if message.is_digest:
        return f"{count} security {'handoff' if count == 1 else 'handoffs'} to see to, of all that came up or fell due since your last digest."
    kinds = {decision.kind for decision in message.decisions}
    if "reassignment" in kinds:
        return "A security handoff needs another owner: please name one."
    if "remediation" in kinds:
        return "A security finding that was taken is not fixed yet."
    return "A security handoff waits: please see to it that somebody takes it." if "handoff" in kinds else "A security handoff: please take it, or say whose it is."


def _subject(message: Message, items: list[dict[str, object]]) -> str:
    if message.is_digest:
        return f"[digest] {len(items)} security {'handoff' if len(items) == 1 else 'handoffs'}"
    (item,) = items
    reminders = {"handoff": "not acknowledged: ", "remediation": "not fixed: ", "reassignment": "needs an owner: "}
    again = next((reminders[decision.kind] for decision in reversed(message.decisions) if decision.kind in reminders), "")
    return f"[{item['severity']}] {again}{item['title']}"


class _Writer:
    """Writes the items of one message to one person at one instant."""

    def __init__(self, message: Message, directory: Directory, policy: Policy, at_us: int, link: Link | None, desk: str | None) -> None:
        self._message, self._directory, self._policy, self._at, self._link, self._desk = message, directory, policy, at_us, link, desk
        self._person = directory.person(message.person_id, at_us)
        self._zone = zone_of(self._person, policy)

    def item(self, number: int, case: Case) -> dict[str, object]:
        decisions = [decision for decision in self._message.decisions if (decision.finding_id, decision.cycle) == case.place]
        is_waiting, may_take = case.acknowledged_us is None, self._may_take(case)
        due_us = case.handoff_due_us if is_waiting else case.remediation_due_us
        is_owner = case.person_id == self._person.person_id and case.status == "routed"
        return {
            "number": f"{number}. " if self._message.is_digest else "",
            "severity": case.severity,
            "title": plain(case.title) or "a finding",
            "where": plain(case.asset_id or "no known asset") + (f" (scanned as {plain(case.target)})" if case.target and case.target != case.asset_id else ""),
            "owner": None if is_owner else self._owner(case),
            "why": plain(reasons(decisions), 500),
            "waits": self._waits(case),
            "due": f"{self._local(due_us)}, to {'acknowledge' if is_waiting else 'fix and verify'}{' (overdue)' if due_us < self._at else ''}" if due_us is not None else "no date",
            "fixed": f"when a later scan by {plain(', '.join(case.scanners))} no longer finds it" if case.scanners else None,
            "finding_id": case.finding_id,
            "desk": finding_address(self._desk, case.finding_id) if self._desk else None,
            "may_take": may_take,
            "link": self._link(*case.place, self._message.person_id) if self._link and may_take else None,
            "may_give": not is_owner,
        }

    def can_take_all(self, cases: Sequence[Case]) -> bool:
        """Whether one word takes all of a digest: nothing critical or high, that nobody takes without having looked at it (ruling 95)."""
        return len(cases) > 1 and all(case.severity not in NOT_IN_A_DIGEST and self._may_take(case) for case in cases)

    def _may_take(self, case: Case) -> bool:
        is_routed, rules = case.status == "routed", self._policy.acknowledgement
        return case.acknowledged_us is None and may_acknowledge(rules, self._person, case.person_id, case.team, is_routed)

    def _owner(self, case: Case) -> str:
        if case.status != "routed":
            found = f"nobody: {plain(lost_route(case))}"
        else:
            found = _named(self._directory, case.person_id, self._at)
            found += ", who has declined it" if case.acknowledged_us is None and case.person_id in case.declined else ""
        return found + (f"; team {plain(case.team)}" if case.team else "")

    def _waits(self, case: Case) -> str:
        start = case.captured_us if case.acknowledged_us is None else case.acknowledged_us
        minutes = max(0, self._at - start) // (60 * MICROSECONDS)
        span = f"{minutes // 1440} d {minutes // 60 % 24} h" if minutes >= 1440 else f"{minutes // 60} h {minutes % 60} min"
        if case.acknowledged_us is None:
            return f"{span} without an acknowledgement, since {self._local(start)}"
        return f"{span} without a fix, since {plain(case.acknowledged_by)} acknowledged it on {self._local(start)}"

    def _local(self, at_us: int) -> str:
        return _local(at_us, self._zone)


def _local(at_us: int, zone_name: str) -> str:
    return f"{from_us(at_us).astimezone(zone(zone_name)):%a %Y-%m-%d %H:%M} {zone_name}"


def _named(directory: Directory, person_id: str | None, at_us: int) -> str:
    """A person by name and id."""
    record = directory.person(person_id, at_us).record
    name = record["name"] if record else None
    return plain(f"{name} ({person_id})" if name and name != person_id else person_id)


