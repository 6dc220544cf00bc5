"""TruffleHog: the JSON lines of version 3 (`trufflehog git|github|filesystem|… --json`) and of version 2 (`--json`), and lists of either.

In version 3 a line is one secret in one place; what it says besides (`SourceMetadata.Data`) depends on the source: repository, commit and
file, a bucket and its file, an image and layer, a page by its link. Whether the secret was tried and works (`Verified`) is evidence of a
state. In version 2 a line is one rule in one file of one commit, with every text that it found: one result for each of these. TruffleHog
rates nothing and says when the commit was made, not the scan: severity and capture stay open.

A result is told from the others by detector, source, file, commit, line and a digest of the secret. The secret, the text around it, the
commit's message and what the detector learnt by using it (`ExtraData`) are kept nowhere. The place is the file (else the link),
anchored by detector and digest, so that the same secret in two commits is one place. Lines of TruffleHog's log, which goes to the standard
error but is often redirected along, are left out. The other tool `trufflehog3` has a format of its own, which is not read.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location, secrets
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject, Result, Scan

NAME = "trufflehog"
TITLE = "TruffleHog (JSON)"
SCANNER = "trufflehog"
CALIBRATION: dict[str, str] = {}

_THREE = {"SourceMetadata", "DetectorName"}
_TWO = {"branch", "commitHash", "reason", "stringsFound"}
_LOG = {"level", "ts", "msg"}
#: What sources call the file, and what is scanned.
_FILES = ("file", "path", "filename", "file_path", "title")
_SOURCES = ("repository", "image", "bucket", "workspace", "project", "channel_name", "site", "space")

_Any = object


class Metadata(msgspec.Struct, gc=False):
    Data: dict[str, dict[str, _Any]] | None = None


class Line(msgspec.Struct, gc=False):
    """A line of version 3 and, in small letters, of version 2."""

    SourceMetadata: Metadata | None = None
    DetectorName: _Any = None
    Verified: _Any = None
    Raw: _Any = None
    RawV2: _Any = None
    reason: _Any = None
    path: _Any = None
    commitHash: _Any = None
    stringsFound: list[_Any] | None = None


_list = msgspec.json.Decoder(list[msgspec.Raw])
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])
_line = msgspec.json.Decoder(Line)


def recognise(head: Head) -> bool:
    keys = head.json.keys()
    if not keys and head.is_json_object:  # lines are no document: the first that is of no log is looked at
        for line in head.content[:1_000_000].split(b"\n"):
            if line.strip():
                keys = _members(line)
                if not keys >= _LOG:
                    break
    return keys >= _THREE or keys >= _TWO


def _members(line: bytes) -> set[str]:
    try:
        return set(_keys.decode(line))
    except documents.UNREADABLE:
        return set()


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    for pointer, raw in _raws(content.removeprefix(BOM)):
        try:
            line = _line.decode(raw)
        except documents.UNREADABLE as error:
            yield secrets.reject(pointer, "malformed", str(error))
            continue
        if line.SourceMetadata is None and line.reason is None and _members(bytes(raw)) >= _LOG:
            continue
        yield from _results(pointer, line)


def _raws(content: bytes) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
    start = content[:256].lstrip()[:1]
    if start == b"[":
        yield from ((f"/{number}", raw) for number, raw in enumerate(documents.decode(_list, content, "a list of findings")))
        return
    if start != b"{":
        raise FileRejected("malformed", seen="neither a list nor objects", expected="a finding a line")
    if _members(content):
        yield "", content  # one finding, on however many lines
        return
    yield from ((f"line {number}", line) for number, line in enumerate(content.split(b"\n"), 1) if line and not line.isspace())


def _results(pointer: str, line: Line) -> Iterator[Result | Reject]:
    rule = documents.text(line.DetectorName) or documents.text(line.reason)
    if rule is None:
        yield secrets.missing(pointer, "detector")
        return
    if line.SourceMetadata is None:
        path, commit = documents.text(line.path), documents.text(line.commitHash)
        for mark in dict.fromkeys(secrets.digest(found) for found in line.stringsFound or (None,)):
            yield _result(pointer, rule, path, commit, None, mark, None, None, None)
        return
    kind, data = next(iter((line.SourceMetadata.Data or {}).items()), (None, {}))
    path, link = _first(data, _FILES), documents.text(data.get("link"))
    source = _first(data, _SOURCES)
    commit = documents.text(data.get("commit")) or documents.text(data.get("layer"))
    yield _result(
        pointer,
        rule,
        path or link,
        commit,
        documents.line(data.get("line")),
        secrets.digest(line.RawV2) or secrets.digest(line.Raw),
        location.repository(source) if source else None,
        kind,
        {True: "verified", False: "unverified"}.get(line.Verified) if isinstance(line.Verified, bool) else None,
    )


def _first(data: dict[str, _Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := documents.text(data.get(name)))), None)


def _result(
    pointer: str,
    rule: str,
    path: str | None,
    commit: str | None,
    line: int | None,
    mark: str | None,
    source: str | None,
    kind: str | None,
    state: str | None,
) -> Result:
    return Result(
        pointer=pointer,
        title=documents.one_line(f"Hard coded {rule} in {path or source or kind or 'an unnamed place'}"),
        identity=(rule, kind, source, path, commit, line, mark),
        rule=rule,
        file_path=path,
        line=line,
        location=location.code(path, f"{rule}:{mark}" if mark else rule) if path else location.NOWHERE,
        target=source,
        source_state=state,
    )
