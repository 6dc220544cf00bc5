"""pip-audit's JSON report (`pip-audit -f json`): packages of an environment, project or requirements file with known vulnerabilities.

An object with `dependencies` (and `fixes` of `--fix`, which are no results); before 2.5 the bare list of dependencies. `aliases` came
with 2.1.

A result is one advisory on one package and version. pip-audit rates nothing and names neither what it audited nor when: severity, target
and time come from elsewhere. A dependency that it could not audit (`skip_reason`) is one rejected row, as nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject, Result, Scan

NAME = "pip_audit"
TITLE = "pip-audit (JSON)"
SCANNER = "pip-audit"
CALIBRATION: dict[str, str] = {}  # pip-audit rates nothing

_Any = object


class Advisory(msgspec.Struct, gc=False):
    id: _Any = None
    aliases: _Any = None


class Dependency(msgspec.Struct, gc=False):
    name: _Any = None
    version: _Any = None
    skip_reason: _Any = None
    vulns: list[msgspec.Raw] | None = None


class Report(msgspec.Struct):
    dependencies: list[msgspec.Raw]


_report = msgspec.json.Decoder(Report)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_dependency = msgspec.json.Decoder(Dependency)
_advisory = msgspec.json.Decoder(Advisory)


def recognise(head: Head) -> bool:
    if head.is_json_list:
        keys = set(head.json)
    else:
        keys = head.item_keys("dependencies")
        if head.json.keys() == {"dependencies", "fixes"} and not keys:
            return True
    return "name" in keys and ("skip_reason" in keys or {"version", "vulns"} <= keys)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"[":
        raws, base = documents.decode(_list, content, "a list of dependencies"), ""
    else:
        raws, base = documents.decode(_report, content, "an object with a list `dependencies`").dependencies, "/dependencies"
    for pointer, raw, dependency in documents.items(raws, _dependency, base):
        if isinstance(dependency, Reject):
            yield dependency
            continue
        name, version = documents.text(dependency.name), documents.text(dependency.version)
        if name is None:
            yield documents.missing(pointer, "name", raw)
        elif dependency.vulns is None:
            yield documents.reject(pointer, "not_scanned", documents.text(dependency.skip_reason) or "neither advisories nor a reason", raw)
        else:
            yield from _results(pointer, name, version, dependency.vulns)


def _results(where: str, name: str, version: str | None, raws: list[msgspec.Raw]) -> Iterator[Result | Reject]:
    for pointer, raw, advisory in documents.items(raws, _advisory, f"{where}/vulns"):
        if isinstance(advisory, Reject):
            yield advisory
            continue
        identifier = documents.text(advisory.id)
        if identifier is None:
            yield documents.missing(pointer, "id", raw)
            continue
        yield Result(
            pointer=pointer,
            title=f"{identifier} in {name}{f' {version}' if version else ''}",
            identity=(identifier, name, version),
            rule=identifier,
            vulnerability_ids=documents.advisory_ids(identifier, advisory.aliases),
            component_name=name,
            component_version=version,
            location=location.package(name),
        )
