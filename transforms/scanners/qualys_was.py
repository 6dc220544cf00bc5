"""Qualys Web Application Scanning: the XML of scan reports (`WAS_SCAN_REPORT`) and of web application reports (`WAS_WEBAPP_REPORT`).

One result is one detection: a vulnerability or sensitive content at a URL and parameter, or information gathered of the application. Its own
id (`UNIQUE_ID`, from one scan to the next the same) tells it apart. Title, level, CWE and CVSS come from the glossary.

The place is the URL's origin and path with the parameter; gathered information has no URL. The target is the web application as Qualys knows
it: its URL, else the origin of the detection's. Severity is Qualys' level, 1 to 5, here from informational to critical; levels of gathered
information (`Ig 3`) rate no weakness. The capture is when it was last detected; a state that is not open (fixed, ignored) is evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from transforms.domain import location, xml
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.documents import ids_within, score
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.location import Location
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "qualys_was"
TITLE = "Qualys Web Application Scanning (XML)"
SCANNER = "qualys_was"
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

_ROOTS = {"WAS_SCAN_REPORT", "WAS_WEBAPP_REPORT"}
_LISTS = ("VULNERABILITY", "SENSITIVE_CONTENT", "INFORMATION_GATHERED")
_OPEN = {"new", "active", "reopened", "re-opened", "retesting"}
_FAILED = {"error", "failed", "canceled", "cancelled", "no host alive", "no web service", "service errors detected", "scan internal error"}


def recognise(head: Head) -> bool:
    return head.xml_root in _ROOTS


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(content)
    if root.tag not in _ROOTS:
        raise FileRejected("malformed", seen=f"a root <{root.tag}>", expected=f"one of {', '.join(sorted(_ROOTS))}")
    scans = xml.children(xml.child(root, "APPENDIX", "SCAN_LIST"), "SCAN")
    states = [(xml.text(item, "STATUS") or "").lower() for item in scans]
    if states and all(state in _FAILED for state in states):
        raise FileRejected("failed_scan", seen=f"scans of status {states[0]}", expected="at least one that finished")
    entries = xml.children(xml.child(root, "GLOSSARY", "QID_LIST"), "QID")
    glossary = {qid: entry for entry in entries if (qid := xml.text(entry, "QID"))}
    application = _application(xml.children(xml.child(root, "APPENDIX"), "WEBAPP"))
    results = xml.child(root, "RESULTS")
    if results is None:
        raise FileRejected("malformed", seen="no <RESULTS>", expected="a report with its results", remedy="include them in the report's settings")
    base = f"/{root.tag}/RESULTS"
    # A web application report has a list for each application.
    places = [(base, results, application)]
    for number, item in enumerate(xml.children(results, "WEB_APPLICATION"), 1):
        places.append((f"{base}/WEB_APPLICATION[{number}]", item, xml.text(item, "URL") or xml.text(item, "NAME") or application))
    for place, parent, target in places:
        for kind in _LISTS:
            for number, item in enumerate(xml.children(xml.child(parent, f"{kind}_LIST"), kind), 1):
                yield _row(f"{place}/{kind}_LIST/{kind}[{number}]", item, kind, glossary, target, scan)


def _application(items: list[Element]) -> str | None:
    """The one that was scanned; a report of several says at each detection only its URL."""
    return xml.text(items[0], "URL") or xml.text(items[0], "NAME") if len(items) == 1 else None


def _row(pointer: str, item: Element, kind: str, glossary: dict[str, Element], target: str | None, scan: Scan) -> Result | Reject:
    qid = xml.text(item, "QID")
    if qid is None:
        return Reject(pointer, "missing_qid", "the item has no QID", str({child.tag: child.text for child in item})[:RAW_LIMIT])
    entry = glossary.get(qid)
    url, param = xml.text(item, "URL"), xml.text(item, "PARAM")
    own_id = xml.text(item, "UNIQUE_ID") or xml.text(item, "ID")
    place, origin = _place(url, param)
    level = xml.text(entry, "SEVERITY") if entry is not None else xml.text(item, "SEVERITY")
    seen = xml.text(item, "LAST_TIME_DETECTED") or xml.text(item, "DETECTION_DATE") or xml.text(item, "LAST_TIME_TESTED")
    return Result(
        pointer=pointer,
        title=(xml.text(entry, "TITLE") if entry is not None else None) or f"QID {qid}",
        identity=(own_id, qid, url, param, target),
        severity=f"Ig {level}" if level and kind == "INFORMATION_GATHERED" else level,
        score=_number(entry),
        cvss_vectors=vectors(*(part.text for part in _parts(entry, "CVSS_V3"))),
        rule=qid,
        vulnerability_ids=ids_within(" ".join(part.text or "" for part in _parts(entry, "CVE_LIST"))),
        cwes=cwe_numbers([number.strip() for number in (xml.text(entry, "CWE") or "").split(",")]) if entry is not None else (),
        endpoint=url if origin else None,
        location=place,
        target=target or origin,
        captured=scan.stamp(seen),
        own_id=own_id,
        source_state=_state(xml.text(item, "STATUS"), xml.text(item, "IGNORED")),
    )


def _parts(entry: Element | None, name: str) -> list[Element]:
    """Everything inside the glossary entry's element of this name."""
    found = xml.child(entry, name) if entry is not None else None
    return list(found.iter()) if found is not None else []


def _place(url: str | None, param: str | None) -> tuple[Location, str | None]:
    """The location, and the origin where the URL has one."""
    try:
        endpoint = location.parse_endpoint(url or "")
    except ValueError:
        return location.NOWHERE, None
    port = f":{endpoint.port}" if endpoint.port is not None else ""
    return location.web(endpoint, param), f"{endpoint.scheme or 'http'}://{endpoint.host}{port}"


def _number(entry: Element | None) -> float | None:
    steps = (("CVSS_V3", "BASE"), ("CVSS_BASE",))
    return next((number for step in steps if entry is not None and (number := score(xml.text(entry, *step))) is not None), None)


def _state(status: str | None, ignored: str | None) -> str | None:
    states = [status.lower()] if status and status.lower() not in _OPEN else []
    return ",".join(states + ["ignored"] * ((ignored or "").lower() == "true")) or None
