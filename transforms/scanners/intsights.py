"""IntSights (Rapid7 Threat Command) alerts: the API's JSON with a list `Alerts`, or the CSV that the console exports.

One result is one alert on one asset: an alert about several domains is a task in several places. What tells it from the others is the
alert's id and the asset. The location is the asset, a host or a URL; a brand or a person is none. The source URL is where somebody else
published it, and no endpoint of ours. A closed alert is evidence of a state. Neither form says when it was written: the file's time
holds, not that of the alert.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from transforms.domain import documents, location
from transforms.domain.csv_reports import columns, first, rows
from transforms.domain.head import BOM, Head
from transforms.domain.location import NOWHERE, Location
from transforms.domain.result import Reject, Result, Scan

NAME = "intsights"
TITLE = "IntSights / Rapid7 Threat Command (JSON or CSV)"
SCANNER = "intsights"
CALIBRATION: dict[str, str] = {}  # High, Medium, Low

_HOST = re.compile(r"(?:[\w-]+\.)+[\w-]+|(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}", re.IGNORECASE)
_COLUMNS = frozenset(("alert id", "title", "severity", "source url", "closed reason"))

_Any = object


class Details(msgspec.Struct, gc=False, rename="pascal"):
    title: _Any = None
    severity: _Any = None
    type: _Any = None
    sub_type: _Any = None


class Asset(msgspec.Struct, gc=False, rename="pascal"):
    value: _Any = None


class Closed(msgspec.Struct, gc=False, rename="pascal"):
    is_closed: _Any = None
    reason: _Any = None


class Alert(msgspec.Struct, gc=False, rename="pascal"):
    id: _Any = msgspec.field(default=None, name="_id")
    details: Details | None = None
    assets: list[Asset] | None = None
    closed: Closed | None = None


class Report(msgspec.Struct, rename="pascal"):
    alerts: list[msgspec.Raw] | None


_report = msgspec.json.Decoder(Report)
_alert = msgspec.json.Decoder(Alert)


def recognise(head: Head) -> bool:
    if head.is_json_object:
        if "Alerts" not in head.json:
            return False
        item = head.item_keys("Alerts")
        return {"_id", "Details"} <= item if item else head.json.keys() == {"Alerts"}
    return columns(head) >= _COLUMNS


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    if content.removeprefix(BOM).lstrip()[:1] in (b"{", b"["):
        yield from _parse_json(content)
    else:
        yield from _parse_csv(content)


def _parse_json(content: bytes) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `Alerts`")
    for pointer, raw, alert in documents.items(report.alerts, _alert, "/Alerts"):
        if isinstance(alert, Reject):
            yield alert
            continue
        details, closed = alert.details or Details(), alert.closed or Closed()
        identifier, title = documents.text(alert.id), documents.text(details.title)
        if identifier is None or title is None:
            yield documents.missing(pointer, "id" if identifier is None else "title", raw)
            continue
        assets = [name for asset in alert.assets or () if (name := documents.text(asset.value))]
        state = _state(closed.is_closed is True, documents.text(closed.reason))
        yield from _results(pointer, identifier, title, documents.text(details.severity), assets, state)


def _parse_csv(content: bytes) -> Iterator[Result | Reject]:
    for record in rows(content):
        if isinstance(record, Reject):
            yield record
            continue
        pointer, row, raw = record
        identifier, title = first(row, "alert id"), first(row, "title")
        if identifier is None or title is None:
            yield Reject(pointer, "missing_id" if identifier is None else "missing_title", "the row has it not", raw)
            continue
        assets = [name for asset in row.get("assets", "").split(",") if (name := asset.strip())]
        state = _state(row.get("status", "").lower() == "closed", row.get("closed reason"))
        yield from _results(pointer, identifier, title, row.get("severity"), assets, state)


def _state(is_closed: bool, reason: str | None) -> str | None:
    return (f"closed:{reason}" if reason else "closed") if is_closed else None


def _results(
    pointer: str, identifier: str, title: str, severity: str | None, assets: Sequence[str], state: str | None
) -> Iterator[Result]:
    for asset in dict.fromkeys(assets) or (None,):
        where = _location(asset)
        yield Result(
            pointer=pointer,
            title=documents.one_line(title),
            identity=(identifier, asset),
            severity=severity,
            rule=title,
            vulnerability_ids=documents.ids_within(title),
            endpoint=asset if where.kind != "none" else None,
            location=where,
            target=asset,
            own_id=identifier,
            source_state=state,
        )


def _location(asset: str | None) -> Location:
    if asset is None or ("://" not in asset and not _HOST.fullmatch(asset)):
        return NOWHERE
    try:
        return location.of_endpoint(location.parse_endpoint(asset))
    except ValueError:
        return NOWHERE
