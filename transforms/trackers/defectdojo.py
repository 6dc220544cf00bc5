"""DefectDojo, API v2: findings with their notes, and the notes of one finding. Tickets are `defectdojo:ID`.

A finding that kept its scanner's own id (`unique_id_from_tool`) is tied to that finding of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from transforms.domain import tracked
from transforms.domain.head import Head
from transforms.domain.mapping import Fields
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.tracked import Fact, Note, Ticket

NAME = "defectdojo"
TITLE = "DefectDojo findings and notes (API v2)"

_FINDING = {"id", "title", "severity", "active", "verified", "false_p"}
#: States that a finding has at once, the one that says most of it first.
_STATES = ("false_p", "duplicate", "out_of_scope", "risk_accepted", "is_mitigated", "under_review")
_NAMES = {"false_p": "false positive", "out_of_scope": "out of scope", "risk_accepted": "risk accepted", "is_mitigated": "mitigated", "under_review": "under review"}
Item = Fact | Ticket | Note | Reject


def recognise(head: Head) -> bool:
    return any(map(_is_defectdojo, tracked.openings(head)))


def _is_defectdojo(opening: dict[str, Any]) -> bool:
    return (
        _FINDING <= opening.keys()
        or _FINDING <= (tracked.item_members(opening, "results") or set())
        or ("finding_id" in opening and tracked.item_members(opening, "notes") is not None)
    )


def parse(content: bytes, source: Source) -> Iterator[Item]:
    for found in tracked.objects(content):
        if isinstance(found, Reject):
            yield found
            continue
        pointer, document = found
        if isinstance(document.get("results"), list):
            for number, finding in tracked.records(document["results"]):
                yield from _finding(f"{pointer}/results/{number}", finding, source)
        elif "finding_id" in document:
            yield from _notes(pointer, document.get("notes"), _ticket(document.get("finding_id")), source)
        else:
            yield from _finding(pointer, document, source)


def _ticket(value: object) -> str | None:
    found = tracked.text(value)
    return f"{NAME}:{found}" if found else None


def _person(user: object) -> str | None:
    found = tracked.record(user)
    return tracked.text(found.get("email")) or tracked.text(found.get("username")) or tracked.text(found.get("id")) or tracked.text(user)


def _finding(pointer: str, finding: dict[str, Any], source: Source) -> Iterator[Item]:
    fields, ticket = source.mapping.fields if source.mapping else Fields(), _ticket(finding.get("id"))
    if ticket is None:
        yield Reject(pointer, "missing_id", "the finding has no id", tracked.raw(finding))
        return
    holds = [name for name in _STATES if finding.get(name) is True]
    state = _NAMES.get(holds[0], holds[0]) if holds else "active" if finding.get("active") is True else "inactive"
    severity, own_id = tracked.text(finding.get("severity")), tracked.text(finding.get("unique_id_from_tool"))
    changed = tracked.stamp(source, finding.get("last_status_update"))
    yield Ticket(
        pointer=pointer,
        ticket=ticket,
        title=tracked.text(finding.get("title")),
        native_state=state,
        state_words=tracked.words(state),
        native_priority=severity,
        severity_words=tracked.words(severity),
        due_at=tracked.due_us(source, finding.get(fields.due or "")),
        labels=tracked.texts(finding.get("tags")),
        texts=tuple(found for name in ("description", "mitigation") if (found := tracked.text(finding.get(name)))),
        refs=(own_id,) if own_id else (),
        created=tracked.stamp(source, finding.get("created")) or tracked.stamp(source, finding.get("date")),
        updated=changed or tracked.stamp(source, finding.get("updated")),
    )
    accepted = [found for _, item in tracked.records(finding.get("accepted_risks")) if (found := tracked.stamp(source, item.get("created")))]
    dated = {"mitigated": tracked.stamp(source, finding.get("mitigated")), "risk_accepted": min(accepted) if accepted else changed}
    for name in ("mitigated", "risk_accepted", "false_p", "duplicate", "out_of_scope", "verified"):
        is_so = bool(dated["mitigated"]) if name == "mitigated" else finding.get(name) is True
        at = dated.get(name, changed)
        if is_so and at is None:
            yield Note(f"{pointer}/{name}", f"{ticket} is {name} and does not say since when: no event")
        elif is_so and at is not None:
            actor = _person(finding.get("mitigated_by")) if name == "mitigated" else None
            native_id = f"{ticket}:{name}:{at.us}"
            yield Fact(pointer=f"{pointer}/{name}", section="entry", words=tracked.words(name), at=at, ticket=ticket, native_id=native_id, actor=actor, text=name)
    notes = finding.get("notes")
    yield from _notes(pointer, notes.get("results", notes.get("notes")) if isinstance(notes, dict) else notes, ticket, source)


def _notes(pointer: str, notes: object, ticket: str | None, source: Source) -> Iterator[Item]:
    for number, note in tracked.records(notes):
        where, at, own_id = f"{pointer}/notes/{number}", tracked.stamp(source, note.get("date")), tracked.text(note.get("id"))
        if ticket is None:
            yield Reject(where, "no_ticket", "the notes do not say of which finding they are", tracked.raw(note))
        elif at is None:
            yield tracked.undated(where, note, "date")
        else:
            yield tracked.comment(where, ticket, at, f"note:{own_id}" if own_id else None, _person(note.get("author")), tracked.text(note.get("entry")))
