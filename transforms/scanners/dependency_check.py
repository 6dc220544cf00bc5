"""OWASP Dependency-Check's reports: XML (schemas 1.x to 4), JSON and CSV. Its HTML, JUnit and GitLab reports are not read here; SARIF has
a module.

A result is one vulnerability of one dependency: a file, or what a lock file lists (`package-lock.json?name`). The same file found in
several places (`relatedDependencies`) is one dependency to it, and one result. What was suppressed is kept with its state, as evidence;
the CSV leaves it out.

The component is what the best identifier says: the package URL, in old reports Maven's coordinates, else the CPE; where a file has none,
the product and version that the evidence speaks for most. The severity is the word for the vulnerability as a whole; where there is none
(suppressed ones, JSON before 6), that of the newest CVSS. Vectors are put together from their parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, tostring

import msgspec

from transforms.domain import documents, location, xml
from transforms.domain.csv_reports import columns, first, rows
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.packages import package_name, purl_parts
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "dependency_check"
TITLE = "OWASP Dependency-Check (XML, JSON or CSV)"
SCANNER = "dependency-check"
CALIBRATION: dict[str, str] = {"moderate": "medium"}

_CONFIDENCE = {"HIGHEST": 0, "HIGH": 1, "MEDIUM": 2, "LOW": 3}
_CWE = re.compile(r"CWE-\d+")
_FLAT = re.compile(r"cvss(?!V\d)[A-Z]\w*")
_SUPPRESSED = "suppressed"
#: Parts of the vectors by the names that the schemas gave them (`authenticationr` is theirs), each with its metric.
_V2 = (
    (("accessVector",), "AV"),
    (("accessComplexity",), "AC"),
    (("authenticationr", "authentication", "authenticationr>"), "Au"),
    (("confidentialImpact", "confidentialityImpact"), "C"),
    (("integrityImpact",), "I"),
    (("availabilityImpact",), "A"),
)
_V3 = (
    (("attackVector",), "AV"),
    (("attackComplexity",), "AC"),
    (("privilegesRequired",), "PR"),
    (("userInteraction",), "UI"),
    (("scope",), "S"),
    (("confidentialityImpact",), "C"),
    (("integrityImpact",), "I"),
    (("availabilityImpact",), "A"),
)

_Any = object


class Identifier(msgspec.Struct, gc=False):
    id: _Any = None
    confidence: _Any = None


class Evidence(msgspec.Struct, gc=False):
    confidence: _Any = None
    source: _Any = None
    value: _Any = None


class Collected(msgspec.Struct, gc=False):
    productEvidence: list[Evidence] | None = None
    versionEvidence: list[Evidence] | None = None


class Vulnerability(msgspec.Struct, gc=False):
    name: _Any = None
    severity: _Any = None
    cvssv2: dict[str, _Any] | None = None
    cvssv3: dict[str, _Any] | None = None
    cvssv4: dict[str, _Any] | None = None
    cwes: _Any = None
    knownExploitedVulnerability: _Any = None


class Dependency(msgspec.Struct, gc=False):
    fileName: _Any = None
    filePath: _Any = None
    packages: list[Identifier] | None = None
    vulnerabilityIds: list[Identifier] | None = None
    evidenceCollected: Collected | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    suppressedVulnerabilities: list[msgspec.Raw] | None = None


class Project(msgspec.Struct):
    name: _Any = None
    reportDate: _Any = None


class Report(msgspec.Struct):
    dependencies: list[msgspec.Raw] | None
    projectInfo: Project | None = None


class Origin(NamedTuple):
    target: str | None
    captured: Stamp | None


class Component(NamedTuple):
    name: str
    version: str | None
    file: str | None
    path: str | None


_report = msgspec.json.Decoder(Report)
_dependency = msgspec.json.Decoder(Dependency)
_vulnerability = msgspec.json.Decoder(Vulnerability)


def recognise(head: Head) -> bool:
    if head.xml_root:
        return head.xml_root == "analysis" and "dependency-check" in head.xml_attributes.lower()
    if head.is_json_object:
        return {"reportSchema", "scanInfo", "projectInfo", "dependencies"} <= head.json.keys()
    return {"dependencyname", "dependencypath", "identifiers", "cve"} <= columns(head)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    start = content.lstrip()[:1]
    yield from (_of_xml if start == b"<" else _of_json if start == b"{" else _of_csv)(content, scan)


# XML ------------------------------------------------------------------------------------------------------------------------------


def _of_xml(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(content)
    if root.tag != "analysis":
        raise FileRejected("malformed", seen=f"XML with root <{root.tag}>", expected="<analysis>")
    origin = Origin(xml.text(root, "projectInfo", "name"), scan.stamp(xml.text(root, "projectInfo", "reportDate")))
    for number, dependency in enumerate(xml.children(xml.child(root, "dependencies"), "dependency"), 1):
        found = xml.child(dependency, "vulnerabilities")
        if found is None or not len(found):
            continue
        component = _xml_component(dependency)
        counted = {"vulnerability": 0, "suppressedVulnerability": 0}
        for element in found:
            kind = element.tag
            if kind not in counted:
                continue
            counted[kind] += 1
            yield _xml_result(
                f"/analysis/dependencies/dependency[{number}]/vulnerabilities/{kind}[{counted[kind]}]", element, component, origin
            )


def _xml_component(dependency: Element) -> Component | None:
    identifiers = xml.child(dependency, "identifiers")
    names = [] if identifiers is None else [(element.tag, element) for element in identifiers.iter()]
    packages = [(element.get("confidence"), xml.text(element, "id")) for kind, element in names if kind == "package"]
    cpes = [(element.get("confidence"), xml.text(element, "id")) for kind, element in names if kind == "vulnerabilityIds"]
    coordinates = []
    for kind, element in names:
        if kind == "identifier":  # schemas before 2
            of_kind = {"maven": coordinates, "cpe": cpes}.get(element.get("type") or "")
            if of_kind is not None:
                of_kind.append((element.get("confidence"), (xml.text(element, "name") or "").strip("()")))
    evidence = [
        (element.get("type"), element.get("confidence"), xml.text(element, "source"), xml.text(element, "value"))
        for element in xml.children(xml.child(dependency, "evidenceCollected"), "evidence")
    ]
    return _component(
        xml.text(dependency, "fileName"),
        xml.text(dependency, "filePath"),
        [*_ranked(packages), *_ranked(coordinates)],
        _ranked(cpes),
        [item for kind, *item in evidence if kind == "product"],
        [item for kind, *item in evidence if kind == "version"],
    )


def _xml_result(pointer: str, element: Element, component: Component | None, origin: Origin) -> Result | Reject:
    stated = {item.tag: item for item in element}
    parts = {name: _parts(stated[name]) if name in stated else {} for name in ("cvssV4", "cvssV3", "cvssV2")}
    if not parts["cvssV2"]:  # schemas before 2 have the parts beside the name
        parts["cvssV2"] = {f"{tag[4].lower()}{tag[5:]}": item.text for tag, item in stated.items() if _FLAT.fullmatch(tag)}
    cwes = [item.text for item in (*xml.children(stated.get("cwes"), "cwe"), *xml.children(element, "cwe"))]
    return _result(
        pointer,
        xml.text(element, "name"),
        component,
        origin,
        severity=xml.text(element, "severity"),
        newest=[parts[name] for name in ("cvssV4", "cvssV3", "cvssV2")],
        cwes=cwe_numbers(cwes),
        known_exploited="knownExploitedVulnerability" in stated,
        is_suppressed=element.tag == "suppressedVulnerability",
        raw=lambda: tostring(element)[:RAW_LIMIT],
    )


def _parts(element: Element) -> dict[str, object]:
    return {item.tag: item.text for item in element}


# JSON -----------------------------------------------------------------------------------------------------------------------------


def _of_json(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `dependencies`")
    project = report.projectInfo or Project()
    origin = Origin(documents.text(project.name), scan.stamp(documents.text(project.reportDate)))
    for where, _, dependency in documents.items(report.dependencies, _dependency, "/dependencies"):
        if isinstance(dependency, Reject):
            yield dependency
            continue
        if not dependency.vulnerabilities and not dependency.suppressedVulnerabilities:
            continue
        collected = dependency.evidenceCollected or Collected()
        component = _component(
            documents.text(dependency.fileName),
            documents.text(dependency.filePath),
            _ranked((item.confidence, documents.text(item.id)) for item in dependency.packages or ()),
            _ranked((item.confidence, documents.text(item.id)) for item in dependency.vulnerabilityIds or ()),
            [(item.confidence, item.source, documents.text(item.value)) for item in collected.productEvidence or ()],
            [(item.confidence, item.source, documents.text(item.value)) for item in collected.versionEvidence or ()],
        )
        for name in ("vulnerabilities", "suppressedVulnerabilities"):
            for pointer, raw, found in documents.items(getattr(dependency, name), _vulnerability, f"{where}/{name}"):
                if isinstance(found, Reject):
                    yield found
                    continue
                yield _result(
                    pointer,
                    documents.text(found.name),
                    component,
                    origin,
                    severity=documents.text(found.severity),
                    newest=[found.cvssv4 or {}, found.cvssv3 or {}, found.cvssv2 or {}],
                    cwes=cwe_numbers(found.cwes),
                    known_exploited=isinstance(found.knownExploitedVulnerability, dict),
                    is_suppressed=name == "suppressedVulnerabilities",
                    raw=lambda raw=raw: bytes(raw),
                )


# CSV ------------------------------------------------------------------------------------------------------------------------------


def _of_csv(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    for record in rows(content, strict=False):
        if isinstance(record, Reject):
            yield record
            continue
        pointer, row, raw = record
        yield _result(
            pointer,
            row.get("cve"),
            _component(
                row.get("dependencyname"),
                row.get("dependencypath"),
                [name for cell in row.get("identifiers", "").split(",") if (name := cell.strip(" ()"))],
                [name for cell in row.get("cpe", "").split(",") if (name := cell.strip())],
                (),
                (),
            ),
            Origin(row.get("project"), scan.stamp(row.get("scandate"))),
            severity=first(row, "cvssv4_baseseverity", "cvssv3_baseseverity", "cvssv2_severity", "severity"),
            newest=[
                {"baseScore": row.get(f"cvssv{version}_{score}"), "vectorString": row.get(f"cvssv{version}", "").lstrip("/")}
                for version, score in ((4, "basescore"), (3, "basescore"), (2, "score"))
            ],
            cwes=cwe_numbers(_CWE.findall(row.get("cwe", ""))),
            known_exploited="dateadded" in row,
            is_suppressed=False,
            raw=lambda raw=raw: raw.encode(),
        )


# All ------------------------------------------------------------------------------------------------------------------------------


def _component(
    file: str | None,
    path: str | None,
    packages: list[str],
    cpes: list[str],
    products: Iterable[Iterable],
    versions: Iterable[Iterable],
) -> Component | None:
    """What the dependency is, its identifiers best first; None where the report does not even name its file."""
    for identifier in packages:
        if parts := purl_parts(identifier):
            return Component(package_name(parts[0], identifier), parts[1], file, path)
        coordinates = identifier.split(":")
        if len(coordinates) == 3 and all(coordinates):
            return Component(":".join(coordinates[:2]), coordinates[2], file, path)
    for identifier in cpes:
        # `cpe:2.3:a:vendor:product:version:…`, before that `cpe:/a:vendor:product:version`.
        parts = identifier.removeprefix("cpe:2.3:").removeprefix("cpe:/").split(":")
        if len(parts) >= 3 and identifier.startswith("cpe:") and parts[2] not in ("", "*"):
            version = parts[3] if len(parts) > 3 and parts[3] not in ("", "*", "-") else None
            return Component(parts[2].replace("\\", ""), version and version.replace("\\", ""), file, path)
    name = _strongest(products)
    if name:
        return Component(name, _strongest(versions), file, path)
    return Component(file or path or "", None, file, path) if file or path else None


def _ranked(identifiers: Iterable[tuple[object, str | None]]) -> list[str]:
    """The identifiers by confidence, else in the report's order."""
    stated = [(_CONFIDENCE.get(str(confidence), 4), identifier) for confidence, identifier in identifiers if identifier]
    return [identifier for _, identifier in sorted(stated, key=lambda pair: pair[0])]


def _strongest(evidence: Iterable[Iterable]) -> str | None:
    """The value of the best evidence: by confidence, what the file's name says first, then bytewise; its order is none."""
    stated = [(_CONFIDENCE.get(str(confidence), 4), source != "file", value) for confidence, source, value in evidence if value]
    return min(stated)[2] if stated else None


def _result(
    pointer: str,
    name: str | None,
    component: Component | None,
    origin: Origin,
    *,
    severity: str | None,
    newest: list[dict[str, object]],
    cwes: tuple[int, ...],
    known_exploited: bool,
    is_suppressed: bool,
    raw: Callable[[], bytes],
) -> Result | Reject:
    if name is None or component is None:
        return documents.missing(pointer, "name" if name is None else "fileName", raw())
    words = (documents.text(parts.get(key)) for parts in newest for key in ("baseSeverity", "baseSeverity>", "severity"))
    scores = (documents.score(parts.get(key)) for parts in newest for key in ("baseScore", "score"))
    v4, v3, v2 = newest
    # npm's and RetireJS's advisories without an id have a sentence for a name.
    title = documents.one_line(f"{name} in {component.name}{f' {component.version}' if component.version else ''}")
    return Result(
        pointer=pointer,
        title=title,
        identity=(name, component.name, component.version, component.file, component.path),
        severity=severity or next((word for word in words if word), None),
        score=next((score for score in scores if score is not None), None),
        cvss_vectors=vectors(documents.text(v4.get("vectorString")), _vector(v3, _V3), _vector(v2, _V2)),
        rule=documents.one_line(name),
        vulnerability_ids=documents.advisory_ids(name),
        cwes=cwes,
        known_exploited=known_exploited,
        component_name=component.name,
        component_version=component.version,
        # A lock file's entry has its name behind the file's; on Windows the path has backslashes, and owners are found by paths.
        file_path=(component.path or component.file or "").partition("?")[0].replace("\\", "/") or None,
        location=location.package(component.name),
        target=origin.target,
        captured=origin.captured,
        source_state=_SUPPRESSED if is_suppressed else None,
    )


def _vector(parts: dict[str, object], metrics: tuple[tuple[tuple[str, ...], str], ...]) -> str | None:
    """The vector as stated, or of its parts: every value of CVSS 2 and 3 is known by its first letter. None where one is missing."""
    if stated := documents.text(parts.get("vectorString")):
        return stated
    values = [next((value for name in names if (value := documents.text(parts.get(name)))), "") for names, _ in metrics]
    if not all(values):
        return None
    metrics_text = "/".join(f"{metric}:{value[0].upper()}" for (_, metric), value in zip(metrics, values, strict=True))
    if metrics is _V2:
        return metrics_text
    return f"CVSS:{'3.1' if documents.text(parts.get('version')) == '3.1' else '3.0'}/{metrics_text}"
