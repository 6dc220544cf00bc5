"""Checkmarx OSA (open source analysis of CxSAST): vulnerabilities and libraries of one scan, together as a list of these two lists.

The REST API gives them apart (`/osa/vulnerabilities`, `/osa/libraries`); tools put both answers in one file, as only the library's list
says which package a `libraryId` is. A result is one vulnerability of one library, with Checkmarx's id of it. A vulnerability without its
library names no place and is rejected. Neither list says what was scanned nor when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan

NAME = "checkmarx_osa"
TITLE = "Checkmarx OSA (JSON)"
SCANNER = "checkmarx-osa"
CALIBRATION: dict[str, str] = {}  # High, Medium and Low, as the policy has them

_START = re.compile(rb"\s*\[\s*\[")
_VULNERABILITY, _LIBRARY = {"id", "cveName", "severity"}, {"id", "name", "version", "confidenceLevel"}
#: States that say someone looked: the others are where every vulnerability begins, or that it is one.
_STATES = ("not_exploitable", "proposed_not_exploitable")

_Any = object


class Named(msgspec.Struct, gc=False):
    name: _Any = None


class Vulnerability(msgspec.Struct, gc=False):
    id: _Any = None
    cveName: _Any = None
    score: _Any = None
    severity: Named | None = None
    libraryId: _Any = None
    state: Named | None = None


class Library(msgspec.Struct, gc=False):
    id: _Any = None
    name: _Any = None
    version: _Any = None


_lists = msgspec.json.Decoder(tuple[list[msgspec.Raw], list[msgspec.Raw]])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_vulnerability = msgspec.json.Decoder(Vulnerability)
_library = msgspec.json.Decoder(Library)


def recognise(head: Head) -> bool:
    if not _START.match(head.content):
        return False
    try:
        found, libraries = _lists.decode(head.content)
        of_found = _members.decode(found[0]).keys() if found else _VULNERABILITY
        of_libraries = _members.decode(libraries[0]).keys() if libraries else _LIBRARY
    except documents.UNREADABLE:
        return False
    return bool(found or libraries) and of_found >= _VULNERABILITY and of_libraries >= _LIBRARY


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    found, stated = documents.decode(_lists, content, "a list of two lists: vulnerabilities and libraries")
    libraries: dict[str, Library] = {}
    for _, _, library in documents.items(stated, _library, "/1"):
        if isinstance(library, Reject):
            yield library
        elif identifier := documents.text(library.id):
            libraries[identifier] = library
    for pointer, raw, item in documents.items(found, _vulnerability, "/0"):
        if isinstance(item, Reject):
            yield item
            continue
        identifier, of = documents.text(item.cveName), documents.text(item.libraryId)
        if identifier is None or of is None:
            yield documents.missing(pointer, "cveName" if identifier is None else "libraryId", raw)
            continue
        library = libraries.get(of)
        name = documents.text(library.name) if library else None
        if library is None or name is None:
            yield documents.reject(pointer, "unknown_library", f"no library {of} with a name", raw)
            continue
        version, state = documents.text(library.version), (documents.text(item.state.name) if item.state else None) or ""
        yield Result(
            pointer=pointer,
            title=f"{identifier} in {name}{f' {version}' if version else ''}",
            identity=(identifier, name, version, of),
            severity=documents.text(item.severity.name) if item.severity else None,
            score=documents.score(item.score),
            rule=identifier,
            vulnerability_ids=documents.advisory_ids(identifier),
            component_name=name,
            component_version=version,
            location=location.package(name),
            own_id=documents.text(item.id),
            source_state=state.lower() if state.lower() in _STATES else None,
        )
