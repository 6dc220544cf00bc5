"""Messages as a person reads them: plain text, a short subject. What a source wrote is one line of plain characters in it, and never markup."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined, Template

from transforms.dispatch import Case, Decision, Message, zone_of
from transforms.domain.documents import one_line
from transforms.domain.instants import from_us, zone
from transforms.domain.policy import Policy
from transforms.domain.vocabulary import BAND_RANK
from transforms.routing import Person

#: Chats and mail programs make markup, mentions and links of these: look-alikes stand for them. The id leads to the title as it was.
_MARKUP = str.maketrans({"<": "‹", ">": "›", "`": "'", "*": "∗", "_": "＿", "~": "∼", "[": "(", "]": ")", "|": "¦", "\\": "/", "@": "＠", "#": "＃", "&": "＆"})
_SUBJECT = 120
Link = Callable[[str, int, str], str]


class Text(NamedTuple):
    """A message that can be sent."""

    subject: str
    body: str


def write(message: Message, cases: Mapping[tuple[str, int], Case], person: Person, policy: Policy, link: Link | None = None) -> Text:
    """`link`: finding, cycle and person to the address at which it can be answered; None: the command is named."""
    zone_name = zone_of(person, policy)
    items = [_item(number, place, message, cases[place], zone_name, link) for number, place in enumerate(_ordered(message, cases), 1)]
    body = _template().render(intro=_intro(message, len(items)), items=items, person_id=plain(message.person_id), key=message.key[:16])
    return Text(one_line(_subject(message, items), _SUBJECT), body)


def plain(text: str | None, limit: int = 200) -> str:
    """Anybody's text as one line in which nothing is markup, a control or a link."""
    flat = "".join(character if character.isprintable() else " " for character in text or "")
    return one_line(flat.translate(_MARKUP).replace("://", ":∕∕"), limit)


@cache
def _template() -> Template:
    # Plain text: what is not ours went through `plain`, and there is no markup to escape it for.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701
    return environment.from_string(files("transforms").joinpath("message.txt.j2").read_text(encoding="utf-8"))


def _ordered(message: Message, cases: Mapping[tuple[str, int], Case]) -> list[tuple[str, int]]:
    return sorted(message.places, key=lambda place: (BAND_RANK[cases[place].severity], cases[place].handoff_due_us, place))


def _intro(message: Message, count: int) -> str:
    if message.is_digest:
        return f"{count} security {'handoff' if count == 1 else 'handoffs'} to see to, of all that came up or fell due since your last digest."
    kinds = {decision.kind for decision in message.decisions}
    if "reassignment" in kinds:
        return "A security handoff needs another owner: please see to it that somebody is named."
    if "remediation" in kinds:
        return "A security finding that was taken is not fixed yet."
    return "A security handoff waits: please take it, or see to it that somebody does." if "handoff" in kinds else "A security handoff for you: please take it, or decline it."


def _subject(message: Message, items: list[dict[str, object]]) -> str:
    if message.is_digest:
        return f"[digest] {len(items)} security {'handoff' if len(items) == 1 else 'handoffs'}"
    (item,) = items
    reminders = {"handoff": "not acknowledged: ", "remediation": "not fixed: ", "reassignment": "needs an owner: "}
    again = next((reminders[decision.kind] for decision in reversed(message.decisions) if decision.kind in reminders), "")
    return f"[{item['severity']}] {again}{item['title']}"


def _item(number: int, place: tuple[str, int], message: Message, case: Case, zone_name: str, link: Link | None) -> dict[str, object]:
    decisions: list[Decision] = [decision for decision in message.decisions if (decision.finding_id, decision.cycle) == place]
    is_open = case.acknowledged_us is None
    due_us = case.handoff_due_us if is_open else case.remediation_due_us
    return {
        "number": f"{number}. " if message.is_digest else "",
        "severity": case.severity,
        "title": plain(case.title) or "a finding",
        "where": plain(case.asset_id or "no known asset") + (f" (scanned as {plain(case.target)})" if case.target and case.target != case.asset_id else ""),
        "why": "; ".join(dict.fromkeys(plain(decision.why, 300) for decision in decisions)),
        "due": f"{from_us(due_us).astimezone(zone(zone_name)):%a %Y-%m-%d %H:%M} {zone_name}, to {'acknowledge' if is_open else 'fix and verify'}" if due_us is not None else "no date",
        "finding_id": case.finding_id,
        "answers": is_open,
        "link": link(case.finding_id, case.cycle, message.person_id) if link and is_open else None,
    }
