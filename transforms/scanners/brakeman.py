"""Brakeman (`brakeman -f json`): warnings of Rails applications, versions 2 to 8.

One result is one warning; those told to be ignored (`ignored_warnings`, by `config/brakeman.ignore`) are kept with that as their state.
`errors` are files that could not be read, `obsolete` are ignored fingerprints that no longer occur: no results. The comparison of two
reports (`--compare`) is not read: it lists differences and no scan.

Brakeman rates by its confidence only, and takes that as the level of its own SARIF: so it is the severity here (`Weak` is SARIF's note). Its
fingerprint is made of the warning, its code and its place without the line: it anchors the location and is the own id. A warning on the
version of Rails names its CVE in the message. The path of the application is that of the machine that scanned it, and names no asset.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "brakeman"
TITLE = "Brakeman (JSON)"
SCANNER = "brakeman"
CALIBRATION: dict[str, str] = {"weak": "low"}

_Any = object


class Warning(msgspec.Struct, gc=False):
    warning_type: _Any = None
    warning_code: _Any = None
    fingerprint: _Any = None
    check_name: _Any = None
    message: _Any = None
    file: _Any = None
    line: _Any = None
    confidence: _Any = None
    cwe_id: _Any = None


class ScanInfo(msgspec.Struct):
    start_time: _Any = None
    end_time: _Any = None
    timestamp: _Any = None


class Report(msgspec.Struct):
    warnings: list[msgspec.Raw] | None
    ignored_warnings: list[msgspec.Raw] | None = None
    scan_info: ScanInfo | None = None


_report = msgspec.json.Decoder(Report)
_warning = msgspec.json.Decoder(Warning)


def recognise(head: Head) -> bool:
    return head.is_json_object and {"scan_info", "warnings"} <= head.json.keys() and b'"brakeman_version"' in bytes(head.json["scan_info"])


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `warnings`")
    info = report.scan_info or ScanInfo()
    captured = scan.stamp(info.end_time) or scan.stamp(info.start_time) or scan.stamp(info.timestamp)
    found: list[tuple[str, Warning, str, str, Place, str | None]] = []
    for raws, list_, state in ((report.warnings, "/warnings", None), (report.ignored_warnings, "/ignored_warnings", "ignored")):
        for pointer, raw, item in documents.items(raws, _warning, list_):
            if isinstance(item, Reject):
                yield item
                continue
            kind, path = documents.text(item.warning_type), documents.text(item.file)
            if kind is None or path is None:
                yield documents.missing(pointer, "warning_type" if kind is None else "file", raw)
                continue
            rule = documents.text(item.check_name) or kind
            place = Place((path, rule), (documents.line(item.line) or 0, 0, documents.text(item.message) or ""))
            found.append((pointer, item, kind, rule, place, state))
    ranks = ordinals(place for *_, place, _ in found)
    for pointer, item, kind, rule, place, state in found:
        path, (line, _, message) = place.within[0], place.position
        fingerprint = documents.text(item.fingerprint)
        yield Result(
            pointer=pointer,
            title=documents.one_line(f"{kind}: {message}" if message else kind),
            identity=(rule, documents.text(item.warning_code), path, line, message, fingerprint),
            severity=documents.text(item.confidence),
            rule=rule,
            vulnerability_ids=documents.ids_within(message),
            cwes=cwe_numbers(item.cwe_id),
            file_path=path,
            line=line or None,
            location=location.code(path, fingerprint or anchor(rule, ranks[place])),
            captured=captured,
            own_id=fingerprint,
            source_state=state,
        )
