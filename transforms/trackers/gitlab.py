"""GitLab issues over the REST API: resource state events, resource label events, notes, issues; or an issue with its lists in one object.

Events and notes say the issue's id, not its path: by themselves they are of ticket `gitlab:ID`; an export of the issue ties that to
its path (`group/project#12`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from transforms.domain import tracked
from transforms.domain.head import Head
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.tracked import Fact, Ticket

NAME = "gitlab"
TITLE = "GitLab issues (resource state and label events, notes, issues; REST API)"

_LISTS = ("state_events", "label_events", "notes")
_ASSIGNED = re.compile(r"(?<!un)assigned to ((?:@[\w.-]+(?:, | and |,)?)+)")
_UNASSIGNED = re.compile(r"unassigned ((?:@[\w.-]+(?:, | and |,)?)+)")
_PERSON = re.compile(r"@([\w.-]*\w)")
Item = Fact | Ticket | Reject


def recognise(head: Head) -> bool:
    return any(map(_is_gitlab, tracked.openings(head)))


def _is_gitlab(opening: dict[str, Any]) -> bool:
    names = opening.keys()
    return (
        {"resource_type", "resource_id", "created_at"} <= names
        or {"noteable_type", "noteable_id", "body"} <= names
        or {"iid", "project_id", "title", "web_url"} <= names
        or ("issue" in names and bool(names & {*_LISTS}))
    )


def parse(content: bytes, source: Source) -> Iterator[Item]:
    for found in tracked.objects(content):
        yield from (found,) if isinstance(found, Reject) else _document(*found, source)


def _document(pointer: str, document: dict[str, Any], source: Source) -> Iterator[Item]:
    beside = "issue" in document
    if beside or "iid" in document:
        issue = tracked.record(document["issue"]) if beside else document
        yield from _issue(f"{pointer}/issue" if beside else pointer, issue, source)
        for name in _LISTS:
            for number, item in tracked.records(document.get(name)):
                yield from _item(f"{pointer}/{name}/{number}", item, _full_name(issue), source)
    else:
        yield from _item(pointer, document, None, source)


def _item(pointer: str, item: dict[str, Any], ticket: str | None, source: Source) -> Iterator[Item]:
    kind = tracked.text(item.get("noteable_type")) or tracked.text(item.get("resource_type"))
    if kind and kind != "Issue":
        return  # merge requests and epics are no tickets
    ticket = ticket or _by_id(item.get("noteable_id") or item.get("resource_id"))
    at, own_id = tracked.stamp(source, item.get("created_at")), tracked.text(item.get("id"))
    if ticket is None:
        yield Reject(pointer, "no_ticket", "it does not say of which issue it is", tracked.raw(item))
    elif at is None:
        yield tracked.undated(pointer, item, "created_at")
    elif "body" in item:
        yield from _note(pointer, item, ticket, at, own_id)
    elif "label" in item or "action" in item:
        name, is_added = tracked.text(tracked.record(item.get("label")).get("name")), item.get("action") == "add"
        native_id = f"label:{own_id}" if own_id else None
        yield Fact(
            pointer=pointer, section="label" if is_added else "unlabel", words=tracked.words(name), at=at, ticket=ticket, native_id=native_id,
            actor=_login(item.get("user")), text=name, is_minor=True,
        )  # fmt: skip
    else:
        state = tracked.text(item.get("state"))
        native_id = f"state:{own_id}" if own_id else None
        yield Fact(pointer=pointer, section="entry", words=tracked.words(state), at=at, ticket=ticket, native_id=native_id, actor=_login(item.get("user")))


def _note(pointer: str, note: dict[str, Any], ticket: str, at: Any, own_id: str | None) -> Iterator[Item]:
    body, actor = tracked.text(note.get("body")), _login(note.get("author"))
    native_id = f"note:{own_id}" if own_id else None
    if note.get("system") is not True:
        yield tracked.comment(pointer, ticket, at, native_id, actor, body)
        return
    # What GitLab writes itself: only who has it is told nowhere else; states and labels have events of their own.
    is_named = False
    for pattern, word in ((_ASSIGNED, "assigned"), (_UNASSIGNED, "unassigned")):
        for match in pattern.finditer(body or ""):
            for name in _PERSON.findall(match[1]):
                is_named = True
                own = f"{native_id}:{word}:{name}" if native_id else None
                yield Fact(pointer=pointer, section="assignment", words=(word,), at=at, ticket=ticket, native_id=own, actor=actor, target_person=name)
    if not is_named:
        yield Fact(pointer=pointer, section="field", words=tracked.words((body or "system note").split("\n")[0][:60]), at=at, ticket=ticket, actor=actor, is_minor=True)


def _issue(pointer: str, issue: dict[str, Any], source: Source) -> Iterator[Item]:
    ticket = _full_name(issue)
    if ticket is None:
        yield Reject(pointer, "no_ticket", "the issue has neither references nor an id", tracked.raw(issue))
        return
    other = _by_id(issue.get("id"))
    labels, state = tracked.texts(issue.get("labels")), tracked.text(issue.get("state"))
    assignees = [name for _, user in tracked.records(issue.get("assignees")) if (name := _login(user))]
    yield Ticket(
        pointer=pointer,
        ticket=ticket,
        other_names=(other,) if other and other != ticket else (),
        title=tracked.text(issue.get("title")),
        native_state=state,
        state_words=tracked.words(*(labels if state == "opened" else ()), state),
        assignee=assignees[0] if assignees else _login(issue.get("assignee")),
        native_priority=next((name for name in labels if source.mapping and source.mapping.severity_of(*tracked.words(name))), None),
        severity_words=tracked.words(*labels),
        due_at=tracked.due_us(source, issue.get("due_date")),
        labels=labels,
        texts=tuple(found for found in (tracked.text(issue.get("description")),) if found),
        url=tracked.text(issue.get("web_url")),
        created=tracked.stamp(source, issue.get("created_at")),
        updated=tracked.stamp(source, issue.get("updated_at")),
    )


def _login(user: object) -> str | None:
    found = tracked.record(user)
    return tracked.text(found.get("public_email")) or tracked.text(found.get("email")) or tracked.text(found.get("username")) or tracked.text(found.get("id"))


def _by_id(value: object) -> str | None:
    found = tracked.text(value)
    return f"{NAME}:{found}" if found else None


def _full_name(issue: dict[str, Any]) -> str | None:
    return tracked.text(tracked.record(issue.get("references")).get("full")) or _by_id(issue.get("id"))
