"""Jira Cloud and Data Center: issues with their changelog (search, board, one issue), changelog pages, webhooks, DevLake's CSV of changelog rows.

A change is known by the id of its history and its field, the same in every one of these. Where only the issue's number is told and not its key,
the ticket is `jira:NUMBER`; an export of the issue itself ties that to the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from transforms.domain import tracked
from transforms.domain.delimited import raw_text, read_rows
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.mapping import Fields, word
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.tracked import Fact, Note, Ticket

NAME = "jira"
TITLE = "Jira Cloud and Data Center (issues with changelog, changelog pages, webhooks; DevLake's changelog CSV)"

_CSV = {"id", "issue_id", "author_id", "field_name", "original_from_value", "original_to_value", "created_date"}
_ISSUE_OF_URL = re.compile(r"/issue/([^/?]+)/changelog")
_CATEGORIES = {"2": "new", "4": "indeterminate", "3": "done"}
Item = Fact | Ticket | Note | Reject


def recognise(head: Head) -> bool:
    return {cell.lower() for cell in head.csv_header} >= _CSV or any(map(_is_jira, tracked.openings(head)))


def _is_jira(opening: dict[str, Any]) -> bool:
    names = opening.keys()
    issues = tracked.item_members(opening, "issues")
    if issues is not None:
        return {"key", "fields"} <= issues or {"id", "changelog"} <= issues or (not issues and bool(names & {"isLast", "nextPageToken", "startAt", "statuses"}))
    values = tracked.item_members(opening, "values")
    if values is not None and "/changelog" in str(tracked.member(opening, "self") or ""):
        return True
    return (
        {"key", "fields", "id"} <= names
        or {"items", "created", "_issue"} <= names
        or "issueChangeLogs" in names
        or (values is not None and {"items", "created"} <= values)
        or ({"webhookEvent", "issue"} <= names)
    )


def parse(content: bytes, source: Source) -> Iterator[Item]:
    if content.lstrip()[:1] not in (b"{", b"[") and not content.startswith(b"\xef\xbb\xbf{"):
        yield from _csv_rows(content, source)
        return
    found = list(tracked.objects(content))
    values = [item[1] for item in found if not isinstance(item, Reject)]
    reader = _Reader(source, values)
    for item in found:
        if isinstance(item, Reject):
            yield item
        else:
            yield from reader.read(*item)


def _person(user: object) -> str | None:
    """How the tracker names a user: mail address, else login, else account id; None for one who was deleted."""
    found = tracked.record(user)
    return tracked.text(found.get("emailAddress")) or tracked.text(found.get("name")) or tracked.text(found.get("accountId")) or tracked.text(found.get("key"))


class _Reader:
    """Reads the documents of one file; knows its users and status categories, which one place of it states and another only refers to."""

    def __init__(self, source: Source, values: list[dict[str, Any]]) -> None:
        self._source = source
        self._fields = source.mapping.fields if source.mapping else Fields()
        self._people: dict[str, str] = {}
        categories: dict[str, set[str]] = {}
        for value in values:
            self._learn(value, categories, 0)
        self._categories = {status: found.pop() for status, found in categories.items() if len(found) == 1}

    def _learn(self, value: object, categories: dict[str, set[str]], depth: int) -> None:
        if depth > 12:
            return
        if isinstance(value, list):
            for item in value:
                self._learn(item, categories, depth + 1)
        elif isinstance(value, dict):
            category = _category(value)
            if category and (status := tracked.text(value.get("id"))):
                categories.setdefault(status, set()).add(category)
            if (person := _person(value)) and ("accountId" in value or "emailAddress" in value):
                for name in ("accountId", "name", "key"):
                    if own := tracked.text(value.get(name)):
                        self._people[own] = person
            for item in value.values():
                self._learn(item, categories, depth + 1)

    def read(self, pointer: str, document: dict[str, Any]) -> Iterator[Item]:
        if "issues" in document:
            for number, issue in tracked.records(document["issues"]):
                yield from self._issue(f"{pointer}/issues/{number}", issue)
        elif "issueChangeLogs" in document:
            for number, changes in tracked.records(document["issueChangeLogs"]):
                where = f"{pointer}/issueChangeLogs/{number}"
                yield from self._histories(f"{where}/changeHistories", changes.get("changeHistories"), _named(tracked.text(changes.get("issueId"))))
        elif "values" in document:
            match = _ISSUE_OF_URL.search(str(document.get("self") or ""))
            yield from self._histories(f"{pointer}/values", document["values"], _named(match[1]) if match else None)
        elif "_issue" in document:
            about = tracked.record(document["_issue"])
            ticket = tracked.text(about.get("key")) or _named(tracked.text(about.get("issue_id")) or tracked.text(about.get("id")))
            yield from self._history(pointer, document, ticket)
        elif "webhookEvent" in document:
            yield from self._webhook(pointer, document)
        else:
            yield from self._issue(pointer, document)

    def _issue(self, pointer: str, issue: dict[str, Any]) -> Iterator[Item]:
        fields, number = tracked.record(issue.get("fields")), tracked.text(issue.get("id"))
        ticket = tracked.text(issue.get("key")) or _named(number)
        if ticket is None:
            yield Reject(pointer, "missing_key", "the issue has neither key nor id", tracked.raw(issue))
            return
        if fields:
            yield self._ticket(pointer, issue, fields, ticket)
        changelog = tracked.record(issue.get("changelog"))
        yield from self._histories(f"{pointer}/changelog/histories", changelog.get("histories"), ticket)
        yield from _missing(pointer, ticket, changelog, "histories", "changelog", "changes")
        comments = tracked.record(fields.get("comment"))
        for place, item in tracked.records(comments.get("comments")):
            yield from self._comment(f"{pointer}/fields/comment/comments/{place}", item, ticket)
        yield from _missing(pointer, ticket, comments, "comments", "comments", "comments")

    def _ticket(self, pointer: str, issue: dict[str, Any], fields: dict[str, Any], ticket: str) -> Ticket:
        status, number, address = tracked.record(fields.get("status")), tracked.text(issue.get("id")), urlsplit(tracked.text(issue.get("self")) or "")
        category = _category(status)
        priority = fields.get(self._fields.severity or "")
        named = tracked.record(priority)
        native = tracked.text(named.get("name")) or tracked.text(named.get("value")) or tracked.text(priority)
        name = _named(number)
        return Ticket(
            pointer=pointer,
            ticket=ticket,
            other_names=(name,) if name and name != ticket else (),
            title=tracked.text(fields.get("summary")),
            native_state=tracked.text(status.get("name")),
            state_words=tracked.words(_prefixed("id", status.get("id")), status.get("name"), _prefixed("category", category)),
            assignee=_person(fields.get("assignee")),
            native_priority=native,
            severity_words=tracked.words(_prefixed("id", named.get("id")), native),
            due_at=tracked.due_us(self._source, fields.get(self._fields.due or "")),
            labels=tracked.texts(fields.get("labels")),
            texts=tuple(found for field in ("description", "environment") if (found := tracked.rich_text(fields.get(field)))),
            url=f"{address.scheme}://{address.netloc}/browse/{ticket}" if address.netloc and address.scheme in ("http", "https") else None,
            created=tracked.stamp(self._source, fields.get("created")),
            updated=tracked.stamp(self._source, fields.get("updated")),
        )

    def _histories(self, pointer: str, histories: object, ticket: str | None) -> Iterator[Item]:
        before: dict[str, Any] | None = None
        dated = sorted(((tracked.stamp(self._source, history.get("created")), number, history) for number, history in tracked.records(histories)), key=_order)
        for _, number, history in dated:
            yield from self._history(f"{pointer}/{number}", history, ticket)
            for _, item in tracked.records(history.get("items")):
                if word(item.get("field")) == "status":
                    if before and tracked.text(before.get("to")) != tracked.text(item.get("from")):
                        seen = f"{ticket}: from {_side(item, 'from')} after to {_side(before, 'to')}"
                        yield Note(f"{pointer}/{number}", f"broken chain of {seen}: a change between them is not in the file")
                    before = item

    def _history(self, pointer: str, history: dict[str, Any], ticket: str | None) -> Iterator[Item]:
        at = tracked.stamp(self._source, history.get("created"))
        if ticket is None:
            yield Reject(pointer, "no_ticket", "the change does not say which issue it is of", tracked.raw(history))
        elif at is None:
            yield tracked.undated(pointer, history, "created")
        else:
            items = [(f"{pointer}/items/{number}", item) for number, item in tracked.records(history.get("items"))]
            yield from self._changes(items, ticket, at, tracked.text(history.get("id")), _person(history.get("author")))

    def _changes(self, items: list[tuple[str, dict[str, Any]]], ticket: str, at: Stamp, own_id: str | None, actor: str | None) -> Iterator[Fact]:
        resolution = next((item.get("toString") for _, item in items if word(item.get("field")) == "resolution"), None)
        for pointer, item in items:
            field = tracked.text(item.get("field")) or tracked.text(item.get("fieldId")) or "?"
            native_id = f"{own_id}:{word(field)}" if own_id else None
            yield from _change(self, pointer, item, field, resolution, ticket, at, native_id, actor)

    def person(self, name: str | None) -> str | None:
        return self._people.get(name, name) if name else None

    def category(self, status: object) -> str | None:
        return self._categories.get(tracked.text(status) or "")

    def _comment(self, pointer: str, item: dict[str, Any], ticket: str) -> Iterator[Item]:
        at, body, own_id = tracked.stamp(self._source, item.get("created")), tracked.rich_text(item.get("body")), tracked.text(item.get("id"))
        if at is None:
            yield tracked.undated(pointer, item, "created")
            return
        yield tracked.comment(pointer, ticket, at, f"comment:{own_id}" if own_id else None, _person(item.get("author")), body)

    def _webhook(self, pointer: str, hook: dict[str, Any]) -> Iterator[Item]:
        issue, changelog = tracked.record(hook.get("issue")), tracked.record(hook.get("changelog"))
        yield from self._issue(f"{pointer}/issue", {**issue, "changelog": None})
        ticket = tracked.text(issue.get("key")) or _named(tracked.text(issue.get("id")))
        if changelog:
            history = {**changelog, "created": hook.get("timestamp"), "author": hook.get("user")}
            yield from self._history(f"{pointer}/changelog", history, ticket)
        if ticket and isinstance(hook.get("comment"), dict):
            yield from self._comment(f"{pointer}/comment", hook["comment"], ticket)


def _category(status: dict[str, Any]) -> str | None:
    """A status's category: by its number, which is the same everywhere, else by its key."""
    category = tracked.record(status.get("statusCategory"))
    key = tracked.text(category.get("key"))
    return _CATEGORIES.get(tracked.text(category.get("id")) or "") or (word(key) if key else None)


def _order(entry: tuple[Stamp | None, int, dict[str, Any]]) -> tuple:
    at, number, history = entry
    own_id = tracked.text(history.get("id")) or ""
    return (at.us if at else 0, int(own_id) if own_id.isdecimal() and len(own_id) < 20 else 0, number)


def _side(item: dict[str, Any], side: str) -> str:
    return f"{tracked.text(item.get(f'{side}String')) or '?'} ({tracked.text(item.get(side)) or '?'})"


def _named(issue: str | None) -> str | None:
    """A ticket by the issue's key, else by its number."""
    return f"{NAME}:{issue}" if issue and issue.isdecimal() else issue


def _prefixed(prefix: str, value: object) -> str | None:
    found = tracked.text(value)
    return f"{prefix}:{found}" if found else None


def _missing(pointer: str, ticket: str, page: dict[str, Any], items: str, what: str, plural: str) -> Iterator[Reject]:
    """What the file says that there is more of than it has."""
    total, start = page.get("total"), page.get("startAt")
    here = len(page[items]) if isinstance(page.get(items), list) else 0
    if isinstance(total, int) and isinstance(page.get(items), list) and total > here + (start if isinstance(start, int) else 0):
        detail = f"{ticket}: {here} of {total} {plural} are in the file; fetch the rest from the issue's own {what} pages"
        yield Reject(f"{pointer}/{what}", f"truncated_{what}", detail, ticket)


def _change(
    reader: _Reader | None, pointer: str, item: dict[str, Any], field: str, resolution: object, ticket: str, at: Stamp, native_id: str | None, actor: str | None
) -> Iterator[Fact]:
    """The facts of one changed field. `reader` where the file has ids, users and categories; None where it has names only."""
    old, new = tracked.text(item.get("fromString")), tracked.text(item.get("toString"))
    kind = word(field)
    if kind == "status":
        was, now = (reader.category(item.get(side)) if reader else None for side in ("from", "to"))
        by_id = [f"id:{tracked.text(item.get('from'))} > id:{tracked.text(item.get('to'))}", _prefixed("id", item.get("to"))] if tracked.text(item.get("to")) else []
        names = tracked.words(
            _prefixed("resolution", resolution),
            *by_id,
            f"{old} > {new}" if old and new else None,
            new,
            f"category:{was} > category:{now}" if was and now and was != now else None,
            _prefixed("category", now),
        )
        said = f"{old or '?'} → {new or '?'}" + (f" ({tracked.text(resolution)})" if tracked.text(resolution) else "")
        yield Fact(pointer=pointer, section="status", words=names, at=at, ticket=ticket, native_id=native_id, actor=actor, text=said)
    elif kind == "assignee":
        before, after = (tracked.text(item.get(side)) for side in ("from", "to"))
        change = "unassigned" if not after else "reassigned" if before else "assigned"
        target = reader.person(after) if reader else after
        yield Fact(pointer=pointer, section="assignment", words=(change,), at=at, ticket=ticket, native_id=native_id, actor=actor, target_person=target)
    elif kind == "labels":
        yield from _labels(pointer, set((old or "").split()), set((new or "").split()), ticket, at, native_id, actor)
    else:
        names = tracked.words(f"{field}={new}" if new else None, field)
        yield Fact(pointer=pointer, section="field", words=names, at=at, ticket=ticket, native_id=native_id, actor=actor, text=new, is_minor=True)


def _labels(pointer: str, old: Iterable[str], new: Iterable[str], ticket: str, at: Stamp, native_id: str | None, actor: str | None) -> Iterator[Fact]:
    for section, names in (("label", set(new) - set(old)), ("unlabel", set(old) - set(new))):
        for name in sorted(names):
            own = f"{native_id}:{section}:{name}" if native_id else None
            yield Fact(pointer=pointer, section=section, words=tracked.words(name), at=at, ticket=ticket, native_id=own, actor=actor, text=name, is_minor=True)


# DevLake's table of changelog items: names instead of ids, `jira:JiraIssue:2:10063`


def _csv_rows(content: bytes, source: Source) -> Iterator[Item]:
    rows = [row for row in read_rows(content) if not isinstance(row, Reject)]
    resolutions = {_history_of(cells): cells.get("original_to_value") for _, cells in rows if word(cells.get("field_name")) == "resolution"}
    for row in read_rows(content):
        if isinstance(row, Reject):
            yield row
            continue
        pointer, cells = row
        at, ticket, field = tracked.stamp(source, cells.get("created_date")), _named(_last(cells.get("issue_id"))), cells.get("field_name")
        if ticket is None or field is None:
            lacking = "issue_id" if ticket is None else "field_name"
            yield Reject(pointer, f"missing_{lacking}", f"the row has no {lacking}", raw_text(cells))
        elif at is None:
            yield Reject(pointer, "bad_instant", f"created_date is {cells.get('created_date')!r}, expected ISO 8601", raw_text(cells))
        else:
            history = _history_of(cells)
            old, new = cells.get("original_from_value"), cells.get("original_to_value")
            item = {"fromString": old, "toString": new}
            if word(field) == "assignee":
                item = {"from": _last(old), "to": _last(new)}
            native_id = f"{history}:{word(field)}" if history else None
            yield from _change(None, pointer, item, field, resolutions.get(history) if history else None, ticket, at, native_id, _last(cells.get("author_id")))


def _last(value: str | None) -> str | None:
    """The native id at the end of one of DevLake's."""
    return (value.rpartition(":")[2] or None) if value else None


def _history_of(cells: dict[str, str]) -> str | None:
    """The history that an item is of: `jira:JiraIssueChangelogItems:2:10645:Fix Version`."""
    parts = (cells.get("id") or "").split(":")
    return parts[3] if len(parts) >= 5 and parts[3] else None
