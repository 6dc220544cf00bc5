"""OSV-Scanner's JSON report (`osv-scanner --format json`, versions 1 and 2): packages of lock files, images and repositories in OSV's
database.

A result is one advisory on one package and version of one source. OSV has the same vulnerability as several advisories (GHSA and PYSEC):
each is a result, and their common CVE, among the aliases, makes them one finding. Aliases are complete across databases, so an advisory
on two CVEs has both.

The severity is the advisory database's own word (`database_specific.severity`), which only GitHub's has; elsewhere the CVSS vectors rate,
or the group's highest score. A repository's commit that has no package name is located by its repository. Licences are left out:
OSV-Scanner does not rate them. What its analysis of calls says is evidence only.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "osv_scanner"
TITLE = "OSV-Scanner (JSON)"
SCANNER = "osv-scanner"
CALIBRATION: dict[str, str] = {"moderate": "medium", "important": "high", "negligible": "informational"}

_Any = object


class Severity(msgspec.Struct, gc=False):
    score: _Any = None


class Weakness(msgspec.Struct, gc=False):
    cweId: _Any = None


class Specific(msgspec.Struct, gc=False):
    severity: _Any = None
    cwe_ids: _Any = None
    cwes: list[Weakness] | None = None


class Range(msgspec.Struct, gc=False):
    repo: _Any = None


class Affected(msgspec.Struct, gc=False):
    ranges: list[Range] | None = None
    severity: list[Severity] | None = None
    database_specific: Specific | None = None


class Advisory(msgspec.Struct, gc=False):
    id: _Any = None
    aliases: _Any = None
    upstream: _Any = None
    summary: _Any = None
    severity: list[Severity] | None = None
    affected: list[Affected] | None = None
    database_specific: Specific | None = None


class Name(msgspec.Struct, gc=False):
    name: _Any = None
    version: _Any = None
    ecosystem: _Any = None
    commit: _Any = None


class Analysis(msgspec.Struct, gc=False):
    called: _Any = None
    unimportant: _Any = None


class Group(msgspec.Struct, gc=False):
    ids: _Any = None
    max_severity: _Any = None
    experimentalAnalysis: dict[str, Analysis] | None = None
    experimental_analysis: dict[str, Analysis] | None = None


class Package(msgspec.Struct):
    package: Name | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    groups: list[msgspec.Raw] | None = None


class Origin(msgspec.Struct):
    path: _Any = None
    type: _Any = None


class Source(msgspec.Struct):
    source: Origin | None = None
    packages: list[msgspec.Raw] | None = None


class Report(msgspec.Struct):
    results: list[msgspec.Raw] | None


_report = msgspec.json.Decoder(Report)
_source = msgspec.json.Decoder(Source)
_package = msgspec.json.Decoder(Package)
_group = msgspec.json.Decoder(Group)
_advisory = msgspec.json.Decoder(Advisory)


def recognise(head: Head) -> bool:
    if not head.is_json_object or "results" not in head.json:
        return False
    items = head.item_keys("results")
    return {"source", "packages"} <= items or (not items and bool({"experimental_config", "image_metadata"} & head.json.keys()))


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `results`")
    for where, _, source in documents.items(report.results, _source, "/results"):
        if isinstance(source, Reject):
            yield source
            continue
        path = documents.text(source.source.path) if source.source else None
        is_image = source.source is not None and source.source.type == "docker"
        for pointer, _, package in documents.items(source.packages, _package, f"{where}/packages"):
            if isinstance(package, Reject):
                yield package
            else:
                yield from _results(pointer, package, path, is_image)


def _results(where: str, package: Package, path: str | None, is_image: bool) -> Iterator[Result | Reject]:
    named = package.package or Name()
    name, version = documents.text(named.name), documents.text(named.version)
    groups = _groups(where, package)
    for pointer, raw, advisory in documents.items(package.vulnerabilities, _advisory, f"{where}/vulnerabilities"):
        if isinstance(advisory, Reject):
            yield advisory
            continue
        identifier = documents.text(advisory.id)
        place = name or _repository(advisory) or path
        if identifier is None or place is None:
            yield documents.missing(pointer, "id" if identifier is None else "package", raw)
            continue
        affected, specific = advisory.affected or [], advisory.database_specific or Specific()
        group, summary = groups.get(identifier), documents.text(advisory.summary)
        stated = [*(advisory.severity or ()), *(severity for one in affected for severity in one.severity or ())]
        yield Result(
            pointer=pointer,
            title=documents.one_line(summary) if summary else f"{identifier} in {place}{f' {version}' if version else ''}",
            identity=(identifier, documents.text(named.ecosystem), name, version, documents.text(named.commit), path),
            severity=documents.text(specific.severity),
            score=documents.score(group.max_severity) if group else None,
            cvss_vectors=vectors(*(documents.text(severity.score) for severity in stated)),
            rule=identifier,
            vulnerability_ids=documents.advisory_ids(identifier, advisory.aliases, advisory.upstream),
            cwes=cwe_numbers(specific.cwe_ids, [cwe.cweId for one in (specific, *_specifics(affected)) for cwe in one.cwes or ()]),
            component_name=name,
            component_version=version,
            file_path=None if is_image else path,
            location=location.package(place),
            target=path if is_image else None,
            source_state=_state(identifier, group),
        )


def _groups(where: str, package: Package) -> dict[str, Group]:
    """The group of each advisory: what the scanner itself worked out for it."""
    found: dict[str, Group] = {}
    for _, _, group in documents.items(package.groups, _group, f"{where}/groups"):
        if not isinstance(group, Reject) and isinstance(group.ids, list):
            found |= {identifier: group for identifier in group.ids if isinstance(identifier, str)}
    return found


def _repository(advisory: Advisory) -> str | None:
    return next((repo for one in advisory.affected or () for range in one.ranges or () if (repo := documents.text(range.repo))), None)


def _specifics(affected: list[Affected]) -> Iterator[Specific]:
    return (one.database_specific for one in affected if one.database_specific)


def _state(identifier: str, group: Group | None) -> str | None:
    analysed = ((group.experimentalAnalysis or group.experimental_analysis) if group else None) or {}
    analysis = analysed.get(identifier) or Analysis()
    return (
        ",".join(word for word, said in (("uncalled", analysis.called is False), ("unimportant", analysis.unimportant is True)) if said)
        or None
    )
