"""cargo-audit (`cargo audit --json`): crates of a Cargo.lock with advisories of RustSec, versions 0.11 on.

`vulnerabilities.list` are advisories that a locked version is open to. `warnings` are, by kind, what is informational there (`unmaintained`,
`unsound`, `notice`) and releases taken back (`yanked`), which have no advisory; before 0.14 they are one list. Both are results: the rule
of a yanked crate is its kind.

One result is one advisory on one crate and version; source and kind tell two apart too. RustSec rates by a CVSS vector or not at all, and
the report has neither a word nor a score: what has no vector stays unrated. Nothing says where the lock file was or when it was looked at.
Advisories that were told to be ignored (`settings.ignore`) are not in the lists.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.domain.scores import vectors

NAME = "cargo_audit"
TITLE = "cargo-audit (JSON)"
SCANNER = "cargo-audit"
CALIBRATION: dict[str, str] = {}

_Any = object


class Advisory(msgspec.Struct, gc=False):
    id: _Any = None
    aliases: _Any = None
    cvss: _Any = None
    withdrawn: _Any = None


class Package(msgspec.Struct, gc=False):
    name: _Any = None
    version: _Any = None
    source: _Any = None


class Match(msgspec.Struct, gc=False):
    kind: _Any = None
    advisory: Advisory | None = None
    package: Package | None = None


class Found(msgspec.Struct, rename={"matches": "list"}):
    matches: list[msgspec.Raw] | None = None


class Report(msgspec.Struct):
    vulnerabilities: Found
    warnings: dict[str, list[msgspec.Raw] | None] | list[msgspec.Raw] | None = None


_report = msgspec.json.Decoder(Report)
_match = msgspec.json.Decoder(Match)


def recognise(head: Head) -> bool:
    return head.is_json_object and {"database", "lockfile", "vulnerabilities"} <= head.json.keys()


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with `vulnerabilities`, an object with a list")
    yield from _results(report.vulnerabilities.matches, "/vulnerabilities/list", None)
    if isinstance(report.warnings, dict):
        for kind, raws in report.warnings.items():
            yield from _results(raws, f"/warnings/{kind}", kind)
    else:
        yield from _results(report.warnings, "/warnings", "warning")


def _results(raws: list[msgspec.Raw] | None, pointer: str, group: str | None) -> Iterator[Result | Reject]:
    for where, raw, item in documents.items(raws, _match, pointer):
        if isinstance(item, Reject):
            yield item
            continue
        package, advisory = item.package or Package(), item.advisory or Advisory()
        name, version, identifier = documents.text(package.name), documents.text(package.version), documents.text(advisory.id)
        kind = group and (documents.text(item.kind) or group)
        if name is None or (identifier is None and kind is None):
            yield documents.missing(where, "package" if name is None else "advisory", raw)
            continue
        crate = f"{name} {version}" if version else name
        yield Result(
            pointer=where,
            title=f"{identifier} in {crate}" if identifier else f"{crate} is {kind}",
            identity=(identifier, kind, name, version, documents.text(package.source)),
            cvss_vectors=vectors(documents.text(advisory.cvss)),
            rule=identifier or kind,
            vulnerability_ids=documents.ids(identifier, advisory.aliases),
            component_name=name,
            component_version=version,
            location=location.package(name),
            source_state="withdrawn" if documents.text(advisory.withdrawn) else None,
        )
