"""Amazon Inspector's own findings (not through Security Hub, which is ASFF): `aws inspector2 list-findings`, the console's export to S3 as
JSON or CSV, and the EventBridge event of one finding.

One finding is one result: a vulnerability of one resource in one or more packages, a weakness in a function's code, or a port that can be
reached. Its ARN tells it from the others. The place is the first package by name (as for the same finding in ASFF, so that both meet), the
code's file and detector, else the resource.

The target is the resource: an instance's id, an image's or a function's ARN. The capture is `lastObservedAt`, when Inspector last saw it.
`status` SUPPRESSED and CLOSED are what Inspector says of the finding's state: evidence, so such a finding is kept with its own time.
`UNTRIAGED` is Inspector's word for a vulnerability that has no score yet.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.csv_reports import columns, first, rows
from transforms.domain.documents import text
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.location import Location
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import probability, vectors

NAME = "aws_inspector2"
TITLE = "Amazon Inspector (JSON or CSV)"
SCANNER = "inspector"
CALIBRATION: dict[str, str] = {"untriaged": "unrated"}

_COLUMNS = {"finding arn", "finding type", "aws account id"}

_Any = object


class Rating(msgspec.Struct, rename="camel", gc=False):
    scoring_vector: _Any = None


class ScoreDetails(msgspec.Struct, rename="camel", gc=False):
    adjusted_cvss: Rating | None = None


class Package(msgspec.Struct, rename="camel", gc=False):
    name: _Any = None
    version: _Any = None
    epoch: _Any = None
    release: _Any = None
    file_path: _Any = None


class PackageDetails(msgspec.Struct, rename="camel", gc=False):
    vulnerability_id: _Any = None
    related_vulnerabilities: list[_Any] | None = None
    vulnerable_packages: list[Package] | None = None
    cvss: list[Rating] | None = None


class CodePath(msgspec.Struct, rename="camel", gc=False):
    file_path: _Any = None
    start_line: _Any = None


class CodeDetails(msgspec.Struct, rename="camel", gc=False):
    cwes: list[_Any] | None = None
    detector_id: _Any = None
    detector_name: _Any = None
    rule_id: _Any = None
    file_path: CodePath | None = None


class Resource(msgspec.Struct, gc=False):
    id: _Any = None


class Epss(msgspec.Struct, gc=False):
    score: _Any = None


class Finding(msgspec.Struct, rename="camel", gc=False):
    finding_arn: _Any = None
    aws_account_id: _Any = None
    title: _Any = None
    type: _Any = None
    severity: _Any = None
    status: _Any = None
    last_observed_at: _Any = None
    updated_at: _Any = None
    inspector_score: _Any = None
    inspector_score_details: ScoreDetails | None = None
    epss: Epss | None = None
    resources: list[Resource] | None = None
    package_vulnerability_details: PackageDetails | None = None
    code_vulnerability_details: CodeDetails | None = None


class Report(msgspec.Struct):
    findings: list[msgspec.Raw] | None = None
    detail: msgspec.Raw = msgspec.Raw()


_report = msgspec.json.Decoder(Report)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_finding = msgspec.json.Decoder(Finding)


def recognise(head: Head) -> bool:
    if head.is_json_list:
        return _is_finding(set(head.json))
    if head.is_json_object:
        members = Head(bytes(head.json["detail"])).json.keys() if "detail" in head.json else head.json.keys()
        return _is_finding(head.item_keys("findings")) or _is_finding(set(members))
    return columns(head) >= _COLUMNS


def _is_finding(members: set[str]) -> bool:
    return {"findingArn", "awsAccountId"} <= members


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] in (b"{", b"["):
        yield from _parse_json(content, scan)
    else:
        yield from _parse_csv(content, scan)


# JSON -----------------------------------------------------------------------------------------------------------------------------


def _parse_json(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    base, raws = _raws(content)
    found: list[tuple[str, msgspec.Raw, Finding]] = []
    for pointer, raw, finding in documents.items(raws, _finding, base):
        if isinstance(finding, Reject):
            yield finding
        elif (lacks := next((name for name in ("finding_arn", "title") if not text(getattr(finding, name))), None)) is not None:
            yield documents.missing(pointer, lacks, raw)
        else:
            found.append((pointer, raw, finding))
    ranks = ordinals(_place(finding) for _, _, finding in found if finding.code_vulnerability_details)
    for pointer, _, finding in found:
        code = finding.code_vulnerability_details
        yield _result(pointer, finding, ranks[_place(finding)] if code else 0, scan)


def _raws(content: bytes) -> tuple[str, list[msgspec.Raw]]:
    if content.lstrip()[:1] == b"[":
        return "", documents.decode(_list, content, "a list of findings")
    report = documents.decode(_report, content, "an object with a list `findings`")
    if report.findings is not None:
        return "/findings", report.findings
    one = bytes(report.detail) or content
    if b'"findingArn"' not in one:
        raise FileRejected("malformed", seen="neither `findings` nor a finding", expected="an object with a list `findings`")
    return "/detail" if one is not content else "", [msgspec.Raw(one)]


def _place(finding: Finding) -> Place:
    code = finding.code_vulnerability_details or CodeDetails()
    path = code.file_path or CodePath()
    return Place(
        (_target(finding) or "", text(path.file_path) or "", _detector(code) or ""),
        (documents.line(path.start_line) or 0, 0, text(finding.finding_arn) or ""),
    )


def _detector(code: CodeDetails) -> str | None:
    return text(code.rule_id) or text(code.detector_id) or text(code.detector_name)


def _target(finding: Finding) -> str | None:
    return next((name for resource in finding.resources or () if (name := text(resource.id))), None) or text(finding.aws_account_id)


def _result(pointer: str, finding: Finding, rank: int, scan: Scan) -> Result:
    own_id, title, target = text(finding.finding_arn), text(finding.title) or "", _target(finding)
    details, code = finding.package_vulnerability_details or PackageDetails(), finding.code_vulnerability_details
    path = (code.file_path if code else None) or CodePath()
    package = min((item for item in details.vulnerable_packages or () if text(item.name)), key=lambda item: str(item.name), default=None)
    name = text(package.name) if package else None
    file_path = text(path.file_path) or (text(package.file_path) if package else None)
    vulnerability, detector = text(details.vulnerability_id), _detector(code) if code else None
    adjusted = finding.inspector_score_details.adjusted_cvss if finding.inspector_score_details else None
    ratings = [rating for rating in (adjusted, *(details.cvss or ())) if rating]
    status = text(finding.status)
    return Result(
        pointer=pointer,
        title=title,
        identity=(own_id, title, target),
        severity=text(finding.severity),
        score=documents.score(finding.inspector_score),
        cvss_vectors=vectors(*(text(rating.scoring_vector) for rating in ratings)),
        # A port's title says which port and from where: its type does not.
        rule=vulnerability or detector or title,
        vulnerability_ids=_names(vulnerability, documents.ids(details.related_vulnerabilities)),
        cwes=cwe_numbers(code.cwes) if code else (),
        epss=probability(finding.epss.score) if finding.epss else None,
        component_name=name,
        component_version=_version(package) if package else None,
        file_path=file_path,
        line=documents.line(path.start_line),
        location=_location(name, text(path.file_path), anchor(detector or title, rank), target),
        target=target,
        captured=scan.stamp(finding.last_observed_at) or scan.stamp(finding.updated_at),
        own_id=own_id,
        source_state=status.lower() if status and status.upper() != "ACTIVE" else None,
    )


def _names(vulnerability: str | None, related: tuple[str, ...]) -> tuple[str, ...]:
    """Other CVEs that are related to a CVE are other vulnerabilities; to an advisory, they are what it is about."""
    own = documents.ids(vulnerability)
    is_cve = bool(own) and own[0].startswith("CVE-")
    return documents.ids(own, [name for name in related if not (is_cve and name.startswith("CVE-"))])


def _version(package: Package) -> str | None:
    version, release, epoch = text(package.version), text(package.release), text(package.epoch)
    if not version:
        return None
    return f"{f'{epoch}:' if epoch and epoch != '0' else ''}{version}{f'-{release}' if release else ''}"


def _location(package: str | None, code_path: str | None, code_anchor: str, target: str | None) -> Location:
    if package:
        return location.package(package)
    if code_path:
        return location.code(code_path, code_anchor)
    return location.cloud(target) if target else location.NOWHERE


# CSV ------------------------------------------------------------------------------------------------------------------------------


def _parse_csv(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    for record in rows(content):
        if isinstance(record, Reject):
            yield record
            continue
        pointer, row, raw = record
        own_id, title = row.get("finding arn"), row.get("title")
        if own_id is None or title is None:
            name = "finding_arn" if own_id is None else "title"
            yield Reject(pointer, f"missing_{name}", f"the row has no {name}", raw)
            continue
        target = first(row, "resource id", "aws account id")
        # One cell holds the names of all packages, and their versions in the same order.
        name, version = min(_packages(row), key=lambda pair: pair[0], default=(None, None))
        vulnerability, status = row.get("vulnerability id"), row.get("status")
        is_code = (row.get("finding type") or "").upper().startswith("CODE")
        rule = vulnerability or (row.get("detector name") if is_code else None) or title
        yield Result(
            pointer=pointer,
            title=title,
            identity=(own_id, title, target),
            severity=row.get("severity"),
            score=documents.score(row.get("inspector score")),
            cvss_vectors=vectors(
                *map(row.get, ("inspector score vector", "vendor cvss3 vector", "nvd cvss3 vector", "vendor cvss2 vector", "nvd cvss2 vector"))
            ),
            rule=rule,
            vulnerability_ids=documents.ids(vulnerability),
            epss=probability(row.get("epss score")),
            component_name=name,
            component_version=version,
            file_path=row.get("file path"),
            location=_location(name, row.get("file path") if is_code else None, rule, target),
            target=target,
            captured=scan.stamp(first(row, "last seen", "last updated")),
            own_id=own_id,
            source_state=status.lower() if status and status.upper() != "ACTIVE" else None,
        )


def _packages(row: dict[str, str]) -> list[tuple[str, str | None]]:
    names, versions = (
        [part.strip() for part in (row.get(column) or "").strip("[]").split(",")] for column in ("affected packages", "package installed version")
    )
    return [(name, versions[number] or None if len(versions) == len(names) else None) for number, name in enumerate(names) if name]
