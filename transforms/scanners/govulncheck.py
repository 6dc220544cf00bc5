"""govulncheck (`govulncheck -json`, from 1.1 also `-format json`): modules of a Go program or binary with advisories of the Go database.

Protocol 1.0: a stream of messages, each an object with one member, indented or a line each, or put into a list. `osv` is an advisory and
`finding` one trace that leads to it. Since 1.1 there is a finding for the module, one for its package and one for each function that is
called; all of one advisory and module version are one result. How far the program gets to the vulnerable code is evidence of a state:
`called`, `imported` or just `required`. File and line are where the program itself calls, by its deepest trace.

Results are told apart by advisory, module and version; the place is the module (`stdlib` is Go's own library). The Go database rates
nothing; private ones may put a vector, or a word, into `severity`. A stream has no time of its scan. `config`, `progress` and `SBOM` are no
results. The single object that govulncheck wrote before 1.0 (`Calls`, `Imports`, `Requires`, `Vulns`) is not read, its SARIF is `sarif`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject, Result, Scan
from transforms.domain.scores import vectors

NAME = "govulncheck"
TITLE = "govulncheck (JSON)"
SCANNER = "govulncheck"
CALIBRATION: dict[str, str] = {}

_START = re.compile(rb'\s*\[?\s*\{\s*"config"\s*:\s*\{[^{}]{0,2000}"protocol_version"')
#: How far a trace leads, the nearest first.
_LEVELS = ("called", "imported", "required")

_Any = object


class Position(msgspec.Struct, gc=False):
    filename: _Any = None
    line: _Any = None


class Frame(msgspec.Struct, gc=False):
    module: _Any = None
    version: _Any = None
    package: _Any = None
    function: _Any = None
    position: Position | None = None


class Finding(msgspec.Struct, gc=False):
    osv: _Any = None
    trace: list[Frame] | None = None


class Scored(msgspec.Struct, gc=False):
    score: _Any = None


class Advisory(msgspec.Struct, gc=False):
    id: _Any = None
    aliases: _Any = None
    severity: list[Scored] | str | None = None


class Message(msgspec.Struct, gc=False):
    osv: Advisory | None = None
    finding: Finding | None = None


_list = msgspec.json.Decoder(list[msgspec.Raw])
_message = msgspec.json.Decoder(Message)


def recognise(head: Head) -> bool:
    return _START.match(head.content[:4096]) is not None


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    advisories: dict[str, Advisory] = {}
    found: dict[tuple[str, str, str | None], tuple[str, int, list[Frame]]] = {}
    for pointer, raw in _messages(content.removeprefix(BOM)):
        try:
            message = _message.decode(raw)
        except documents.UNREADABLE as error:
            yield documents.reject(pointer, "malformed", str(error), raw)
            continue
        if message.osv is not None and (name := documents.text(message.osv.id)):
            advisories[name] = message.osv
        if message.finding is None:
            continue
        trace = message.finding.trace or [Frame()]
        name, module = documents.text(message.finding.osv), documents.text(trace[0].module)
        if name is None or module is None:
            yield documents.missing(pointer, "osv" if name is None else "module", raw)
            continue
        key = name, module, documents.text(trace[0].version)
        level = 0 if documents.text(trace[0].function) else 1 if documents.text(trace[0].package) else 2
        if key not in found:
            found[key] = pointer, level, trace
        elif level < found[key][1]:
            found[key] = found[key][0], level, trace
    for (name, module, version), (pointer, level, trace) in found.items():
        advisory = advisories.get(name) or Advisory()
        rated = advisory.severity
        path, line = _called_from(trace)
        yield Result(
            pointer=pointer,
            title=f"{name} in {module}{f' {version}' if version else ''}",
            identity=(name, module, version),
            severity=documents.text(rated),
            cvss_vectors=vectors(*(documents.text(entry.score) for entry in rated)) if isinstance(rated, list) else (),
            rule=name,
            vulnerability_ids=documents.ids(name, advisory.aliases),
            component_name=module,
            component_version=version,
            file_path=path,
            line=line,
            location=location.package(module),
            source_state=_LEVELS[level],
        )


def _called_from(trace: list[Frame]) -> tuple[str | None, int | None]:
    """Where the program, whose own frames are last, calls into what is not its own."""
    program = documents.text(trace[-1].module)
    for frame in trace[1:]:
        if frame.position is not None and documents.text(frame.module) == program and (path := documents.text(frame.position.filename)):
            return path, documents.line(frame.position.line)
    return None, None


def _messages(content: bytes) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
    """Each message with its pointer: items of a list, lines, or objects that begin and end at the margin."""
    start = content[:256].lstrip()[:1]
    if start == b"[":
        yield from ((f"/{number}", raw) for number, raw in enumerate(documents.decode(_list, content, "a list of messages")))
        return
    if start != b"{":
        raise FileRejected("malformed", seen="neither a list nor objects", expected="a stream of messages")
    first, lines = 0, content.splitlines()
    for number, line in enumerate(lines):
        whole = number == first and line.startswith(b"{") and line.rstrip().endswith(b"}")
        if whole or line.startswith(b"}") or number + 1 == len(lines):
            message = b"\n".join(lines[first : number + 1])
            if message.strip():
                yield f"line {first + 1}", message
            first = number + 1
