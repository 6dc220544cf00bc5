"""DefectDojo's generic findings, JSON and CSV: manual entry, third-party reports, and tools without a format of their own.

An unknown field is ignored, a bad item is one rejected row (rulings 10 to 19). An item with several endpoints is one result
for each distinct one.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import csv_reports, location
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.location import Endpoint, Location
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "generic"
TITLE = "Generic findings (JSON or CSV)"
SCANNER = "generic"
CALIBRATION: dict[str, str] = {}  # the policy's '*' table is this format's own

_CSV_FIELDS = {
    "date": "date",
    "title": "title",
    "cweid": "cwe",
    "url": "url",
    "severity": "severity",
    "description": "description",
    "cve": "cve",
    "vulnerability id": "vulnerability_id",
    "cvssv3": "cvssv3",
    "cvssv4": "cvssv4",
    "cvssv3_score": "cvssv3_score",
    "cvssv4_score": "cvssv4_score",
    "epss_score": "epss_score",
    "known_exploited": "known_exploited",
    "falsepositive": "false_p",
    "active": "active",
    "duplicate": "duplicate",
    "ismitigated": "is_mitigated",
}
_CSV_BOOLEANS = ("known_exploited", "false_p", "active", "duplicate", "is_mitigated")

#: Members of other formats that also have a list `findings`: Dependency-Track's export, AWS Inspector, Veracode.
_FOREIGN = {"meta", "project", "findingArn", "awsAccountId", "AwsAccountId", "match_based_id", "finding_details"}

_Text = str | int | float | None


class Item(msgspec.Struct, gc=False):
    """One finding of the report. Numbers where texts belong are what real files hold, so they are taken."""

    title: _Text = None
    severity: _Text = None
    description: _Text = None
    date: _Text = None
    cve: _Text = None
    vulnerability_ids: list[_Text] | None = None
    cwe: _Text = None
    cwes: list[_Text] | None = None
    cvssv3: str | None = None
    cvssv3_score: _Text = None
    cvssv4: str | None = None
    cvssv4_score: _Text = None
    epss_score: _Text = None
    known_exploited: bool | None = None
    component_name: _Text = None
    component_version: _Text = None
    file_path: _Text = None
    line: _Text = None
    endpoints: list[str | dict[str, str | int | None]] | None = None
    service: _Text = None
    unique_id_from_tool: _Text = None
    vuln_id_from_tool: _Text = None
    param: _Text = None
    active: bool | None = None
    false_p: bool | None = None
    is_mitigated: bool | None = None
    duplicate: bool | None = None


class Report(msgspec.Struct):
    findings: list[msgspec.Raw]
    type: str | None = None
    name: str | None = None


_item = msgspec.json.Decoder(Item)
_report = msgspec.json.Decoder(Report)


def recognise(head: Head) -> bool:
    if head.is_json_object:
        return bytes(head.json.get("findings", b"")).lstrip()[:1] == b"[" and not _FOREIGN & (head.json.keys() | head.item_keys("findings"))
    header = {cell.lower() for cell in head.csv_header}
    return {"title", "severity", "description"} <= header and bool({"date", "cweid", "url"} & header)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"{":
        yield from _parse_json(content, scan)
    else:
        yield from _parse_csv(content, scan)


def _parse_json(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    try:
        report = _report.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileRejected("malformed", seen=f"not a generic findings report: {error}", expected="an object with a list `findings`") from None
    scanner = report.type or report.name
    for number, raw in enumerate(report.findings):
        pointer = f"/findings/{number}"
        try:
            item = _item.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Reject(pointer, "malformed", str(error), bytes(raw)[:2000].decode("utf-8", "replace"))
            continue
        missing = _missing(item)
        if missing:
            yield Reject(pointer, missing, f"the item has no {missing.removeprefix('missing_')}", bytes(raw)[:2000].decode("utf-8", "replace"))
            continue
        try:
            yield from _results(pointer, item, scan, scanner)
        except ValueError as error:
            yield Reject(pointer, "malformed", str(error), bytes(raw)[:2000].decode("utf-8", "replace"))


def _parse_csv(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    # Real exports end in a stray quote: the row before it is a row all the same.
    for found in csv_reports.rows(content, strict=False):
        if isinstance(found, Reject):
            yield found
            continue
        pointer, cells, raw = found
        try:
            item = _csv_item({_CSV_FIELDS.get(name, name): value for name, value in cells.items()})
            missing = _missing(item)
            if missing:
                yield Reject(pointer, missing, f"the row has no {missing.removeprefix('missing_')}", raw)
                continue
            yield from _results(pointer, item, scan, None)
        except ValueError as error:
            yield Reject(pointer, "malformed", str(error), raw)


def _csv_item(row: dict[str, str]) -> Item:
    known = {name: value for name, value in row.items() if name in Item.__struct_fields__ and name not in ("vulnerability_ids", "cwes", "endpoints")}
    flags = {name: known.pop(name).lower() in ("true", "1", "yes") for name in _CSV_BOOLEANS if name in known}
    return Item(
        **known,
        **flags,
        vulnerability_ids=[row["vulnerability_id"]] if "vulnerability_id" in row else None,
        endpoints=[row["url"]] if "url" in row else None,
    )


def _missing(item: Item) -> str | None:
    """The reason word of the first required field that is absent or blank; a severity must be a text."""
    if not _text(item.title):
        return "missing_title"
    if not isinstance(item.severity, str) or not item.severity.strip():
        return "missing_severity"
    if item.description is None:
        return "missing_description"
    return None


def _results(pointer: str, item: Item, scan: Scan, scanner: str | None) -> Iterator[Result]:
    # A file of 100,000 items passes here: plain locals, one Result built per endpoint.
    endpoints = _endpoints(item.endpoints)
    ids = _ids(item)
    title, own_id, rule = _text(item.title) or "", _text(item.unique_id_from_tool), _text(item.vuln_id_from_tool)
    component, file_path, param, service = _text(item.component_name), _text(item.file_path), _text(item.param), _text(item.service)
    line, version = _line(item.line), _text(item.component_version)
    cwes = cwe_numbers(item.cwe, item.cwes)
    captured = None
    if item.date is not None:
        captured = scan.stamp(item.date)
        if captured is None and str(item.date).strip():
            raise ValueError(f"date {item.date!r} is no instant")
    for endpoint in endpoints or (None,):
        text = endpoint and _endpoint_text(endpoint)
        yield Result(
            pointer=pointer,
            title=title,
            identity=(title, _text(item.description), cwes, line, file_path, component, version, text, param, own_id, rule, ids, service),
            severity=item.severity,  # type: ignore[arg-type]  # checked by _missing
            score=_number(item.cvssv4_score if item.cvssv4_score is not None else item.cvssv3_score, 10),
            cvss_vectors=tuple(vector for vector in (item.cvssv4, item.cvssv3) if vector),
            rule=rule or title,
            vulnerability_ids=ids,
            cwes=cwes,
            known_exploited=bool(item.known_exploited),
            epss=_number(item.epss_score, 1),
            component_name=component,
            component_version=version,
            file_path=file_path,
            line=line,
            endpoint=text,
            location=_location(component, endpoint, param, file_path, own_id or title),
            target=service or (endpoint.host if endpoint else None),
            captured=captured,
            own_id=own_id,
            source_state=_source_state(item),
            scanner=scanner,
        )


def _location(component: str | None, endpoint: Endpoint | None, param: str | None, file_path: str | None, anchor: str) -> Location:
    if component:
        return location.package(component)
    if endpoint:
        return location.of_endpoint(endpoint, param)
    if file_path:
        return location.code(file_path, anchor)
    return location.NOWHERE


def _ids(item: Item) -> tuple[str, ...]:
    if item.vulnerability_ids is None:
        only = _text(item.cve)
        return (only.upper(),) if only else ()
    return tuple(sorted({text.upper() for value in (item.cve, *(item.vulnerability_ids or ())) if (text := _text(value))}))


def _endpoints(values: list[str | dict[str, str | int | None]] | None) -> list[Endpoint]:
    if not values:
        return []
    endpoints: dict[Endpoint, None] = {}
    for value in values:
        if isinstance(value, str):
            if value.strip():
                endpoints[location.parse_endpoint(value)] = None
        elif value.get("host"):
            port, path = value.get("port"), str(value.get("path") or "")
            endpoints[
                Endpoint(
                    str(value.get("protocol") or value.get("scheme") or "").lower(),
                    str(value["host"]).strip().rstrip(".").lower(),
                    int(port) if port not in (None, "") else None,  # type: ignore[arg-type]
                    path if not path or path.startswith("/") else f"/{path}",
                )
            ] = None
    return list(endpoints)


def _endpoint_text(endpoint: Endpoint) -> str:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    port = "" if endpoint.port is None else f":{endpoint.port}"
    return f"{endpoint.scheme}://{host}{port}{endpoint.path}" if endpoint.scheme else f"{host}{port}{endpoint.path}"


def _source_state(item: Item) -> str | None:
    if not (item.false_p or item.is_mitigated or item.duplicate or item.active is False):
        return None
    states = [name for name in ("false_p", "is_mitigated", "duplicate") if getattr(item, name)]
    if item.active is False:
        states.append("inactive")
    return ",".join(states) or None


def _text(value: _Text) -> str | None:
    if value is None:
        return None
    return (value if type(value) is str else str(value)).strip() or None


def _line(value: _Text) -> int | None:
    number = _number(value, 2**31 - 1)
    return None if number is None else int(number)


def _number(value: _Text, highest: float) -> float | None:
    """A number from 0 to `highest`; None for anything else: a score of 98 is no score."""
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= highest else None
