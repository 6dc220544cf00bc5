"""Snyk's REST API of issues (`GET /rest/orgs/{org}/issues` or `/rest/groups/{group}/issues`): what the platform holds of every project.

JSON:API since version 2023-09-29, one page a file. Apart from `snyk`, the reports of the command line: an issue here is of one project
(`relationships.scan_item`, its target: the platform's id, which an asset has as an alias) and was found at `created_at`.
Types: package_vulnerability and license (packages), code, config, cloud, custom. `resolved` and `ignored` are evidence of a state.

An issue has coordinates, and they have representations: the package with version, the place in the code, the cloud resource or the
path in a document. Each is a result, as a person must visit each; it is told from the others by the issue's id and that place.
The anchor in code is the issue's `key`: Snyk's fingerprint of it, the same through line drift.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import Head
from transforms.domain.location import Location
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "snyk_issues"
TITLE = "Snyk issues (REST API, JSON)"
SCANNER = "snyk"
CALIBRATION: dict[str, str] = {}  # Snyk's own words are the policy's

_PACKAGES = ("package_vulnerability", "license")

_Any = object
_Bag = dict[str, _Any]


class Named(msgspec.Struct, gc=False):
    """A weakness or a problem."""

    id: _Any = None
    type: _Any = None


class Rating(msgspec.Struct, gc=False):
    score: _Any = None
    vector: _Any = None


class Coordinate(msgspec.Struct, gc=False):
    representations: list[_Bag] | None = None


class Exploit(msgspec.Struct, gc=False):
    sources: list[_Any] | None = None


class Attributes(msgspec.Struct, gc=False):
    title: _Any = None
    type: _Any = None
    key: _Any = None
    status: _Any = None
    ignored: _Any = None
    created_at: _Any = None
    effective_severity_level: _Any = None
    classes: list[Named] | None = None
    problems: list[Named] | None = None
    severities: list[Rating] | None = None
    coordinates: list[Coordinate] | None = None
    exploit_details: Exploit | None = None


class Reference(msgspec.Struct, gc=False):
    id: _Any = None


class Related(msgspec.Struct, gc=False):
    data: Reference | None = None


class Relationships(msgspec.Struct, gc=False):
    scan_item: Related | None = None


class Issue(msgspec.Struct, gc=False):
    id: _Any = None
    attributes: Attributes | None = None
    relationships: Relationships | None = None


class Page(msgspec.Struct):
    data: list[msgspec.Raw] | None


class Place(NamedTuple):
    """What a representation says: the members that are not of its kind are None."""

    package: str | None = None
    version: str | None = None
    path: str | None = None
    line: int | None = None
    resource: str | None = None
    #: The path inside a document of infrastructure as code; the API does not name the file.
    setting: str | None = None


_page = msgspec.json.Decoder(Page)
_issue = msgspec.json.Decoder(Issue)


def recognise(head: Head) -> bool:
    if not head.is_json_object or not {"jsonapi", "data"} <= head.json.keys():
        return False
    item = head.item_keys("data")
    if item:
        return {"attributes", "relationships"} <= item and b'"effective_severity_level"' in head.content
    return b"/issues" in bytes(head.json.get("links", b""))


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    page = documents.decode(_page, content, "an object with a list `data`")
    for pointer, raw, issue in documents.items(page.data, _issue, "/data"):
        if isinstance(issue, Reject):
            yield issue
            continue
        stated = issue.attributes or Attributes()
        key, own = documents.text(stated.key), documents.text(issue.id)
        problems = [problem for entry in stated.problems or () if (problem := documents.text(entry.id))]
        title = documents.text(stated.title) or key
        if title is None or (own is None and key is None):
            yield documents.missing(pointer, "id" if title else "title", raw)
            continue
        kind = documents.text(stated.type)
        rule = problems[0] if problems and kind not in _PACKAGES else key
        target = issue.relationships.scan_item.data if issue.relationships and issue.relationships.scan_item else None
        ratings = stated.severities or []
        scores = (documents.score(rating.score) for rating in ratings)
        status = documents.text(stated.status)
        states = (status.lower() if status and status.lower() != "open" else None, "ignored" if stated.ignored is True else None)
        for place in _places(stated):
            yield Result(
                pointer=pointer,
                title=documents.one_line(f"{title} in {place.package}" if place.package else title),
                identity=(own, key, *place[:3], place.resource, place.setting, None if own else place.line),
                severity=documents.text(stated.effective_severity_level),
                score=next((score for score in scores if score is not None), None),
                cvss_vectors=vectors(*(documents.text(rating.vector) for rating in ratings)),
                rule=rule or title,
                vulnerability_ids=documents.ids(problems) if kind == "package_vulnerability" else (),
                cwes=cwe_numbers([entry.id for entry in stated.classes or ()]),
                known_exploited="CISA" in ((stated.exploit_details.sources if stated.exploit_details else None) or ()),
                component_name=place.package,
                component_version=place.version,
                file_path=place.path,
                line=place.line,
                location=_location(place, key or rule or title),
                target=documents.text(target.id) if target else None,
                captured=scan.stamp(stated.created_at),
                own_id=own,
                source_state=",".join(filter(None, states)) or None,
            )


def _places(stated: Attributes) -> list[Place]:
    """Distinct places, at least one: an issue without any is still one."""
    bags = (bag for coordinate in stated.coordinates or () for bag in coordinate.representations or ())
    return list(dict.fromkeys(place for bag in bags if (place := _place(bag)))) or [Place()]


def _place(bag: _Bag) -> Place | None:
    if isinstance(dependency := bag.get("dependency"), dict):
        name = documents.text(dependency.get("package_name"))
        return Place(package=name, version=documents.text(dependency.get("package_version"))) if name else None
    if isinstance(source := bag.get("sourceLocation"), dict):
        return Place(path=documents.text(source.get("file")), line=documents.line(_within(source, "region", "start", "line")))
    if isinstance(cloud := bag.get("cloud_resource", bag.get("cloudResource")), dict):
        names = (_within(cloud, "resource", member) for member in ("native_id", "id", "name"))
        name = next((text for value in names if (text := documents.text(value))), None)
        return Place(resource=name) if name else None
    name = documents.text(bag.get("resourcePath"))
    return Place(setting=name) if name else None


def _within(value: _Any, *members: str) -> _Any:
    for member in members:
        value = value.get(member) if isinstance(value, dict) else None
    return value


def _location(place: Place, anchor: str) -> Location:
    if place.package:
        return location.package(place.package)
    if place.path or place.setting:
        return location.code(place.path or place.setting or "", anchor)
    return location.cloud(place.resource) if place.resource else location.NOWHERE
