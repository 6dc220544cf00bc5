"""hadolint's JSON (`hadolint -f json`): rules that a Dockerfile breaks, ShellCheck's on its commands among them (`SC…`).

A list of findings; an empty list says nothing of its tool and is nobody's. ShellCheck's own JSON has `endLine` too and is
another format, as are hadolint's SARIF, Code Climate and Checkstyle. An inline `hadolint ignore` leaves a finding out.

Severity as in hadolint's own SARIF: `info` and `style` are notes. A finding is told from the others by rule, file, place and
message; the location is the rule with its place among the rule's findings in that file.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan

NAME = "hadolint"
TITLE = "hadolint (JSON)"
SCANNER = "hadolint"
CALIBRATION: dict[str, str] = {"error": "high", "warning": "medium", "info": "informational", "style": "informational"}

_MEMBERS = frozenset(("code", "column", "file", "level", "line", "message"))

_Any = object


class Finding(msgspec.Struct, gc=False):
    code: _Any = None
    file: _Any = None
    line: _Any = None
    column: _Any = None
    level: _Any = None
    message: _Any = None


_list = msgspec.json.Decoder(list[msgspec.Raw])
_finding = msgspec.json.Decoder(Finding)


def recognise(head: Head) -> bool:
    return head.is_json_list and head.json.keys() >= _MEMBERS and "endLine" not in head.json


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    found: list[tuple[str, Finding, str, str, Place]] = []
    for pointer, raw, item in documents.items(documents.decode(_list, content, "a list of findings"), _finding, ""):
        if isinstance(item, Reject):
            yield item
            continue
        rule, path = documents.text(item.code), documents.text(item.file)
        if rule is None or path is None:
            yield documents.missing(pointer, "code" if rule is None else "file", raw)
            continue
        position = (documents.line(item.line) or 0, documents.line(item.column) or 0, documents.text(item.message) or "")
        found.append((pointer, item, rule, path, Place((path, rule), position)))
    ranks = ordinals(place for *_, place in found)
    for pointer, item, rule, path, place in found:
        line, _, message = place.position
        yield Result(
            pointer=pointer,
            title=documents.one_line(f"{rule}: {message}") if message else rule,
            identity=(rule, path, *place.position),
            severity=documents.text(item.level),
            rule=rule,
            file_path=path,
            line=line or None,
            location=location.code(path, anchor(rule, ranks[place])),
        )
