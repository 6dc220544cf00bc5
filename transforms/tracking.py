"""What a tracker module read → rows of the record: each fact by its tracker's mapping the event that it is, each ticket its state and links.

Counts what matched and what did not, for the message of a file of which nothing could be used and for `handoff trackers --explain`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from transforms.domain.documents import one_line
from transforms.domain.errors import FileRejected
from transforms.domain.instants import Stamp
from transforms.domain.mapping import IGNORED, OTHER, Mapping
from transforms.domain.result import Reject
from transforms.domain.tracked import Fact, Note, Ticket, marked

#: A comment is kept to this length: it is read by people, the raw file has the rest.
_TEXT_LIMIT = 2_000
_SHOWN = 8


class Tally:
    """What a file's facts and tickets came to."""

    def __init__(self) -> None:
        #: By (section, word, event): the rule of the mapping that decided.
        self.matched: Counter[tuple[str, str, str]] = Counter()
        #: By (section, word): the first word of facts that no rule has.
        self.unmatched: Counter[tuple[str, str]] = Counter()
        #: Like `unmatched`, of what no mapping has to know.
        self.minor: Counter[tuple[str, str]] = Counter()
        #: By (state or severity, native word): what tickets have and the mapping does not.
        self.unmapped: Counter[tuple[str, str]] = Counter()
        self.links: Counter[str] = Counter()
        self.tickets = 0
        self.mapped_states = 0
        self.notes: list[Note] = []

    @property
    def is_unused(self) -> bool:
        """Whether the file has what a mapping should know and this one knows nothing of it."""
        uses = self.matched or self.links or self.mapped_states
        return bool(not uses and (self.unmatched or self.unmapped))


def mapped(items: Iterable[Any], mapping: Mapping | None, tracker: str, tally: Tally) -> Iterator[dict | Reject]:
    """Rows of activity and tickets of what a module yields; a row or reject that it made itself passes as it is.

    Raises `FileRejected` at the end where the mapping matches nothing that the file has.
    """
    for item in items:
        if isinstance(item, Fact):
            yield from _events(item, mapping or Mapping(format="generic"), tracker, tally)
        elif isinstance(item, Ticket):
            yield from _ticket(item, mapping or Mapping(format="generic"), tracker, tally)
        elif isinstance(item, Note):
            tally.notes.append(item)
        else:
            yield item
    if tally.is_unused:
        seen = ", ".join(f"{section} {name!r} ({count})" for (section, name), count in (tally.unmatched + tally.unmapped).most_common(_SHOWN))
        raise FileRejected(
            "nothing_mapped",
            seen=f"the mapping of {tracker} has none of this file's words: {seen}",
            expected="at least one that it has",
            remedy="see `handoff trackers --explain FILE`, and say in the policy what they mean; the file is read again by itself",
        )


def _events(fact: Fact, mapping: Mapping, tracker: str, tally: Tally) -> Iterator[dict]:
    for ref in marked(fact.text):
        tally.links[ref] += 1
        yield _link(fact.pointer, tracker, fact.native_id, fact.ticket, ref, fact.at)
    for name, event in _decisions(fact, mapping, tally):
        tally.matched[fact.section, name, event] += 1
        if event == IGNORED:
            continue
        yield {
            "pointer": fact.pointer,
            # The same fact in an export, a page that overlaps and a call has one id, and so is one row.
            "event_id": f"{tracker}:{fact.native_id}:{event}" if fact.native_id else None,
            "ref": fact.ref or fact.ticket,
            "event": event,
            "actor": fact.actor,
            "occurred_at": fact.at.us,
            "is_naive": fact.at.precision != "zoned",
            "target_person": fact.target_person,
            "channel": fact.channel,
            "ticket": fact.ticket,
            "comment": fact.text[:_TEXT_LIMIT] if fact.text else None,
            "method": "tracker",
        }


def _decisions(fact: Fact, mapping: Mapping, tally: Tally) -> list[tuple[str, str]]:
    """(word, event) of each rule that holds: one, but for a comment with several commands."""
    found = [(name, mapping.comment[name]) for name in fact.words if name in mapping.comment] if fact.section == "comment" else []
    if not found:
        decision = mapping.event_of(fact.section, fact.words)
        found = [decision] if decision else []
    if not found:
        name = fact.words[0] if fact.words else OTHER
        (tally.minor if fact.is_minor else tally.unmatched)[fact.section, _plain(fact.words) or name] += 1
    return list(dict.fromkeys(found))


def _plain(names: tuple[str, ...]) -> str | None:
    """The word that a person would write into the mapping: a name before an id, a category or a transition."""
    return next((name for name in names if ":" not in name and " > " not in name and "=" not in name), None)


def _ticket(ticket: Ticket, mapping: Mapping, tracker: str, tally: Tally) -> Iterator[dict | Reject]:
    tally.tickets += 1
    state, severity = mapping.state_of(*ticket.state_words), mapping.severity_of(*ticket.severity_words)
    tally.mapped_states += state is not None
    if state is None and ticket.native_state and _is_unknown(mapping.state, ticket.state_words):
        tally.unmapped["state", ticket.native_state] += 1
    if severity is None and ticket.native_priority and _is_unknown(mapping.severity, ticket.severity_words):
        tally.unmapped["severity", ticket.native_priority] += 1
    refs = dict.fromkeys([*ticket.refs, *(ref for text in ticket.texts for ref in marked(text))])
    yield {
        "table": "ticket",
        "pointer": ticket.pointer,
        "ticket": ticket.ticket,
        "title": ticket.title and one_line(ticket.title, 500),
        "state": state,
        "native_state": ticket.native_state,
        "assignee": ticket.assignee,
        "severity": severity,
        "native_priority": ticket.native_priority,
        "due_at": ticket.due_at,
        "labels": list(ticket.labels),
        "refs": list(refs),
        "url": ticket.url,
        "updated_at": ticket.updated.us if ticket.updated else None,
    }
    # Linked since it was made: when the line was written is not told, and a link has no order among events.
    at = ticket.created or ticket.updated
    if at is not None:
        for name in ticket.other_names:
            yield _link(ticket.pointer, tracker, f"ticket:{name}", name, ticket.ticket, at)
    for ref in refs:
        tally.links[ref] += 1
        if at is None:
            yield Reject(f"{ticket.pointer}#{ref}", "missing_created", f"{ticket.ticket} names finding {ref} and says no instant of its own", ticket.ticket)
        else:
            yield _link(ticket.pointer, tracker, f"ticket:{ticket.ticket}", ticket.ticket, ref, at)


def _is_unknown(table: dict[str, str], names: tuple[str, ...]) -> bool:
    return not any(name in table for name in names)


def _link(pointer: str, tracker: str, native_id: str | None, ticket: str, ref: str, at: Stamp) -> dict:
    return {
        "pointer": pointer,
        "event_id": f"{tracker}:{native_id}:ticket_linked:{ref}" if native_id else None,
        "ref": ref,
        "event": "ticket_linked",
        "occurred_at": at.us,
        "is_naive": at.precision != "zoned",
        "ticket": ticket,
        "method": "tracker",
    }
