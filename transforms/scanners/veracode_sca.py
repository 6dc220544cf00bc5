"""Veracode Software Composition Analysis, formerly SourceClear: issues of the REST API (JSON), their export (CSV), and the agent's own
report.

The API's answer has the issues under `_embedded`; the export has one row an issue; the agent (`srcclr scan --json`) has `records`, each
with `libraries` and `vulnerabilities` that point at them. A result is one vulnerability of one library and version in one project and
branch. Issues of licences and of outdated libraries are no vulnerabilities and are left out.

The API's severity is the CVSS score, so a result of it has a score and no word; the export has both. CVE numbers come without `CVE-`. The
export's scan date is the last scan that saw the issue, so that of a resolved one is too; an issue that the API calls fixed has no such date
and yields nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.csv_reports import columns, rows
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "veracode_sca"
TITLE = "Veracode SCA, SourceClear (JSON or CSV)"
SCANNER = "veracode-sca"
CALIBRATION: dict[str, str] = {"very high": "critical", "very low": "low"}  # Veracode's own scale of five beside the usual words

_NUMBER = re.compile(r"\d{4}-\d{4,}")
#: `8 Aug 2022 10:01AM GMT`, where the hour is of 24 and the half of the day is written all the same.
_HALF_DAY = re.compile(r"(\d\d?:\d\d)\s*[AP]M\b")
_CLOSED = ("fixed", "resolved")

_Any = object


class Library(msgspec.Struct, gc=False):
    id: _Any = None
    name: _Any = None
    version: _Any = None


class Vulnerability(msgspec.Struct, gc=False):
    id: _Any = None
    title: _Any = None
    cve: _Any = None
    cvss2_vector: _Any = None
    cvss3_vector: _Any = None
    cvss2_score: _Any = None
    cvss3_score: _Any = None
    cwe_id: _Any = None


class Issue(msgspec.Struct, gc=False):
    id: _Any = None
    issue_status: _Any = None
    issue_type: _Any = None
    ignored: _Any = None
    severity: _Any = None
    project_name: _Any = None
    project_branch: _Any = None
    library: Library | None = None
    vulnerability: Vulnerability | None = None


class Embedded(msgspec.Struct):
    issues: list[msgspec.Raw] | None = None


class Link(msgspec.Struct, gc=False):
    ref: _Any = None


class Links(msgspec.Struct, gc=False):
    links: Link | None = msgspec.field(name="_links", default=None)


class AgentVulnerability(msgspec.Struct, gc=False):
    id: _Any = None
    title: _Any = None
    cve: _Any = None
    cvssScore: _Any = None
    cvss3Score: _Any = None
    cvssVector: _Any = None
    cvss3Vector: _Any = None
    libraries: list[Links] | None = None
    links: dict[str, _Any] | None = msgspec.field(name="_links", default=None)


class AgentVersion(msgspec.Struct, gc=False):
    version: _Any = None


class AgentLibrary(msgspec.Struct, gc=False):
    name: _Any = None
    coordinateType: _Any = None
    coordinate1: _Any = None
    coordinate2: _Any = None
    versions: list[AgentVersion] | None = None


class AgentMetadata(msgspec.Struct):
    requestDate: _Any = None


class Record(msgspec.Struct):
    metadata: AgentMetadata | None = None
    libraries: list[msgspec.Raw] | None = None
    vulnerabilities: list[msgspec.Raw] | None = None


class Report(msgspec.Struct):
    embedded: Embedded | None = msgspec.field(name="_embedded", default=None)
    page: _Any = None
    records: list[msgspec.Raw] | None = None


_report = msgspec.json.Decoder(Report)
_issue = msgspec.json.Decoder(Issue)
_record = msgspec.json.Decoder(Record)
_library = msgspec.json.Decoder(AgentLibrary)
_agent_vulnerability = msgspec.json.Decoder(AgentVulnerability)


def recognise(head: Head) -> bool:
    if head.is_json_object:
        if "_embedded" in head.json:
            inner = Head(bytes(head.json["_embedded"]))
            issues = inner.item_keys("issues")
            return {"issue_type", "issue_status"} <= issues or (not issues and inner.json.keys() == {"issues"})
        return {"libraries", "vulnerabilities", "graphs"} <= head.item_keys("records")
    return {"issue id", "issue type", "library", "version in use", "coordinate 1", "cvss score"} <= columns(head)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    if content.removeprefix(BOM).lstrip()[:1] != b"{":
        yield from _of_export(content, scan)
        return
    report = documents.decode(_report, content, "an object with `_embedded.issues` or `records`")
    if report.records is not None:
        for pointer, _, record in documents.items(report.records, _record, "/records"):
            if isinstance(record, Reject):
                yield record
            else:
                yield from _of_agent(pointer, record, scan)
        return
    if report.embedded is None and report.page is None:
        raise FileRejected(
            "malformed", seen="neither `_embedded` nor `records`", expected="an answer of Veracode's API or an agent's report"
        )
    for pointer, raw, issue in documents.items(report.embedded.issues if report.embedded else None, _issue, "/_embedded/issues"):
        row = issue if isinstance(issue, Reject) else _of_issue(pointer, raw, issue)
        if row:
            yield row


#: Issues of other kinds: about a licence, or about a newer version. Any other word is read as a vulnerability, never dropped.
_NO_VULNERABILITY = ("license", "library", "outdated library")


# The API --------------------------------------------------------------------------------------------------------------------------


def _of_issue(pointer: str, raw: msgspec.Raw, issue: Issue) -> Result | Reject | None:
    if (documents.text(issue.issue_type) or "").lower() in _NO_VULNERABILITY:
        return None
    if (documents.text(issue.issue_status) or "").lower() in _CLOSED:
        return None
    found, library = issue.vulnerability or Vulnerability(), issue.library or Library()
    package = _package(documents.text(library.id)) or documents.text(library.name)
    rule = documents.text(found.id)
    if rule is None or package is None:
        return documents.missing(pointer, "vulnerability" if rule is None else "library", raw)
    version, score = documents.text(library.version), documents.score(found.cvss3_score)
    stated = documents.score(issue.severity)
    return _result(
        pointer,
        rule=rule,
        title=documents.text(found.title),
        cve=documents.text(found.cve),
        package=package,
        version=version,
        project=documents.text(issue.project_name),
        branch=documents.text(issue.project_branch),
        score=stated if stated is not None else score if score is not None else documents.score(found.cvss2_score),
        cvss=vectors(documents.text(found.cvss3_vector), documents.text(found.cvss2_vector)),
        cwes=cwe_numbers(found.cwe_id),
        own_id=documents.text(issue.id),
        state="ignored" if issue.ignored is True else None,
    )


def _package(coordinates: str | None) -> str | None:
    """`maven:org.apache.calcite.avatica:avatica-core:1.11.0:` is type, one or two coordinates, version and platform."""
    parts = coordinates.split(":") if coordinates else []
    if len(parts) < 3:
        return None
    return _joined(parts[0], parts[1], parts[2] if parts[0].lower() == "maven" else None)


def _joined(kind: str | None, first: str | None, second: str | None) -> str | None:
    """The coordinates as the ecosystem itself writes a name."""
    if not first or not second or first == second:
        return first or second
    return f"{first}:{second}" if (kind or "").lower() == "maven" else f"{first}/{second}"


# The export -----------------------------------------------------------------------------------------------------------------------


def _of_export(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    for record in rows(content):
        if isinstance(record, Reject):
            yield record
            continue
        pointer, row, raw = record
        if row.get("issue type", "").lower() in _NO_VULNERABILITY:
            continue
        package = _joined(row.get("package manager"), row.get("coordinate 1"), row.get("coordinate 2")) or row.get("library")
        rule = row.get("vulnerability id")
        if rule is None or package is None:
            name = "vulnerability_id" if rule is None else "library"
            yield Reject(pointer, f"missing_{name}", f"the row has no {name}", raw)
            continue
        states = (
            row.get("status", "").lower() in _CLOSED and row["status"].lower(),
            row.get("ignored", "").lower() == "true" and "ignored",
        )
        yield _result(
            pointer,
            rule=rule,
            title=row.get("title"),
            cve=row.get("cve"),
            package=package,
            version=row.get("version in use"),
            project=row.get("project"),
            branch=row.get("branch"),
            severity=row.get("severity"),
            score=documents.score(row.get("cvss score")),
            own_id=row.get("issue id"),
            state=",".join(filter(None, states)) or None,
            captured=scan.stamp(_HALF_DAY.sub(r"\1", row.get("scan date", ""))),
        )


# The agent ------------------------------------------------------------------------------------------------------------------------


def _of_agent(where: str, record: Record, scan: Scan) -> Iterator[Result | Reject]:
    libraries = [library for _, _, library in documents.items(record.libraries, _library, f"{where}/libraries")]
    captured = scan.stamp(record.metadata.requestDate) if record.metadata else None
    for pointer, raw, found in documents.items(record.vulnerabilities, _agent_vulnerability, f"{where}/vulnerabilities"):
        if isinstance(found, Reject):
            yield found
            continue
        title = documents.text(found.title)
        page = (documents.text((found.links or {}).get("html")) or "").rpartition("/sid-")[2]
        rule = documents.text(found.id) or page or title
        if rule is None:
            yield documents.missing(pointer, "title", raw)
            continue
        score = documents.score(found.cvss3Score)
        for number, link in enumerate(found.libraries or ()):
            at = f"{pointer}/libraries/{number}"
            package, version = _linked(link, libraries)
            if package is None:
                yield documents.missing(at, "library", raw)
                continue
            yield _result(
                at,
                rule=rule,
                title=title,
                cve=documents.text(found.cve),
                package=package,
                version=version,
                score=score if score is not None else documents.score(found.cvssScore),
                cvss=vectors(documents.text(found.cvss3Vector), documents.text(found.cvssVector)),
                captured=captured,
            )


def _linked(link: Links, libraries: list[AgentLibrary | Reject]) -> tuple[str | None, str | None]:
    """The library and version that `/records/0/libraries/38/versions/0` points at."""
    steps = (documents.text(link.links.ref) if link.links else None or "") or ""
    numbers = [int(step) for step in steps.split("/") if step.isdecimal() and len(step) < 9]
    if len(numbers) < 2 or numbers[1] >= len(libraries) or isinstance(library := libraries[numbers[1]], Reject):
        return None, None
    name = _joined(*map(documents.text, (library.coordinateType, library.coordinate1, library.coordinate2))) or documents.text(library.name)
    versions = library.versions or []
    place = numbers[2] if len(numbers) > 2 else 0
    return name, documents.text(versions[place].version) if place < len(versions) else None


# All ------------------------------------------------------------------------------------------------------------------------------


def _result(
    pointer: str,
    *,
    rule: str,
    title: str | None,
    cve: str | None,
    package: str,
    version: str | None,
    project: str | None = None,
    branch: str | None = None,
    severity: str | None = None,
    score: float | None = None,
    cvss: tuple[str, ...] = (),
    cwes: tuple[int, ...] = (),
    own_id: str | None = None,
    state: str | None = None,
    captured: Stamp | None = None,
) -> Result:
    known = f"CVE-{cve}" if cve and _NUMBER.fullmatch(cve) else cve
    ids = documents.advisory_ids(known)
    return Result(
        pointer=pointer,
        title=documents.one_line(f"{title or (ids[0] if ids else rule)} in {package}{f' {version}' if version else ''}"),
        identity=(rule, package, version, project, branch),
        severity=severity,
        score=score,
        cvss_vectors=cvss,
        rule=rule,
        vulnerability_ids=ids,
        cwes=cwes,
        component_name=package,
        component_version=version,
        location=location.package(package),
        target=project,
        captured=captured,
        own_id=own_id,
        source_state=state,
    )
