"""Prowler: OCSF JSON (`-M json-ocsf`, 3.6 on), its own JSON (version 3: a list; version 2: JSON lines) and CSV of versions 2 to 5. What it
writes as ASFF is ASFF.

One result is one check that failed on one resource of one account. A check that passed, or that a person has to make (`MANUAL`, and `INFO`
in version 2), is no finding and yields nothing. A failure that was muted (allowlisted in version 3, where its status is `WARNING`) is kept
with that as its state.

Prowler may report one check twice on one resource with two texts under one id, so the text tells results apart too. The target is the
account, subscription, project or cluster that was scanned; the place is the resource. Version 2's CSV names a resource only since 2.7:
before, the text stands for it, without its numbers, because those are mostly days that pass.

The capture is when the check ran. OCSF has it in seconds and as a text without a zone; only the first is an instant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.csv_reports import columns, first, rows
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.documents import text
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan

NAME = "prowler"
TITLE = "Prowler (OCSF, JSON or CSV)"
SCANNER = "prowler"
CALIBRATION: dict[str, str] = {"fatal": "critical"}  # OCSF's highest

_PASSED = {"PASS", "PASSED", "INFO", "MANUAL"}
_MUTED = {"WARNING", "MUTED"}
_STATUSES = _PASSED | _MUTED | {"FAIL", "FAILED"}
#: Version 2 puts its own id of the check into the title: `[check11] Avoid the use of the root account (Scored)`.
_CHECK = re.compile(r"\[(?P<id>\w+)\]\s*(?P<title>.+)", re.DOTALL)
_NUMBER = re.compile(r"(?<!\S)\d+(?!\S)")
_MILLISECONDS = 100_000_000_000
#: What is no instant in milliseconds either, and may be too long a number to divide.
_BEYOND = 1_000 * _MILLISECONDS

_Any = object


class _Check(msgspec.Struct, gc=False, kw_only=True):
    """One check on one resource, whichever dialect it came in."""

    rule: str | None
    title: str | None
    message: str | None
    status: str | None
    severity: str | None
    uid: str | None = None
    account: str | None = None
    region: str | None = None
    resource: str | None = None
    captured: Stamp | None = None
    muted: bool = False


# OCSF -----------------------------------------------------------------------------------------------------------------------------


class Metadata(msgspec.Struct, gc=False):
    event_code: _Any = None


class Info(msgspec.Struct, gc=False):
    title: _Any = None
    uid: _Any = None
    created_time: _Any = None
    product_uid: _Any = None


class Resource(msgspec.Struct, gc=False):
    uid: _Any = None
    name: _Any = None
    region: _Any = None
    namespace: _Any = None


class Account(msgspec.Struct, gc=False):
    uid: _Any = None


class Cloud(msgspec.Struct, gc=False):
    account: Account | None = None
    region: _Any = None


class Unmapped(msgspec.Struct, gc=False):
    check_id: _Any = None
    provider_uid: _Any = None


class Ocsf(msgspec.Struct, gc=False):
    metadata: Metadata | None = None
    finding_info: Info | None = None
    finding: Info | None = None
    resources: list[Resource] | None = None
    cloud: Cloud | None = None
    unmapped: Unmapped | None = None
    severity: _Any = None
    status: _Any = None
    status_code: _Any = None
    status_detail: _Any = None
    message: _Any = None
    time: _Any = None
    time_dt: _Any = None
    event_time: _Any = None


def _of_ocsf(item: Ocsf, scan: Scan) -> _Check:
    info, cloud, unmapped = item.finding_info or item.finding or Info(), item.cloud or Cloud(), item.unmapped or Unmapped()
    resource = next(iter(item.resources or ()), None) or Resource()
    return _Check(
        rule=(text(item.metadata.event_code) if item.metadata else None) or text(unmapped.check_id),
        title=text(info.title),
        message=text(item.status_detail) or text(item.message),
        status=text(item.status_code),
        severity=text(item.severity),
        uid=text(info.uid),
        account=(text(cloud.account.uid) if cloud.account else None) or text(unmapped.provider_uid),
        region=text(resource.region) or text(resource.namespace) or text(cloud.region),
        resource=text(resource.uid) or text(resource.name),
        captured=_stamp(scan, item.time, item.time_dt, item.event_time, info.created_time),
        muted=(text(item.status) or "").lower() == "suppressed",
    )


# Its own JSON ---------------------------------------------------------------------------------------------------------------------


class Native(msgspec.Struct, rename="pascal", gc=False):
    """Version 3; accounts and resources are named after the provider."""

    check_id: _Any = msgspec.field(default=None, name="CheckID")
    check_title: _Any = None
    finding_unique_id: _Any = None
    status: _Any = None
    status_extended: _Any = None
    severity: _Any = None
    account_id: _Any = None
    subscription: _Any = None
    project_id: _Any = None
    region: _Any = None
    location: _Any = None
    resource_arn: _Any = None
    resource_id: _Any = None
    resource_name: _Any = None
    timestamp: _Any = None
    assessment_start_time: _Any = None


def _of_native(item: Native, scan: Scan) -> _Check:
    return _Check(
        rule=text(item.check_id),
        title=text(item.check_title),
        message=text(item.status_extended),
        status=text(item.status),
        severity=text(item.severity),
        uid=text(item.finding_unique_id),
        account=text(item.account_id) or text(item.subscription) or text(item.project_id),
        region=text(item.region) or text(item.location),
        resource=text(item.resource_arn) or text(item.resource_id) or text(item.resource_name),
        captured=_stamp(scan, item.timestamp, item.assessment_start_time),
    )


class Line(msgspec.Struct, gc=False):
    """Version 2."""

    control: _Any = msgspec.field(default=None, name="Control")
    control_id: _Any = msgspec.field(default=None, name="Control ID")
    message: _Any = msgspec.field(default=None, name="Message")
    status: _Any = msgspec.field(default=None, name="Status")
    severity: _Any = msgspec.field(default=None, name="Severity")
    account: _Any = msgspec.field(default=None, name="Account Number")
    region: _Any = msgspec.field(default=None, name="Region")
    resource: _Any = msgspec.field(default=None, name="Resource ID")
    timestamp: _Any = msgspec.field(default=None, name="Timestamp")


def _of_line(item: Line, scan: Scan) -> _Check:
    rule, title = _split(text(item.control_id), text(item.control))
    return _Check(
        rule=rule,
        title=title,
        message=text(item.message),
        status=text(item.status),
        severity=text(item.severity),
        account=text(item.account),
        region=text(item.region),
        resource=text(item.resource),
        captured=_stamp(scan, item.timestamp),
    )


def _split(control: str | None, title: str | None) -> tuple[str | None, str | None]:
    """The check's id and title of version 2; the number of the CIS benchmark where the title has no id."""
    match = _CHECK.match(title or "")
    return (match["id"], match["title"]) if match else (control, title)


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_ocsf = msgspec.json.Decoder(Ocsf)
_native = msgspec.json.Decoder(Native)
_line = msgspec.json.Decoder(Line)


def recognise(head: Head) -> bool:
    if head.is_json_list or head.is_json_object:
        # JSON lines are no JSON document: their first line is.
        whole = head if head.json else Head(head.content.lstrip().split(b"\n", 1)[0])
        return _reader(whole.json) is not None
    names = columns(head)
    if {"check_id", "status_extended"} <= names:
        return bool({"finding_uid", "finding_unique_id"} & names)
    return {"title_id", "title_text", "account_num"} <= names and bool({"check_result", "result"} & names)


def _reader(members: dict[str, msgspec.Raw]) -> Callable[[bytes, Scan], _Check] | None:
    """What reads an item with these members."""
    keys = members.keys()
    if {"finding_info", "finding"} & keys and {"metadata", "status_code"} <= keys and b'"prowler"' in bytes(members["metadata"]).lower():
        return lambda raw, scan: _of_ocsf(_ocsf.decode(raw), scan)
    if {"CheckID", "StatusExtended"} <= keys:
        return lambda raw, scan: _of_native(_native.decode(raw), scan)
    if {"Control", "Control ID", "Message", "Account Number"} <= keys:
        return lambda raw, scan: _of_line(_line.decode(raw), scan)
    return None


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] in (b"{", b"["):
        yield from _parse_json(content, scan)
    else:
        yield from _parse_csv(content, scan)


def _parse_json(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    if content.lstrip()[:1] == b"[":
        raws = [(f"/{number}", bytes(raw)) for number, raw in enumerate(documents.decode(_list, content, "a list of checks"))]
    else:
        raws = _lines(content)
    reader = next((found for _, raw in raws if (found := _reader(_members(raw)))), None)
    if reader is None and raws:
        raise FileRejected("malformed", seen="no item is a check of Prowler", expected="OCSF, or a list or lines of checks")
    for pointer, raw in raws:
        try:
            check = reader(raw, scan)  # type: ignore[misc]
        except documents.UNREADABLE as error:
            yield documents.reject(pointer, "malformed", str(error), raw)
            continue
        yield from _rows(pointer, check, raw[:RAW_LIMIT].decode("utf-8", "replace"))


def _lines(content: bytes) -> list[tuple[str, bytes]]:
    try:
        _object.decode(content)
    except documents.UNREADABLE:
        return [(f"line {number}", line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    return [("", content)]


def _members(raw: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _object.decode(raw)
    except documents.UNREADABLE:
        return {}


# CSV ------------------------------------------------------------------------------------------------------------------------------


def _parse_csv(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    for record in rows(content):
        if isinstance(record, Reject):
            yield record
            continue
        pointer, row, raw = record
        yield from _rows(pointer, _of_new_row(row, scan) if "check_id" in row else _of_old_row(row, scan), raw)


def _of_new_row(row: dict[str, str], scan: Scan) -> _Check:
    """Versions 3 to 5; version 3 names accounts and resources after the provider."""
    return _Check(
        rule=row.get("check_id"),
        title=row.get("check_title"),
        message=row.get("status_extended"),
        status=row.get("status"),
        severity=row.get("severity"),
        uid=first(row, "finding_uid", "finding_unique_id"),
        account=first(row, "account_uid", "account_id", "subscription", "project_id"),
        region=first(row, "region", "location"),
        resource=first(row, "resource_uid", "resource_arn", "resource_id", "resource_name"),
        captured=_stamp(scan, row.get("timestamp"), row.get("assessment_start_time")),
        muted=(row.get("muted") or "").lower() == "true",
    )


def _of_old_row(row: dict[str, str], scan: Scan) -> _Check:
    """Version 2; before 2.3 the result stood in RESULT and its text in NOTES, and there was no severity."""
    rule, title = _split(row.get("title_id"), row.get("title_text"))
    return _Check(
        rule=rule,
        title=title,
        message=first(row, "check_result_extended", "notes"),
        status=first(row, "check_result", "result"),
        severity=row.get("check_severity"),
        account=row.get("account_num"),
        region=row.get("region"),
        resource=row.get("check_resource_id"),
        captured=_stamp(scan, row.get("prowler_start_time")),
    )


# Both -----------------------------------------------------------------------------------------------------------------------------


def _stamp(scan: Scan, *values: _Any) -> Stamp | None:
    """The first that is an instant; epoch seconds are that also as a text, and newer OCSF has milliseconds."""
    for value in values:
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and _MILLISECONDS < value < _BEYOND:
            value /= 1000
        if stamp := scan.stamp(value):
            return stamp
    return None


def _rows(pointer: str, check: _Check, raw: str) -> Iterator[Result | Reject]:
    status = (check.status or "").upper()
    if status in _PASSED:
        return
    title = check.title or check.message
    absent = next((name for name, value in (("status", status), ("check_id", check.rule), ("title", title)) if not value), None)
    if absent or status not in _STATUSES:
        reason, detail = (f"missing_{absent}", f"the item has no {absent}") if absent else ("unknown_status", f"status {check.status!r}")
        yield Reject(pointer, reason, detail, raw)
        return
    place = check.resource or _NUMBER.sub("#", check.message or "") or check.account or ""
    # A name without account and region in it may stand in each of them.
    is_whole = place.startswith(("arn:", "/subscriptions/")) or not check.region
    yield Result(
        pointer=pointer,
        title=documents.one_line(title or ""),
        identity=(check.uid, check.rule, check.account, check.region, check.resource, check.message),
        severity=check.severity,
        rule=check.rule,
        location=location.cloud(place if is_whole else f"{check.region}:{place}"),
        target=check.account,
        captured=check.captured,
        own_id=check.uid,
        source_state="muted" if check.muted or status in _MUTED else None,
    )
