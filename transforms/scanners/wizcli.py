"""Wiz CLI's JSON (`wizcli dir|docker|iac scan -f json`): one shape of report for directories, images, virtual machines and infrastructure as
code, which differ in what `result` lists.

A result is one vulnerability of one package at one path, one match of a rule in a file, or one secret. What a policy made of it (`WARN_BY_POLICY`)
changes nothing; `dataFindings` say what data is there, not what is wrong.

A match's anchor is the resource that it is in, a secret's its description (which Wiz redacts): lines move. A secret has no severity, so it is
unrated. The capture is `createdAt`; a scan that was given no name is called after its time, which names no target. EPSS is left out: the
report does not say whether its probability is a share or a percentage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location, secrets
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.documents import text
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan

NAME = "wizcli"
TITLE = "Wiz CLI (JSON)"
SCANNER = "wizcli"
CALIBRATION: dict[str, str] = {}

_FAILED = {"FAILED", "FAILURE", "ERROR", "TIMEOUT", "TIMED_OUT"}
_NAMED_AFTER_ITS_TIME = re.compile(r".*\bscan \d{4}-\d\d-\d\dT[\d:.]+Z?", re.IGNORECASE)
_PACKAGES = ("osPackages", "libraries", "applications", "cpes")

_Any = object


class Vulnerability(msgspec.Struct, gc=False):
    name: _Any = None
    severity: _Any = None
    score: _Any = None
    hasCisaKevExploit: _Any = None


class Package(msgspec.Struct, gc=False):
    name: _Any = None
    version: _Any = None
    path: _Any = None
    vulnerabilities: list[msgspec.Raw] | None = None


class Rule(msgspec.Struct, gc=False):
    id: _Any = None
    name: _Any = None


class RuleMatch(msgspec.Struct, gc=False):
    rule: Rule | None = None
    severity: _Any = None
    matches: list[msgspec.Raw] | None = None


class Match(msgspec.Struct, gc=False):
    resourceName: _Any = None
    fileName: _Any = None
    lineNumber: _Any = None
    matchContent: _Any = None


class Secret(msgspec.Struct, gc=False):
    id: _Any = None
    externalId: _Any = None
    description: _Any = None
    path: _Any = None
    lineNumber: _Any = None
    offset: _Any = None
    type: _Any = None
    severity: _Any = None


class Lists(msgspec.Struct):
    osPackages: list[msgspec.Raw] | None = None
    libraries: list[msgspec.Raw] | None = None
    applications: list[msgspec.Raw] | None = None
    cpes: list[msgspec.Raw] | None = None
    ruleMatches: list[msgspec.Raw] | None = None
    secrets: list[msgspec.Raw] | None = None


class Origin(msgspec.Struct):
    name: _Any = None


class State(msgspec.Struct):
    state: _Any = None


class Report(msgspec.Struct):
    result: Lists | None = None
    status: State | None = None
    scanOriginResource: Origin | None = None
    createdAt: _Any = None


class _Context(msgspec.Struct, frozen=True):
    target: str | None
    captured: Stamp | None


_report = msgspec.json.Decoder(Report)
_package = msgspec.json.Decoder(Package)
_vulnerability = msgspec.json.Decoder(Vulnerability)
_rule_match = msgspec.json.Decoder(RuleMatch)
_match = msgspec.json.Decoder(Match)
_secret = msgspec.json.Decoder(Secret)


def recognise(head: Head) -> bool:
    return head.is_json_object and {"scanOriginResource", "result", "status"} <= head.json.keys()


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with `scanOriginResource` and `result`")
    state = (text(report.status.state) or "").upper() if report.status else ""
    if state in _FAILED or report.result is None:
        seen = f"a scan of state {state}" if state in _FAILED else "no `result`"
        raise FileRejected("failed_scan" if state in _FAILED else "malformed", seen=seen, expected="SUCCESS and an object `result`")
    name = text(report.scanOriginResource.name) if report.scanOriginResource else None
    context = _Context(None if name and _NAMED_AFTER_ITS_TIME.fullmatch(name) else name, scan.stamp(report.createdAt))
    for member in _PACKAGES:
        yield from _packages(getattr(report.result, member), f"/result/{member}", context)
    yield from _rules(report.result.ruleMatches, context)
    yield from _secrets(report.result.secrets, context)


def _packages(raws: list[msgspec.Raw] | None, base: str, context: _Context) -> Iterator[Result | Reject]:
    for pointer, raw, package in documents.items(raws, _package, base):
        if isinstance(package, Reject):
            yield package
            continue
        name, version, path = text(package.name), text(package.version), text(package.path)
        if name is None:
            yield documents.missing(pointer, "package", raw)
            continue
        for where, raw_found, found in documents.items(package.vulnerabilities, _vulnerability, f"{pointer}/vulnerabilities"):
            if isinstance(found, Reject):
                yield found
                continue
            identifier = text(found.name)
            if identifier is None:
                yield documents.missing(where, "vulnerability", raw_found)
                continue
            yield Result(
                pointer=where,
                title=f"{identifier} in {name}{f' {version}' if version else ''}",
                identity=(identifier, name, version, path),
                severity=text(found.severity),
                score=documents.score(found.score),
                rule=identifier,
                vulnerability_ids=documents.ids(identifier),
                known_exploited=found.hasCisaKevExploit is True,
                component_name=name,
                component_version=version,
                file_path=path,
                location=location.package(name),
                target=context.target,
                captured=context.captured,
            )


def _rules(raws: list[msgspec.Raw] | None, context: _Context) -> Iterator[Result | Reject]:
    found: list[tuple[str, str, str, str | None, Place]] = []
    for pointer, _, item in documents.items(raws, _rule_match, "/result/ruleMatches"):
        if isinstance(item, Reject):
            yield secrets.without_raw(item)
            continue
        rule = item.rule or Rule()
        identifier, name = text(rule.id) or text(rule.name), text(rule.name) or text(rule.id)
        if identifier is None or name is None:
            yield secrets.missing(pointer, "rule")
            continue
        for where, _, match in documents.items(item.matches, _match, f"{pointer}/matches"):
            if isinstance(match, Reject):
                yield secrets.without_raw(match)  # the code that matched
                continue
            path = text(match.fileName)
            if path is None:
                yield secrets.missing(where, "file")
                continue
            within = (path, text(match.resourceName) or "", identifier)
            place = Place(within, (documents.line(match.lineNumber) or 0, 0, text(match.matchContent) or ""))
            found.append((where, identifier, name, text(item.severity), place))
    ranks = ordinals(place for *_, place in found)
    for pointer, identifier, name, severity, place in found:
        path, resource, _ = place.within
        line, _, content = place.position
        yield Result(
            pointer=pointer,
            title=documents.one_line(f"{name} - {resource}" if resource else name),
            identity=(identifier, path, resource, line, content),
            severity=severity,
            rule=identifier,
            file_path=path,
            line=line or None,
            location=location.code(path, anchor(resource or identifier, ranks[place])),
            target=context.target,
            captured=context.captured,
        )


def _secrets(raws: list[msgspec.Raw] | None, context: _Context) -> Iterator[Result | Reject]:
    found: list[tuple[str, Secret, str, Place]] = []
    for pointer, _, secret in documents.items(raws, _secret, "/result/secrets"):
        if isinstance(secret, Reject):
            yield secrets.without_raw(secret)
            continue
        path, description = text(secret.path), text(secret.description) or text(secret.type)
        if path is None or description is None:
            yield secrets.missing(pointer, "path" if path is None else "description")
            continue
        position = (documents.line(secret.lineNumber) or 0, documents.line(secret.offset) or 0, text(secret.externalId) or "")
        found.append((pointer, secret, description, Place((path, text(secret.type) or "", description), position)))
    ranks = ordinals(place for *_, place in found)
    for pointer, secret, description, place in found:
        path, kind, _ = place.within
        line, offset, external = place.position
        yield Result(
            pointer=pointer,
            title=documents.one_line(f"Secret: {description}"),
            identity=(kind, description, path, line, offset, external),
            severity=text(secret.severity),
            rule=kind or description,
            file_path=path,
            line=line or None,
            location=location.code(path, anchor(description, ranks[place])),
            target=context.target,
            captured=context.captured,
            own_id=text(secret.id),
        )
