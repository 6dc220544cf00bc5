"""What each kind of tracker is asked, page by page, and the files that its answers become: the trackers' own shapes, as their modules read them.

A stream is one list with one cursor. It knows no file, no clock and no state: it asks through a `Client` and gives pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import quote

from flows.client import Answer, Client, Refused
from flows.connections import Each, Github, Http, HttpStream, Jira, Paging, ServiceNow, ServiceNowTable
from transforms.domain.digests import identifier
from transforms.domain.errors import SourceRefused
from transforms.domain.instants import MICROSECONDS, from_us, iso, parse_stamp

#: Histories that Jira Cloud puts into an issue that was found by JQL: with as many, there may be more (its own documentation, May 2025).
_EMBEDDED_HISTORIES = 40
#: What of an issue goes with each of its events: enough to say what it is and where it stands.
_GITHUB_ISSUE = (
    "id", "number", "title", "state", "state_reason", "labels", "assignee", "assignees", "user", "body", "url", "html_url", "repository_url", "created_at", "updated_at",
    "closed_at",
)  # fmt: skip

Order = Literal["ascending", "descending", "none"]


class Query(NamedTuple):
    """One request for one page."""

    path: str
    parameters: dict[str, Any] | None


class Page(NamedTuple):
    items: list[dict[str, Any]]
    #: None: this was the last.
    next: Query | None


class Stream(Protocol):
    name: str
    order: Order
    #: What decides which items it has: another one begins anew.
    scope: str

    def ask(self, since_us: int | None) -> Query:
        """The first page of what changed at or after an instant, which is taken down to the second."""

    def page(self, answer: Answer, query: Query) -> Page: ...

    def stamp_us(self, item: dict[str, Any]) -> int:
        """When an item last changed."""

    def files(self, client: Client, items: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
        """(name, JSON) of the files that a page becomes; asks for what the page itself does not have."""


def streams(name: str, connection: Jira | Github | ServiceNow | Http) -> list[Stream]:
    """The streams of a connection."""
    if isinstance(connection, Jira):
        return [_JiraIssues(name, connection)]
    if isinstance(connection, Github):
        return [_GithubIssues(name, connection, repo) for repo in connection.repos]
    if isinstance(connection, ServiceNow):
        return [_ServiceNowRows(name, connection, table) for table in connection.tables]
    return [_HttpItems(name, connection, stream_name, stream) for stream_name, stream in connection.streams.items()]


# Shapes


def _at(value: Any, path: str) -> Any:
    """The member at a path of names; None where there is none."""
    for part in () if path == "$" else path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _list_at(subject: str, value: Any, path: str) -> list[dict[str, Any]]:
    found = _at(value, path)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        where = "the answer" if path == "$" else f"{path} of the answer"
        raise SourceRefused(subject, seen=f"{where} is a {type(found).__name__}", expected="a list of objects", remedy="see whether the connection's url and path are those of the API")
    return found


def _stamp(subject: str, item: dict[str, Any], path: str) -> int:
    value = _at(item, path)
    value = value.get("value") if isinstance(value, dict) else value
    try:
        return parse_stamp(value).us
    except (ValueError, OverflowError):
        raise SourceRefused(subject, seen=f"{path} of an item is {value!r}", expected="an instant", remedy="name another watermark") from None


class _JiraIssues:
    name, order = "issues", "ascending"

    def __init__(self, connection_name: str, connection: Jira) -> None:
        self._subject, self._connection = connection_name, connection
        self._is_cloud = connection.deployment == "cloud"
        self._api = "/rest/api/3" if self._is_cloud else "/rest/api/2"
        self.scope = identifier(connection.url, connection.query, connection.fields)
        self._statuses: list[dict[str, Any]] | None = None

    def ask(self, since_us: int | None) -> Query:
        # Milliseconds, because a written instant is read in the time zone of whose secret it is.
        since = f"({self._connection.query}) AND updated >= {(since_us or 0) // MICROSECONDS * 1000}"
        size = {"maxResults": self._connection.page_size, "expand": "changelog", "fields": ",".join(self._connection.fields)}
        parameters = {"jql": f"{since} ORDER BY updated ASC, key ASC", **size}
        return Query(f"{self._api}/search/jql", parameters) if self._is_cloud else Query(f"{self._api}/search", {**parameters, "startAt": 0})

    def page(self, answer: Answer, query: Query) -> Page:
        items, value, asked = _list_at(self._subject, answer.value, "issues"), answer.value, query.parameters or {}
        if self._is_cloud:
            token = value.get("nextPageToken")
            return Page(items, Query(query.path, {**asked, "nextPageToken": token}) if token and not value.get("isLast") else None)
        reached = asked["startAt"] + len(items)
        return Page(items, Query(query.path, {**asked, "startAt": reached}) if items and reached < value.get("total", 0) else None)

    def stamp_us(self, item: dict[str, Any]) -> int:
        return _stamp(self._subject, item, "fields.updated")

    def files(self, client: Client, items: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
        # A history names statuses, and an issue its present one: what the others mean must not hang on which issues share a page with it.
        yield self.name, {"issues": [self._whole(client, issue) for issue in items], "statuses": self._meanings(client)}

    def _meanings(self, client: Client) -> list[dict[str, Any]]:
        """Every status with its category, as the tracker has them now; none where the account may not see them."""
        if self._statuses is None:
            try:
                found = _list_at(self._subject, client.get(f"{self._api}/status").value, "$")
            except Refused as error:
                if error.status not in (403, 404):
                    raise
                found = []
            known = [{name: status[name] for name in ("id", "name", "statusCategory") if name in status} for status in found]
            self._statuses = sorted(known, key=lambda status: str(status.get("id")))
        return self._statuses

    def _whole(self, client: Client, issue: dict[str, Any]) -> dict[str, Any]:
        """The issue with all of its history and comments: a search has only the newest of them."""
        at = f"{self._api}/issue/{quote(str(issue['id']), safe='')}"
        changelog = issue.get("changelog") or {}
        histories = changelog.get("histories") or []
        is_cut = len(histories) < changelog.get("total", 0) or (self._is_cloud and len(histories) >= _EMBEDDED_HISTORIES)
        if is_cut and self._is_cloud:
            histories = self._all(client, f"{at}/changelog", "values")
        elif is_cut:
            found = client.get(at, {"expand": "changelog", "fields": "updated"}).value
            histories = _list_at(self._subject, found, "changelog.histories")
        fields = issue.get("fields") or {}
        comments = fields.get("comment") or {}
        if len(comments.get("comments") or []) < comments.get("total", 0):
            fields = {**fields, "comment": _enveloped("comments", self._all(client, f"{at}/comment", "comments"))}
        return {**issue, "fields": fields, "changelog": _enveloped("histories", histories)}

    def _all(self, client: Client, path: str, member: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            value = client.get(path, {"startAt": len(found), "maxResults": 100}).value
            more = _list_at(self._subject, value, member)
            found += more
            if not more or len(found) >= value.get("total", 0):
                return found


def _enveloped(member: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"startAt": 0, "maxResults": len(found), "total": len(found), member: found}


class _GithubIssues:
    order = "ascending"

    def __init__(self, connection_name: str, connection: Github, repo: str) -> None:
        self._subject, self._connection, self._repo = connection_name, connection, repo
        self.name = repo.replace("/", "--")
        self.scope = identifier(connection.url, repo, connection.labels, connection.pull_requests)

    def ask(self, since_us: int | None) -> Query:
        parameters = {"state": "all", "sort": "updated", "direction": "asc", "per_page": self._connection.page_size}
        labels = {"labels": ",".join(self._connection.labels)} if self._connection.labels else {}
        since = {} if since_us is None else {"since": _seconds(since_us)}
        return Query(f"/repos/{self._repo}/issues", {**parameters, **labels, **since})

    def page(self, answer: Answer, query: Query) -> Page:
        return Page(_list_at(self._subject, answer.value, "$"), Query(answer.next_url, None) if answer.next_url else None)

    def stamp_us(self, item: dict[str, Any]) -> int:
        return _stamp(self._subject, item, "updated_at")

    def files(self, client: Client, items: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
        issues = [issue for issue in items if self._connection.pull_requests or "pull_request" not in issue]
        if issues:
            yield f"{self.name}-issues", issues
        events = [event for issue in issues for event in self._timeline(client, issue)]
        if events:
            yield f"{self.name}-timeline", events

    def _timeline(self, client: Client, issue: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Everything that happened to an issue, comments included; each event with its issue, as issue events have it."""
        about = {name: issue[name] for name in _GITHUB_ISSUE if name in issue}
        for event in _follow(client, self._subject, Query(f"/repos/{self._repo}/issues/{int(issue['number'])}/timeline", {"per_page": 100}), Paging(by="link"), "$", 100):
            yield {**event, "issue": about}


class _ServiceNowRows:
    order = "ascending"

    def __init__(self, connection_name: str, connection: ServiceNow, table: ServiceNowTable) -> None:
        self._subject, self._connection, self._table = connection_name, connection, table
        self.name = table.table
        self.scope = identifier(connection.url, table.table, table.query, table.watermark, table.fields, connection.display_value)

    def ask(self, since_us: int | None) -> Query:
        mark = self._table.watermark
        since = [] if since_us is None else [f"{mark}>={_seconds(since_us).replace('T', ' ').removesuffix('Z')}"]
        query = "^".join([*([self._table.query] if self._table.query else []), *since, f"ORDERBY{mark}", "ORDERBYsys_id"])
        fields = {"sysparm_fields": ",".join(dict.fromkeys(["sys_id", mark, *self._table.fields]))} if self._table.fields else {}
        size = {"sysparm_limit": self._connection.page_size, "sysparm_offset": 0}
        shape = {"sysparm_display_value": self._connection.display_value, "sysparm_exclude_reference_link": "true"}
        return Query(f"/api/now/table/{self._table.table}", {"sysparm_query": query, **size, **shape, **fields})

    def page(self, answer: Answer, query: Query) -> Page:
        items, asked = _list_at(self._subject, answer.value, "result"), query.parameters or {}
        # Rows that the account may not see are left out of a page, so that one that is not full need not be the last: the header counts them all.
        reached, total = asked["sysparm_offset"] + asked["sysparm_limit"], answer.headers.get("X-Total-Count", "")
        has_more = reached < int(total) if total.isdigit() else len(items) >= asked["sysparm_limit"]
        return Page(items, Query(query.path, {**asked, "sysparm_offset": reached}) if has_more else None)

    def stamp_us(self, item: dict[str, Any]) -> int:
        return _stamp(self._subject, item, self._table.watermark)

    def files(self, client: Client, items: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
        yield self.name, {"result": items}


class _HttpItems:
    def __init__(self, connection_name: str, connection: Http, name: str, stream: HttpStream) -> None:
        self._subject, self._connection, self._stream = connection_name, connection, stream
        self.name, self.order = name, stream.order
        self.scope = identifier(connection.url, stream.model_dump(mode="json"))

    def ask(self, since_us: int | None) -> Query:
        stream = self._stream
        size = {stream.size: self._connection.page_size} if stream.size else {}
        since = {stream.since: _seconds(since_us)} if stream.since and since_us is not None else {}
        return Query(stream.path, {**stream.parameters, **size, **since})

    def page(self, answer: Answer, query: Query) -> Page:
        return _paged(self._subject, answer, query, self._stream.page, self._stream.items, self._connection.page_size if self._stream.size else None)

    def stamp_us(self, item: dict[str, Any]) -> int:
        return 0 if self._stream.watermark is None else _stamp(self._subject, item, self._stream.watermark)

    def files(self, client: Client, items: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
        yield self.name, _shaped(self._stream.items, items)
        for name, each in self._stream.each.items():
            found = [{**part, **({each.parent: item} if each.parent else {})} for item in items for part in self._parts(client, each, item)]
            if found:
                yield f"{self.name}-{name}", _shaped(each.items, found)

    def _parts(self, client: Client, each: Each, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            path = each.path.format_map({name: quote(str(value), safe="") for name, value in item.items() if isinstance(value, str | int)})
        except (KeyError, IndexError, ValueError) as error:
            raise SourceRefused(self._subject, seen=f"{each.path}: an item has no {error}", expected="names of an item's members in the path of `each`") from None
        return _follow(client, self._subject, Query(path, dict(each.parameters)), each.page, each.items, None)


def _shaped(path: str, items: list[dict[str, Any]]) -> Any:
    """The items where the answer had them, without the rest of it."""
    shaped: Any = items
    for part in reversed(() if path == "$" else path.split(".")):
        shaped = {part: shaped}
    return shaped


def _paged(subject: str, answer: Answer, query: Query, paging: Paging, items_at: str, size: int | None) -> Page:
    items, asked = _list_at(subject, answer.value, items_at), dict(query.parameters or {})
    is_last = not items
    if paging.more is not None:
        is_last = is_last or not _at(answer.value, paging.more)
    elif paging.by in ("offset", "number") and size is not None:
        is_last = is_last or len(items) < size
    following: Query | None = None
    if paging.by == "link":
        following = Query(answer.next_url, None) if answer.next_url else None
    elif paging.by == "next":
        address = _at(answer.value, paging.member or "")
        following = Query(str(address), None) if address else None
    elif paging.by == "token":
        token = _at(answer.value, paging.member or "")
        following = Query(query.path, {**asked, paging.parameter: token}) if token else None
    elif paging.by == "offset":
        following = Query(query.path, {**asked, paging.parameter: int(asked.get(paging.parameter or "", 0)) + len(items)})
    elif paging.by == "number":
        following = Query(query.path, {**asked, paging.parameter: int(asked.get(paging.parameter or "", 1)) + 1})
    return Page(items, None if is_last else following)


def _follow(client: Client, subject: str, query: Query | None, paging: Paging, items_at: str, size: int | None) -> Iterator[dict[str, Any]]:
    """The items of every page of a list that belongs to one item; none where that is gone meanwhile."""
    while query is not None:
        try:
            answer = client.get(query.path, query.parameters)
        except Refused as error:
            if error.status in (404, 410):
                return
            raise
        found = _paged(subject, answer, query, paging, items_at, size)
        yield from found.items
        query = found.next


def _seconds(us: int) -> str:
    return iso(us // MICROSECONDS * MICROSECONDS)


def content_of(value: Any) -> bytes:
    """JSON that is the same for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def compact(us: int) -> str:
    """An instant for a file's name: 20260504T120000Z."""
    return f"{from_us(us):%Y%m%dT%H%M%SZ}"


