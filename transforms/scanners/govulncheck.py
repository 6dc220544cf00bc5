"""govulncheck (`govulncheck -json`, from 1.1 also `-format json`): modules of a Go program or binary with advisories of the Go database.

Protocol 1.0: a stream of messages, each an object with one member, indented or a line each, or put into a list. `osv` is an advisory and
`finding` one trace that leads to it. Since 1.1 there is a finding for the module, one for its package and one for each function that is
called; all of one advisory and module version are one result. How far the program gets to the vulnerable code is evidence of a state:
`called`, `imported` or just `required`. File and line are where the program itself calls, by its deepest trace.

Results are told apart by advisory, module and version; the place is the module (`stdlib` is Go's own library). The Go database rates
nothing; private ones may put a vector, or a word, into `severity`. A stream has no time of its scan. `config`, `progress` and `SBOM` are no
results. Its SARIF is `sarif`.

Before 1.0 it wrote one object with `Vulns`: until January 2023 a row for each function, with the graphs (`Calls`, `Imports`, `Requires`) that
its numbers point into, of which the versions are read; then an advisory with its modules, their packages and call stacks.
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


class OldFrame(msgspec.Struct, gc=False):
    Position: dict[str, _Any] | None = None


class Stack(msgspec.Struct, gc=False):
    Frames: list[OldFrame] | None = None


class Package(msgspec.Struct, gc=False):
    CallStacks: list[Stack] | None = None


class Module(msgspec.Struct, gc=False):
    Path: _Any = None
    FoundVersion: _Any = None
    Packages: list[Package] | None = None


class Vuln(msgspec.Struct, gc=False):
    """An advisory with its modules, or one of its functions."""

    OSV: Advisory | None = None
    Modules: list[Module] | None = None
    ModPath: _Any = None
    CallSink: _Any = None
    ImportSink: _Any = None
    RequireSink: _Any = None


class Required(msgspec.Struct, gc=False):
    Version: _Any = None


class Requires(msgspec.Struct):
    Modules: dict[str, Required] | None = None


class Old(msgspec.Struct):
    Vulns: list[msgspec.Raw] | None
    Requires: Requires | None = None


class Found(msgspec.Struct):
    """The nearest trace to one advisory in one version of a module."""

    pointer: str
    level: int
    path: str | None
    line: int | None


class Report(msgspec.Struct):
    """What was read: advisories by id, and what was found by advisory, module and version."""

    advisories: dict[str, Advisory]
    found: dict[tuple[str, str, str | None], Found]

    def add(self, name: str, module: str, version: str | None, found: Found) -> None:
        known = self.found.setdefault((name, module, version), found)
        if found.level < known.level:
            known.level, known.path, known.line = found.level, found.path, found.line


_OLD = {"Calls", "Imports", "Requires", "Vulns", "Modules"}
_list = msgspec.json.Decoder(list[msgspec.Raw])
_old = msgspec.json.Decoder(Old)
_vuln = msgspec.json.Decoder(Vuln)
_message = msgspec.json.Decoder(Message)


def recognise(head: Head) -> bool:
    if head.is_json_object and "Vulns" in head.json:
        return head.json.keys() <= _OLD
    return _START.match(head.content[:4096]) is not None


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    report = Report({}, {})
    try:
        old = _old.decode(content)
    except documents.UNREADABLE as error:
        head = Head(content)
        if head.is_json_object and "Vulns" in head.json:
            raise FileRejected("malformed", seen=str(error), expected="an object with a list `Vulns`") from None
        # A stream or a list of messages.
        yield from _read_messages(content, report)
    else:
        yield from _read_old(old, report)
    for (name, module, version), found in report.found.items():
        advisory = report.advisories.get(name) or Advisory()
        rated = advisory.severity
        yield Result(
            pointer=found.pointer,
            title=f"{name} in {module}{f' {version}' if version else ''}",
            identity=(name, module, version),
            severity=documents.text(rated),
            cvss_vectors=vectors(*(documents.text(entry.score) for entry in rated)) if isinstance(rated, list) else (),
            rule=name,
            vulnerability_ids=documents.ids(name, advisory.aliases),
            component_name=module,
            component_version=version,
            file_path=found.path,
            line=found.line,
            location=location.package(module),
            source_state=_LEVELS[found.level],
        )


def _read_messages(content: bytes, report: Report) -> Iterator[Reject]:
    for pointer, raw in _messages(content):
        try:
            message = _message.decode(raw)
        except documents.UNREADABLE as error:
            yield documents.reject(pointer, "malformed", str(error), raw)
            continue
        if message.osv is not None and (name := documents.text(message.osv.id)):
            report.advisories[name] = message.osv
        if message.finding is None:
            continue
        trace = message.finding.trace or [Frame()]
        name, module = documents.text(message.finding.osv), documents.text(trace[0].module)
        if name is None or module is None:
            yield documents.missing(pointer, "osv" if name is None else "module", raw)
            continue
        level = 0 if documents.text(trace[0].function) else 1 if documents.text(trace[0].package) else 2
        report.add(name, module, documents.text(trace[0].version), Found(pointer, level, *_called_from(trace)))


def _read_old(old: Old, report: Report) -> Iterator[Reject]:
    required = (old.Requires.Modules if old.Requires else None) or {}
    for pointer, raw, item in documents.items(old.Vulns, _vuln, "/Vulns"):
        if isinstance(item, Reject):
            yield item
            continue
        name = documents.text(item.OSV.id) if item.OSV else None
        modules = item.Modules or [Module(item.ModPath, (required.get(documents.text(item.RequireSink) or "") or Required()).Version)]
        if name is None or item.OSV is None or any(documents.text(module.Path) is None for module in modules):
            yield documents.missing(pointer, "osv" if name is None else "module", raw)
            continue
        report.advisories[name] = item.OSV
        for module in modules:
            stack = next((stack.Frames or [] for package in module.Packages or () for stack in package.CallStacks or ()), None)
            level = 0 if stack is not None or item.CallSink else 1 if module.Packages or item.ImportSink else 2
            # The program's own frames are first here.
            place = next((frame.Position for frame in stack or () if frame.Position and documents.text(frame.Position.get("Filename"))), {})
            found = Found(pointer, level, documents.text(place.get("Filename")), documents.line(place.get("Line")))
            report.add(name, documents.text(module.Path) or "", documents.text(module.FoundVersion), found)


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
