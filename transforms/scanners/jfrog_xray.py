"""JFrog Xray's JSON: the vulnerabilities report, an artifact's security tab, the summary API, and scans on demand (`jf scan`, `jf audit`).

- Report (`rows`, of a vulnerabilities or violations report): one row is one issue of one component in one artifact.
- Security tab's export (`data` with `source_comp_id`): the same of a single artifact, which it does not name.
- Summary API (`artifacts`, each with `issues`): an issue lists the paths to all components that bring it; each component is a result.
- On demand (`--format=json`): a list of scans, each with `vulnerabilities` or, where a watch was asked, `violations`, by component.
- On demand (`--format=simple-json`): `vulnerabilities` and `securityViolations`, a row for each impacted package.

A result is one issue of one component of one artifact. Several CVEs of one issue stay together, as Xray rates the issue. Its own number
is the vulnerability's id where it has no CVE. Licences and operational risk are left out: no vulnerabilities. Xray's `Unknown` is
unrated. Components have Xray's identifiers (`gav://group:artifact:version`, `deb://debian:buster:name:version` …); the name is the
ecosystem's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from transforms.domain import documents, location
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "jfrog_xray"
TITLE = "JFrog Xray (JSON)"
SCANNER = "jfrog-xray"
CALIBRATION: dict[str, str] = {"information": "informational"}

_BRANCH = re.compile(r"v?\d+\.\d+|edge")
_FINISHED = ("completed", "done", "")

_Any = object


class Cve(msgspec.Struct, gc=False):
    cve: _Any = None
    cwe: _Any = None
    #: Score and vector in one: `7.5/CVSS:2.0/AV:N/…`.
    cvss_v2: _Any = None
    cvss_v3: _Any = None
    cvss_v4: _Any = None
    cvss_v2_score: _Any = None
    cvss_v2_vector: _Any = None
    cvss_v3_score: _Any = None
    cvss_v3_vector: _Any = None
    cvss_v4_score: _Any = None
    cvss_v4_vector: _Any = None
    # On demand, simple: scores only
    id: _Any = None
    cvssV2: _Any = None
    cvssV3: _Any = None


class Issue(msgspec.Struct, gc=False):
    """What every dialect says of an issue, and each of them of its place."""

    issue_id: _Any = None
    id: _Any = None
    severity: _Any = None
    summary: _Any = None
    issue_type: _Any = None
    type: _Any = None
    cves: list[Cve] | None = None
    # Report
    vulnerable_component: _Any = None
    impacted_artifact: _Any = None
    path: _Any = None
    artifact_scan_time: _Any = None
    applicability_result: _Any = None
    # Security tab
    component: _Any = None
    source_id: _Any = None
    source_comp_id: _Any = None
    component_versions: Versions | None = None
    # Summary
    impact_path: list[_Any] | None = None
    # Summary (a list) and on demand (by identifier)
    components: list[Identified] | dict[str, _Any] | None = None
    # On demand, simple
    issueId: _Any = None
    impactedPackageName: _Any = None
    impactedPackageVersion: _Any = None
    applicable: _Any = None


class Details(msgspec.Struct, gc=False):
    cves: list[Cve] | None = None


class Versions(msgspec.Struct, gc=False):
    more_details: Details | None = None


class Identified(msgspec.Struct, gc=False):
    component_id: _Any = None


class General(msgspec.Struct):
    name: _Any = None
    path: _Any = None


class Artifact(msgspec.Struct):
    general: General | None = None
    issues: list[msgspec.Raw] | None = None


class OnDemand(msgspec.Struct):
    component_id: _Any = None
    status: _Any = None
    vulnerabilities: list[msgspec.Raw] | None = None
    violations: list[msgspec.Raw] | None = None


class Report(msgspec.Struct):
    rows: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    artifacts: list[msgspec.Raw] | None = None
    scan_id: _Any = None
    vulnerabilities: list[msgspec.Raw] | None = None
    securityViolations: list[msgspec.Raw] | None = None


class Component(NamedTuple):
    name: str
    version: str | None


_report = msgspec.json.Decoder(Report)
_scans = msgspec.json.Decoder(list[msgspec.Raw])
_scan = msgspec.json.Decoder(OnDemand)
_artifact = msgspec.json.Decoder(Artifact)
_issue = msgspec.json.Decoder(Issue)


def recognise(head: Head) -> bool:
    keys = head.json.keys()
    if "scan_id" in keys and {"vulnerabilities", "violations", "component_id"} & keys:
        return True
    if not head.is_json_object:
        return False
    if {"total_rows", "rows"} <= keys:
        items = head.item_keys("rows")
        return {"vulnerable_component", "impacted_artifact"} <= items or (not items and keys == {"total_rows", "rows"})
    if {"vulnerabilities", "securityViolations"} <= keys:
        return True
    if {"total_count", "data"} <= keys:
        items = head.item_keys("data")
        return {"source_comp_id", "component_versions"} <= items or (not items and keys == {"total_count", "data"})
    return {"general", "issues"} <= head.item_keys("artifacts")


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"[":
        yield from _on_demand(documents.decode(_scans, content, "a list of scans"), "")
        return
    report = documents.decode(_report, content, "an object with `rows`, `data` or `artifacts`")
    if report.scan_id is not None:
        yield from _on_demand([msgspec.Raw(content)], None)
        return
    if all(part is None for part in (report.rows, report.data, report.artifacts, report.vulnerabilities, report.securityViolations)):
        raise FileRejected("malformed", seen="neither `rows`, `data`, `artifacts` nor `vulnerabilities`", expected="one of Xray's answers")
    yield from _rows(report.rows, scan)
    yield from _tab(report.data)
    yield from _summary(report.artifacts)
    yield from _simple(report)


# Dialects -------------------------------------------------------------------------------------------------------------------------


def _rows(raws: list[msgspec.Raw] | None, scan: Scan) -> Iterator[Result | Reject]:
    for pointer, raw, issue in _issues(raws, "/rows"):
        if isinstance(issue, Reject):
            yield issue
            continue
        component, artifact = _component(issue.vulnerable_component), documents.text(issue.impacted_artifact)
        if component is None:
            yield documents.missing(pointer, "vulnerable_component", raw)
            continue
        yield _result(
            pointer,
            raw,
            issue,
            component,
            target=artifact.rpartition("://")[2] if artifact else None,
            path=documents.text(issue.path),
            captured=scan.stamp(issue.artifact_scan_time),
        )


def _tab(raws: list[msgspec.Raw] | None) -> Iterator[Result | Reject]:
    for pointer, raw, issue in _issues(raws, "/data"):
        if isinstance(issue, Reject):
            yield issue
            continue
        component = _component(issue.source_comp_id) or _component(issue.component)
        if component is None:
            yield documents.missing(pointer, "source_comp_id", raw)
            continue
        if issue.cves is None and issue.component_versions and issue.component_versions.more_details:
            issue.cves = issue.component_versions.more_details.cves
        yield _result(pointer, raw, issue, component)


def _summary(raws: list[msgspec.Raw] | None) -> Iterator[Result | Reject]:
    for where, _, artifact in documents.items(raws, _artifact, "/artifacts"):
        if isinstance(artifact, Reject):
            yield artifact
            continue
        general = artifact.general or General()
        target = documents.text(general.name) or documents.text(general.path)
        for pointer, raw, issue in _issues(artifact.issues, f"{where}/issues"):
            if isinstance(issue, Reject):
                yield issue
                continue
            # A path goes from the artifact through its layers to the component.
            stated = [one.component_id for one in issue.components] if isinstance(issue.components, list) else []
            ends = [path.rpartition("/")[2] for path in issue.impact_path or () if isinstance(path, str)]
            components = dict.fromkeys(component for end in stated or ends if (component := _component(end)))
            if not components:
                yield documents.missing(pointer, "impact_path", raw)
            for number, component in enumerate(components):
                yield _result(f"{pointer}/impact_path/{number}", raw, issue, component, target=target)


def _on_demand(raws: list[msgspec.Raw], base: str | None) -> Iterator[Result | Reject]:
    scans = list(documents.items(raws, _scan, base or ""))
    failed = [scan for _, _, scan in scans if not isinstance(scan, Reject) and _failed(scan)]
    if failed and len(failed) == len(scans):
        raise FileRejected("failed_scan", seen=f"a scan of status {_failed(failed[0])!r}", expected="completed", remedy="scan again")
    for where, raw, scan in scans:
        where = "" if base is None else where
        if isinstance(scan, Reject):
            yield scan
            continue
        if said := _failed(scan):
            yield documents.reject(where, "failed_scan", f"status {said!r}", raw)
            continue
        artifact = documents.text(scan.component_id)
        for name, found in (("vulnerabilities", scan.vulnerabilities), ("violations", scan.violations)):
            for pointer, issue_raw, issue in _issues(found, f"{where}/{name}"):
                if isinstance(issue, Reject):
                    yield issue
                    continue
                components = dict.fromkeys(
                    component for key in (issue.components if isinstance(issue.components, dict) else ()) if (component := _component(key))
                )
                if not components:
                    yield documents.missing(pointer, "components", issue_raw)
                for component in components:
                    at = f"{pointer}/components/{component.name}" if len(components) > 1 else pointer
                    yield _result(at, issue_raw, issue, component, target=artifact.rpartition("://")[2] if artifact else None)


def _simple(report: Report) -> Iterator[Result | Reject]:
    for name in ("vulnerabilities", "securityViolations"):
        for pointer, raw, issue in _issues(getattr(report, name), f"/{name}"):
            if isinstance(issue, Reject):
                yield issue
                continue
            package = documents.text(issue.impactedPackageName)
            if package is None:
                yield documents.missing(pointer, "impactedPackageName", raw)
                continue
            yield _result(pointer, raw, issue, Component(package, documents.text(issue.impactedPackageVersion)))


def _failed(scan: OnDemand) -> str | None:
    status = (documents.text(scan.status) or "").lower()
    return None if status in _FINISHED else status


def _issues(raws: list[msgspec.Raw] | None, base: str) -> Iterator[tuple[str, msgspec.Raw, Issue | Reject]]:
    """The issues of security: a licence or an operational risk is left out."""
    for pointer, raw, issue in documents.items(raws, _issue, base):
        if (
            isinstance(issue, Reject)
            or (documents.text(issue.issue_type) or documents.text(issue.type) or "security").lower() == "security"
        ):
            yield pointer, raw, issue


# All ------------------------------------------------------------------------------------------------------------------------------


def _result(
    pointer: str,
    raw: msgspec.Raw,
    issue: Issue,
    component: Component,
    *,
    target: str | None = None,
    path: str | None = None,
    captured: Stamp | None = None,
) -> Result | Reject:
    cves, rule = issue.cves or [], documents.text(issue.issue_id) or documents.text(issue.issueId) or documents.text(issue.id)
    ids = documents.advisory_ids([cve.cve or cve.id for cve in cves]) or documents.advisory_ids(rule)
    summary = documents.text(issue.summary)
    title = summary or next(iter(ids), None) or rule
    if title is None:
        return documents.missing(pointer, "issue_id", raw)
    stated = [pair for cve in cves for pair in _scored(cve)]
    return Result(
        pointer=pointer,
        title=documents.one_line(title),
        # The tab and some summaries have no number of the issue; then its CVEs or its text tell it.
        identity=(rule, ids or title, *component, target, path),
        severity=documents.text(issue.severity),
        score=next((score for score, _ in stated if score is not None), None),
        cvss_vectors=vectors(*(vector for _, vector in stated)),
        rule=rule,
        vulnerability_ids=ids,
        cwes=cwe_numbers(*(cve.cwe for cve in cves)),
        component_name=component.name,
        component_version=component.version,
        file_path=path,
        location=location.package(component.name),
        target=target,
        captured=captured,
        source_state="not_applicable" if issue.applicability_result == "not_applicable" or issue.applicable == "Not Applicable" else None,
    )


def _scored(cve: Cve) -> Iterator[tuple[float | None, str | None]]:
    """Score and vector of each version of CVSS, newest first."""
    for both, score, vector in (
        (cve.cvss_v4, cve.cvss_v4_score, cve.cvss_v4_vector),
        (cve.cvss_v3, cve.cvss_v3_score or cve.cvssV3, cve.cvss_v3_vector),
        (cve.cvss_v2, cve.cvss_v2_score or cve.cvssV2, cve.cvss_v2_vector),
    ):
        if joined := documents.text(both):
            score, _, vector = joined.partition("/")
        yield documents.score(score), documents.text(vector)


def _component(identifier: object) -> Component | None:
    """Name and version of an identifier of Xray's, with its scheme or, as at the end of a path, without."""
    stated = documents.text(identifier)
    if stated is None:
        return None
    scheme, separator, rest = stated.partition("://")
    if not separator:
        scheme, rest = "", stated
    parts = rest.split(":")
    if scheme == "generic":  # sha256:<digest>/<name>
        name = rest.rpartition("/")[2]
        return Component(name, None) if name else None
    if len(parts) >= 3:
        if scheme == "deb" or (not scheme and parts[0] in ("debian", "ubuntu")):
            return Component(parts[2], ":".join(parts[3:]) or None) if parts[2] else None
        if scheme == "rpm":  # distribution:name:epoch:version
            return Component(parts[1], ":".join(parts[2:]).removeprefix("0:") or None) if parts[1] else None
        if scheme == "alpine" or (not scheme and _BRANCH.fullmatch(parts[0])):
            return Component(parts[1], ":".join(parts[2:]) or None) if parts[1] else None
        if scheme in ("", "gav"):
            return Component(f"{parts[0]}:{parts[1]}", ":".join(parts[2:]) or None)
    if scheme == "gav":
        return Component(rest, None) if rest else None
    name, separator, version = rest.rpartition(":")
    name, version = (name, version) if separator else (rest, "")
    return Component(name, version or None) if name else None
