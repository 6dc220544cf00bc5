"""PagerDuty: incidents with their log entries, log entries, webhooks v3. Tickets are incident ids.

A log entry and the webhook that announces it share no id. What they share makes one: incident, kind, second and whom it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from transforms.domain import tracked
from transforms.domain.head import Head
from transforms.domain.instants import MICROSECONDS, Stamp
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.tracked import Fact, Note, Ticket

NAME = "pagerduty"
TITLE = "PagerDuty (incidents with log entries, log entries, webhooks v3)"

#: What a webhook announces, as the log entry that it announces.
_ANNOUNCED = {
    "incident.triggered": "trigger_log_entry",
    "incident.acknowledged": "acknowledge_log_entry",
    "incident.unacknowledged": "unacknowledge_log_entry",
    "incident.resolved": "resolve_log_entry",
    "incident.reopened": "reopen_log_entry",
    "incident.annotated": "annotate_log_entry",
    "incident.delegated": "delegate_log_entry",
    "incident.escalated": "escalate_log_entry",
    "incident.reassigned": "assign_log_entry",
}
#: Log entries that name who has it.
_ASSIGNMENTS = frozenset({"assign_log_entry", "escalate_log_entry", "delegate_log_entry"})
Item = Fact | Ticket | Note | Reject


def recognise(head: Head) -> bool:
    return any(map(_is_pagerduty, tracked.openings(head)))


def _is_pagerduty(opening: dict[str, Any]) -> bool:
    incidents, entries = tracked.item_members(opening, "incidents"), tracked.item_members(opening, "log_entries")
    event = tracked.record(tracked.member(opening, "event"))
    return (
        (incidents is not None and ("incident_number" in incidents or (not incidents and "limit" in opening)))
        or (entries is not None and ({"type", "created_at", "incident"} <= entries or "incident_number" in opening or (not entries and "limit" in opening)))
        or {"event_type", "resource_type", "occurred_at"} <= event.keys()
        or "incident_number" in tracked.record(tracked.member(opening, "incident"))
    )


def parse(content: bytes, source: Source) -> Iterator[Item]:
    for found in tracked.objects(content):
        yield from (found,) if isinstance(found, Reject) else _document(*found, source)


def _document(pointer: str, document: dict[str, Any], source: Source) -> Iterator[Item]:
    if isinstance(document.get("event"), dict):
        yield from _webhook(f"{pointer}/event", document["event"], source)
    elif "incidents" in document:
        for number, incident in tracked.records(document["incidents"]):
            yield from _incident(f"{pointer}/incidents/{number}", incident, source)
    elif isinstance(document.get("incident"), dict):
        yield from _incident(f"{pointer}/incident", document["incident"], source)
    elif "incident_number" in document:
        yield from _incident(pointer, document, source)
    else:
        for number, entry in tracked.records(document.get("log_entries")):
            yield from _entry(f"{pointer}/log_entries/{number}", entry, tracked.text(tracked.record(entry.get("incident")).get("id")), source)


def _person(reference: object) -> str | None:
    found = tracked.record(reference)
    return tracked.text(found.get("email")) or tracked.text(found.get("id")) or tracked.text(found.get("summary"))


def _incident(pointer: str, incident: dict[str, Any], source: Source) -> Iterator[Item]:
    ticket = tracked.text(incident.get("id"))
    if ticket is None:
        yield Reject(pointer, "missing_id", "the incident has no id", tracked.raw(incident))
        return
    assignees = [name for _, item in tracked.records(incident.get("assignments")) if (name := _person(item.get("assignee")))]
    assignees = assignees or [name for _, item in tracked.records(incident.get("assignees")) if (name := _person(item))]
    priority = tracked.text(tracked.record(incident.get("priority")).get("summary")) or tracked.text(tracked.record(incident.get("priority")).get("name"))
    status, body = tracked.text(incident.get("status")), tracked.record(incident.get("body"))
    created = tracked.stamp(source, incident.get("created_at"))
    yield Ticket(
        pointer=pointer,
        ticket=ticket,
        title=tracked.text(incident.get("title")) or tracked.text(incident.get("summary")),
        native_state=status,
        state_words=tracked.words(status),
        assignee=assignees[0] if assignees else None,
        native_priority=priority or tracked.text(incident.get("urgency")),
        severity_words=tracked.words(priority or incident.get("urgency")),
        texts=tuple(found for found in (tracked.text(body.get("details")), tracked.text(incident.get("description")), tracked.text(incident.get("title"))) if found),
        url=tracked.text(incident.get("html_url")),
        created=created,
        updated=tracked.stamp(source, incident.get("updated_at")) or tracked.stamp(source, incident.get("last_status_change_at")) or created,
    )
    for number, item in tracked.records(incident.get("assignments")):
        at, name = tracked.stamp(source, item.get("at")), _person(item.get("assignee"))
        if at and name:
            yield _assignment(f"{pointer}/assignments/{number}", ticket, at, name)
    for number, entry in tracked.records(incident.get("log_entries")):
        yield from _entry(f"{pointer}/log_entries/{number}", entry, ticket, source)


def _assignment(pointer: str, ticket: str, at: Stamp, name: str) -> Fact:
    """Who has it from then on. The incident says it without saying who did it: neither does the log's telling of it, so that both are one."""
    native_id = f"{ticket}:assigned:{tracked.second(at)}:{name}"
    at = Stamp(at.us - at.us % MICROSECONDS, at.precision)
    return Fact(pointer=pointer, section="assignment", words=("assigned",), at=at, ticket=ticket, native_id=native_id, target_person=name)


def _entry(pointer: str, entry: dict[str, Any], ticket: str | None, source: Source) -> Iterator[Item]:
    kind = (tracked.text(entry.get("type")) or "").removesuffix("_reference")
    channel = tracked.record(entry.get("channel"))
    people = [_person(item) for _, item in tracked.records(entry.get("assignees"))] or [_person(entry.get("user"))]
    said = tracked.text(channel.get("summary")) or tracked.text(channel.get("content")) or tracked.text(channel.get("details"))
    yield from _facts(pointer, entry, kind, ticket, "created_at", [name for name in people if name], tracked.text(channel.get("type")), said, source)


def _webhook(pointer: str, event: dict[str, Any], source: Source) -> Iterator[Item]:
    announced, data = tracked.text(event.get("event_type")) or "", tracked.record(event.get("data"))
    kind = _ANNOUNCED.get(announced, announced)
    is_incident = data.get("type") == "incident"
    ticket = tracked.text(data.get("id")) if is_incident else tracked.text(tracked.record(data.get("incident")).get("id"))
    if is_incident:
        changed = {**data, "updated_at": event.get("occurred_at")}
        yield from _incident(f"{pointer}/data", changed, source)
    people = [name for _, item in tracked.records(data.get("assignees")) if (name := _person(item))] if kind in _ASSIGNMENTS else []
    yield from _facts(pointer, event, kind, ticket, "occurred_at", people, None, tracked.text(data.get("content")), source)


def _facts(
    pointer: str, item: dict[str, Any], kind: str, ticket: str | None, dated: str, people: list[str], channel: str | None, said: str | None, source: Source
) -> Iterator[Item]:
    at, actor = tracked.stamp(source, item.get(dated)), _person(item.get("agent"))
    if not kind:
        yield Reject(pointer, "missing_type", "the entry has no type", tracked.raw(item))
    elif ticket is None:
        yield Reject(pointer, "no_ticket", f"{kind}: it does not say of which incident it is", tracked.raw(item))
    elif at is None:
        yield tracked.undated(pointer, item, dated)
    elif kind in _ASSIGNMENTS:
        if not people:
            yield Note(pointer, f"{kind} of {ticket} does not say to whom; the incident's assignments may")
        for name in people:
            yield _assignment(pointer, ticket, at, name)
    else:
        target = people[0] if people else None
        is_minor, own_id = kind not in _ANNOUNCED.values(), tracked.text(item.get("id"))
        # Of what no webhook announces there is one telling, and its id.
        native_id = f"{ticket}:{kind}:{own_id}" if is_minor and own_id else f"{ticket}:{kind}:{tracked.second(at)}:{actor or ''}"
        yield Fact(
            pointer=pointer, section="entry", words=tracked.words(kind), at=at, ticket=ticket, native_id=native_id, actor=actor, target_person=target,
            channel=channel, text=said, is_minor=is_minor,
        )  # fmt: skip
