"""GitHub issues over the REST API: issue events, timeline events, issues, comments. Tickets are `owner/name#number`.

An event and a comment have the same id in every one of these. An event of a page of one issue does not say which: such a page needs an event that
does (`issue`, `issue_url`), as a timeline page has with any comment.
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

NAME = "github_issues"
TITLE = "GitHub issues (issue events, timeline, issues, comments; REST API)"

_ISSUE = re.compile(r"repos/([^/]+/[^/]+)/issues/([0-9]+)")
_REPOSITORY = re.compile(r"repos/([^/]+/[^/]+)(?:/|$)")
Item = Fact | Ticket | Reject


def recognise(head: Head) -> bool:
    return any(map(_is_github, tracked.openings(head)))


def _is_github(opening: dict[str, Any]) -> bool:
    names = opening.keys()
    if {"event", "created_at", "node_id"} <= names or ({"event", "created_at", "actor"} <= names and "occurred_at" not in names):
        return True
    if {"issue_url", "body", "user", "created_at"} <= names or {"number", "title", "state", "repository_url"} <= names:
        return True
    if names & {"specversion", "webhookEvent"}:
        return False
    if "issue" in names and isinstance(opening_issue := tracked.member(opening, "issue"), dict) and "number" in opening_issue:
        return any(tracked.item_members(opening, name) is not None for name in ("events", "timeline", "comments"))
    return "items" in names and {"number", "repository_url"} <= (tracked.item_members(opening, "items") or set())


def parse(content: bytes, source: Source) -> Iterator[Item]:
    found = list(tracked.objects(content))
    only = _only_ticket(item[1] for item in found if not isinstance(item, Reject))
    seen: set[tuple[str, str]] = set()
    for item in found:
        if isinstance(item, Reject):
            yield item
        else:
            for made in _document(*item, only, source):
                # An event carries its whole issue: the same state again is no other state.
                if isinstance(made, Ticket):
                    if (made.ticket, str(made.updated)) in seen:
                        continue
                    seen.add((made.ticket, str(made.updated)))
                yield made


def _only_ticket(values: Iterator[dict[str, Any]]) -> str | None:
    """The issue of a page of one issue's events; None where it names several, or none."""
    named = {found for value in values if (found := _ticket_of(value))}
    return named.pop() if len(named) == 1 else None


def _ticket_of(item: dict[str, Any]) -> str | None:
    match = _ISSUE.search(tracked.text(item.get("issue_url")) or "") or _ISSUE.search(tracked.text(tracked.record(item.get("issue")).get("url")) or "")
    return f"{match[1]}#{match[2]}" if match else _ticket_name(tracked.record(item.get("issue")))


def _ticket_name(issue: dict[str, Any]) -> str | None:
    number = tracked.text(issue.get("number"))
    address = tracked.text(issue.get("repository_url")) or tracked.text(issue.get("url")) or ""
    match = _REPOSITORY.search(address)
    return f"{match[1]}#{number}" if match and number else None


def _document(pointer: str, document: dict[str, Any], only: str | None, source: Source) -> Iterator[Item]:
    if "items" in document:
        for number, issue in tracked.records(document["items"]):
            yield from _issue(f"{pointer}/items/{number}", issue, source)
    elif "event" in document:
        yield from _event(pointer, document, _ticket_of(document) or only, source)
    elif "issue_url" in document:
        yield from _comment(pointer, document, _ticket_of(document), source)
    elif any(isinstance(document.get(name), list) for name in ("events", "timeline", "comments")):
        issue = tracked.record(document.get("issue"))
        ticket = _ticket_name(issue)
        yield from _issue(f"{pointer}/issue", issue, source)
        for name in ("events", "timeline"):
            for number, event in tracked.records(document.get(name)):
                yield from _event(f"{pointer}/{name}/{number}", event, ticket, source)
        for number, item in tracked.records(document.get("comments")):
            yield from _comment(f"{pointer}/comments/{number}", item, ticket, source)
    else:
        yield from _issue(pointer, document, source)


def _login(user: object) -> str | None:
    found = tracked.record(user)
    return tracked.text(found.get("email")) or tracked.text(found.get("login")) or tracked.text(found.get("id"))


def _event(pointer: str, event: dict[str, Any], ticket: str | None, source: Source) -> Iterator[Item]:
    kind, issue = tracked.text(event.get("event")), tracked.record(event.get("issue"))
    if issue and "title" in issue:
        yield from _issue(f"{pointer}/issue", issue, source)
    if kind == "commented":
        yield from _comment(pointer, event, ticket, source)
        return
    at = tracked.stamp(source, event.get("created_at") or event.get("submitted_at"))
    if kind is None:
        yield Reject(pointer, "missing_event", "the item has no event", tracked.raw(event))
    elif ticket is None:
        yield Reject(pointer, "no_ticket", f"{kind}: neither it nor an event beside it says of which issue it is", tracked.raw(event))
    elif at is None:
        if kind not in ("committed", "cross-referenced", "reviewed", "line-commented", "commit-commented"):  # of the timeline, without a time of their own
            yield tracked.undated(pointer, event, "created_at")
    else:
        own_id = tracked.text(event.get("id")) or tracked.text(event.get("node_id"))
        made = {"pointer": pointer, "at": at, "ticket": ticket, "native_id": f"event:{own_id}" if own_id else None}
        label, assignee = tracked.text(tracked.record(event.get("label")).get("name")), _login(event.get("assignee"))
        # The actor of an assignment has been told as who was assigned: who did it is the assigner.
        actor = _login(event.get("assigner")) or _login(event.get("actor"))
        if kind in ("labeled", "unlabeled"):
            yield Fact(**made, section="label" if kind == "labeled" else "unlabel", words=tracked.words(label), actor=actor, text=label, is_minor=True)
        elif kind in ("assigned", "unassigned"):
            yield Fact(**made, section="assignment", words=(kind,), actor=actor, target_person=assignee)
        else:
            reason = _state_reason(event, issue) if kind == "closed" else None
            yield Fact(
                **made,
                section="entry",
                words=tracked.words(f"{kind}:{reason}" if reason else None, kind),
                actor=actor,
                text=f"{kind}: {reason}" if reason else None,
                is_minor=kind not in ("closed", "reopened"),
            )


def _state_reason(event: dict[str, Any], issue: dict[str, Any]) -> str | None:
    """Why it was closed: as the event says, else as the issue does where this is the closing that it stands at."""
    own = tracked.text(event.get("state_reason"))
    is_last = issue.get("state") == "closed" and issue.get("closed_at") == event.get("created_at")
    return own or (tracked.text(issue.get("state_reason")) if is_last else None)


def _comment(pointer: str, item: dict[str, Any], ticket: str | None, source: Source) -> Iterator[Item]:
    at, own_id = tracked.stamp(source, item.get("created_at")), tracked.text(item.get("id"))
    if ticket is None:
        yield Reject(pointer, "no_ticket", "the comment does not say of which issue it is", tracked.raw(item))
    elif at is None:
        yield tracked.undated(pointer, item, "created_at")
    else:
        actor = _login(item.get("user")) or _login(item.get("actor"))
        yield tracked.comment(pointer, ticket, at, f"comment:{own_id}" if own_id else None, actor, tracked.rich_text(item.get("body")))


def _issue(pointer: str, issue: dict[str, Any], source: Source) -> Iterator[Item]:
    ticket = _ticket_name(issue)
    if ticket is None:
        yield Reject(pointer, "no_ticket", "the issue has no number, or no address of its repository", tracked.raw(issue))
        return
    if "pull_request" in issue or "/pull/" in (tracked.text(issue.get("html_url")) or ""):  # a change to the code is no ticket; what happened to it is kept
        return
    labels, state = tracked.texts(issue.get("labels")), tracked.text(issue.get("state"))
    assignees = [name for _, user in tracked.records(issue.get("assignees")) if (name := _login(user))] or [_login(issue.get("assignee"))]
    is_open = state == "open"
    yield Ticket(
        pointer=pointer,
        ticket=ticket,
        title=tracked.text(issue.get("title")),
        native_state=state,
        # An open issue's labels say how far it is.
        state_words=tracked.words(*(labels if is_open else ()), state),
        assignee=assignees[0],
        native_priority=next((name for name in labels if source.mapping and source.mapping.severity_of(*tracked.words(name))), None),
        severity_words=tracked.words(*labels),
        labels=labels,
        texts=tuple(found for found in (tracked.rich_text(issue.get("body")),) if found),
        url=tracked.text(issue.get("html_url")),
        created=tracked.stamp(source, issue.get("created_at")),
        updated=tracked.stamp(source, issue.get("updated_at")),
    )
