"""People and teams of a GitHub organization: answers of its REST API (members, team members, teams) or of its GraphQL API (`organization` with `membersWithRole` and `teams`).

A login is a person's id. A team is a person of kind group, `group:ORGANIZATION/TEAM`; a team's maintainers are a mapping
`team:TEAM`. The GraphQL answer says all of it at once. REST's list of members says no team: that of one team does with the team as the sidecar's
`target`, and then the organization's own list would only contradict it. GitHub knows no role and often no address: policy `directory.roles`, `directory.channels`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from transforms.domain.documents import decode, reject, text
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.people import team_of
from transforms.domain.result import Reject
from transforms.domain.source import Source

NAME = "github_org"
TITLE = "GitHub organization: members and teams (REST, GraphQL)"
KINDS = ("people", "ownership")

_DOCUMENT = msgspec.json.Decoder()
_KINDS = {"user": "human", "bot": "bot", "mannequin": "bot", "organization": "group"}


def recognise(head: Head) -> bool:
    if "data" in head.json or "organization" in head.json:
        return _organization({name: head.value(name) for name in ("data", "organization")}) is not None
    names = set(head.json)
    if not head.is_json_list or "schemas" in names:
        return False
    return {"login", "id", "node_id", "type"} <= names or {"slug", "id", "node_id", "members_url"} <= names


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    document = decode(_DOCUMENT, content, "an answer of GitHub's API as JSON")
    rows = _of_list(document, source) if isinstance(document, list) else _of_organization(_organization(document) or {}, source)
    for pointer, row in rows:
        if isinstance(row, str):
            reason, _, detail = row.partition(": ")
            yield reject(pointer, reason, detail)
        else:
            yield {"pointer": pointer, **row}


def _organization(document: Any) -> dict | None:
    data = document.get("data") if isinstance(document, dict) else None
    found = (data if isinstance(data, dict) else document).get("organization")
    return found if isinstance(found, dict) and ({"teams", "membersWithRole"} & found.keys()) else None


def _of_list(items: list, source: Source) -> Iterator[tuple[str, dict | str]]:
    organization, _, team = (source.target or "").rpartition("/")
    for number, item in enumerate(items):
        where = f"/{number}"
        if not isinstance(item, dict):
            yield where, "malformed: the item is no object"
        elif slug := text(item.get("slug")):
            stated = item.get("organization")
            login = text(stated.get("login")) if isinstance(stated, dict) else None
            yield where, _team(slug, text(item.get("name")), login or _organization_of(item) or organization or team or None)
        elif login := text(item.get("login")):
            yield where, _person(item, login, {team} if team else set(), source)
        else:
            yield where, "missing_login: the item has neither login nor slug"


def _organization_of(team: dict) -> str | None:
    """The organization in a team's address, https://github.com/orgs/acme/teams/payments."""
    parts = (text(team.get("html_url")) or "").split("/orgs/")
    return parts[1].split("/", 1)[0] if len(parts) == 2 else None


def _of_organization(organization: dict, source: Source) -> Iterator[tuple[str, dict | str]]:
    name = text(organization.get("login"))
    people: dict[str, tuple[str, dict]] = {}
    teams: dict[str, set[str]] = defaultdict(set)
    for pointer, edge in _edges(organization, "membersWithRole", "/organization", source):
        login = text(edge["node"].get("login"))
        if login:
            people[login] = pointer, edge["node"]
        else:
            yield pointer, "missing_login: the member has no login"
    for pointer, edge in _edges(organization, "teams", "/organization", source):
        slug = text(edge["node"].get("slug"))
        if slug is None:
            yield pointer, "missing_slug: the team has no slug"
            continue
        yield pointer, _team(slug, text(edge["node"].get("name")), name)
        for where, membership in _edges(edge["node"], "members", pointer, source):
            login = text(membership["node"].get("login"))
            if login is None:
                yield where, "missing_login: the member has no login"
                continue
            people.setdefault(login, (where, membership["node"]))
            teams[login].add(slug)
            if membership.get("role") == "MAINTAINER":
                yield f"{where}/role", {"register": "ownership", "match": f"team:{slug}", "person_id": login, "team": slug}
    for login, (pointer, node) in people.items():
        yield pointer, _person(node, login, teams[login], source)


def _edges(parent: dict, name: str, pointer: str, source: Source) -> Iterator[tuple[str, dict]]:
    """The edges of a GraphQL connection, also where only its nodes were asked for. Raises `FileRejected` for a page of a longer one."""
    connection = parent.get(name)
    if not isinstance(connection, dict):
        return
    listed = "edges" if isinstance(connection.get("edges"), list) else "nodes"
    items = connection.get(listed) or []
    if not isinstance(items, list):
        raise FileRejected("malformed", seen=f"{pointer}/{name}/{listed} is a {type(items).__name__}", expected="a list")
    page = connection.get("pageInfo")
    total = connection.get("totalCount")
    cut = (isinstance(page, dict) and page.get("hasNextPage") is True) or (isinstance(total, int) and total > len(items))
    if cut and source.is_complete:
        raise FileRejected(
            "incomplete",
            seen=f"{len(items)} items of {pointer}/{name}: a page of a longer list",
            expected="every member and team in one answer",
            remedy="ask for the other pages and join them, or say `complete: false` in a sidecar: then nobody is closed for being absent",
        )
    for number, item in enumerate(items):
        edge = item if listed == "edges" else {"node": item}
        is_whole = isinstance(edge, dict) and isinstance(edge.get("node"), dict)
        # What cannot be read has no login or slug, and is rejected for that.
        yield f"{pointer}/{name}/{listed}/{number}", edge if is_whole else {"node": {}}


def _person(node: dict, login: str, teams: set[str], source: Source) -> dict:
    verified = node.get("organizationVerifiedDomainEmails")
    mails = [mail for value in (*(verified if isinstance(verified, list) else ()), node.get("email")) if (mail := text(value))]
    kind = _KINDS.get((text(node.get("type")) or text(node.get("__typename")) or "user").lower(), "human")
    return {
        "register": "people",
        "person_id": login,
        "name": text(node.get("name")),
        "email": mails[0] if mails else None,
        "team": team_of(teams, source.directory.teams),
        "status": "inactive" if node.get("suspended_at") else "active",
        "kind": kind,
        "aliases": [],
    }


def _team(slug: str, name: str | None, organization: str | None) -> dict:
    return {
        "register": "people",
        "person_id": f"group:{organization}/{slug}" if organization else f"group:{slug}",
        "name": name or slug,
        "team": slug,
        "status": "active",
        "kind": "group",
        "aliases": [],
    }
