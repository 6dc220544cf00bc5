"""Backstage's software catalogue: `catalog-info.yaml` of one or several documents, and the catalogue API's JSON (entities, or a page of them).

- Component, Resource and API are assets by their full reference (`component:default/shop`), with `metadata.name` as name (an API's is `api:NAME`, as it
  often has its component's). `spec.type` is the kind.
- Aliases: title, the annotations that the policy names (`registers.names.aliases`), and the repository of `backstage.io/source-location`; a location
  inside a repository names only that folder.
- `spec.system` is the application; the domain of the component, or else of its system in the same file, the business unit. `spec.lifecycle` is the
  environment where no label, annotation or policy's name says another; a lifecycle that the policy's terms count as retired retires the asset.
- `spec.owner` (else the relation `ownedBy`): a group is the owning team, a user an ownership row. A reference without a kind is a group, unless the file
  has a user and no group of that name. The owner of a System is an ownership row of the application, behind the assets' own.
- User is a person with the id `NAME` (`NAMESPACE/NAME` outside the default one); the team is the first group that it is a member of, the role
  `member` where it is one, the channel its mail address. Group is a row of kind group, `group:NAME`, with the group's mail address; its parent is its
  manager.
- System, Domain, Location, Template and kinds of other vendors are no rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.head import Head
from transforms.domain.manifests import mapping, objects, read_manifests, required, scalar, scalars
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.stated import Owner, Stated, ownership, repository_names

NAME = "backstage"
TITLE = "Backstage catalogue (catalog-info.yaml, catalogue API JSON)"
KINDS = ("assets", "people", "ownership")

_API_VERSION = re.compile(rb"^\s*[\"']?apiVersion[\"']?\s*:\s*[\"']?(?:[\w-]+\.)?backstage\.io/", re.MULTILINE)
_ASSETS = ("component", "resource", "api")
_PRIORITY_OF_SYSTEM = 200


def recognise(head: Head) -> bool:
    if head.is_json_list:
        return _is_entity(head.value("apiVersion")) and {"kind", "metadata"} <= head.json.keys()
    if head.is_json_object:
        return _is_entity(head.value("apiVersion")) or ({"kind", "metadata"} <= head.item_keys("items") and _is_entity(_first_version(head)))
    return _API_VERSION.search(head.content) is not None


def _is_entity(version: object) -> bool:
    return isinstance(version, str) and "backstage.io/" in version


def _first_version(head: Head) -> object:
    items = head.value("items")
    return items[0].get("apiVersion") if isinstance(items, list) and items and isinstance(items[0], dict) else None


class Reference(NamedTuple):
    """An entity's reference, in lower case as the catalogue compares them."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.namespace}/{self.name}"

    @property
    def short(self) -> str:
        return self.name if self.namespace == "default" else f"{self.namespace}/{self.name}"


class _Catalogue(NamedTuple):
    """What entities of one file say of each other."""

    users: frozenset[str]
    groups: frozenset[str]
    #: Users by the groups that name them as members.
    groups_of: dict[str, list[str]]
    domains: dict[str, str]


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    found = list(read_manifests(content))
    catalogue = _catalogue([entity for item in found if not isinstance(item, Reject) for entity in (item[1],)])
    for item in found:
        if isinstance(item, Reject):
            yield item
            continue
        pointer, entity, raw = item
        try:
            rows = _rows(entity, catalogue, source)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail, raw[:RAW_LIMIT])
            continue
        yield from ({"pointer": pointer, **row} for row in rows)


def _catalogue(entities: list[dict[str, Any]]) -> _Catalogue:
    """The users, groups and systems that can be read; one that cannot be is rejected where it stands."""
    kinds: dict[str, set[str]] = {"user": set(), "group": set()}
    groups_of: dict[str, list[str]] = {}
    domains: dict[str, str] = {}
    for entity in entities:
        try:
            me = _identity(entity)
            spec = mapping(entity, "spec")
            if me.kind in kinds:
                kinds[me.kind].add(me.short)
            if me.kind == "group":
                for member in _members(spec, me):
                    groups_of.setdefault(member, []).append(me.short)
            if me.kind == "system" and (domain := _domain(spec, me)):
                domains[me.short] = domain
        except ValueError:
            continue
    return _Catalogue(frozenset(kinds["user"]), frozenset(kinds["group"]), groups_of, domains)


def _members(spec: dict[str, Any], group: Reference) -> list[str]:
    return [_reference(member, "user", group.namespace).short for member in scalars(spec, "members")]


def _domain(spec: dict[str, Any], me: Reference) -> str | None:
    domain = scalar(spec, "domain")
    return _reference(domain, "domain", me.namespace).short if domain else None


def _identity(entity: dict[str, Any]) -> Reference:
    metadata = mapping(entity, "metadata")
    return Reference(required(entity, "kind").lower(), (scalar(metadata, "namespace") or "default").lower(), required(metadata, "name").lower())


def _reference(text: str, kind: str, namespace: str) -> Reference:
    """`[kind:][namespace/]name` with what it leaves out. Raises ValueError where it is no reference."""
    prefix, colon, rest = text.rpartition(":")
    space, slash, name = rest.rpartition("/")
    if not name or "/" in space or (colon and not prefix) or (slash and not space):
        raise ValueError(f"bad_reference: {text!r}, expected [kind:][namespace/]name")
    return Reference((prefix or kind).lower(), (space or namespace).lower(), name.lower())


def _rows(entity: dict[str, Any], catalogue: _Catalogue, source: Source) -> list[dict[str, Any]]:
    required(entity, "apiVersion")
    me = _identity(entity)
    if me.kind in _ASSETS:
        return _asset(entity, me, catalogue, source)
    if me.kind == "user":
        return [_user(entity, me, catalogue)]
    if me.kind == "group":
        return [_group(entity, me)]
    if me.kind == "system":
        _domain(mapping(entity, "spec"), me)  # read for its components: what is wrong with it is said here
        one = _owner(entity, me, catalogue)
        return [ownership(f"application:{me.short}", one, _PRIORITY_OF_SYSTEM)] if one else []
    return []


def _asset(entity: dict[str, Any], me: Reference, catalogue: _Catalogue, source: Source) -> list[dict[str, Any]]:
    metadata, spec = mapping(entity, "metadata"), mapping(entity, "spec")
    annotations, labels = mapping(metadata, "annotations"), mapping(metadata, "labels")
    lifecycle = scalar(spec, "lifecycle")
    is_retired = lifecycle is not None and source.terms.status.get(lifecycle.lower()) == "retired"
    stated = Stated({"lifecycle": None if is_retired else lifecycle, **annotations, **labels}, source)
    system = scalar(spec, "system")
    application = _reference(system, "system", me.namespace).short if system else None
    business_unit = _domain(spec, me) or catalogue.domains.get(application or "")
    one = _owner(entity, me, catalogue)
    name = required(metadata, "name") if me.kind != "api" else f"api:{me.name}"
    rows = stated.rows(
        asset_id=str(me),
        name=name,
        plain="team",
        kind=scalar(spec, "type") or me.kind,
        aliases=[scalar(metadata, "title"), *repository_names(scalar(annotations, "backstage.io/source-location"))],
        application=application,
        business_unit=business_unit,
        owners=[one] if one else None,
    )
    if is_retired:
        rows[0]["status"] = "retired"
    return rows


def _owner(entity: dict[str, Any], me: Reference, catalogue: _Catalogue) -> Owner | None:
    text = scalar(mapping(entity, "spec"), "owner") or _related(entity, "ownedBy")
    if text is None:
        return None
    found = _reference(text, "", me.namespace)
    if found.kind not in ("", "user", "group"):
        raise ValueError(f"bad_owner: {text!r}, expected a user or a group")
    is_user = found.kind == "user" or (not found.kind and found.short in catalogue.users and found.short not in catalogue.groups)
    return Owner("person" if is_user else "team", found.short)


def _related(entity: dict[str, Any], relation: str) -> str | None:
    """The first entity that a relation leads to, as the API gives relations."""
    return next((scalar(item, "targetRef") for item in objects(entity, "relations") if required(item, "type") == relation), None)


def _user(entity: dict[str, Any], me: Reference, catalogue: _Catalogue) -> dict[str, Any]:
    spec = mapping(entity, "spec")
    profile = mapping(spec, "profile")
    stated = [_reference(group, "group", me.namespace).short for group in scalars(spec, "memberOf")]
    related = _related(entity, "memberOf") if not stated else None
    groups = stated or ([_reference(related, "group", me.namespace).short] if related else []) or catalogue.groups_of.get(me.short, [])
    email = scalar(profile, "email")
    return {
        "register": "people",
        "person_id": me.short,
        "name": scalar(profile, "displayName") or scalar(mapping(entity, "metadata"), "title") or me.name,
        "email": email,
        "team": groups[0] if groups else None,
        "role": "member" if groups else None,
        "channel": f"mail:{email}" if email else None,
        "status": "active",
        "kind": "human",
    }


def _group(entity: dict[str, Any], me: Reference) -> dict[str, Any]:
    spec = mapping(entity, "spec")
    profile = mapping(spec, "profile")
    _members(spec, me)  # read for its users: what is wrong with them is said here
    email, parent = scalar(profile, "email"), scalar(spec, "parent")
    return {
        "register": "people",
        "person_id": f"group:{me.short}",
        "name": scalar(profile, "displayName") or scalar(mapping(entity, "metadata"), "title") or me.name,
        "email": email,
        "team": me.short,
        "role": scalar(spec, "type"),
        "manager_id": f"group:{_reference(parent, 'group', me.namespace).short}" if parent else None,
        "channel": f"mail:{email}" if email else None,
        "status": "active",
        "kind": "group",
    }
