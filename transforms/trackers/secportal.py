"""SecPortal's activity log as CSV: who did what to which finding, when, and from what to what.

The product says that its export has every state change and ownership reassignment by user and timestamp; the names of its columns are not published.
Known by `timestamp`, `user` and `action`; the finding stands in `finding_id`, `entity_id` or `entity`, what changed in `from`, `to` and `details`.
"""

from __future__ import annotations

from collections.abc import Iterator

from transforms.domain.delimited import raw_text, read_rows
from transforms.domain.head import Head
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.tracked import Fact, comment, stamp, words

NAME = "secportal"
TITLE = "SecPortal activity log (CSV)"

_REQUIRED = {"timestamp", "user", "action"}
_SUBJECTS = ("finding_id", "entity_id", "entity")
_STATUS = frozenset({"status_changed", "state_changed", "finding.status_changed", "status changed", "state changed"})
_OWNER = frozenset({"owner_changed", "assigned", "reassigned", "unassigned", "finding.assigned", "owner changed", "assignee_changed"})
_COMMENT = frozenset({"comment", "commented", "comment_added", "finding.commented", "note_added"})


def recognise(head: Head) -> bool:
    header = {cell.lower() for cell in head.csv_header}
    return header >= _REQUIRED and bool(header & {*_SUBJECTS})


def parse(content: bytes, source: Source) -> Iterator[Fact | Reject]:
    for row in read_rows(content):
        yield row if isinstance(row, Reject) else _fact(*row, source)


def _fact(pointer: str, cells: dict[str, str], source: Source) -> Fact | Reject:
    subject, action = next((cells[name] for name in _SUBJECTS if name in cells), None), cells.get("action")
    at = stamp(source, cells.get("timestamp"))
    if subject is None or action is None:
        lacking = "finding_id" if subject is None else "action"
        return Reject(pointer, f"missing_{lacking}", f"the row has no {lacking}", raw_text(cells))
    if at is None:
        return Reject(pointer, "bad_instant", f"timestamp is {cells.get('timestamp')!r}, expected ISO 8601", raw_text(cells))
    own_id, actor, old, new, details = cells.get("id"), cells.get("user"), cells.get("from"), cells.get("to"), cells.get("details")
    (kind,) = words(action) or ("",)
    if kind in _COMMENT:
        return comment(pointer, subject, at, own_id, actor, details)
    if kind in _STATUS:
        names = words(f"{old} > {new}" if old and new else None, new)
        return Fact(pointer=pointer, section="status", words=names, at=at, ticket=subject, native_id=own_id, actor=actor, text=details or f"{old or '?'} → {new or '?'}")
    if kind in _OWNER:
        change = "unassigned" if not new else "reassigned" if old else "assigned"
        return Fact(pointer=pointer, section="assignment", words=(change,), at=at, ticket=subject, native_id=own_id, actor=actor, target_person=new)
    return Fact(pointer=pointer, section="entry", words=words(action), at=at, ticket=subject, native_id=own_id, actor=actor, text=details)
