"""Aqua tfsec's JSON (`tfsec -f json`): checks that Terraform code fails.

Three dialects: first `passed`, ERROR, WARNING and ids like `AWS050`; then `status` as a word and ids like
`aws-vpc-no-public-egress-sgr`; from 1.0 on `status` as a number (0 failed, 1 passed, 2 ignored), that id as `long_id` beside an
`AVD-AWS-0104`, and `resource`. Passed and ignored checks are no findings. A clean report of old versions is `{"results": null}`;
an empty list says nothing of its tool and is nobody's.

A failed check is told from the others by rule, file, place, resource and what it says; the location is the resource (the enclosing
block of code, which older versions quote in the description) with its place among the equal ones of that file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan

NAME = "tfsec"
TITLE = "tfsec (JSON)"
SCANNER = "tfsec"
CALIBRATION: dict[str, str] = {"error": "high", "warning": "medium"}

_NO_FINDING = ("passed", "ignored", 1, 2)
_QUOTED = re.compile(r"^\w[\w ]{0,30} '([^']+)'")

_Any = object


class Range(msgspec.Struct, gc=False):
    filename: _Any = None
    start_line: _Any = None
    end_line: _Any = None


class Check(msgspec.Struct, gc=False):
    rule_id: _Any = None
    long_id: _Any = None
    rule_description: _Any = None
    description: _Any = None
    severity: _Any = None
    status: _Any = None
    passed: _Any = None
    resource: _Any = None
    location: Range | None = None


class Report(msgspec.Struct):
    results: list[msgspec.Raw] | None


_report = msgspec.json.Decoder(Report)
_check = msgspec.json.Decoder(Check)


def recognise(head: Head) -> bool:
    if not head.is_json_object or "results" not in head.json:
        return False
    item = head.item_keys("results")
    if item:
        return {"rule_id", "location"} <= item and bool({"rule_provider", "rule_description", "long_id"} & item)
    return head.json.keys() == {"results"} and bytes(head.json["results"]).strip() == b"null"


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `results`")
    found: list[tuple[str, Check, str, str | None, Place]] = []
    for pointer, raw, check in documents.items(report.results, _check, "/results"):
        if isinstance(check, Reject):
            yield check
            continue
        if check.passed is True or (type(check.status) in (str, int) and check.status in _NO_FINDING):
            continue
        rule = documents.text(check.long_id) or documents.text(check.rule_id)
        where = check.location or Range()
        path = documents.text(where.filename)
        if rule is None or path is None:
            yield documents.missing(pointer, "rule_id" if rule is None else "location", raw)
            continue
        message, resource = documents.text(check.description) or "", documents.text(check.resource)
        quoted = _QUOTED.match(message)
        block = resource or (quoted[1] if quoted else None)
        position = (documents.line(where.start_line) or 0, documents.line(where.end_line) or 0, message)
        found.append((pointer, check, rule, block, Place((path, rule, block or ""), position)))
    ranks = ordinals(place for *_, place in found)
    for pointer, check, rule, block, place in found:
        path, line = place.within[0], place.position[0]
        yield Result(
            pointer=pointer,
            title=documents.one_line(documents.text(check.rule_description) or place.position[2] or rule),
            identity=(rule, path, block, *place.position),
            severity=documents.text(check.severity),
            rule=rule,
            component_name=documents.text(check.resource),
            file_path=path,
            line=line or None,
            location=location.code(path, anchor(block or rule, ranks[place])),
        )
