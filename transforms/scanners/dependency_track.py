"""OWASP Dependency-Track's findings: the Finding Packaging Format (export of a project, versions 1.0 to 1.3), and the API's bare list of
findings.

A result is one vulnerability of one component of one project. `matrix` (project, component and vulnerability) is Dependency-Track's own
id. Aliases are the same vulnerability in other databases. The analysis of people (false positive, suppressed …) is evidence only;
`latestVersion` and who attributed it are left out. A vulnerability of an internal or a closed database may have a bare number for an id:
that stays the rule.

The project is the target by its name: its version changes with every release. The time is that of the export, when the finding stood.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.packages import package_name
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import probability, vectors

NAME = "dependency_track"
TITLE = "Dependency-Track (FPF JSON)"
SCANNER = "dependency-track"
CALIBRATION: dict[str, str] = {}  # its words are the policy's; UNASSIGNED is just that

_ALIASES = ("cveId", "ghsaId", "osvId", "snykId", "sonatypeId", "gsdId", "internalId")
#: Where every analysis begins, or that the finding is what it says.
_UNREMARKABLE = ("NOT_SET", "EXPLOITABLE", "IN_TRIAGE")

_Any = object


class Component(msgspec.Struct, gc=False):
    name: _Any = None
    group: _Any = None
    version: _Any = None
    purl: _Any = None
    projectName: _Any = None


class Weakness(msgspec.Struct, gc=False):
    cweId: _Any = None


class Vulnerability(msgspec.Struct, gc=False):
    vulnId: _Any = None
    source: _Any = None
    title: _Any = None
    severity: _Any = None
    cweId: _Any = None
    cwes: list[Weakness] | None = None
    aliases: list[dict[str, _Any]] | None = None
    cvssV4Vector: _Any = None
    cvssV3Vector: _Any = None
    cvssV2Vector: _Any = None
    cvssV4Score: _Any = None
    cvssV3BaseScore: _Any = None
    cvssV2BaseScore: _Any = None
    epssScore: _Any = None


class Analysis(msgspec.Struct, gc=False):
    state: _Any = None
    isSuppressed: _Any = None


class Finding(msgspec.Struct, gc=False):
    component: Component | None = None
    vulnerability: Vulnerability | None = None
    analysis: Analysis | None = None
    matrix: _Any = None


class Project(msgspec.Struct):
    name: _Any = None


class Meta(msgspec.Struct):
    timestamp: _Any = None


class Report(msgspec.Struct):
    findings: list[msgspec.Raw] | None
    project: Project | None = None
    meta: Meta | None = None


_report = msgspec.json.Decoder(Report)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_finding = msgspec.json.Decoder(Finding)


def recognise(head: Head) -> bool:
    if head.is_json_list:
        return {"component", "vulnerability", "matrix"} <= head.json.keys()
    if not {"meta", "findings"} <= head.json.keys():
        return False
    return {"component", "vulnerability"} <= head.item_keys("findings") or ("project" in head.json and not head.item_keys("findings"))


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"[":
        yield from _results(documents.decode(_list, content, "a list of findings"), "", None, None)
        return
    report = documents.decode(_report, content, "an object with a list `findings`")
    target = documents.text(report.project.name) if report.project else None
    captured = scan.stamp(report.meta.timestamp if report.meta else None)
    yield from _results(report.findings or [], "/findings", target, captured)


def _results(raws: list[msgspec.Raw], base: str, target: str | None, captured: Stamp | None) -> Iterator[Result | Reject]:
    for pointer, raw, finding in documents.items(raws, _finding, base):
        if isinstance(finding, Reject):
            yield finding
            continue
        component, found = finding.component or Component(), finding.vulnerability or Vulnerability()
        name, identifier = documents.text(component.name), documents.text(found.vulnId)
        if name is None or identifier is None:
            yield documents.missing(pointer, "component" if name is None else "vulnId", raw)
            continue
        version, purl, title = documents.text(component.version), documents.text(component.purl), documents.text(found.title)
        full = package_name(name, purl, documents.text(component.group))
        scores = (documents.score(value) for value in (found.cvssV4Score, found.cvssV3BaseScore, found.cvssV2BaseScore))
        yield Result(
            pointer=pointer,
            title=documents.one_line(title) if title else f"{identifier} in {full}{f' {version}' if version else ''}",
            identity=(identifier, documents.text(found.source), full, version, purl),
            severity=documents.text(found.severity),
            score=next((score for score in scores if score is not None), None),
            cvss_vectors=vectors(*map(documents.text, (found.cvssV4Vector, found.cvssV3Vector, found.cvssV2Vector))),
            rule=identifier,
            vulnerability_ids=documents.advisory_ids(identifier, *(alias.get(kind) for alias in found.aliases or () for kind in _ALIASES)),
            cwes=cwe_numbers(found.cweId, [cwe.cweId for cwe in found.cwes or ()]),
            epss=probability(found.epssScore),
            component_name=full,
            component_version=version,
            location=location.package(full),
            target=target or documents.text(component.projectName),
            captured=captured,
            own_id=documents.text(finding.matrix),
            source_state=_state(finding.analysis or Analysis()),
        )


def _state(analysis: Analysis) -> str | None:
    state = documents.text(analysis.state)
    said = (state.lower() if state and state not in _UNREMARKABLE else "", "suppressed" if analysis.isSuppressed is True else "")
    return ",".join(filter(None, said)) or None
