"""SCIM 2.0 users and groups (RFC 7643, RFC 7644): a ListResponse, a single resource, or a JSON list of either.

A user is known by `userName`, which is unique and compared in any case; `id`, `externalId` and further mail addresses are aliases, so that
`manager.value` (an `id`) resolves. A group is a person of kind group, `group:NAME`, and the team of those whom it lists or who list it; a person in no
group has their department for a team. A page of a longer list is refused, unless its sidecar says that it is not complete: the others would
be closed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from transforms.domain.documents import decode, reject, text
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.people import distinct, kind_of, team_of
from transforms.domain.result import Reject
from transforms.domain.source import Source

NAME = "scim"
TITLE = "SCIM 2.0 users and groups"
KIND = "people"

_CORE = "urn:ietf:params:scim:schemas:core:2.0:"
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_DOCUMENT = msgspec.json.Decoder()


def recognise(head: Head) -> bool:
    schemas = head.value("schemas")
    return isinstance(schemas, list) and any(isinstance(name, str) and name.lower().startswith("urn:ietf:params:scim:") for name in schemas)


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    resources = list(_resources(decode(_DOCUMENT, content, "SCIM resources as JSON"), source))
    groups: dict[str, set[str]] = defaultdict(set)
    for _, resource in resources:
        if _is(resource, "Group") and (name := text(resource.get("displayName"))):
            for member in _dicts(resource.get("members")):
                groups[text(member.get("value")) or ""].add(name)
    for pointer, resource in resources:
        try:
            if _is(resource, "User"):
                row = _user(resource, groups, source)
            elif _is(resource, "Group"):
                row = _group(resource)
            else:
                raise ValueError("unknown_resource: expected a User or a Group of core schema 2.0")
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield reject(pointer, reason, detail, msgspec.json.encode(resource))
            continue
        yield {"pointer": pointer, "effective_from": None, **row}


def _resources(document: Any, source: Source) -> Iterator[tuple[str, Any]]:
    listed = isinstance(document, list)
    stated, found = 0, 0
    for number, item in enumerate(document if listed else [document]):
        where = f"/{number}" if listed else ""
        if not isinstance(item, dict) or _LIST not in _schemas(item):
            yield where or "/", item
            continue
        page = item.get("Resources", [])
        if not isinstance(page, list):
            raise FileRejected("malformed", seen=f"Resources is a {type(page).__name__}", expected="a list of resources")
        total = item.get("totalResults")
        stated, found = max(stated, total if isinstance(total, int) else 0), found + len(page)
        yield from ((f"{where}/Resources/{place}", resource) for place, resource in enumerate(page))
    if found < stated and source.is_complete:
        raise FileRejected(
            "incomplete",
            seen=f"{found} of {stated} resources: a page of a longer list",
            expected="every page, as a JSON list of the responses",
            remedy="or say `complete: false` in a sidecar: then nobody is closed for being absent",
        )


def _schemas(resource: dict) -> list:
    schemas = resource.get("schemas")
    return schemas if isinstance(schemas, list) else []


def _is(resource: Any, what: str) -> bool:
    return isinstance(resource, dict) and f"{_CORE}{what}" in _schemas(resource)


def _dicts(value: object) -> list[dict]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _user(user: dict, groups: dict[str, set[str]], source: Source) -> dict:
    opaque = text(user.get("id"))
    person_id = text(user.get("userName")) or opaque
    if person_id is None:
        raise ValueError("missing_userName: the user has neither userName nor id")
    active = user.get("active", True)
    if isinstance(active, str):
        # A widespread deviation: the boolean as text.
        active = {"true": True, "false": False}.get(active.strip().lower(), active)
    if not isinstance(active, bool):
        raise ValueError(f"unknown_status: active is {active!r}, expected true or false")
    name = user.get("name") if isinstance(user.get("name"), dict) else {}
    enterprise = user.get(_ENTERPRISE) if isinstance(user.get(_ENTERPRISE), dict) else {}
    manager = enterprise.get("manager")
    mails = _values(user.get("emails"))
    mail = mails[0] if mails else person_id if "@" in person_id else None
    of_groups = {shown for group in _dicts(user.get("groups")) if (shown := text(group.get("display")))} | groups.get(opaque or "", set())
    kind = text(user.get("userType"))
    return {
        "person_id": person_id,
        "name": text(user.get("displayName")) or text(name.get("formatted")) or " ".join(filter(None, map(text, (name.get("givenName"), name.get("familyName"))))) or None,
        "email": mail,
        "team": team_of(of_groups, source.directory.teams) or text(enterprise.get("department")),
        "role": text(user.get("title")) or next(iter(_values(user.get("roles"))), None),
        "manager_id": text(manager.get("value")) if isinstance(manager, dict) else text(manager),
        "channel": _channel(user.get("ims")),
        "status": "active" if active else "inactive",
        "kind": kind_of(kind),
        "time_zone": text(user.get("timezone")),
        "aliases": distinct([opaque, text(user.get("externalId")), *mails[1:]], person_id, mail),
    }


def _values(entries: object) -> list[str]:
    """The values of a multi-valued attribute: the primary one, then those of type work, then the rest."""
    found = [(entry.get("primary") is not True, text(entry.get("type")) != "work", number, value) for number, entry in enumerate(_dicts(entries)) if (value := text(entry.get("value")))]
    return [value for *_, value in sorted(found)]


def _channel(ims: object) -> str | None:
    """The first messaging address as `type:address`."""
    for value in _values(ims):
        kind = next(text(entry.get("type")) for entry in _dicts(ims) if text(entry.get("value")) == value)
        return f"{kind}:{value}" if kind else value
    return None


def _group(group: dict) -> dict:
    name = text(group.get("displayName"))
    if name is None:
        raise ValueError("missing_displayName: the group has no displayName")
    return {
        "person_id": f"group:{name}",
        "name": name,
        "team": name,
        "status": "active",
        "kind": "group",
        "aliases": distinct([text(group.get("id")), text(group.get("externalId"))], name),
    }
