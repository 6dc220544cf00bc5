"""testssl.sh: JSON (`--jsonfile`, a flat list), structured JSON (`--jsonfile-pretty`) and CSV (`--csvfile`), versions 2.9 to 3.2.

A result is what one check says of one address and port. `OK` is a passed check and yields nothing. `INFO` states a fact (a certificate's
name, a cipher) and is kept as informational, and so is `WARN`: a check that could not be finished. Left out are what is about testssl's own
machine (`engine_problem`, without a host), the scan's duration, and since 3.1 the rating (`overall_grade` and what it is made of): a sum of
the other results. `FATAL` is a host that could not be scanned: a reject, and where a report has nothing else the scan has failed.

A result is told from the others by check, address and port; the findings' texts hold days that pass and are in the title only. The place is
the host as it was asked for, with its port; where one name has several addresses they are one place, seen several times. Only the structured
JSON says when it started; there a result has the host of its block.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from transforms.domain import csv_reports, documents, location
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "testssl"
TITLE = "testssl.sh (JSON, CSV)"
SCANNER = "testssl"
CALIBRATION: dict[str, str] = {"warn": "informational"}

_FLAT = {"id", "ip", "port", "severity", "finding"}
_CSV = {"id", "fqdn/ip", "port", "severity", "finding"}
_PASSED = ("OK", "DEBUG")
_ABOUT_THE_SCAN = re.compile(r"scanTime|engine_problem|rating_\w+|\w+_score(?:_weighted)?|final_score|overall_grade|grade_cap_reason_?\w*")

_Any = object


class Finding(msgspec.Struct, gc=False):
    id: _Any = None
    ip: _Any = None
    port: _Any = None
    severity: _Any = None
    finding: _Any = None
    cve: _Any = None
    cwe: _Any = None


class Address(NamedTuple):
    host: str | None
    ip: str | None
    port: int | None
    endpoint: str
    location: location.Location


class Report(msgspec.Struct):
    scanResult: list[msgspec.Raw] | None
    startTime: _Any = None


_list = msgspec.json.Decoder(list[msgspec.Raw])
_report = msgspec.json.Decoder(Report)
_block = msgspec.json.Decoder(dict[str, msgspec.Raw])
_finding = msgspec.json.Decoder(Finding)


def recognise(head: Head) -> bool:
    keys = head.json.keys()
    if head.is_json_object:
        return {"Invocation", "scanResult", "openssl"} <= keys
    if head.is_json_list:
        return keys >= _FLAT and not keys - _FLAT - {"cve", "cwe", "hint"}
    return csv_reports.columns(head) >= _CSV


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    first = content.lstrip()[:1]
    captured = None
    if first == b"{":
        report = documents.decode(_report, content, "an object with a list `scanResult`")
        started = documents.number(report.startTime)
        captured = scan.stamp(started)
        found = _structured(report)
    elif first in (b"[", b""):
        found = _flat(content)
    else:
        found = _rows(content)
    used, failed = False, None
    seen: Counter[tuple] = Counter()
    for pointer, raw, item, address in found:
        if isinstance(item, Reject):
            yield item
            continue
        row = _result(pointer, raw, item, address or _address(documents.text(item.ip), documents.line(item.port)), captured)
        if isinstance(row, Reject) and row.reason == "not_scanned":
            failed = row.detail
        elif isinstance(row, Result):
            used = True
            if number := seen[row.identity]:  # a check may say several things of one port
                seen[row.identity] += 1
                row = msgspec.structs.replace(row, identity=(*row.identity, number))
            else:
                seen[row.identity] = 1
        if row is not None:
            yield row
    if failed and not used:
        raise FileRejected("failed_scan", seen=failed, expected="a host that answers")


_Found = Iterator[tuple[str, bytes | msgspec.Raw, Finding | Reject, Address | None]]


def _flat(content: bytes) -> _Found:
    for pointer, raw, item in documents.items(documents.decode(_list, content, "a list of findings"), _finding, ""):
        yield pointer, raw, item, None


def _structured(report: Report) -> _Found:
    for where, raw, block in documents.items(report.scanResult, _block, "/scanResult"):
        if isinstance(block, Reject):
            yield where, raw, block, None
            continue
        if "severity" in block:  # a host that did not answer has no block
            for _, one, item in documents.items([raw], _finding, where):
                yield where, one, item, None
            continue
        host, ip, port = (_plain(block.get(name)) for name in ("targetHost", "ip", "port"))
        address = _placed(host or ip, ip, documents.line(port))
        for name, value in block.items():
            if bytes(memoryview(value)[:1]) == b"[":
                for pointer, one, item in documents.items(
                    documents.decode(_list, bytes(value), "a list of findings"), _finding, f"{where}/{name}"
                ):
                    yield pointer, one, item, address


def _plain(raw: msgspec.Raw | None) -> str | None:
    return None if raw is None else documents.text(msgspec.json.decode(raw))


def _rows(content: bytes) -> _Found:
    for row in csv_reports.rows(content):
        if isinstance(row, Reject):
            yield row.pointer, b"", row, None
            continue
        pointer, cells, text = row
        item = Finding(**{name: cells.get("fqdn/ip" if name == "ip" else name) for name in Finding.__struct_fields__})
        yield pointer, text.encode(), item, None


@lru_cache(maxsize=4096)
def _address(ip: str | None, port: int | None) -> Address:
    """`name/192.0.2.1`, or either alone; `/` is testssl's own machine."""
    name, _, ip = (ip or "").partition("/")
    return _placed(name or ip or None, ip or None, port)


def _placed(host: str | None, ip: str | None, port: int | None) -> Address:
    if host is None:
        return Address(None, ip, port, "", location.NOWHERE)
    written = f"[{host}]" if ":" in host else host
    return Address(host, ip, port, f"{written}:{port}" if port else written, location.host(host, port, "tcp"))


@lru_cache(maxsize=4096)
def _is_about_the_scan(check: str) -> bool:
    return _ABOUT_THE_SCAN.fullmatch(check) is not None


def _result(pointer: str, raw: bytes | msgspec.Raw, item: Finding, address: Address, captured: Stamp | None) -> Result | Reject | None:
    check, severity = documents.text(item.id), documents.text(item.severity)
    if check is None or severity is None:
        return documents.missing(pointer, "id" if check is None else "severity", raw)
    finding = documents.text(item.finding) or ""
    if severity == "FATAL":
        return documents.reject(pointer, "not_scanned", documents.one_line(finding), raw)
    if severity in _PASSED or _is_about_the_scan(check):
        return None
    if address.host is None:
        return documents.missing(pointer, "host", raw)
    cve, cwe = documents.text(item.cve), documents.text(item.cwe)
    return Result(
        pointer=pointer,
        title=documents.one_line(f"{check}: {finding}" if finding else check),
        identity=(check, address.host, address.ip, address.port),
        severity=severity,
        rule=check,
        vulnerability_ids=documents.ids_within(cve) if cve else (),
        cwes=cwe_numbers(cwe.split()) if cwe else (),
        endpoint=address.endpoint,
        location=address.location,
        target=address.host,
        captured=captured,
    )
