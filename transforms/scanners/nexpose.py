"""Rapid7 Nexpose and InsightVM: the XML Export, versions 1.0 and 2.0 (`<NexposeReport>`).

One result is one test that found a vulnerability on one host, port and protocol, with its key and output: the same vulnerability may be found
several times on one port. Tests that found none, and those that could not tell, yield nothing; neither do live hosts and open ports by
themselves. A vulnerability under an exception is kept with that as its state.

Severity is Rapid7's number from 1 to 10. The definition has the CVSS vector and the ids. The capture is the end of the scan that ran the
test, else its start; Nexpose writes both without a zone. A test of an unknown definition has its id for a title and no severity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import msgspec

from transforms.domain import location, xml
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.documents import score
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "nexpose"
TITLE = "Rapid7 Nexpose and InsightVM (XML export)"
SCANNER = "nexpose"
CALIBRATION: dict[str, str] = {}

_EXCEPTION = "exception-"
_FAILED = {"error", "failed", "aborted"}
#: `20210211T164705486`: milliseconds without a point.
_TIME = re.compile(r"(\d{8}T\d{6})(\d{3})")
_CVE = re.compile(r"CVE-\d{4}-\d{4,}", re.IGNORECASE)


class Definition(msgspec.Struct, gc=False, kw_only=True):
    title: str
    score: float | None = None
    vectors: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()
    cwes: tuple[int, ...] = ()


def recognise(head: Head) -> bool:
    return head.xml_root == "NexposeReport"


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(content)
    scans = xml.children(xml.child(root, "scans"), "scan")
    if scans and all((item.get("status") or "").lower() in _FAILED for item in scans):
        raise FileRejected("failed_scan", seen=f"scans of status {scans[0].get('status')}", expected="at least one that finished")
    times = {item.get("id"): _stamp(item.get("endTime"), scan) or _stamp(item.get("startTime"), scan) for item in scans}
    only = next(iter(times.values())) if len(times) == 1 else None
    definitions = {
        id.lower(): _definition(id, item)
        for item in xml.children(xml.child(root, "VulnerabilityDefinitions"), "vulnerability")
        if (id := (item.get("id") or "").strip())
    }
    for number, node in enumerate(xml.children(xml.child(root, "nodes"), "node"), 1):
        base = f"/NexposeReport/nodes/node[{number}]"
        host = (node.get("address") or "").strip()
        for place, port, protocol, tests in _tests(node):
            for test_number, test in enumerate(xml.children(tests, "test"), 1):
                status = (test.get("status") or "").lower()
                if not status.removeprefix(_EXCEPTION).startswith("vulnerable"):
                    continue
                pointer, rule = f"{base}{place}/test[{test_number}]", (test.get("id") or "").strip()
                if not host or not rule:
                    name = "test_id" if host else "host"
                    yield Reject(pointer, f"missing_{name}", f"the test has no {name}", str(test.attrib)[:RAW_LIMIT])
                    continue
                found = definitions.get(rule.lower()) or Definition(title=rule)
                yield Result(
                    pointer=pointer,
                    title=found.title,
                    identity=(rule, host, port, protocol, test.get("key") or None, " ".join("".join(test.itertext()).split())),
                    score=found.score,
                    cvss_vectors=found.vectors,
                    rule=rule,
                    vulnerability_ids=found.cves,
                    cwes=found.cwes,
                    endpoint=host,
                    location=location.host(host, port, protocol),
                    target=host,
                    captured=times.get(test.get("scan-id"), only),
                    source_state="exception" if status.startswith(_EXCEPTION) else None,
                )


def _tests(node: Element) -> Iterator[tuple[str, int | None, str | None, Element | None]]:
    """The lists of tests of a node: of the host itself, and of each service of each endpoint."""
    yield "/tests", None, None, xml.child(node, "tests")
    for number, endpoint in enumerate(xml.children(xml.child(node, "endpoints"), "endpoint"), 1):
        port, protocol = endpoint.get("port") or "", endpoint.get("protocol")
        numeric = int(port) if port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65_535 else None
        place = f"/endpoints/endpoint[{number}]"
        yield f"{place}/tests", numeric, protocol, xml.child(endpoint, "tests")
        for service_number, service in enumerate(xml.children(xml.child(endpoint, "services"), "service"), 1):
            yield f"{place}/services/service[{service_number}]/tests", numeric, protocol, xml.child(service, "tests")


def _definition(id: str, item: Element) -> Definition:
    references: dict[str, list[str]] = {}
    for reference in xml.children(xml.child(item, "references"), "reference"):
        references.setdefault((reference.get("source") or "").upper(), []).append((reference.text or "").strip())
    return Definition(
        title=(item.get("title") or "").strip() or id,
        score=score(item.get("severity")),
        vectors=vectors(*(value for name, value in item.attrib.items() if name.lower().startswith("cvss") and name.lower().endswith("vector"))),
        cves=tuple(dict.fromkeys(value.upper() for value in references.get("CVE", ()) if _CVE.fullmatch(value))),
        cwes=cwe_numbers(references.get("CWE", [])),
    )


def _stamp(value: str | None, scan: Scan) -> Stamp | None:
    return scan.stamp(_TIME.sub(r"\1.\2", value)) if value else None
