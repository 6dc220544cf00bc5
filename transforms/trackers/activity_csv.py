"""activity.csv and activity.jsonl: what happened to findings, in our own format. Also what handoff itself originates (method `own`, `cli`, `link`)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain.delimited import RAW_LIMIT, build_rows, read_rows
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.vocabulary import EVENT_RANK

NAME = "activity"
TITLE = "Activity log (CSV or JSON lines)"

_TEXTS = ("event_id", "ref", "actor", "target_person", "channel", "ticket", "comment", "batch_id", "method", "asserted_by")
_REQUIRED = {"event", "occurred_at"}
#: Lines of a JSON lines file that recognition looks at.
_LOOKED_AT = 100
_SEVERITIES = {
    "critical": "critical",
    "high": "high",
    "medium": "medium",
    "low": "low",
    "unrated": "unrated",
    "info": "informational",
    "informational": "informational",
    "none": "informational",
}
_line = msgspec.json.Decoder(dict[str, str | int | float | bool | None])


def recognise(head: Head) -> bool:
    header = {cell.lower() for cell in head.csv_header}
    return _REQUIRED <= header or (head.is_json_object and any(_REQUIRED <= names for names in _first_lines(head)))


def _first_lines(head: Head) -> Iterator[set[str]]:
    """The members of the first lines that are JSON objects: a bad line among them is one rejected row, not another format."""
    for line in head.content.lstrip().split(b"\n", _LOOKED_AT)[:_LOOKED_AT]:
        try:
            yield {name.lower() for name in _line.decode(line)}
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    rows = _read_lines(content) if content.removeprefix(BOM).lstrip()[:1] == b"{" else read_rows(content)
    return build_rows(rows, lambda cells: _event(cells, source))


def _read_lines(content: bytes) -> Iterator[tuple[str, dict[str, str]] | Reject]:
    for number, line in enumerate(content.removeprefix(BOM).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            cells = _line.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Reject(f"row {number}", "malformed", str(error), line[:RAW_LIMIT].decode("utf-8", "replace"))
            continue
        yield f"row {number}", {name.lower(): text for name, value in cells.items() if value is not None and (text := str(value).strip())}


def _event(cells: dict[str, str], source: Source) -> dict:
    event = cells.get("event", "").lower()
    if event not in EVENT_RANK:
        raise ValueError(f"unknown_event: {cells.get('event')!r}, expected {', '.join(EVENT_RANK)}")
    if "occurred_at" not in cells:
        raise ValueError("missing_occurred_at: the row has no occurred_at")
    ref = cells.get("ref") or cells.get("ticket")
    if not ref:
        raise ValueError("missing_ref: the row has neither ref nor ticket")
    try:
        occurred = source.stamp(cells["occurred_at"])
    except (ValueError, OverflowError):
        raise ValueError(f"bad_instant: occurred_at {cells['occurred_at']!r}, expected ISO 8601") from None
    severity = cells.get("severity")
    if severity is not None and severity.lower() not in _SEVERITIES:
        raise ValueError(f"unknown_severity: {severity!r}, expected {', '.join(_SEVERITIES)}")
    return {
        **{name: cells.get(name) for name in _TEXTS},
        "ref": ref,
        "event": event,
        "severity": severity and _SEVERITIES[severity.lower()],
        "occurred_at": occurred.us,
        "is_naive": occurred.precision != "zoned",
        "recorded_at": source.cell(cells, "recorded_at"),
    }
