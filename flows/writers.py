"""Tickets in Jira and GitHub: finding ours, opening one, changing one. What others wrote is never read as anything but text, and never overwritten.

In a ticket's text there is one block of ours. It begins with a line `handoff-finding: <finding id>`, by which the ticket is found again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from flows.client import Client, Refused, Uncertain
from flows.connections import Github, Jira
from transforms.domain.tracked import marked, marked_cycle

_BLOCK_TITLE = "handoff"
#: What Jira and GitHub both take.
_TITLE_LENGTH = 250
_FOOT = "Kept up to date by handoff. What is outside of this block is yours."


class Fields(NamedTuple):
    """What a ticket has that we also set. `block`: our block, None where there is none."""

    title: str | None = None
    assignee: str | None = None
    due: str | None = None
    priority: str | None = None
    block: Any = None


class Ticket(NamedTuple):
    name: str
    url: str | None
    is_open: bool
    #: The finding and the cycle that its text names.
    finding_id: str | None
    cycle: int | None
    fields: Fields
    #: As the tracker gave it: what is around our block, and labels that are not ours.
    raw: dict[str, Any]


class Content(NamedTuple):
    """What a ticket of ours says."""

    title: str
    finding_id: str
    cycle: int
    #: (label, text) in the order in which they are shown; the text is anybody's.
    facts: tuple[tuple[str, str], ...]
    link: str | None
    assignee: str | None
    due: str | None
    priority: str
    label: str


class Writer(Protocol):
    #: Seconds between two changes that the tracker asks for.
    pause_seconds: float
    #: Fields of a ticket, beside our block, that it can set.
    fields: tuple[str, ...]

    def labelled(self, client: Client, label: str) -> Iterator[Ticket]:
        """Every ticket of the project with that label."""

    def read(self, client: Client, name: str) -> Ticket | None:
        """One ticket; None where it is gone."""

    def block(self, content: Content) -> Any:
        """Our block, as `Fields.block` has it."""

    def create(self, client: Client, content: Content) -> str:
        """Opens a ticket; its name. Raises `Uncertain` where nobody knows whether it did."""

    def change(self, client: Client, ticket: Ticket, content: Content, names: list[str]) -> None:
        """Sets those fields of a ticket to what the content says."""


def writer(name: str, connection: Jira | Github) -> Writer:
    return _JiraTickets(name, connection) if isinstance(connection, Jira) else _GithubTickets(name, connection)


def one_line(text: str) -> str:
    """Anybody's text as one line of what can be shown: a line of its own could name another finding."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def title_of(content: Content) -> str:
    return one_line(content.title)[:_TITLE_LENGTH]


def _marked(text: str) -> tuple[str | None, int | None]:
    """(finding id, cycle) that a text names first."""
    return next(iter(marked(text)), None), marked_cycle(text)


def _markers(content: Content) -> tuple[str, str]:
    return f"handoff-finding: {content.finding_id}", f"handoff-cycle: {content.cycle}"


class _JiraTickets:
    pause_seconds = 0.0
    fields = ("title", "assignee", "due", "priority")

    def __init__(self, name: str, connection: Jira) -> None:
        assert connection.write is not None
        self._name, self._connection, self._write = name, connection, connection.write
        self._is_cloud = connection.deployment == "cloud"
        self._api = "/rest/api/3" if self._is_cloud else "/rest/api/2"
        self._account = "accountId" if self._is_cloud else "name"

    def labelled(self, client: Client, label: str) -> Iterator[Ticket]:
        jql = f'project = "{self._write.project}" AND labels = "{label}" ORDER BY created ASC, key ASC'
        asked: dict[str, Any] = {"jql": jql, "maxResults": 100, "fields": "summary,description,status,assignee,duedate,priority"}
        path = f"{self._api}/search/jql" if self._is_cloud else f"{self._api}/search"
        start, token = 0, None
        while True:
            place = ({"nextPageToken": token} if token else {}) if self._is_cloud else {"startAt": start}
            value = client.get(path, {**asked, **place}).value or {}
            issues = value.get("issues") or []
            yield from map(self._ticket, issues)
            start, token = start + len(issues), value.get("nextPageToken")
            if not issues or (not token if self._is_cloud else start >= value.get("total", 0)):
                return

    def read(self, client: Client, name: str) -> Ticket | None:
        value = _get(client, f"{self._api}/issue/{quote(name, safe='')}")
        return value and self._ticket(value)

    def block(self, content: Content) -> Any:
        finding, cycle = _markers(content)
        if self._is_cloud:
            linked = [[{"type": "text", "text": content.link, "marks": [{"type": "link", "attrs": {"href": content.link}}]}]] if content.link else []
            facts = [[{"type": "text", "text": f"{label}: ", "marks": [{"type": "strong"}]}, {"type": "text", "text": one_line(text)}] for label, text in content.facts]
            lines = [[{"type": "text", "text": finding}], [{"type": "text", "text": cycle}], *linked, *facts, [{"type": "text", "text": _FOOT, "marks": [{"type": "em"}]}]]
            return {"type": "expand", "attrs": {"title": _BLOCK_TITLE}, "content": [{"type": "paragraph", "content": line} for line in lines]}
        facts = [f"*{label}*: {_wiki(text)}" for label, text in content.facts]
        return "\n".join([f"{{panel:title={_BLOCK_TITLE}}}", finding, cycle, *([f"[{content.link}]"] if content.link else []), *facts, f"_{_FOOT}_", "{panel}"])

    def create(self, client: Client, content: Content) -> str:
        block = self.block(content)
        fields = {
            "project": {"key": self._write.project}, "issuetype": {"name": self._write.issue_type}, "labels": [content.label],
            "description": {"type": "doc", "version": 1, "content": [block]} if self._is_cloud else block,
            **self._values(content, ["title", "due", "priority", *(["assignee"] if content.assignee else [])]),
        }  # fmt: skip
        value = client.send("POST", f"{self._api}/issue", {"fields": fields}, is_repeatable=False).value
        return _named(self._name, value, "key")

    def change(self, client: Client, ticket: Ticket, content: Content, names: list[str]) -> None:
        fields = self._values(content, names)
        if "block" in names:
            fields["description"] = self._around(ticket.raw["fields"].get("description"), self.block(content))
        client.send("PUT", f"{self._api}/issue/{quote(ticket.name, safe='')}", {"fields": fields}, is_repeatable=True)

    def _values(self, content: Content, names: list[str]) -> dict[str, Any]:
        values = {
            "title": {"summary": title_of(content)}, "due": {"duedate": content.due}, "priority": {"priority": {"name": content.priority}},
            "assignee": {"assignee": {self._account: content.assignee} if content.assignee else None},
        }  # fmt: skip
        return {key: value for name in names if name in values for key, value in values[name].items()}

    def _around(self, description: Any, block: Any) -> Any:
        """The description with our block in it, in its place or at the end; all else as it is."""
        if not self._is_cloud:
            text = description or ""
            return _replaced(text, _WIKI_BLOCK, block)
        nodes = list((description or {}).get("content") or [])
        places = [place for place, node in enumerate(nodes) if _is_ours(node)]
        nodes = [block if place == (places or [None])[0] else node for place, node in enumerate(nodes)] if places else [*nodes, block]
        return {"type": "doc", "version": 1, **(description or {}), "content": nodes}

    def _ticket(self, issue: dict[str, Any]) -> Ticket:
        fields = issue.get("fields") or {}
        description = fields.get("description")
        if isinstance(description, str):
            match = _WIKI_BLOCK.search(description)
            text, block = description, match and match[0]
        else:
            text = "\n".join(_lines(description or {}))
            block = next((node for node in (description or {}).get("content") or [] if _is_ours(node)), None)
        finding, cycle = _marked(text)
        is_done = ((fields.get("status") or {}).get("statusCategory") or {}).get("key") == "done"
        found = Fields(
            fields.get("summary"), (fields.get("assignee") or {}).get(self._account), fields.get("duedate"), (fields.get("priority") or {}).get("name"), block
        )
        return Ticket(issue["key"], f"{self._connection.url}/browse/{issue['key']}", not is_done, finding, cycle, found, issue)


_WIKI_BLOCK = re.compile(rf"\{{panel:title={_BLOCK_TITLE}\}}.*?\{{panel\}}", re.DOTALL)
_MARKDOWN_BEGIN, _MARKDOWN_END = "<!-- handoff:begin -->", "<!-- handoff:end -->"
_MARKDOWN_BLOCK = re.compile(rf"{_MARKDOWN_BEGIN}.*?{_MARKDOWN_END}", re.DOTALL)


def _is_ours(node: dict[str, Any]) -> bool:
    return node.get("type") == "expand" and (node.get("attrs") or {}).get("title") == _BLOCK_TITLE and bool(marked("\n".join(_lines(node))))


def _lines(node: dict[str, Any]) -> Iterator[str]:
    """The text of a document in Atlassian's form, a paragraph a line."""
    children = [child for child in node.get("content") or [] if isinstance(child, dict)]
    if any("text" in child for child in children):
        yield "".join(str(child.get("text", "")) for child in children)
    else:
        for child in children:
            yield from _lines(child)


def _wiki(text: str) -> str:
    """Anybody's text in Jira's wiki notation, which is shown as it is."""
    return re.sub(r"([\\{}\[\]|*_+^~!?#@&<>-])", r"\\\1", one_line(text))


def _markdown(text: str) -> str:
    """Anybody's text as code in Markdown: no link, no picture, nobody mentioned, no other issue referred to."""
    text = one_line(text).replace("<!--", "<! --").replace("-->", "-- >")
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if text else "–"


def _replaced(text: str, block: re.Pattern[str], new: str) -> str:
    return block.sub(lambda _: new, text, count=1) if block.search(text) else f"{text.rstrip()}\n\n{new}" if text.strip() else new


class _GithubTickets:
    pause_seconds = 1.0  # asked for by GitHub between requests that change something
    fields = ("title", "assignee", "priority")  # no due date: that stands in our block

    def __init__(self, name: str, connection: Github) -> None:
        assert connection.write is not None
        self._name, self._write = name, connection.write
        self._path = f"/repos/{self._write.repo}/issues"
        self._priorities = set(self._write.priorities.model_dump().values())

    def labelled(self, client: Client, label: str) -> Iterator[Ticket]:
        path, asked = self._path, {"state": "all", "labels": label, "sort": "created", "direction": "asc", "per_page": 100}
        following: str | None = path
        parameters: dict[str, Any] | None = asked
        while following:
            answer = client.get(following, parameters)
            yield from (self._ticket(issue) for issue in answer.value or [] if "pull_request" not in issue)
            following, parameters = answer.next_url, None

    def read(self, client: Client, name: str) -> Ticket | None:
        value = _get(client, self._place(name))
        return value and self._ticket(value)

    def block(self, content: Content) -> Any:
        facts = [f"- {label}: {_markdown(text)}" for label, text in content.facts]
        due = [f"- Due: {content.due}"] if content.due else []
        link = [f"- Finding: <{content.link}>"] if content.link else []
        return "\n".join([_MARKDOWN_BEGIN, *_markers(content), "", *link, *facts, *due, "", f"_{_FOOT}_", _MARKDOWN_END])

    def create(self, client: Client, content: Content) -> str:
        body = {"title": title_of(content), "body": self.block(content), "labels": [content.label, content.priority]}
        assignees = {"assignees": [content.assignee]} if content.assignee else {}
        value = client.send("POST", self._path, {**body, **assignees}, is_repeatable=False).value
        return f"{self._write.repo}#{_named(self._name, value, 'number')}"

    def change(self, client: Client, ticket: Ticket, content: Content, names: list[str]) -> None:
        body: dict[str, Any] = {}
        if "title" in names:
            body["title"] = title_of(content)
        if "assignee" in names:
            others = [user["login"] for user in ticket.raw.get("assignees") or [] if user["login"] != ticket.fields.assignee]
            body["assignees"] = [*([content.assignee] if content.assignee else []), *others]
        if "priority" in names:
            others = [label["name"] for label in ticket.raw.get("labels") or [] if label["name"] not in self._priorities]
            body["labels"] = [*others, content.priority]
        if "block" in names:
            body["body"] = _replaced(ticket.raw.get("body") or "", _MARKDOWN_BLOCK, self.block(content))
        client.send("PATCH", self._place(ticket.name), body, is_repeatable=True)

    def _place(self, name: str) -> str:
        return f"{self._path}/{int(name.rpartition('#')[2])}"

    def _ticket(self, issue: dict[str, Any]) -> Ticket:
        body = (issue.get("body") or "").replace("\r\n", "\n")
        match = _MARKDOWN_BLOCK.search(body)
        finding, cycle = _marked(body)
        assignees = [user["login"] for user in issue.get("assignees") or []]
        labels = [label["name"] for label in issue.get("labels") or []]
        priority = next((label for label in labels if label in self._priorities), None)
        found = Fields(issue.get("title"), assignees[0] if assignees else None, None, priority, match and match[0])
        name = f"{self._write.repo}#{issue['number']}"
        return Ticket(name, issue.get("html_url"), issue.get("state") == "open", finding, cycle, found, {**issue, "body": body})


def _get(client: Client, path: str) -> dict[str, Any] | None:
    try:
        return client.get(path).value
    except Refused as error:
        if error.status in (404, 410):
            return None
        raise


def _named(subject: str, value: Any, member: str) -> str:
    if not isinstance(value, dict) or not value.get(member):
        raise Uncertain(subject, seen=f"it does not say the {member} of the ticket that it opened", expected="the ticket", remedy="the next run finds it by its marker")
    return str(value[member])
