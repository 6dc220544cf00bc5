"""AWS Security Finding Format: Security Hub's own checks and what GuardDuty, Inspector, Macie, Prowler and others write into it.

Read as `{"Findings": […]}` (console, CLI), `{"findings": […]}` (API clients), a bare list (Prowler), an EventBridge event with
`detail.findings`, one finding alone, and JSON lines of any of these (Firehose, Prowler 2).

- One finding is one result, told apart by its Id, generator, resources and text: Prowler gives one Id to two texts on one resource.
- A check whose `Compliance.Status` is PASSED is no finding and yields nothing: AWS keeps one record a control and resource, passed or
  not, and a pass that counted as seen would open handoffs for what is in order. Every other status is kept.
- `RecordState` ARCHIVED and `Workflow` RESOLVED or SUPPRESSED are what the report says of a finding's state: evidence (ruling 14), so
  such a finding is kept with its `source_state` and its own time.
- The capture is `LastObservedAt`, else `UpdatedAt`, else `CreatedAt`: when the product last saw it, so that one still seen after its
  resolution counts as seen again.
- The target is the first resource. The place is the vulnerable package where there is one (so that it meets other scanners' results),
  else the resource, with its region where its Id has none.
- The scanner is the product that made it (`inspector`, `guardduty`, `securityhub`, `prowler`): one export carries all of them.
- The rule is the generator, except where that names a detector or a product instead of a check: then the finding's type or title.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from transforms.domain import location
from transforms.domain.documents import (
    UNREADABLE,
    ids,
    items,
    missing,
    reject,
    score,
    text,
)
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.location import Location
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import probability, vectors

NAME = "asff"
TITLE = "AWS Security Hub findings (ASFF)"
SCANNER = "securityhub"
CALIBRATION: dict[str, str] = {
    "informational": "informational",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "critical",
    "untriaged": "unrated",  # Inspector: not yet scored
}

#: Members of a finding; three of them together are no other format.
_MEMBERS = frozenset(("SchemaVersion", "ProductArn", "GeneratorId", "AwsAccountId", "RecordState", "Resources"))
#: `CVE-2022-3643 - kernel`, `CVE-2022-32149 - golang.org/x/text, golang.org/x/net and 1 more`.
_ADVISORY = r"CVE-\d{4}-\d{4,}|GHSA(?:-\w{4}){3}|(?:ALAS|RHSA|DSA|USN|ELSA)[\w.:-]*\d"
_INSPECTOR_TITLE = re.compile(rf"(?P<id>{_ADVISORY}) - (?P<packages>.+)", re.IGNORECASE)
_MORE = re.compile(r" and \d+ more$")
_OPEN_STATES = frozenset(("", "ACTIVE", "NEW", "NOTIFIED", "ASSIGNED", "IN_PROGRESS", "FAILED"))

_Any = object


class Severity(msgspec.Struct, rename="pascal", gc=False):
    label: _Any = None
    normalized: _Any = None
    original: _Any = None


class Resource(msgspec.Struct, rename="pascal", gc=False):
    id: _Any = None
    region: _Any = None


class Package(msgspec.Struct, rename="pascal", gc=False):
    name: _Any = None
    version: _Any = None
    epoch: _Any = None
    release: _Any = None
    file_path: _Any = None


class Cvss(msgspec.Struct, rename="pascal", gc=False):
    base_score: _Any = None
    base_vector: str | None = None


class Code(msgspec.Struct, rename="pascal", gc=False):
    cwes: list[_Any] | None = None


class Vulnerability(msgspec.Struct, rename="pascal", gc=False):
    id: _Any = None
    related_vulnerabilities: list[_Any] | None = None
    vulnerable_packages: list[Package] | None = None
    cvss: list[Cvss] | None = None
    epss_score: _Any = None
    code_vulnerabilities: list[Code] | None = None


class State(msgspec.Struct, rename="pascal", gc=False):
    status: str | None = None


class Fields(msgspec.Struct, rename="pascal", gc=False):
    severity: Severity | None = None


class Finding(msgspec.Struct, rename="pascal", gc=False):
    id: _Any = None
    title: _Any = None
    description: _Any = None
    product_arn: _Any = None
    product_name: _Any = None
    product_fields: dict[str, _Any] | None = None
    generator_id: _Any = None
    aws_account_id: _Any = None
    region: _Any = None
    types: list[_Any] | None = None
    last_observed_at: _Any = None
    updated_at: _Any = None
    created_at: _Any = None
    severity: Severity | None = None
    finding_provider_fields: Fields | None = None
    resources: list[Resource] | None = None
    compliance: State | None = None
    workflow: State | None = None
    record_state: str | None = None
    vulnerabilities: list[Vulnerability] | None = None


_finding = msgspec.json.Decoder(Finding)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


def recognise(head: Head) -> bool:
    if head.is_json_list:
        return _is_finding(head.json.keys())
    if not head.is_json_object:
        return False
    # JSON lines are no JSON document: their first line is.
    whole = head if head.json else Head(head.content.lstrip().split(b"\n", 1)[0])
    if _is_finding(whole.json.keys()) or ("Findings" in whole.json and not _has_items(whole.json["Findings"])):
        return True
    if "detail" in whole.json:
        whole = Head(bytes(whole.json["detail"]))
    return any(_is_finding(whole.item_keys(name)) for name in ("Findings", "findings"))


def _is_finding(members: Iterable[str]) -> bool:
    return len(_MEMBERS.intersection(members)) >= 3


def _has_items(raw: msgspec.Raw) -> bool:
    return bytes(raw).translate(None, b" \t\r\n") != b"[]"


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    for pointer, findings in _lists(content):
        if isinstance(findings, Reject):
            yield findings
            continue
        for where, raw, finding in items(findings, _finding, pointer):
            if isinstance(finding, Reject):
                yield finding
                continue
            if finding.compliance and (finding.compliance.status or "").upper() == "PASSED":
                continue
            absent = next((name for name in ("id", "title") if not text(getattr(finding, name))), None)
            if absent:
                yield missing(where, absent, raw)
                continue
            yield _result(where, finding, scan)


def _lists(content: bytes) -> Iterator[tuple[str, list[msgspec.Raw] | Reject]]:
    """The lists of findings in the file, each with its pointer."""
    try:
        if content.lstrip()[:1] == b"[":
            yield "", _list.decode(content)
            return
        document = _object.decode(content)
    except UNREADABLE as error:
        lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
        if len(lines) < 2 or not _is_object(lines[0][1]):
            raise FileRejected("malformed", seen=f"not JSON: {error}", expected="a list of findings, or an object that has one") from None
    else:
        yield _inside("", document, content)
        return
    for number, line in lines:
        try:
            yield _inside(f"line {number}", _object.decode(line), line)
        except (*UNREADABLE, FileRejected) as error:
            yield "", reject(f"line {number}", "malformed", str(error), line)


def _is_object(line: bytes) -> bool:
    try:
        return bool(_object.decode(line))
    except UNREADABLE:
        return False


def _inside(pointer: str, document: dict[str, msgspec.Raw], content: bytes) -> tuple[str, list[msgspec.Raw]]:
    """The findings of one JSON object: its list, its event's list, or itself."""
    try:
        if "detail" in document and not {"Findings", "findings"} & document.keys():
            pointer, document = f"{pointer}/detail", _object.decode(document["detail"])
        for name in ("Findings", "findings"):
            if name in document:
                return f"{pointer}/{name}", _list.decode(document[name])
    except UNREADABLE as error:
        raise FileRejected("malformed", seen=f"no list of findings: {error}", expected="a list `Findings`") from None
    if _is_finding(document):
        return pointer, [msgspec.Raw(content)]
    raise FileRejected("malformed", seen=f"an object with {', '.join(sorted(document)[:8])}", expected="a list `Findings`")


def _result(pointer: str, finding: Finding, scan: Scan) -> Result:
    title, own_id = text(finding.title) or "", text(finding.id)
    product = _product(finding)
    resources = tuple(text(resource.id) for resource in finding.resources or ())
    found = finding.vulnerabilities or []
    names, packages = _vulnerabilities(found)
    if not names and product == "inspector" and (match := _INSPECTOR_TITLE.fullmatch(title)):
        names = (match["id"].upper(),)
        packages = [Package(name=name.strip()) for name in _MORE.sub("", match["packages"]).split(",")]
    package = min((item for item in packages if text(item.name)), key=lambda item: str(item.name), default=None)
    ratings = [rating for item in found for rating in item.cvss or ()]
    rated = finding.severity or (finding.finding_provider_fields.severity if finding.finding_provider_fields else None) or Severity()
    label = text(rated.label)
    return Result(
        pointer=pointer,
        title=title,
        identity=(own_id, text(finding.generator_id), tuple(sorted(filter(None, resources))), title, text(finding.description)),
        severity=label or (None if rated.normalized is not None else text(rated.original)),
        score=_score(finding, label, rated, ratings),
        cvss_vectors=vectors(*(rating.base_vector for rating in ratings)),
        rule=_rule(finding, product, title),
        vulnerability_ids=names,
        cwes=cwe_numbers([cwe for item in found for code in item.code_vulnerabilities or () for cwe in code.cwes or ()]),
        epss=max((chance for item in found if (chance := probability(item.epss_score)) is not None), default=None),
        component_name=text(package.name) if package else None,
        component_version=_version(package) if package else None,
        file_path=text(package.file_path) if package else None,
        location=_location(finding, package),
        target=next(filter(None, resources), None) or text(finding.aws_account_id),
        captured=scan.stamp(finding.last_observed_at) or scan.stamp(finding.updated_at) or scan.stamp(finding.created_at),
        own_id=own_id,
        source_state=_state(finding),
        scanner=product,
    )


def _vulnerabilities(found: list[Vulnerability]) -> tuple[tuple[str, ...], list[Package]]:
    names: list[str] = []
    for item in found:
        own = ids(item.id)
        # Other CVEs that are related to a CVE are other vulnerabilities; to an advisory, they are what it is about.
        is_cve = bool(own) and own[0].startswith("CVE-")
        names += [*own, *(name for name in ids(item.related_vulnerabilities) if not (is_cve and name.startswith("CVE-")))]
    return ids(names), [package for item in found for package in item.vulnerable_packages or ()]


def _score(finding: Finding, label: str | None, rated: Severity, ratings: list[Cvss]) -> float | None:
    """Inspector's own number, else the first CVSS base score; `Normalized` (0 to 100) only where there is no label."""
    own = score((finding.product_fields or {}).get("aws/inspector/inspectorScore"))
    if own is None:
        own = next((number for rating in ratings if (number := score(rating.base_score)) is not None), None)
    if own is None and label is None and isinstance(rated.normalized, int | float):
        own = score(rated.normalized / 10)
    return own


def _product(finding: Finding) -> str | None:
    """`guardduty` of `arn:aws:securityhub:eu-west-1::product/aws/guardduty`; the product's name where the ARN is an account's default."""
    company, _, product = (text(finding.product_arn) or "").partition(":product/")[2].partition("/")
    if product and product != "default":
        return product.lower()
    named = text(finding.product_name) or text((finding.product_fields or {}).get("aws/securityhub/ProductName"))
    return (named or company).strip().lower() or None if not company.isdigit() else (named or "").lower() or None


def _rule(finding: Finding, product: str | None, title: str) -> str:
    generator = text(finding.generator_id)
    if generator and product == "prowler":  # the check, by the name that Prowler's own reports have for it
        return generator.removeprefix("prowler-")
    if generator and product not in ("guardduty", "inspector", "access-analyzer", "macie", "detective"):
        return generator
    if product == "inspector":  # its types do not tell one open port from another
        return title
    return next(filter(None, map(text, finding.types or ())), None) or generator or title


def _location(finding: Finding, package: Package | None) -> Location:
    if package:
        return location.package(str(package.name))
    resource = next((item for item in finding.resources or () if text(item.id)), None)
    if resource is None:
        account = text(finding.aws_account_id)
        return location.cloud(account) if account else location.NOWHERE
    name, region = str(resource.id), text(resource.region) or text(finding.region)
    # An account's own number says nothing of the region that the check looked at.
    return location.cloud(name if name.startswith("arn:") or not region else f"{region}:{name}")


def _version(package: Package) -> str | None:
    version, release, epoch = text(package.version), text(package.release), text(package.epoch)
    if not version:
        return None
    return f"{f'{epoch}:' if epoch and epoch != '0' else ''}{version}{f'-{release}' if release else ''}"


def _state(finding: Finding) -> str | None:
    states = (
        finding.record_state,
        finding.workflow.status if finding.workflow else None,
        finding.compliance.status if finding.compliance else None,
        text((finding.product_fields or {}).get("aws/inspector/FindingStatus")),
    )
    return ",".join(dict.fromkeys(state.lower() for state in states if state and state.upper() not in _OPEN_STATES)) or None
