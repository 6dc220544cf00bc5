"""Microsoft Defender Vulnerability Management, as its API answers: vulnerabilities by machine and software (`/api/vulnerabilities/
machinesVulnerabilities`), and the export of software vulnerabilities by device (`/api/machines/SoftwareVulnerabilitiesByMachine`, its
changes, and its files: JSON lines with names in capitals).

A result is one vulnerability of one version of one software on one machine. The place is the software. The target is the device's name
where the answer has it, else the machine's id: the first kind has only that, and the list of machines that people put beside it in an
archive (`/api/machines`) is a file of its own here. Such a list holds no findings and yields nothing; what it says of machines belongs into
the register of assets, as their aliases.

The capture is `lastSeenTimestamp`, when the software was last seen on the device; for a change it is its own time, and `Fixed` is evidence.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.documents import text
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject, Result, Scan

NAME = "ms_defender"
TITLE = "Microsoft Defender Vulnerability Management (JSON)"
SCANNER = "ms_defender"
CALIBRATION: dict[str, str] = {}

_HOSTS = (b"securitycenter.", b"windowsdefenderatp", b"security.microsoft.com")
_MACHINE = {"id", "computerDnsName", "onboardingStatus"}

_Any = object


class Vulnerability(msgspec.Struct, rename="camel", gc=False):
    id: _Any = None
    cve_id: _Any = None
    machine_id: _Any = None
    device_id: _Any = None
    device_name: _Any = None
    product_name: _Any = None
    product_vendor: _Any = None
    product_version: _Any = None
    software_name: _Any = None
    software_vendor: _Any = None
    software_version: _Any = None
    severity: _Any = None
    vulnerability_severity_level: _Any = None
    cvss_score: _Any = None
    disk_paths: list[_Any] | None = None
    last_seen_timestamp: _Any = None
    event_timestamp: _Any = None
    status: _Any = None
    onboarding_status: _Any = None


class Answer(msgspec.Struct):
    value: list[msgspec.Raw]


_answer = msgspec.json.Decoder(Answer)
_vulnerability = msgspec.json.Decoder(Vulnerability)
_any = msgspec.json.Decoder(dict[str, _Any])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def recognise(head: Head) -> bool:
    if not head.is_json_object:
        return False
    if "value" in head.json:
        members = head.item_keys("value")
        if members:
            return _is_vulnerability(members) or members >= _MACHINE
        return any(host in bytes(head.json.get("@odata.context", b"")).lower() for host in _HOSTS)
    # JSON lines are no JSON document: their first line is.
    whole = head if head.json else Head(head.content.lstrip().split(b"\n", 1)[0])
    return _is_vulnerability(set(whole.json))


def _is_vulnerability(members: set[str]) -> bool:
    return ("cveId" in members and bool({"machineId", "deviceId"} & members)) or {"CveId", "DeviceId", "SoftwareName"} <= members


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    read = _with_capitals if b'"CveId"' in content else _vulnerability.decode
    for pointer, raw in _items(content.removeprefix(BOM)):
        try:
            item = read(raw)
        except documents.UNREADABLE as error:
            yield documents.reject(pointer, "malformed", str(error), raw)
            continue
        if item.cve_id is None and item.onboarding_status is not None:
            continue  # a machine
        yield _row(pointer, raw, item, scan)


def _items(content: bytes) -> list[tuple[str, bytes | msgspec.Raw]]:
    try:
        document = _object.decode(content)
    except documents.UNREADABLE as error:
        lines: list[tuple[str, bytes | msgspec.Raw]] = [(f"line {number}", line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
        if len(lines) < 2:
            raise FileRejected("malformed", seen=str(error), expected="an object with a list `value`, or JSON lines") from None
        return lines
    if _is_vulnerability(set(document)):
        return [("line 1", content)]
    answer = documents.decode(_answer, content, "an object with a list `value`")
    return [(f"/value/{number}", raw) for number, raw in enumerate(answer.value)]


def _with_capitals(raw: bytes | msgspec.Raw) -> Vulnerability:
    return msgspec.convert({name[:1].lower() + name[1:]: value for name, value in _any.decode(raw).items()}, Vulnerability)


def _row(pointer: str, raw: bytes | msgspec.Raw, item: Vulnerability, scan: Scan) -> Result | Reject:
    identifier, software = text(item.cve_id), text(item.product_name) or text(item.software_name)
    machine = text(item.machine_id) or text(item.device_id)
    if identifier is None or software is None or machine is None:
        return documents.missing(pointer, "cve" if identifier is None else "software" if software is None else "machine", raw)
    version, vendor = text(item.product_version) or text(item.software_version), text(item.product_vendor) or text(item.software_vendor)
    own_id, status = text(item.id), (text(item.status) or "").lower()
    return Result(
        pointer=pointer,
        title=f"{identifier} in {software}{f' {version}' if version else ''}",
        identity=(own_id, identifier, machine, vendor, software, version),
        severity=text(item.severity) or text(item.vulnerability_severity_level),
        score=documents.score(item.cvss_score),
        rule=identifier,
        vulnerability_ids=documents.ids(identifier),
        component_name=software,
        component_version=version,
        file_path=next(filter(None, map(text, item.disk_paths or ())), None),
        location=location.package(software),
        target=text(item.device_name) or machine,
        captured=scan.stamp(item.event_timestamp) or scan.stamp(item.last_seen_timestamp),
        own_id=own_id,
        source_state="fixed" if status == "fixed" else None,
    )
