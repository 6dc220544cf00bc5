"""CxFlow's JSON of a Checkmarx SAST scan (`bug-tracker: Json`): issues gathered by vulnerability and file (`xissues`).

One result is one flow of an issue (`additionalDetails.results`, source to sink); an issue without flows is one result for each line of
its `details`, or itself. The file is the issue's own, where CxFlow files the ticket; the line is the sink's. `similarityId` is that of the
issue's first flow: it anchors the issue, followed by the flow's place among its own. `unFilteredIssues` are what CxFlow was told to leave
out: no results. A line whose `falsePositive` is true is evidence of a state.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "checkmarx_cxflow_sast"
TITLE = "Checkmarx CxFlow (JSON)"
SCANNER = "checkmarx"
CALIBRATION: dict[str, str] = {"information": "informational"}

_STATES = {"1": "not exploitable", "2": "confirmed", "3": "urgent", "4": "proposed not exploitable"}

_Any = object


class Spot(msgspec.Struct, gc=False):
    file: _Any = None
    line: _Any = None
    column: _Any = None


class Flow(msgspec.Struct, gc=False):
    sink: Spot | None = None
    source: Spot | None = None
    state: _Any = None


class Flows(msgspec.Struct, gc=False):
    results: list[Flow] | None = None


class Line(msgspec.Struct, gc=False, rename="camel"):
    false_positive: _Any = None


class Issue(msgspec.Struct, gc=False, rename="camel"):
    vulnerability: _Any = None
    vulnerability_status: _Any = None
    similarity_id: _Any = None
    cwe: _Any = None
    severity: _Any = None
    filename: _Any = None
    details: dict[str, Line | None] | None = None
    additional_details: Flows | None = None


class ScanDetails(msgspec.Struct, gc=False, rename="camel"):
    scan_start_date: _Any = None


class Report(msgspec.Struct, rename="camel"):
    xissues: list[msgspec.Raw] | None
    project: _Any = None
    report_creation_time: _Any = None
    additional_details: ScanDetails | None = None


_report = msgspec.json.Decoder(Report)
_issue = msgspec.json.Decoder(Issue)


def recognise(head: Head) -> bool:
    return head.is_json_object and "xissues" in head.json


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `xissues`")
    details = report.additional_details or ScanDetails()
    captured = scan.stamp(documents.text(details.scan_start_date)) or scan.stamp(documents.text(report.report_creation_time))
    target = documents.text(report.project)
    for pointer, raw, issue in documents.items(report.xissues, _issue, "/xissues"):
        if isinstance(issue, Reject):
            yield issue
            continue
        name, file = documents.text(issue.vulnerability), documents.text(issue.filename)
        if name is None:
            yield documents.missing(pointer, "vulnerability", raw)
            continue
        yield from _results(pointer, issue, name, file, target, captured)


def _results(pointer: str, issue: Issue, name: str, file: str | None, target: str | None, captured: Stamp | None) -> Iterator[Result]:
    similarity, status = documents.text(issue.similarity_id), documents.text(issue.vulnerability_status)
    lines = issue.details or {}
    flows = (issue.additional_details.results if issue.additional_details else None) or [
        Flow(sink=Spot(file=file, line=number), source=Spot(line=number)) for number in lines or (None,)
    ]
    spots = [((flow.source or flow.sink or Spot()), (flow.sink or flow.source or Spot()), flow.state) for flow in flows]
    places = [
        Place((), (documents.line(sink.line) or 0, documents.line(sink.column) or 0, f"{documents.line(source.line) or 0:010}"))
        for source, sink, _ in spots
    ]
    ranks = ordinals(places)
    for (source, sink, state), place in zip(spots, places, strict=True):
        sink_file = documents.text(sink.file)
        title = name.replace("_", " ")
        marked = lines.get(documents.text(source.line) or "")
        own_state = "false positive" if marked and marked.false_positive is True else _STATES.get(documents.text(state) or "")
        yield Result(
            pointer=pointer,
            title=f"{title} in {file.rpartition('/')[2]}" if file else title,
            identity=(name, similarity, file, documents.text(source.file), sink_file, ranks[place]),
            severity=documents.text(issue.severity),
            rule=name,
            cwes=cwe_numbers(issue.cwe),
            file_path=file or sink_file,
            line=documents.line(sink.line),
            location=location.code(file or sink_file or "", anchor(similarity or name, ranks[place])) if file or sink_file else location.NOWHERE,
            target=target,
            captured=captured,
            own_id=similarity,
            source_state=own_state or (status.lower() if status and status.upper() not in ("TO VERIFY", "NEW", "RECURRENT") else None),
        )
