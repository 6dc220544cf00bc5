"""Checkmarx KICS's JSON (`kics scan --report-formats json`): queries that infrastructure as code answers to, with every place in it.

Newer versions say the resource, the weakness (`cwe`) and when the scan ended, and know the severity CRITICAL. `TRACE` is the word of the
bill of materials, which stands in `bill_of_materials` and is no finding. KICS's SARIF, GitLab and Sonar reports are other formats.

A result is told from the others by query, file and KICS's own similarity id, which is of file, query and the path inside the document,
never of the line, and is what its exclusions name.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "kics"
TITLE = "KICS (JSON)"
SCANNER = "kics"
CALIBRATION: dict[str, str] = {"trace": "informational"}

_Any = object


class Place(msgspec.Struct, gc=False):
    file_name: _Any = None
    similarity_id: _Any = None
    line: _Any = None
    resource_type: _Any = None
    resource_name: _Any = None
    issue_type: _Any = None
    search_key: _Any = None
    search_value: _Any = None
    expected_value: _Any = None


class Query(msgspec.Struct, gc=False):
    query_name: _Any = None
    query_id: _Any = None
    severity: _Any = None
    platform: _Any = None
    cwe: _Any = None
    files: list[msgspec.Raw] | None = None


class Report(msgspec.Struct):
    queries: list[msgspec.Raw] | None
    start: _Any = None
    end: _Any = None


_report = msgspec.json.Decoder(Report)
_query = msgspec.json.Decoder(Query)
_place = msgspec.json.Decoder(Place)


def recognise(head: Head) -> bool:
    return head.is_json_object and {"queries", "queries_total", "files_scanned"} <= head.json.keys()


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `queries`")
    captured = scan.stamp(report.end) or scan.stamp(report.start)
    for pointer, raw, query in documents.items(report.queries, _query, "/queries"):
        if isinstance(query, Reject):
            yield query
            continue
        rule, name = documents.text(query.query_id), documents.text(query.query_name)
        if rule is None and name is None:
            yield documents.missing(pointer, "query_id", raw)
            continue
        severity, cwes = documents.text(query.severity), cwe_numbers(query.cwe)
        for where, inner, place in documents.items(query.files, _place, f"{pointer}/files"):
            if isinstance(place, Reject):
                yield place
                continue
            path = documents.text(place.file_name)
            if path is None:
                yield documents.missing(where, "file_name", inner)
                continue
            similarity = documents.text(place.similarity_id)
            setting = tuple(
                documents.text(value) for value in (place.search_key, place.search_value, place.issue_type, place.expected_value)
            )
            kind, resource = documents.text(place.resource_type), documents.text(place.resource_name)
            line = documents.line(place.line)
            yield Result(
                pointer=where,
                title=documents.one_line(name or rule or ""),
                # One similarity id may stand for several lines of a document that repeats a setting.
                identity=(rule or name, documents.text(query.platform), path, similarity, *setting, line),
                severity=severity,
                rule=rule or name,
                cwes=cwes,
                component_name=".".join(part for part in (kind, resource) if part and part.lower() != "n/a") or None,
                file_path=path,
                line=line,
                location=location.code(path, similarity or setting[0] or rule or name),
                captured=captured,
                own_id=similarity,
            )
