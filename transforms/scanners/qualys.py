"""Qualys VM, VMDR and PCI: what they report of hosts. XML: the asset data report (`ASSET_DATA_REPORT`), a scan's results (`SCAN`) and the
API's host detections (`HOST_LIST_VM_DETECTION_OUTPUT`). CSV: the scan report, VMDR's list of vulnerabilities by asset, and the PCI report that
Hacker Guardian sells on. Web Application Scanning is another format.

One result is one QID on one host, port and protocol, with its result text: one QID may be reported several times on one port. VMDR repeats a
row for each CVE of a QID; such rows are one result, so that a scan gives the same findings in either form.

Severity is Qualys' level, 1 to 5, here from informational to critical. Levels of gathered information (`Ig 3`: level 3 of type Ig) rate how
much it says, not a weakness. PCI reports have a PCI word beside Qualys' level (`Q_SEVERITY`): the level is taken. Host detections name no
title but the QID. The capture is when the host was last found to have it, else the scan's date; that it is fixed, ignored or disabled is
evidence. A Qualys document type is only the address of its DTD, which is never loaded; one that declares anything is rejected.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import msgspec

from transforms.domain import location, xml
from transforms.domain.csv_reports import first, rows
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.documents import score
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan
from transforms.domain.scores import vectors

NAME = "qualys"
TITLE = "Qualys VM, VMDR and PCI (XML or CSV)"
SCANNER = "qualys"
CALIBRATION: dict[str, str] = {
    "1": "informational",
    "2": "low",
    "3": "medium",
    "4": "high",
    "5": "critical",
    "ig 1": "informational",
    "ig 2": "informational",
    "ig 3": "informational",
    "ig 4": "informational",
    "ig 5": "informational",
}

_ROOTS = {"ASSET_DATA_REPORT", "SCAN", "HOST_LIST_VM_DETECTION_OUTPUT"}
_DOCTYPE = re.compile(rb"<!DOCTYPE\s+(?:ASSET_DATA_REPORT|SCAN|HOST_LIST_VM_DETECTION_OUTPUT)\s+SYSTEM\s+(?:\"[^\"<>]*\"|'[^'<>]*')\s*>")
_CVE = re.compile(r"CVE-\d{4}-\d{4,}", re.IGNORECASE)
#: `9.0 (AV:N/AC:H/PR:N/UI:N/S:C/C:H/I:H/A:H)`.
_RATED = re.compile(r"\s*(?P<score>\d+(?:\.\d+)?)?\s*(?:\((?P<vector>[^()]*)\))?")
_FAILED = {"ERROR", "FAILED"}
_INFORMATION = {"ig", "info", "information", "information gathered"}
#: What some reports write for nothing.
_BLANK = {"-", "'-", "n/a", "no registered hostname"}
#: How far into a CSV its header may stand: reports begin with lines on company, user and filters.
_HEADER_LINES = 60


class _Item(msgspec.Struct, gc=False, kw_only=True):
    """One QID on one port, whichever file it came from."""

    host: str
    qid: str
    title: str
    severity: str | None = None
    target: str | None = None
    port: int | None = None
    protocol: str = ""
    output: str | None = None
    score: float | None = None
    vectors: tuple[str, ...] = ()
    cves: dict[str, None] = msgspec.field(default_factory=dict)
    captured: Stamp | None = None
    own_id: str | None = None
    source_state: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        return (self.qid, self.host, self.port, self.protocol, self.output, self.own_id)

    def result(self, pointer: str) -> Result:
        return Result(
            pointer=pointer,
            title=self.title,
            identity=self.identity,
            severity=self.severity,
            score=self.score,
            cvss_vectors=self.vectors,
            rule=self.qid,
            vulnerability_ids=tuple(self.cves),
            endpoint=self.host,
            location=location.host(self.host, self.port, self.protocol),
            target=self.target or self.host,
            captured=self.captured,
            own_id=self.own_id,
            source_state=self.source_state,
        )


def recognise(head: Head) -> bool:
    if head.xml_root:
        if head.xml_root == "SCAN":
            return b"<IP " in head.content or b"scan-1.dtd" in head.content[:4096] or "scan/" in head.xml_attributes
        return head.xml_root in _ROOTS
    return bool(head.csv_header) and _header(head.content) is not None


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"<":
        yield from _parse_xml(content, scan)
    else:
        yield from _parse_csv(content, scan)


# XML ------------------------------------------------------------------------------------------------------------------------------


def _parse_xml(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(_DOCTYPE.sub(b"", content, count=1))
    name = root.tag
    if name not in _ROOTS:
        raise FileRejected("malformed", seen=f"a root <{name}>", expected=f"one of {', '.join(sorted(_ROOTS))}")
    items = {"ASSET_DATA_REPORT": _of_assets, "SCAN": _of_scan, "HOST_LIST_VM_DETECTION_OUTPUT": _of_detections}[name](root, scan)
    for pointer, values, raw in items:
        try:
            yield _required(**values).result(pointer)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail, raw[:RAW_LIMIT])


_Read = Iterator[tuple[str, dict, str]]


class Details(msgspec.Struct, gc=False):
    """A QID in the glossary."""

    title: str | None
    severity: str | None
    score: float | None
    vectors: tuple[str, ...]
    cves: dict[str, None]


_UNKNOWN = Details(None, None, None, (), {})


def _of_assets(root: Element, scan: Scan) -> _Read:
    if xml.child(root, "HEADER") is None:
        raise FileRejected("malformed", seen="no <HEADER>", expected="an asset data report")
    listed = xml.children(xml.child(root, "GLOSSARY", "VULN_DETAILS_LIST"), "VULN_DETAILS")
    glossary = {qid: _details(item) for item in listed if (qid := xml.text(item, "QID"))}
    for number, host in enumerate(xml.children(xml.child(root, "HOST_LIST"), "HOST"), 1):
        name = _named(xml.text(host, "DNS")) or xml.text(host, "IP")
        for info_number, info in enumerate(xml.children(xml.child(host, "VULN_INFO_LIST"), "VULN_INFO"), 1):
            values = {child.tag: (child.text or "").strip() for child in info}
            qid = values.get("QID")
            details = glossary.get(qid or "") or _UNKNOWN
            yield (
                f"/ASSET_DATA_REPORT/HOST_LIST/HOST[{number}]/VULN_INFO_LIST/VULN_INFO[{info_number}]",
                {
                    "host": name,
                    "qid": qid,
                    "title": details.title or (f"QID {qid}" if qid else None),
                    "severity": _level(values.get("TYPE"), details.severity),
                    "port": values.get("PORT"),
                    "protocol": values.get("PROTOCOL"),
                    "output": values.get("RESULT"),
                    "score": details.score,
                    "vectors": details.vectors,
                    "cves": details.cves,
                    "captured": scan.stamp(values.get("LAST_FOUND")),
                    "source_state": _state(values.get("VULN_STATUS")),
                },
                str(values),
            )


def _details(item: Element) -> Details:
    ratings = [
        _rated(xml.text(item, "CVSS3_SCORE", "CVSS3_BASE"), xml.text(item, "CVSS3_SCORE", "CVSS3_VERSION")),
        _rated(xml.text(item, "CVSS_SCORE", "CVSS_BASE")),
    ]
    listed = [xml.text(entry, "ID") for entry in xml.children(xml.child(item, "CVE_ID_LIST"), "CVE_ID")]
    return Details(xml.text(item, "TITLE"), xml.text(item, "SEVERITY"), *_best(ratings), _cves(*listed))


def _of_scan(root: Element, scan: Scan) -> _Read:
    header = {key.get("value"): (key.text or "").strip() for key in xml.children(xml.child(root, "HEADER"), "KEY")}
    fault = xml.child(root, "ERROR")
    if header.get("STATUS", "").upper() in _FAILED or (fault is not None and xml.child(root, "IP") is None):
        seen = f"status {header.get('STATUS')}" if fault is None else f"error {fault.get('number')}: {(fault.text or '').strip()[:200]}"
        raise FileRejected("failed_scan", seen=seen, expected="a scan that finished")
    captured = scan.stamp(header.get("DATE"))
    for number, host in enumerate(xml.children(root, "IP"), 1):
        name = _named(host.get("name")) or host.get("value")
        for group in host:
            for category_number, category in enumerate(xml.children(group, "CAT"), 1):
                for item_number, item in enumerate(category, 1):
                    kind, qid = item.tag, item.get("number")
                    values = {child.tag: (child.text or "").strip() for child in item}
                    found_score, found_vectors = _best([_rated(values.get("CVSS3_BASE")), _rated(values.get("CVSS_BASE"))])
                    listed = [xml.text(entry, "ID") for entry in xml.children(xml.child(item, "CVE_ID_LIST"), "CVE_ID")]
                    yield (
                        f"/SCAN/IP[{number}]/{group.tag}/CAT[{category_number}]/{kind}[{item_number}]",
                        {
                            "host": name,
                            "qid": qid,
                            "title": values.get("TITLE") or (f"QID {qid}" if qid else None),
                            "severity": _level("Ig" if kind in ("INFO", "SERVICE") else None, item.get("severity")),
                            "port": category.get("port"),
                            "protocol": category.get("protocol"),
                            "output": values.get("RESULT"),
                            "score": found_score,
                            "vectors": found_vectors,
                            "cves": _cves(item.get("cveid"), *listed),
                            "captured": captured,
                        },
                        str(item.attrib),
                    )


def _of_detections(root: Element, scan: Scan) -> _Read:
    response = xml.child(root, "RESPONSE")
    if response is None:
        raise FileRejected("malformed", seen="no <RESPONSE>", expected="the API's host detections")
    for number, host in enumerate(xml.children(xml.child(response, "HOST_LIST"), "HOST"), 1):
        name = _named(xml.text(host, "DNS")) or xml.text(host, "IP") or xml.text(host, "IPV6")
        for item_number, item in enumerate(xml.children(xml.child(host, "DETECTION_LIST"), "DETECTION"), 1):
            values = {child.tag: (child.text or "").strip() for child in item}
            qid = values.get("QID")
            flags = (f"IS_{flag}" in values and values[f"IS_{flag}"] == "1" and flag.lower() for flag in ("IGNORED", "DISABLED"))
            yield (
                f"/HOST_LIST_VM_DETECTION_OUTPUT/RESPONSE/HOST_LIST/HOST[{number}]/DETECTION_LIST/DETECTION[{item_number}]",
                {
                    "host": name,
                    "qid": qid,
                    "title": f"QID {qid}" if qid else None,
                    "severity": _level("Ig" if values.get("TYPE") == "Info" else None, values.get("SEVERITY")),
                    "port": values.get("PORT"),
                    "protocol": values.get("PROTOCOL"),
                    "output": values.get("RESULTS"),
                    "captured": scan.stamp(values.get("LAST_FOUND_DATETIME")),
                    "own_id": values.get("UNIQUE_VULN_ID"),
                    "source_state": _state(values.get("STATUS"), *flags),
                },
                str(values),
            )


# CSV ------------------------------------------------------------------------------------------------------------------------------


def _header(content: bytes) -> int | None:
    """The number of lines before the header; None where there is none of Qualys'."""
    for number, line in enumerate(content[:65_536].split(b"\n", _HEADER_LINES)[:_HEADER_LINES]):
        if b"QID" not in line:
            continue
        try:
            names = {cell.strip() for cell in next(csv.reader([line.decode("utf-8", "replace")]), ())}
        except csv.Error:
            continue
        if {"QID", "Title", "Severity"} <= names and {"IP", "Asset Name", "Asset IPV4"} & names:
            return number
        if {"QID", "VULN TITLE", "IP"} <= names:
            return number
    return None


def _parse_csv(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    before = _header(content)
    if before is None:
        raise FileRejected("malformed", seen="no line with the columns QID and Title", expected="a report of Qualys")
    # Rows of one result need not stand together, so results wait for the last row; rejects do not.
    merged: dict[tuple[object, ...], tuple[str, _Item]] = {}
    for record in rows(content.split(b"\n", before)[before]):
        if isinstance(record, Reject):
            yield msgspec.structs.replace(record, pointer=_shifted(record.pointer, before))
            continue
        pointer, row, raw = _shifted(record[0], before), record[1], record[2]
        row = {name: value for name, value in row.items() if value.lower() not in _BLANK}
        if "qid" not in row and "ip status" in row:
            continue  # a host without vulnerabilities
        try:
            item = _required(**_csv_values(row, scan))
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail, raw)
            continue
        merged.setdefault(item.identity, (pointer, item))[1].cves.update(item.cves)
    for pointer, item in merged.values():
        yield item.result(pointer)


def _shifted(pointer: str, before: int) -> str:
    return f"row {int(pointer.removeprefix('row ')) + before}"


def _csv_values(row: dict[str, str], scan: Scan) -> dict:
    ratings = [
        _rated(row.get("cvss3.1 base"), "3.1"),
        _rated(first(row, "cvss3 base", "cvss3.0 base", "cvssv3.1 base (nvd)")),
        _rated(first(row, "cvss base", "cvssv2 base (nvd)", "cvss_base")),
    ]
    found_score, found_vectors = _best(ratings)
    addresses = first(row, "asset ipv4", "asset ipv6") or ""
    claimed = row.get("false positive status")
    flags = (row.get(flag, "").lower() == "yes" and flag for flag in ("ignored", "disabled"))
    return {
        "host": first(row, "fqdn", "dns", "hostname", "ip") or addresses.partition(",")[0].strip() or row.get("asset name"),
        "target": row.get("asset name"),
        "qid": row.get("qid"),
        "title": first(row, "title", "vuln title"),
        "severity": _level(first(row, "type", "type detected"), first(row, "q_severity", "severity")),
        "port": row.get("port"),
        "protocol": row.get("protocol"),
        "output": first(row, "results", "result"),
        "score": found_score,
        "vectors": found_vectors,
        "cves": _cves(first(row, "cve", "cve id", "cveid")),
        "captured": scan.stamp(first(row, "last detected", "last scan")),
        "source_state": _state(first(row, "status", "vuln status"), *flags, f"false positive {claimed.lower()}" if claimed else False),
    }


# All ------------------------------------------------------------------------------------------------------------------------------


def _required(host: str | None, qid: str | None, title: str | None, port: str | None, protocol: str | None, output: str | None, **values) -> _Item:
    """The item. Raises ValueError `reason: detail`."""
    for name, value in (("host", host), ("qid", qid), ("title", title)):
        if not value or not value.strip():
            raise ValueError(f"missing_{name}: the item has no {name}")
    number = int(port) if port and port.isascii() and port.isdigit() and int(port[:6]) <= 65_535 else None
    # Copied: the CVEs of a glossary entry are those of every result that it explains.
    cves = dict(values.pop("cves", {}))
    return _Item(
        host=(host or "").strip(),
        qid=(qid or "").strip(),
        title=(title or "").strip(),
        port=number or None,
        protocol=(protocol or "").lower(),
        output=output or None,
        cves=cves,
        **values,
    )


def _named(name: str | None) -> str | None:
    return name.strip() if name and name.strip() and name.strip().lower() not in _BLANK else None


def _level(kind: str | None, level: str | None) -> str | None:
    if not level or not level.strip():
        return None
    return f"Ig {level.strip()}" if (kind or "").strip().lower() in _INFORMATION else level.strip()


def _rated(text: str | None, version: str | None = None) -> tuple[float | None, str | None]:
    """The number and vector of a rating; a version 3 vector has no version in it."""
    match = _RATED.match(text or "")
    vector = match["vector"] if match else None
    if vector and version == "3.1" and "PR:" in vector and not vector.startswith("CVSS"):
        vector = f"CVSS:3.1/{vector}"
    return score(match["score"]) if match else None, vector


def _best(ratings: list[tuple[float | None, str | None]]) -> tuple[float | None, tuple[str, ...]]:
    return next((number for number, _ in ratings if number is not None), None), vectors(*(vector for _, vector in ratings))


def _cves(*texts: str | None) -> dict[str, None]:
    return {name.upper(): None for text in texts if text for name in _CVE.findall(text)}


def _state(status: str | None, *others: str | bool) -> str | None:
    return ",".join(["fixed"] * ((status or "").lower() == "fixed") + [other for other in others if isinstance(other, str) and other]) or None
