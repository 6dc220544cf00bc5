"""Opsgenie: alerts with their logs and notes (REST API v2), and outgoing webhooks. Tickets are alert ids.

A log line and the webhook that announces it share no id. What they share makes one: alert, kind and second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from transforms.domain import tracked
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.tracked import Fact, Ticket

NAME = "opsgenie"
TITLE = "Opsgenie (alerts with logs and notes, webhooks)"

#: What a log line begins with or holds, as the kind that a webhook's action has too; the first that is found.
_LINES = (
    (re.compile(r"un-?acknowledged", re.IGNORECASE), "unacknowledged"),
    (re.compile(r"acknowledged", re.IGNORECASE), "acknowledged"),
    (re.compile(r"^(alert )?closed", re.IGNORECASE), "closed"),
    (re.compile(r"^(alert )?created", re.IGNORECASE), "created"),
    (re.compile(r"note (was )?added|added (a )?note", re.IGNORECASE), "note"),
    (re.compile(r"ownership|assigned", re.IGNORECASE), "assigned"),
    (re.compile(r"^(alert )?(is )?seen|viewed", re.IGNORECASE), "seen"),
    (re.compile(r"notification|sent |notified", re.IGNORECASE), "notified"),
)
_ACTIONS = {
    "create": "created",
    "acknowledge": "acknowledged",
    "unacknowledge": "unacknowledged",
    "close": "closed",
    "addnote": "note",
    "assignownership": "assigned",
    "takeownership": "assigned",
    "seen": "seen",
}
_TO = re.compile(r"(?:ownership(?: is| was)?(?: assigned)?|assigned(?: ownership)?) to \[?([^\s\]]+)\]?", re.IGNORECASE)
_BY = re.compile(r"\bby \[?([^\s\]]+@[^\s\]]+?)\]?[.,]?(?:\s|$)")
#: Numbers beyond this are nanoseconds since 1970: as milliseconds they were beyond the year 5000.
_NANOSECONDS_FROM = 100_000_000_000_000
Item = Fact | Ticket | Reject


def recognise(head: Head) -> bool:
    return any(map(_is_opsgenie, tracked.openings(head)))


def _is_opsgenie(opening: dict[str, Any]) -> bool:
    names, alerts = opening.keys(), tracked.item_members(opening, "data")
    alert = tracked.member(opening, "alert")
    return (
        {"tinyId", "message", "status"} <= names
        or (alerts is not None and {"tinyId", "message", "status"} <= alerts)
        or (isinstance(alert, dict) and "alertId" in alert and "action" in names)
        or (isinstance(alert, dict) and {"tinyId", "message"} <= alert.keys() and "logs" in names)
        or "tinyId" in tracked.record(tracked.member(opening, "data"))
    )


def parse(content: bytes, source: Source) -> Iterator[Item]:
    for found in tracked.objects(content):
        yield from (found,) if isinstance(found, Reject) else _document(*found, source)


def _document(pointer: str, document: dict[str, Any], source: Source) -> Iterator[Item]:
    if "action" in document:
        yield from _webhook(pointer, document, source)
    elif isinstance(document.get("data"), list):
        for number, alert in tracked.records(document["data"]):
            yield from _alert(f"{pointer}/data/{number}", alert, alert, source)
    elif isinstance(document.get("data"), dict):
        yield from _alert(f"{pointer}/data", document["data"], document, source)
    elif isinstance(document.get("alert"), dict):
        yield from _alert(f"{pointer}/alert", document["alert"], document, source)
    else:
        yield from _alert(pointer, document, document, source)


def _alert(pointer: str, alert: dict[str, Any], beside: dict[str, Any], source: Source) -> Iterator[Item]:
    ticket = tracked.text(alert.get("id")) or tracked.text(alert.get("alertId"))
    if ticket is None:
        yield Reject(pointer, "missing_id", "the alert has no id", tracked.raw(alert))
        return
    status = tracked.text(alert.get("status"))
    state = "acknowledged" if status == "open" and alert.get("acknowledged") is True else status
    priority, created = tracked.text(alert.get("priority")), tracked.stamp(source, alert.get("createdAt"))
    yield Ticket(
        pointer=pointer,
        ticket=ticket,
        title=tracked.text(alert.get("message")),
        native_state=state,
        state_words=tracked.words(state),
        assignee=tracked.text(alert.get("owner")),
        native_priority=priority,
        severity_words=tracked.words(priority),
        labels=tracked.texts(alert.get("tags")),
        texts=tuple(found for name in ("description", "message") if (found := tracked.text(alert.get(name)))),
        url=tracked.text(tracked.record(alert.get("_links")).get("web")),
        created=created,
        updated=tracked.stamp(source, alert.get("updatedAt")) or created,
    )
    for number, item in tracked.records(beside.get("logs")):
        yield from _log(f"{pointer}/logs/{number}", item, ticket, source)
    for number, item in tracked.records(beside.get("notes")):
        at = tracked.stamp(source, item.get("createdAt"))
        if at is None:
            yield tracked.undated(f"{pointer}/notes/{number}", item, "createdAt")
        else:
            yield tracked.comment(f"{pointer}/notes/{number}", ticket, at, f"{ticket}:note:{tracked.second(at)}", tracked.text(item.get("owner")), tracked.text(item.get("note")))


def _log(pointer: str, item: dict[str, Any], ticket: str, source: Source) -> Iterator[Item]:
    line, at = tracked.text(item.get("log")), tracked.stamp(source, item.get("createdAt"))
    if line is None:
        yield Reject(pointer, "missing_log", "the item has no log", tracked.raw(item))
    elif at is None:
        yield tracked.undated(pointer, item, "createdAt")
    else:
        kind = next((kind for pattern, kind in _LINES if pattern.search(line)), None)
        by, to = _BY.search(line), _TO.search(line)
        owner = tracked.text(item.get("owner"))
        actor = (by[1] if by else None) or (owner if owner and owner.casefold() != "system" else None)
        yield from _fact(pointer, ticket, kind, line, at, actor, to[1] if to else None)


def _webhook(pointer: str, hook: dict[str, Any], source: Source) -> Iterator[Item]:
    alert, action = tracked.record(hook.get("alert")), tracked.text(hook.get("action")) or ""
    ticket = tracked.text(alert.get("alertId")) or tracked.text(alert.get("id"))
    at = _dated(source, alert.get("updatedAt")) or _dated(source, alert.get("createdAt"))
    if ticket is None:
        yield Reject(pointer, "missing_id", "the alert has no alertId", tracked.raw(hook))
    elif at is None:
        yield tracked.undated(f"{pointer}/alert", alert, "updatedAt")
    else:
        kind = _ACTIONS.get(action.lower(), action.lower() or None)
        target = tracked.text(alert.get("owner")) or (tracked.text(alert.get("username")) if action == "TakeOwnership" else None)
        if kind == "note":
            body = tracked.text(alert.get("note"))
            yield tracked.comment(pointer, ticket, at, f"{ticket}:note:{tracked.second(at)}", tracked.text(alert.get("username")), body)
        else:
            yield from _fact(pointer, ticket, kind, action, at, tracked.text(alert.get("username")), target)


def _dated(source: Source, value: object) -> Stamp | None:
    """The instant of a webhook, in milliseconds or, in some actions, nanoseconds."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= _NANOSECONDS_FROM:
        value = value // 1_000_000
    return tracked.stamp(source, value)


def _fact(pointer: str, ticket: str, kind: str | None, line: str, at: Stamp, actor: str | None, target: str | None) -> Iterator[Fact]:
    native_id = f"{ticket}:{kind or line}:{tracked.second(at)}"
    if kind == "assigned" and target:
        yield Fact(
            pointer=pointer, section="assignment", words=("assigned",), at=at, ticket=ticket, native_id=f"{native_id}:{target}", actor=actor, target_person=target
        )
        return
    is_minor = kind is None or kind in ("assigned", "seen", "created")
    yield Fact(pointer=pointer, section="entry", words=tracked.words(kind, line), at=at, ticket=ticket, native_id=native_id, actor=actor, text=line, is_minor=is_minor)
