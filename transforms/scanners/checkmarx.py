"""Checkmarx SAST's XML report (`CxXMLResults`), versions 8 and 9: queries, their results, and of each result the path from source to sink.

One result is one path. Its place is the sink, the last node, where the query sees the flaw; the file is the source's where a path has no
nodes. `SimilarityId` is Checkmarx's own fingerprint: source and sink without their lines, the same in every scan; results of one file
may share it, so it is followed by the result's place among those. A result is told from the others by query, similarity, source, sink
and that place.

`Information` is Checkmarx's word for informational. The state (1: not exploitable, 4: proposed as such) is evidence only. The capture is
the start of the scan: the report may be written years later. Neither of the two has a zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from transforms.domain import documents, location, xml
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "checkmarx"
TITLE = "Checkmarx SAST (XML)"
SCANNER = "checkmarx"
CALIBRATION: dict[str, str] = {"information": "informational"}

_STATES = {"1": "not exploitable", "2": "confirmed", "3": "urgent", "4": "proposed not exploitable"}


class _Spot(NamedTuple):
    file: str | None
    line: int | None
    column: int | None
    name: str | None


class _Found(NamedTuple):
    pointer: str
    query: Element
    result: Element
    source: _Spot
    sink: _Spot
    similarity: str | None
    path: str | None
    place: Place


def recognise(head: Head) -> bool:
    return head.xml_root == "CxXMLResults"


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(content)
    captured = scan.stamp(root.get("ScanStart")) or scan.stamp(root.get("ReportCreationTime"))
    target = (root.get("ProjectName") or "").strip() or None
    found: list[_Found] = []
    for query_number, query in enumerate(xml.children(root, "Query"), 1):
        name = (query.get("name") or "").strip()
        for number, result in enumerate(xml.children(query, "Result"), 1):
            pointer = f"/CxXMLResults/Query[{query_number}]/Result[{number}]"
            if not name:
                yield Reject(pointer, "missing_name", "the query has no name", str(query.attrib)[:2000])
                continue
            found.append(_found(pointer, query, name, result))
    ranks = ordinals(item.place for item in found)
    for item in found:
        yield _result(item, ranks[item.place], target, captured)


def _found(pointer: str, query: Element, name: str, result: Element) -> _Found:
    path = xml.child(result, "Path")
    nodes = xml.children(path, "PathNode")
    own = _Spot((result.get("FileName") or "").strip() or None, documents.line(result.get("Line")), documents.line(result.get("Column")), None)
    source, sink = (_spot(nodes[0]), _spot(nodes[-1])) if nodes else (own, own)
    similarity = path.get("SimilarityId") if path is not None else None
    place = Place((sink.file or "", name, similarity or ""), (sink.line or 0, sink.column or 0, f"{source.file}:{source.line or 0:08}"))
    return _Found(pointer, query, result, source, sink, similarity, path.get("PathId") if path is not None else None, place)


def _spot(node: Element) -> _Spot:
    texts = {item.tag: (item.text or "").strip() for item in node}
    return _Spot(texts.get("FileName") or None, documents.line(texts.get("Line")), documents.line(texts.get("Column")), texts.get("Name") or None)


def _result(item: _Found, rank: int, target: str | None, captured: Stamp | None) -> Result:
    name, sink = item.query.attrib["name"].strip(), item.sink
    title = name.replace("_", " ")
    false_positive = (item.result.get("FalsePositive") or "").lower() == "true"
    return Result(
        pointer=item.pointer,
        title=f"{title} in {sink.file.rpartition('/')[2]}" if sink.file else title,
        identity=(name, item.query.get("id"), item.similarity, item.source.file, item.source.name, sink.file, sink.name, rank),
        severity=item.result.get("Severity") or item.query.get("Severity") or None,
        rule=name,
        cwes=cwe_numbers(item.query.get("cweId")),
        file_path=sink.file,
        line=sink.line,
        location=location.code(sink.file, anchor(item.similarity or name, rank)) if sink.file else location.NOWHERE,
        target=target,
        captured=captured,
        own_id=item.path,
        source_state="false positive" if false_positive else _STATES.get(item.result.get("state") or ""),
    )
