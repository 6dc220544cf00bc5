"""Nessus and Tenable: the .nessus v2 XML, and CSV of Nessus, Tenable Vulnerability Management, Security Center and Web App Scanning.

One result is one plugin on one host, port and protocol, with its output: the same plugin may report twice on one port. The XML lists
all CVEs of a plugin in one item where the CSV repeats the whole row for each CVE, so CSV rows that differ in nothing else are one
result: the same scan gives the same findings in either form.

Severity is the `severity` attribute (`Risk` in CSV): what the scan policy and recast rules made of the plugin. `risk_factor` is the
plugin author's CVSS v2 word; it is kept as the native term where both say the same, else the attribute's digit.

The capture is the end of the host's scan, as Tenable's own First and Last Found are. A compliance check that passed is no finding and
yields nothing; a finding that Tenable states as fixed was last seen at its `last_seen`, and yields nothing where that is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import msgspec

from transforms.domain import location, xml
from transforms.domain.csv_reports import columns, first, rows
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.documents import score
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import probability, vectors

NAME = "nessus"
TITLE = "Nessus and Tenable (.nessus XML or CSV)"
SCANNER = "nessus"
CALIBRATION: dict[str, str] = {
    "0": "informational",
    "1": "low",
    "2": "medium",
    "3": "high",
    "4": "critical",
    "none": "informational",
    "info": "informational",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "critical",
    # Compliance checks: the colours that Tenable gives these outcomes.
    "failed": "high",
    "warning": "medium",
}

_CVE = re.compile(r"(?:CVE|CAN)-\d{4}-\d{4,}", re.IGNORECASE)
_XREF_CWE = re.compile(r"\bCWE[\s:#-]*(\d+)", re.IGNORECASE)
_KNOWN_EXPLOITED = "CISA-KNOWN-EXPLOITED"
#: The first line of a compliance check's description in CSV, where the column `Name` only says which kind of audit it was.
_CHECK = re.compile(r'\s*"(?P<name>.+?)"\s*:\s*\[(?:PASSED|FAILED|WARNING|ERROR)\]', re.DOTALL)
_OPEN_PORT = "0"  # no plugin, no title: the port scanner's list
_WEB_PORTS = {"http": 80, "https": 443}


def recognise(head: Head) -> bool:
    if head.xml_root:
        return head.xml_root == "NessusClientData_v2"
    names = columns(head)
    if {"definition.id", "definition.name"} <= names:
        return True
    if {"plugin id", "name", "host"} <= names:
        return bool({"risk", "severity"} & names)
    return {"plugin", "plugin name", "severity"} <= names and bool({"ip address", "dns name", "host"} & names)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"<":
        yield from _parse_xml(content, scan)
    else:
        yield from _parse_csv(content, scan)


class _Item(msgspec.Struct, gc=False, kw_only=True):
    """One plugin on one port, whichever file it came from."""

    host: str
    plugin: str
    title: str
    severity: str | None = None
    port: int | None = None
    protocol: str = ""
    output: str | None = None
    check: str | None = None
    score: float | None = None
    vectors: tuple[str, ...] = ()
    cves: set[str] = msgspec.field(default_factory=set)
    cwes: tuple[int, ...] = ()
    known_exploited: bool = False
    epss: float | None = None
    captured: Stamp | None = None
    own_id: str | None = None
    source_state: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        return (self.plugin, self.host, self.port, self.protocol, self.title, self.output, self.own_id)

    def result(self, pointer: str) -> Result:
        return Result(
            pointer=pointer,
            title=self.title,
            identity=self.identity,
            severity=self.severity,
            score=self.score,
            cvss_vectors=self.vectors,
            # One plugin runs every check of an audit file, so the plugin alone would make all of them one finding.
            rule=f"{self.plugin}/{self.check}" if self.check else self.plugin,
            vulnerability_ids=tuple(sorted(self.cves)),
            cwes=self.cwes,
            known_exploited=self.known_exploited,
            epss=self.epss,
            endpoint=self.host,
            location=location.host(_host_name(self.host), self.port, self.protocol),
            target=self.host,
            captured=self.captured,
            own_id=self.own_id,
            source_state=self.source_state,
        )


# XML ------------------------------------------------------------------------------------------------------------------------------


def _parse_xml(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(content)
    for report_number, report in enumerate(xml.children(root, "Report"), 1):
        for host_number, host in enumerate(xml.children(report, "ReportHost"), 1):
            properties = {tag.get("name"): (tag.text or "").strip() for tag in xml.children(xml.child(host, "HostProperties"), "tag")}
            name = (host.get("name") or "").strip() or properties.get("host-fqdn") or properties.get("host-ip") or ""
            captured = _host_stamp(properties, scan)
            base = f"/NessusClientData_v2/Report[{report_number}]/ReportHost[{host_number}]"
            for item_number, element in enumerate(xml.children(host, "ReportItem"), 1):
                pointer = f"{base}/ReportItem[{item_number}]"
                try:
                    item = _xml_item(element, name, captured)
                except ValueError as error:
                    reason, _, detail = str(error).partition(": ")
                    yield Reject(pointer, reason, detail, str(element.attrib)[:RAW_LIMIT])
                    continue
                if item:
                    yield item.result(pointer)


def _host_stamp(properties: dict[str | None, str], scan: Scan) -> Stamp | None:
    """The end of the host's scan, else its start; the epoch seconds of newer versions before the text, which has no zone."""
    for edge in ("END", "START"):
        seconds = properties.get(f"HOST_{edge}_TIMESTAMP", "")
        stamp = scan.stamp(int(seconds)) if seconds.isdigit() and len(seconds) <= 11 else None
        if stamp := stamp or scan.stamp(properties.get(f"HOST_{edge}")):
            return stamp
    return None


def _xml_item(element: Element, host: str, captured: Stamp | None) -> _Item | None:
    """The item; None for a check that passed and for the mere mention of an open port. Raises ValueError `reason: detail`."""
    single: dict[str, str] = {}
    many: dict[str, list[str]] = {"cve": [], "cwe": [], "xref": []}
    for child in element:
        value = (child.text or "").strip()
        name = child.tag
        if value:
            many[name].append(value) if name in many else single.setdefault(name, value)
    outcome = single.get("compliance-result", "").upper()
    if outcome == "PASSED" or element.get("pluginID") == _OPEN_PORT:
        return None
    check = single.get("compliance-check-name")
    return _Item(
        host=_required(host, "host"),
        plugin=_required(element.get("pluginID"), "plugin_id"),
        title=_required(check or element.get("pluginName") or single.get("plugin_name"), "title"),
        severity=_xml_severity(element.get("severity"), single.get("risk_factor")) or outcome or None,
        port=_port(element.get("port")),
        protocol=(element.get("protocol") or "").lower(),
        output=single.get("plugin_output") or single.get("compliance-actual-value"),
        check=check,
        score=_best_score(
            single.get("cvss4_base_score"),
            single.get("cvss3_base_score"),
            single.get("cvssv3"),
            single.get("cvss_base_score"),
            single.get("cvss"),
        ),
        vectors=vectors(single.get("cvss4_vector"), single.get("cvss3_vector"), single.get("cvss_vector")),
        cves={cve.upper() for cve in many["cve"]},
        cwes=cwe_numbers(many["cwe"], _xref_cwes(many["xref"])),
        known_exploited=any(xref.upper().startswith(_KNOWN_EXPLOITED) for xref in many["xref"]),
        epss=probability(single.get("epss_score")),
        captured=captured,
    )


def _xml_severity(digit: str | None, word: str | None) -> str | None:
    if not digit or not word:
        return digit or word
    return word if CALIBRATION.get(word.lower()) == CALIBRATION.get(digit.strip()) else digit.strip()


# CSV ------------------------------------------------------------------------------------------------------------------------------


def _parse_csv(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    # Rows of one result need not stand together, so results wait for the last row; rejects do not.
    merged: dict[tuple[object, ...], tuple[str, _Item]] = {}
    for record in rows(content):
        if isinstance(record, Reject):
            yield record
            continue
        pointer, row, raw = record
        try:
            item = _csv_item(row, scan)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail, raw)
            continue
        if item is None:
            continue
        earlier = merged.setdefault(item.identity, (pointer, item))[1]
        earlier.cves |= item.cves
    for pointer, item in merged.values():
        yield item.result(pointer)


def _csv_item(row: dict[str, str], scan: Scan) -> _Item | None:
    """The item; None for a check that passed, or a finding that was fixed at a time unknown. Raises ValueError `reason: detail`."""
    severity = first(row, "risk", "severity", "definition.severity", "risk factor")
    captured = scan.stamp(first(row, "last found", "last_seen", "last observed", "host end", "host start"))
    fixed = (first(row, "vulnerability state", "state") or "").lower() == "fixed"
    if (severity or "").upper() == "PASSED" or (fixed and captured is None):
        return None
    plugin = _required(first(row, "plugin id", "plugin", "definition.id"), "plugin_id")
    protocol = (row.get("protocol") or "").lower()
    port = _port(first(row, "port", "asset.port"))
    if protocol in _WEB_PORTS:  # Web App Scanning names the service where Nessus names the transport
        port, protocol = port or _WEB_PORTS[protocol], "tcp"
    check = _CHECK.match(row.get("description", "")) if (severity or "").upper() in ("FAILED", "WARNING", "ERROR") else None
    xref = first(row, "xref", "cross references", "definition.references") or ""
    return _Item(
        host=_required(
            first(
                row,
                "host",
                "asset.name",
                "dns name",
                "ip address",
                "asset.display_fqdn",
                "asset.host_name",
                "asset.display_ipv4_address",
                "netbios name",
            ),
            "host",
        ),
        plugin=plugin,
        title=_required(check["name"] if check else first(row, "name", "plugin name", "definition.name"), "title"),
        severity=severity,
        port=port,
        protocol=protocol,
        output=first(row, "plugin output", "plugin text", "output"),
        check=check["name"] if check else None,
        score=_best_score(
            first(row, "cvss v4.0 base score", "cvss v4 base score", "definition.cvss4.base_score"),
            first(row, "cvss v3.0 base score", "cvss v3 base score", "cvss3 base score", "cvssv3", "definition.cvss3.base_score"),
            first(row, "cvss v2.0 base score", "cvss v2 base score", "cvss base score", "cvss", "definition.cvss2.base_score"),
        ),
        vectors=vectors(
            first(row, "cvss v4.0 vector", "cvss v4 vector", "cvss4 vector", "definition.cvss4.base_vector"),
            first(row, "cvss v3.0 vector", "cvss v3 vector", "cvss3 vector", "definition.cvss3.base_vector"),
            first(row, "cvss v2.0 vector", "cvss v2 vector", "cvss vector", "definition.cvss2.base_vector"),
        ),
        cves={cve.upper() for cve in _CVE.findall(first(row, "cve", "definition.cve") or "")},
        cwes=cwe_numbers([cwe.strip() for cwe in (first(row, "cwe", "definition.cwe") or "").split(",")], _xref_cwes([xref])),
        known_exploited=_KNOWN_EXPLOITED in xref.upper(),
        epss=probability(first(row, "epss score", "definition.epss.score")),
        captured=captured,
        own_id=row.get("id") if "definition.id" in row else None,
        source_state=_csv_state(row, fixed),
    )


def _csv_state(row: dict[str, str], fixed: bool) -> str | None:
    modified = (first(row, "risk_modified", "modification") or "").lower()
    return ",".join(state for state in ("fixed" if fixed else "", "accepted" if modified == "accepted" else "") if state) or None


# Both -----------------------------------------------------------------------------------------------------------------------------


def _required(value: str | None, field: str) -> str:
    if not value or not value.strip():
        raise ValueError(f"missing_{field}: the item has no {field}")
    return value.strip()


def _port(value: str | None) -> int | None:
    """The port number; None for 0, which is the host as a whole."""
    if not value:
        return None
    try:
        port = int(value)
    except ValueError:
        raise ValueError(f"malformed: port {value!r} is no number") from None
    if not 0 <= port <= 65_535:
        raise ValueError(f"malformed: port {value!r} is out of range")
    return port or None


def _host_name(host: str) -> str:
    """The host; Web App Scanning calls a host by its URL."""
    if "://" not in host:
        return host
    try:
        return location.parse_endpoint(host).host
    except ValueError:
        return host


def _best_score(*values: str | None) -> float | None:
    return next((number for value in values if (number := score(value)) is not None), None)


def _xref_cwes(xrefs: list[str]) -> list[str]:
    return [number for xref in xrefs for number in _XREF_CWE.findall(xref)]
