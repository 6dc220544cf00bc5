"""Veracode: the detailed report of a scan (`detailedreport` XML, export formats 1.4 and 1.5) and the Findings API's JSON (v2).

The XML has static, dynamic and manual flaws by severity, category and CWE, and the vulnerable components of software composition
analysis. The JSON is the API's page (`_embedded.findings`) or its bare list (`findings`), with `scan_type` STATIC, DYNAMIC, MANUAL or SCA.

One result is one flaw, or one vulnerability of one component. `issueid` is Veracode's own number of a flaw within an application: it stays
with the flaw from scan to scan, moved lines or not, and anchors it in its file. A vulnerability of a component has none: it is told from
the others by id, component and version.

Severity is Veracode's number: 5 very high, 4 high, 3 medium, 2 low, 1 very low, 0 informational. What is `Fixed` (XML) or `CLOSED` (JSON)
was not found by this scan and yields nothing; mitigations are evidence only. The capture is the end of the analysis that found the flaw
(`published_date`), in the JSON when the finding was last seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import msgspec

from transforms.domain import documents, location, xml
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "veracode"
TITLE = "Veracode (detailed report XML, Findings API JSON)"
SCANNER = "veracode"
CALIBRATION: dict[str, str] = {
    "0": "informational",
    "1": "low",
    "2": "low",
    "3": "medium",
    "4": "high",
    "5": "critical",
    "very high": "critical",
    "very low": "low",
}

_FLAWS = {"staticflaws": "static", "dynamicflaws": "dynamic", "manualflaws": "manual"}
_ANALYSES = {"static": "static-analysis", "dynamic": "dynamic-analysis", "manual": "manual-analysis"}
_NO_STATE = frozenset(("", "none", "not mitigated", "unresolved", "open", "new"))
_ARCHIVE = re.compile(r"\.(?:jar|war|ear|dll|whl|tgz|nupkg|gem|zip)$", re.IGNORECASE)
#: What Veracode names vulnerabilities by that have no CVE.
_OWN_ID = re.compile(r"SRCCLR-SID-\d+", re.IGNORECASE)

_Any = object


class Named(msgspec.Struct, gc=False):
    id: _Any = None
    name: _Any = None


class Cvss3(msgspec.Struct, gc=False):
    score: _Any = None
    vector: _Any = None


class Cve(msgspec.Struct, gc=False):
    name: _Any = None
    cvss: _Any = None
    vector: _Any = None
    cvss3: Cvss3 | None = None


class ComponentPath(msgspec.Struct, gc=False):
    path: _Any = None


class Details(msgspec.Struct, gc=False):
    severity: _Any = None
    cwe: Named | None = None
    finding_category: Named | None = None
    cvss: _Any = None
    # Static.
    file_path: _Any = None
    file_line_number: _Any = None
    # Dynamic and manual.
    url: _Any = None
    hostname: _Any = None
    port: _Any = None
    path: _Any = None
    vulnerable_parameter: _Any = None
    # Components.
    cve: Cve | None = None
    component_id: _Any = None
    component_filename: _Any = None
    component_path: list[ComponentPath] | None = None
    version: _Any = None


class Status(msgspec.Struct, gc=False):
    status: _Any = None
    resolution: _Any = None
    last_seen_date: _Any = None


class Finding(msgspec.Struct, gc=False):
    issue_id: _Any = None
    scan_type: _Any = None
    context_type: _Any = None
    context_guid: _Any = None
    finding_status: Status | None = None
    finding_details: Details | None = None


class Page(msgspec.Struct):
    findings: list[msgspec.Raw] | None = None


class Report(msgspec.Struct):
    findings: list[msgspec.Raw] | None = None
    embedded: Page | None = msgspec.field(default=None, name="_embedded")


_report = msgspec.json.Decoder(Report)
_finding = msgspec.json.Decoder(Finding)
_page = msgspec.json.Decoder(Page)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def recognise(head: Head) -> bool:
    if head.xml_root:
        return head.xml_root == "detailedreport" and "veracode" in head.xml_attributes
    if not head.is_json_object:
        return False
    if "_embedded" in head.json:
        try:
            findings = _page.decode(head.json["_embedded"]).findings
            if findings:
                return {"finding_status", "finding_details", "scan_type"} <= _members.decode(findings[0]).keys()
            return findings is not None and {"_links", "page"} <= head.json.keys()
        except documents.UNREADABLE:
            return False
    return {"finding_status", "finding_details", "scan_type"} <= head.item_keys("findings")


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    if content.removeprefix(BOM).lstrip()[:1] == b"<":
        yield from _parse_xml(content, scan)
    else:
        yield from _parse_json(content, scan)


# XML ------------------------------------------------------------------------------------------------------------------------------


def _parse_xml(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(content)
    target = (root.get("app_name") or "").strip() or None
    written = scan.stamp(root.get("last_update_time")) or scan.stamp(root.get("generation_date"))
    captured = {kind: _analysed(root, name, scan) or written for kind, name in _ANALYSES.items()}
    for pointer, kind, cwe, flaw in _flaws(root):
        if (flaw.get("remediation_status") or "").lower() == "fixed":
            continue
        try:
            yield _xml_flaw(pointer, kind, cwe, flaw, target, captured[kind])
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield documents.reject(pointer, reason, detail, str(flaw.attrib).encode())
    components = xml.children(xml.child(root, "software_composition_analysis", "vulnerable_components"), "component")
    for number, component in enumerate(components, 1):
        for place, vulnerability in enumerate(xml.children(xml.child(component, "vulnerabilities"), "vulnerability"), 1):
            pointer = f"/detailedreport/software_composition_analysis/vulnerable_components/component[{number}]/vulnerabilities/vulnerability[{place}]"
            yield _xml_vulnerability(pointer, component, vulnerability, target, captured["static"])


def _analysed(root: Element, name: str, scan: Scan) -> Stamp | None:
    analysis = xml.child(root, name)
    return scan.stamp(analysis.get("published_date")) if analysis is not None else None


def _flaws(root: Element) -> Iterator[tuple[str, str, Element, Element]]:
    """Each flaw with its pointer, kind and CWE element."""
    for level_number, level in enumerate(xml.children(root, "severity"), 1):
        for category_number, category in enumerate(xml.children(level, "category"), 1):
            for cwe_number, cwe in enumerate(xml.children(category, "cwe"), 1):
                place = f"/detailedreport/severity[{level_number}]/category[{category_number}]/cwe[{cwe_number}]"
                for name, kind in _FLAWS.items():
                    for number, flaw in enumerate(xml.children(xml.child(cwe, name), "flaw"), 1):
                        yield f"{place}/{name}/flaw[{number}]", kind, cwe, flaw


def _xml_flaw(pointer: str, kind: str, cwe: Element, flaw: Element, target: str | None, captured: Stamp | None) -> Result:
    """The flaw. Raises ValueError `reason: detail`."""
    issue = (flaw.get("issueid") or "").strip()
    title = (flaw.get("categoryname") or cwe.get("cwename") or "").strip()
    if not issue or not title:
        raise ValueError(f"missing_{'title' if issue else 'issueid'}: the flaw has none")
    folder, name = (flaw.get("sourcefilepath") or "").strip(), (flaw.get("sourcefile") or "").strip()
    file = f"{folder}{'' if folder.endswith(('/', chr(92))) or not folder else '/'}{name}" if name else None
    url = (flaw.get("url") or "").strip() or None
    cwes = cwe_numbers(flaw.get("cweid") or cwe.get("cweid"))
    mitigation = (flaw.get("mitigation_status_desc") or flaw.get("mitigation_status") or "").strip().lower()
    return _flaw(
        pointer,
        kind,
        issue,
        title,
        severity=(flaw.get("severity") or "").strip() or None,
        cwes=cwes,
        file=file,
        line=flaw.get("line"),
        url=url,
        parameter=flaw.get("vuln_parameter"),
        state=mitigation,
        target=target,
        captured=captured,
    )


def _flaw(
    pointer: str,
    kind: str,
    issue: str,
    title: str,
    *,
    severity: str | None,
    cwes: tuple[int, ...],
    file: str | None,
    line: _Any,
    url: str | None,
    parameter: _Any,
    state: str,
    target: str | None,
    captured: Stamp | None,
    context: str | None = None,
) -> Result:
    """A flaw of either form. Raises ValueError `malformed: …` for a URL that is none."""
    where = location.NOWHERE
    if url:
        try:
            where = location.of_endpoint(location.parse_endpoint(url), documents.text(parameter))
        except ValueError as error:
            raise ValueError(f"malformed: {error}") from None
    elif file:
        where = location.code(file, issue)
    return Result(
        pointer=pointer,
        title=title,
        identity=(kind, context, issue, title, cwes),
        severity=severity,
        rule=f"CWE-{cwes[0]}" if cwes else title,
        cwes=cwes,
        file_path=file,
        line=documents.line(line),
        endpoint=url,
        location=where,
        target=target,
        captured=captured,
        own_id=issue,
        source_state=state if state not in _NO_STATE else None,
    )


def _xml_vulnerability(
    pointer: str, component: Element, vulnerability: Element, target: str | None, captured: Stamp | None
) -> Result | Reject:
    identifier = (vulnerability.get("cve_id") or "").strip()
    coordinates = (component.get("library_id") or "").split(":")
    # `maven:group:artifact:version:`; without it the report's name, which may be prose (`H2 Database Engine`) or a file's.
    named = coordinates[0].lower() == "maven" and len(coordinates) > 3
    name = coordinates[2] if named else (component.get("library") or component.get("file_name") or "").strip()
    if not identifier or not name:
        return documents.missing(pointer, "component" if identifier else "cve_id", str({**component.attrib, **vulnerability.attrib}).encode())
    paths = [path for item in xml.children(xml.child(component, "file_paths"), "file_path") if (path := (item.get("value") or "").strip())]
    mitigated = (vulnerability.get("mitigation") or "").lower() == "true"
    return _vulnerability(
        pointer,
        identifier,
        name,
        f"{coordinates[1]}:{name}" if named else name,
        (component.get("version") or "").strip() or None,
        component.get("component_id"),
        severity=(vulnerability.get("severity") or vulnerability.get("severity_desc") or "").strip() or None,
        score=documents.score(vulnerability.get("cvss_score")),
        cvss=(),
        cwes=cwe_numbers(vulnerability.get("cwe_id")),
        path=paths[0] if paths else None,
        target=target,
        captured=captured,
        state=(vulnerability.get("mitigation_type") or "mitigated").lower() if mitigated else None,
    )


def _vulnerability(
    pointer: str,
    identifier: str,
    name: str,
    package: str,
    version: str | None,
    component: _Any,
    *,
    severity: str | None,
    score: float | None,
    cvss: tuple[str, ...],
    cwes: tuple[int, ...],
    path: str | None,
    target: str | None,
    captured: Stamp | None,
    state: str | None,
    context: str | None = None,
) -> Result:
    """A component's vulnerability of either form. The path is inside an upload, no file of a repository: it tells two copies apart."""
    own = (identifier.upper(),) if _OWN_ID.fullmatch(identifier) else ()
    return Result(
        pointer=pointer,
        title=f"{identifier} in {name}{f' {version}' if version else ''}",
        identity=(identifier, name, version, documents.text(component), path, context),
        severity=severity,
        score=score,
        cvss_vectors=cvss,
        rule=identifier,
        vulnerability_ids=documents.ids_within(identifier) or own,
        cwes=cwes,
        component_name=name,
        component_version=version,
        location=location.package(package),
        target=target,
        captured=captured,
        source_state=state,
    )


# JSON -----------------------------------------------------------------------------------------------------------------------------


def _parse_json(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with `findings` or `_embedded.findings`")
    findings, where = report.findings, "/findings"
    if findings is None and report.embedded is not None:
        findings, where = report.embedded.findings, "/_embedded/findings"
    if findings is None:
        raise FileRejected("malformed", seen="neither `findings` nor `_embedded.findings`", expected="one of them, a list")
    for pointer, raw, finding in documents.items(findings, _finding, where):
        if isinstance(finding, Reject):
            yield finding
            continue
        status = finding.finding_status or Status()
        if documents.text(status.status) == "CLOSED":
            continue
        try:
            yield _json_result(pointer, finding, status, scan)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield documents.reject(pointer, reason, detail, raw)


def _json_result(pointer: str, finding: Finding, status: Status, scan: Scan) -> Result:
    """The result. Raises ValueError `reason: detail`."""
    details = finding.finding_details or Details()
    kind, issue = (documents.text(finding.scan_type) or "").lower(), documents.text(finding.issue_id)
    # The resolution says more than the status, and both stand where nobody decided anything.
    resolution = (documents.text(status.resolution) or "").replace("_", " ").lower()
    captured, context = scan.stamp(documents.text(status.last_seen_date)), documents.text(finding.context_guid)
    severity = documents.text(details.severity)
    cwe = details.cwe or Named()
    cwes = cwe_numbers(cwe.id)
    if kind == "sca" or details.cve is not None:
        cve = details.cve or Cve()
        cvss3 = cve.cvss3 or Cvss3()
        identifier, file = documents.text(cve.name), documents.text(details.component_filename)
        if identifier is None or file is None:
            raise ValueError(f"missing_{'cve' if identifier is None else 'component'}: the finding has none")
        version = documents.text(details.version)
        name = _component(file, version)
        paths = details.component_path or []
        score = documents.score(cvss3.score)
        return _vulnerability(
            pointer,
            identifier,
            name,
            name,
            version,
            details.component_id,
            severity=severity,
            score=documents.score(cve.cvss) if score is None else score,
            cvss=vectors(documents.text(cvss3.vector), documents.text(cve.vector)),
            cwes=cwes,
            path=documents.text(paths[0].path) if paths else None,
            target=None,
            captured=captured,
            state=resolution if resolution not in _NO_STATE else None,
            context=context,
        )
    title = documents.text(details.finding_category.name if details.finding_category else None) or documents.text(cwe.name)
    if issue is None or title is None:
        raise ValueError(f"missing_{'issue_id' if issue is None else 'title'}: the finding has none")
    return _flaw(
        pointer,
        kind,
        issue,
        title,
        severity=severity,
        cwes=cwes,
        file=documents.text(details.file_path),
        line=details.file_line_number,
        url=_url(details),
        parameter=details.vulnerable_parameter,
        state=resolution,
        target=None,
        captured=captured,
        context=context,
    )


def _url(details: Details) -> str | None:
    host, port, path = documents.text(details.hostname), documents.text(details.port), documents.text(details.path)
    return documents.text(details.url) or (f"{host}{f':{port}' if port else ''}{path or ''}" if host else None)


def _component(file: str, version: str | None) -> str:
    """`guava` of `guava-30.0-jre.jar`: the file without version and archive's ending, as other scanners call the artifact."""
    stem = _ARCHIVE.sub("", file)
    return (stem.removesuffix(version).rstrip("-_.") or stem) if version else stem
