"""ServiceNow: incidents and other tasks (Table API), sys_audit and sys_journal_field (JSON, CSV), an event log of incidents as CSV.

`sys_audit` says which record by its sys_id: by itself it is of ticket `servicenow:SYS_ID`; an export of the record ties that to
its number.
The event log has one row per update, with the whole incident after it: what changed is what differs from the row before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from transforms.domain.delimited import raw_text, read_rows
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.mapping import Fields, word
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.tracked import (
    Fact,
    Ticket,
    comment,
    due_us,
    item_members,
    objects,
    openings,
    raw,
    records,
    second,
    stamp,
    text,
    undated,
    words,
)

NAME = "servicenow"
TITLE = "ServiceNow (Table API records, sys_audit, sys_journal_field, incident event log)"

_AUDIT = {"documentkey", "fieldname", "newvalue", "sys_created_on"}
_JOURNAL = {"element", "element_id", "value", "sys_created_on"}
_RECORD = {"number", "sys_id"}
_STATES = {"state", "incident_state"}
_LOG = {"number", "incident_state", "sys_updated_at", "sys_mod_count"}
#: States that a record dates itself, and by whom they were reached.
_DATED = (("resolved_at", "resolved_by", "6", "resolved"), ("closed_at", "closed_by", "7", "closed"))
_UNKNOWN = "?"
Item = Fact | Ticket | Reject


def recognise(head: Head) -> bool:
    header = {cell.lower() for cell in head.csv_header}
    if _LOG <= header or _AUDIT <= header or _JOURNAL <= header or (_RECORD <= header and header & _STATES):
        return True
    return any(_is_row(names) for opening in openings(head) for names in (opening.keys(), item_members(opening, "result") or set()))


def _is_row(names: Any) -> bool:
    return names >= _AUDIT or names >= _JOURNAL or (names >= _RECORD and bool(names & _STATES))


def parse(content: bytes, source: Source) -> Iterator[Item]:
    if content.removeprefix(BOM).lstrip()[:1] in (b"{", b"["):
        for found in objects(content):
            yield from (found,) if isinstance(found, Reject) else _document(*found, source)
        return
    log: dict[str, list[tuple[str, dict[str, str]]]] = defaultdict(list)
    for row in read_rows(content):
        if isinstance(row, Reject):
            yield row
        elif "sys_mod_count" in row[1] and "sys_updated_at" in row[1] and "number" in row[1]:
            log[row[1]["number"]].append(row)
        else:
            yield from _row(*row, source)
    for ticket, rows in log.items():
        yield from _updates(ticket, rows, source)


def _document(pointer: str, document: dict[str, Any], source: Source) -> Iterator[Item]:
    if isinstance(document.get("result"), list):
        for number, row in records(document["result"]):
            yield from _row(f"{pointer}/result/{number}", row, source)
    elif isinstance(document.get("result"), dict):
        yield from _row(f"{pointer}/result", document["result"], source)
    else:
        yield from _row(pointer, document, source)


def _row(pointer: str, row: dict[str, Any], source: Source) -> Iterator[Item]:
    if "fieldname" in row:
        yield from _audit(pointer, row, source)
    elif "element" in row:
        yield from _journal(pointer, row, source)
    else:
        yield from _record(pointer, row, source)


def _value(cell: object) -> str | None:
    """The stored value of a cell, which the Table API gives alone or with the one that is shown."""
    return text(cell.get("value")) if isinstance(cell, dict) else text(cell)


def _shown(cell: object) -> str | None:
    return (text(cell.get("display_value")) or text(cell.get("value"))) if isinstance(cell, dict) else text(cell)


def _person(cell: object) -> str | None:
    """Who it is, as stored: a user name or the sys_id of a user. The name that is shown tells nobody apart."""
    return _value(cell) or _shown(cell)


def _by_id(value: object) -> str | None:
    found = _value(value)
    return f"{NAME}:{found}" if found else None


def _id_word(value: str | None) -> str | None:
    return f"id:{value}" if value and value.lstrip("-").isdecimal() else None


def _state_words(old: tuple[str | None, str | None], new: tuple[str | None, str | None]) -> tuple[str, ...]:
    """Words of a transition between two states, each as (stored, shown)."""
    was, now = _id_word(old[0]), _id_word(new[0])
    return words(f"{was} > {now}" if was and now else None, f"{old[1]} > {new[1]}" if old[1] and new[1] else None, now, new[1])


def _audit(pointer: str, row: dict[str, Any], source: Source) -> Iterator[Item]:
    ticket, field = _by_id(row.get("documentkey")), _value(row.get("fieldname"))
    at, actor, own_id = stamp(source, _value(row.get("sys_created_on"))), _person(row.get("user")) or _person(row.get("sys_created_by")), _value(row.get("sys_id"))
    if ticket is None or field is None:
        lacking = "documentkey" if ticket is None else "fieldname"
        yield Reject(pointer, f"missing_{lacking}", f"the row has no {lacking}", raw(row))
    elif at is None:
        yield undated(pointer, row, "sys_created_on")
    else:
        native_id = f"audit:{own_id}" if own_id else None
        old, new = ((_value(row.get(name)), _shown(row.get(name))) for name in ("oldvalue", "newvalue"))
        if field in _STATES and new[0]:
            native_id = f"{ticket}:state:{new[0]}:{second(at)}"
        yield from _change(pointer, ticket, field, old, new, at, native_id, actor)


def _change(
    pointer: str, ticket: str, field: str, old: tuple[str | None, str | None], new: tuple[str | None, str | None], at: Stamp, native_id: str | None, actor: str | None
) -> Iterator[Fact]:
    kind = word(field)
    if kind in _STATES:
        said = f"{old[1] or '?'} → {new[1] or '?'}"
        yield Fact(pointer=pointer, section="status", words=_state_words(old, new), at=at, ticket=ticket, native_id=native_id, actor=actor, text=said)
    elif kind == "assigned_to":
        change = "unassigned" if not new[0] else "reassigned" if old[0] else "assigned"
        yield Fact(pointer=pointer, section="assignment", words=(change,), at=at, ticket=ticket, native_id=native_id, actor=actor, target_person=new[0])
    elif kind in ("comments", "work_notes"):
        yield comment(pointer, ticket, at, native_id, actor, new[1])
    else:
        names = words(f"{field}={new[1]}" if new[1] else None, field)
        yield Fact(pointer=pointer, section="field", words=names, at=at, ticket=ticket, native_id=native_id, actor=actor, text=new[1], is_minor=True)


def _journal(pointer: str, row: dict[str, Any], source: Source) -> Iterator[Item]:
    ticket, at, own_id = _by_id(row.get("element_id")), stamp(source, _value(row.get("sys_created_on"))), _value(row.get("sys_id"))
    if ticket is None:
        yield Reject(pointer, "missing_element_id", "the row has no element_id", raw(row))
    elif at is None:
        yield undated(pointer, row, "sys_created_on")
    else:
        yield comment(pointer, ticket, at, f"journal:{own_id}" if own_id else None, _person(row.get("sys_created_by")), _value(row.get("value")))


def _record(pointer: str, row: dict[str, Any], source: Source) -> Iterator[Item]:
    fields = source.mapping.fields if source.mapping else Fields()
    ticket, by_id = _value(row.get("number")), _by_id(row.get("sys_id"))
    if ticket is None:
        yield Reject(pointer, "missing_number", "the record has no number", raw(row))
        return
    state = row.get("state", row.get("incident_state"))
    priority = row.get(fields.severity or "")
    yield Ticket(
        pointer=pointer,
        ticket=ticket,
        other_names=(by_id,) if by_id else (),
        title=_shown(row.get("short_description")),
        native_state=_shown(state),
        state_words=words(_id_word(_value(state)), _shown(state)),
        assignee=_person(row.get("assigned_to")),
        native_priority=_shown(priority),
        severity_words=words(_shown(priority), _value(priority)),
        due_at=due_us(source, _value(row.get(fields.due or ""))),
        texts=tuple(found for name in ("description", "work_notes", "comments") if (found := _shown(row.get(name)))),
        created=stamp(source, _value(row.get("opened_at"))) or stamp(source, _value(row.get("sys_created_on"))),
        updated=stamp(source, _value(row.get("sys_updated_on"))),
    )
    for name, by, number, shown in _DATED:
        at = stamp(source, _value(row.get(name)))
        if at is not None:
            # As sys_audit has it, so that both are one; but it says which record by another name.
            native_id = f"{by_id}:state:{number}:{second(at)}" if by_id else None
            actor = _person(row.get(by))
            yield Fact(
                pointer=f"{pointer}/{name}", section="status", words=words(f"id:{number}", shown), at=at, ticket=ticket, native_id=native_id, actor=actor, text=shown
            )


# The event log


def _updates(ticket: str, rows: Iterable[tuple[str, dict[str, str]]], source: Source) -> Iterator[Item]:
    dated: list[tuple[Stamp, int, str, dict[str, str]]] = []
    for pointer, cells in rows:
        at = stamp(source, cells["sys_updated_at"])
        if at is None:
            yield Reject(pointer, "bad_instant", f"sys_updated_at is {cells['sys_updated_at']!r}, expected ISO 8601", raw_text(cells))
            continue
        count = cells["sys_mod_count"]
        dated.append((at, int(count) if count.isdecimal() and len(count) < 10 else 0, pointer, cells))
    dated.sort(key=lambda update: (update[0].us, update[1], sorted(update[3].items())))
    before: dict[str, str] = {}
    for at, count, pointer, cells in dated:
        now = {name: value for name, value in cells.items() if value != _UNKNOWN}
        actor = now.get("sys_updated_by")
        holder = {"assigned_to": _holder(before), "incident_state": before.get("incident_state")}
        for field, new in (("assigned_to", _holder(now)), ("incident_state", now.get("incident_state"))):
            old = holder[field]
            if old == new or (field == "incident_state" and new is None):
                continue
            native_id = f"{ticket}:{count}:{field}:{second(at)}"
            yield from _change(f"{pointer}/{field}", ticket, field, (old, old), (new, new), at, native_id, actor)
        before = now
    if dated:
        last = dated[-1]
        priority, state = before.get("priority"), before.get("incident_state")
        yield Ticket(
            pointer=last[2],
            ticket=ticket,
            native_state=state,
            state_words=words(state),
            assignee=_holder(before),
            native_priority=priority,
            severity_words=words(priority),
            created=stamp(source, before.get("opened_at")),
            updated=last[0],
        )


def _holder(cells: dict[str, str]) -> str | None:
    """Who has it: the person, else the group's queue."""
    return cells.get("assigned_to") or cells.get("assignment_group")
