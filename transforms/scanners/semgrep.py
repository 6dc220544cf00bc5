"""Semgrep's JSON: the output of `semgrep scan|ci --json`, and the platform's lists of findings and of supply-chain issues.

In the output, `results` are code findings; one with `extra.sca_info` is of a dependency. `fingerprint` is Semgrep's own and
survives line drift, but says `requires login` to those without an account: then rule and ordinal stand for it. `is_ignored`
(a `nosemgrep` comment) is evidence of a state. Errors where no file was scanned (`paths.scanned`) are a scan that failed.

The platform's API (`/deployments/…/findings`) answers with `findings` of code or, with a `found_dependency`, of the supply chain, of
every repository and branch that it holds: the instant of one is when it was found. `match_based_id` is the fingerprint of the output.
An older list, `vulns`, has supply-chain issues only.

A code finding is told from the others by rule, path, position and message; one of the platform by its id; a supply-chain issue by its
`groupKey`, the dependency and its place. Severity: `ERROR`, `WARNING`, `INFO` are Semgrep's old words for high, medium and low.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location, secrets
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import probability

NAME = "semgrep"
TITLE = "Semgrep (JSON)"
SCANNER = "semgrep"
CALIBRATION: dict[str, str] = {
    "error": "high",
    "warning": "medium",
    "info": "low",
    "experiment": "informational",
    "inventory": "informational",
}

_WITHHELD = "requires login"
#: Other tools that write `results` and `errors`: Bandit, Checkov.
_FOREIGN = {"metrics", "generated_at", "check_type", "summary"}

_Any = object


class Position(msgspec.Struct, gc=False):
    line: _Any = None
    col: _Any = None


class FoundDependency(msgspec.Struct, gc=False):
    package: _Any = None
    version: _Any = None


class DependencyMatch(msgspec.Struct, gc=False):
    found_dependency: FoundDependency | None = None
    lockfile: _Any = None


class Reachability(msgspec.Struct, gc=False):
    dependency_match: DependencyMatch | None = None


class Extra(msgspec.Struct, gc=False):
    message: _Any = None
    severity: _Any = None
    fingerprint: _Any = None
    is_ignored: _Any = None
    metadata: dict[str, _Any] | None = None
    sca_info: Reachability | None = None


class Finding(msgspec.Struct, gc=False):
    check_id: _Any = None
    path: _Any = None
    start: Position | None = None
    end: Position | None = None
    extra: Extra | None = None


class Repository(msgspec.Struct, gc=False):
    name: _Any = None


class Spot(msgspec.Struct, gc=False):
    file_path: _Any = None
    line: _Any = None
    column: _Any = None


class PlatformRule(msgspec.Struct, gc=False):
    name: _Any = None
    message: _Any = None
    cwe_names: _Any = None


class Chance(msgspec.Struct, gc=False):
    score: _Any = None


class PlatformFinding(msgspec.Struct, gc=False):
    """A finding as the platform lists it."""

    id: _Any = None
    ref: _Any = None
    match_based_id: _Any = None
    repository: Repository | None = None
    severity: _Any = None
    status: _Any = None
    created_at: _Any = None
    rule_name: _Any = None
    rule_message: _Any = None
    rule: PlatformRule | None = None
    location: Spot | None = None
    vulnerability_identifier: _Any = None
    found_dependency: FoundDependency | None = None
    epss_score: Chance | None = None


class References(msgspec.Struct, gc=False):
    cveIds: _Any = None
    cweIds: _Any = None


class Advisory(msgspec.Struct, gc=False):
    ruleId: _Any = None
    title: _Any = None
    severity: _Any = None
    references: References | None = None


class Dependency(msgspec.Struct, gc=False):
    name: _Any = None
    versionSpecifier: _Any = None


class FileLocation(msgspec.Struct, gc=False):
    path: _Any = None
    startLine: _Any = None


class Triage(msgspec.Struct, gc=False):
    status: _Any = None


class Issue(msgspec.Struct, gc=False):
    """A supply-chain issue as the platform lists it."""

    title: _Any = None
    advisory: Advisory | None = None
    matchedDependency: Dependency | None = None
    dependencyFileLocation: FileLocation | None = None
    triage: Triage | None = None
    groupKey: _Any = None
    repositoryName: _Any = None


class Report(msgspec.Struct):
    results: list[msgspec.Raw] | None = None
    errors: _Any = None
    paths: _Any = None
    findings: list[msgspec.Raw] | None = None
    vulns: list[msgspec.Raw] | None = None


_report = msgspec.json.Decoder(Report)
_finding = msgspec.json.Decoder(Finding)
_platform = msgspec.json.Decoder(PlatformFinding)
_issue = msgspec.json.Decoder(Issue)


def recognise(head: Head) -> bool:
    if not head.is_json_object:
        return False
    keys = head.json.keys()
    if "results" in keys:
        item = head.item_keys("results")
        return "check_id" in item and "path" in item if item else "errors" in keys and not _FOREIGN & keys
    if "findings" in keys:
        return {"match_based_id", "rule_name"} <= head.item_keys("findings")
    return "vulns" in keys and ({"hasMore", "cursor"} <= keys or {"advisory", "matchedDependency"} <= head.item_keys("vulns"))


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `results`, `findings` or `vulns`")
    if report.results is None and report.findings is None and report.vulns is None:
        raise FileRejected("malformed", seen="neither `results`, `findings` nor `vulns`", expected="one of them, a list")
    if report.errors and not report.results and isinstance(report.paths, dict) and report.paths.get("scanned") == []:
        raise FileRejected("failed_scan", seen="errors, and no file scanned", expected="a scan of at least one file")
    yield from _findings(report)
    yield from _platform_findings(report, scan)
    yield from _issues(report)


def _findings(report: Report) -> Iterator[Result | Reject]:
    found: list[tuple[str, Finding, Extra, str, str, Place]] = []
    for pointer, _, item in documents.items(report.results, _finding, "/results"):
        if isinstance(item, Reject):
            yield secrets.without_raw(item)  # the lines that matched
            continue
        rule, path = documents.text(item.check_id), documents.text(item.path)
        if rule is None or path is None:
            yield secrets.missing(pointer, "check_id" if rule is None else "path")
            continue
        extra, start = item.extra or Extra(), item.start or Position()
        position = (documents.line(start.line) or 0, documents.line(start.col) or 0, documents.text(extra.message) or "")
        found.append((pointer, item, extra, rule, path, Place((path, rule), position)))
    ranks = ordinals(place for *_, place in found)
    for pointer, item, extra, rule, path, place in found:
        fingerprint = documents.text(extra.fingerprint)
        fingerprint = None if fingerprint == _WITHHELD else fingerprint
        line, _, message = place.position
        metadata = extra.metadata or {}
        match = (extra.sca_info.dependency_match if extra.sca_info else None) or DependencyMatch()
        dependency = match.found_dependency or FoundDependency()
        package = documents.text(dependency.package)
        version = documents.text(dependency.version)
        yield Result(
            pointer=pointer,
            title=documents.one_line(message) if message else rule,
            identity=(rule, path, *place.position, documents.line((item.end or Position()).line), fingerprint, package, version),
            severity=documents.text(extra.severity),
            rule=rule,
            vulnerability_ids=documents.ids(metadata.get("sca-vuln-database-identifier")) if package else (),
            cwes=cwe_numbers(metadata.get("cwe")),
            component_name=package,
            component_version=version,
            file_path=documents.text(match.lockfile) or path,
            line=line or None,
            location=location.package(package) if package else location.code(path, fingerprint or anchor(rule, ranks[place])),
            own_id=fingerprint,
            source_state="ignored" if extra.is_ignored is True else None,
        )


def _platform_findings(report: Report, scan: Scan) -> Iterator[Result | Reject]:
    for pointer, raw, item in documents.items(report.findings, _platform, "/findings"):
        if isinstance(item, Reject):
            yield item
            continue
        about, spot = item.rule or PlatformRule(), item.location or Spot()
        rule, path = documents.text(item.rule_name) or documents.text(about.name), documents.text(spot.file_path)
        if rule is None or path is None:
            yield documents.missing(pointer, "rule_name" if rule is None else "path", raw)
            continue
        own, fingerprint = documents.text(item.id), documents.text(item.match_based_id)
        message = documents.text(item.rule_message) or documents.text(about.message)
        dependency = item.found_dependency or FoundDependency()
        package, status = documents.text(dependency.package), documents.text(item.status)
        identifier = documents.text(item.vulnerability_identifier)
        line = documents.line(spot.line)
        yield Result(
            pointer=pointer,
            title=documents.one_line(message) if message else rule,
            identity=(own, rule, path, fingerprint, documents.text(item.ref), None if own or fingerprint else line),
            severity=documents.text(item.severity),
            rule=rule,
            vulnerability_ids=documents.ids_within(identifier) if identifier else (),
            cwes=cwe_numbers(about.cwe_names),
            epss=probability(item.epss_score.score) if item.epss_score else None,
            component_name=package,
            component_version=documents.text(dependency.version),
            file_path=path,
            line=line,
            location=location.package(package) if package else location.code(path, fingerprint or rule),
            target=documents.text(item.repository.name) if item.repository else None,
            captured=scan.stamp(item.created_at),
            own_id=own,
            source_state=status.lower() if status and status.lower() != "open" else None,
        )


def _issues(report: Report) -> Iterator[Result | Reject]:
    for pointer, raw, item in documents.items(report.vulns, _issue, "/vulns"):
        if isinstance(item, Reject):
            yield item
            continue
        advisory, dependency = item.advisory or Advisory(), item.matchedDependency or Dependency()
        rule, package = documents.text(advisory.ruleId), documents.text(dependency.name)
        if rule is None or package is None:
            yield documents.missing(pointer, "advisory" if rule is None else "dependency", raw)
            continue
        title = documents.text(item.title) or documents.text(advisory.title) or rule
        references, place = advisory.references or References(), item.dependencyFileLocation or FileLocation()
        version, path, line = documents.text(dependency.versionSpecifier), documents.text(place.path), documents.line(place.startLine)
        group, repository = documents.text(item.groupKey), documents.text(item.repositoryName)
        status = documents.text(item.triage.status) if item.triage else None
        yield Result(
            pointer=pointer,
            title=documents.one_line(title),
            identity=(group, rule, repository, package, version, path, line),
            severity=documents.text(advisory.severity),
            rule=rule,
            vulnerability_ids=documents.ids(references.cveIds),
            cwes=cwe_numbers(references.cweIds),
            component_name=package,
            component_version=version,
            file_path=path,
            line=line,
            location=location.package(package),
            target=repository,
            own_id=group,
            source_state=status.lower() if status and status != "NEW" else None,
        )
