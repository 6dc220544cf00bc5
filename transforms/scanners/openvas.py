"""OpenVAS / Greenbone: the XML report (GMP and the older OMP, alone or inside a `get_reports_response`) and the CSV Results report.

The two CSV dialects differ in columns only (`QoD`, EPSS and others came later), so columns are read by name. One result is one test
(NVT) on one host and port with its text: a test may report twice on one port, for two installations of one product. The result's own id
is new in every scan, so it is no stable id.

The host is its name where the report has one, else its address: virtual hosts share an address. A capture is the end of the host's
scan, else of the report, else when the result was written (an imported report is dated by its import there). `Log` and `Debug` results
are informational.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from transforms.domain import location, xml
from transforms.domain.csv_reports import columns, first, rows
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.documents import score
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import probability, vectors

NAME = "openvas"
TITLE = "OpenVAS / Greenbone (XML report or CSV)"
SCANNER = "openvas"
CALIBRATION: dict[str, str] = {
    "critical": "critical",
    "high": "high",
    "medium": "medium",
    "low": "low",
    "log": "informational",
    "debug": "informational",
    "none": "informational",
    # Set by an override; the state is kept beside it.
    "false positive": "informational",
    # The severities that stand for those words where a version leaves the words out.
    "-1.0": "informational",
    "-2.0": "informational",
}

_CVE = re.compile(r"CVE-\d{4}-\d{4,}", re.IGNORECASE)
#: `22/tcp`, `22/tcp (IANA: ssh)`, `ssh (22/tcp)`, `general/tcp`.
_PORT = re.compile(r"\b(?P<port>\d{1,5}|general)/(?P<protocol>[A-Za-z][\w-]*)")
_TRANSPORTS = frozenset(("tcp", "udp", "icmp", "sctp"))
_MARKS = (b"<gmp", b"<omp", b"<nvt", b"format_id=", b"<scan_run_status")
_FALSE_POSITIVES = ("false positive", "-1.0")


def recognise(head: Head) -> bool:
    if head.xml_root in ("report", "get_reports_response"):
        return any(mark in head.content[:65_536] for mark in _MARKS)
    return {"nvt name", "nvt oid"} <= columns(head)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"<":
        yield from _parse_xml(content, scan)
    else:
        yield from _parse_csv(content, scan)


# XML ------------------------------------------------------------------------------------------------------------------------------


def _parse_xml(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(content)
    reports = [(path, report) for path, report in _reports(root, f"/{root.tag}")]
    if not reports:
        raise FileRejected(
            "malformed",
            seen=f"no list of results in <{root.tag}>",
            expected="a report with <results>",
            remedy="export it with details",
        )
    for path, report in reports:
        ended = {xml.text(host, "ip"): _first_stamp(scan, host, "end") for host in xml.children(report, "host")}
        report_stamp = _first_stamp(scan, report, "scan_end", "scan_start", "timestamp")
        for number, element in enumerate(xml.children(xml.child(report, "results"), "result"), 1):
            pointer = f"{path}/results/result[{number}]"
            try:
                yield _xml_result(pointer, element, scan, ended, report_stamp)
            except ValueError as error:
                reason, _, detail = str(error).partition(": ")
                yield Reject(pointer, reason, detail, f"id={element.get('id')} {xml.text(element, 'name')}"[:RAW_LIMIT])


def _reports(element: Element, path: str) -> Iterator[tuple[str, Element]]:
    """Every element with a list of results, at whatever depth the wrappers put it."""
    if xml.child(element, "results") is not None:
        yield path, element
        return
    for number, inner in enumerate(xml.children(element, "report"), 1):
        yield from _reports(inner, f"{path}/report[{number}]")


def _first_stamp(scan: Scan, element: Element, *names: str) -> Stamp | None:
    return next((stamp for name in names if (stamp := scan.stamp(xml.text(element, name)))), None)


def _xml_result(pointer: str, element: Element, scan: Scan, ended: dict[str | None, Stamp | None], report_stamp: Stamp | None) -> Result:
    nvt = xml.child(element, "nvt")
    if nvt is None:
        raise ValueError("missing_nvt: the result names no test")
    address = xml.text(element, "host") or xml.text(element, "host", "ip")
    tags: dict[str, str] = dict(part.partition("=")[::2] for part in (xml.text(nvt, "tags") or "").split("|"))  # type: ignore[misc]
    refs = xml.child(nvt, "refs")
    listed = [ref.get("id") or "" for ref in xml.children(refs, "ref") if (ref.get("type") or "").lower() == "cve"]
    number = xml.text(element, "severity")
    port, protocol = _port(xml.text(element, "port"))
    severities = xml.child(nvt, "severities")
    return _result(
        pointer,
        title=xml.text(nvt, "name") or xml.text(element, "name"),
        host=xml.text(element, "host", "hostname") or address,
        port=port,
        protocol=protocol,
        oid=nvt.get("oid"),
        severity=xml.text(element, "threat") or (number if number and number.startswith("-") else None),
        number=number or xml.text(nvt, "cvss_base"),
        vector_texts=[*(xml.text(item, "value") for item in xml.children(severities, "severity")), tags.get("cvss_base_vector")],
        # Older versions: <cve>CVE-1, CVE-2</cve>, or NOCVE.
        cves=_CVE.findall(" ".join((*listed, xml.text(nvt, "cve") or ""))),
        cwes=(),
        epss=xml.text(nvt, "epss", "max_epss", "score") or xml.text(nvt, "epss", "max_severity", "score"),
        details=xml.text(element, "description"),
        captured=ended.get(address) or report_stamp or _first_stamp(scan, element, "modification_time", "creation_time"),
    )


def _port(text: str | None) -> tuple[int | None, str | None]:
    match = _PORT.search(text or "")
    if not match:
        return None, None
    protocol = match["protocol"].lower()
    return _port_number(match["port"]), protocol if protocol in _TRANSPORTS else None


# CSV ------------------------------------------------------------------------------------------------------------------------------


def _parse_csv(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    for record in rows(content):
        if isinstance(record, Reject):
            yield record
            continue
        pointer, row, raw = record
        try:
            yield _result(
                pointer,
                title=row.get("nvt name"),
                host=first(row, "hostname", "ip", "host"),
                port=_port_number(row.get("port")),
                protocol=(row.get("port protocol") or "").lower() or None,
                oid=row.get("nvt oid"),
                severity=first(row, "severity", "threat"),
                number=row.get("cvss"),
                vector_texts=[row.get("cvss base vector"), row.get("cvss vector")],
                cves=_CVE.findall(row.get("cves", "")),
                cwes=cwe_numbers(row.get("cweid")),
                epss=first(row, "max epss score", "max severity epss score"),
                details=row.get("specific result"),
                captured=scan.stamp(row.get("timestamp")),
                flagged=row.get("falsepositive", "").lower() == "true",
            )
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail, raw)


# Both -----------------------------------------------------------------------------------------------------------------------------


def _port_number(text: str | None) -> int | None:
    """The port; None for a word (`general`), for 0 and for nothing: the host as a whole."""
    if not text or not text.isdigit():
        return None
    if int(text) > 65_535:
        raise ValueError(f"malformed: port {text} is out of range")
    return int(text) or None


def _result(
    pointer: str,
    *,
    title: str | None,
    host: str | None,
    port: int | None,
    protocol: str | None,
    oid: str | None,
    severity: str | None,
    number: str | None,
    vector_texts: list[str | None],
    cves: list[str],
    cwes: tuple[int, ...],
    epss: str | None,
    details: str | None,
    captured: Stamp | None,
    flagged: bool = False,
) -> Result:
    """The result; raises ValueError `reason: detail` where it cannot be one."""
    if not title:
        raise ValueError("missing_title: the result has no test name")
    if not host:
        raise ValueError("missing_host: the result names no host")
    title = " ".join(title.split())
    return Result(
        pointer=pointer,
        title=title,
        identity=(oid or title, host, port, protocol, details),
        severity=severity,
        score=score(number),  # -1 is GVM's false positive: no score
        cvss_vectors=vectors(*vector_texts),
        rule=oid or title,
        vulnerability_ids=tuple(sorted({cve.upper() for cve in cves})),
        cwes=cwes,
        epss=probability(epss),
        endpoint=host,
        location=location.host(host, port, protocol),
        target=host,
        captured=captured,
        source_state="false positive" if flagged or (severity or "").lower() in _FALSE_POSITIVES else None,
    )
