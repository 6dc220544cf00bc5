"""Any tool's activity as CSV or JSON lines, its columns and words named by the policy: `trackers: {generic: {columns: {…}, entry: {…}}}`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import csv_reports
from transforms.domain.delimited import RAW_LIMIT, raw_text, read_rows
from transforms.domain.head import BOM, Head
from transforms.domain.mapping import Columns, Mapping
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.tracked import Fact, commands, stamp, words

NAME = "generic"
TITLE = "Any activity log as CSV or JSON lines whose columns the policy names (trackers.generic.columns)"


def recognise(head: Head) -> bool:
    """Never by content alone: the policy says which columns it goes by."""
    return False


def fits(head: Head, mapping: Mapping) -> bool:
    """Whether the content has every column that the mapping names, and the mapping names enough of them."""
    columns = mapping.columns
    if not columns.occurred_at or not columns.event or not (columns.ref or columns.ticket):
        return False
    names = {name.lower() for name in columns.model_dump().values() if name}
    lines = (head.json,) if head.json else head.json_lines(1)
    return names <= csv_reports.columns(head) or any(names <= {name.lower() for name in line} for line in lines)


def parse(content: bytes, source: Source) -> Iterator[Fact | Reject]:
    assert source.mapping is not None
    columns = source.mapping.columns
    rows = _read_lines(content) if content.removeprefix(BOM).lstrip()[:1] == b"{" else read_rows(content, csv_reports.DELIMITERS)
    for row in rows:
        yield row if isinstance(row, Reject) else _fact(*row, columns, source)


def _read_lines(content: bytes) -> Iterator[tuple[str, dict[str, str]] | Reject]:
    for number, line in enumerate(content.removeprefix(BOM).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            cells = msgspec.json.decode(line, type=dict[str, object])
        except (ValueError, RecursionError) as error:
            yield Reject(f"row {number}", "malformed", str(error), line[:RAW_LIMIT].decode("utf-8", "replace"))
            continue
        flat = {name.lower(): str(value).strip() for name, value in cells.items() if isinstance(value, str | int | float)}
        yield f"row {number}", {name: value for name, value in flat.items() if value}


def _fact(pointer: str, cells: dict[str, str], columns: Columns, source: Source) -> Fact | Reject:
    found = {name: cells.get(column.lower()) for name, column in columns.model_dump().items() if column}
    event, ref = found.get("event"), found.get("ref") or found.get("ticket")
    at = stamp(source, found.get("occurred_at"))
    if not event or not ref:
        lacking = "event" if not event else "ref"
        return Reject(pointer, f"missing_{lacking}", f"the row has nothing in {getattr(columns, lacking) or columns.ticket}", raw_text(cells))
    if at is None:
        return Reject(pointer, "bad_instant", f"{columns.occurred_at} is {found.get('occurred_at')!r}, expected ISO 8601", raw_text(cells))
    comment = found.get("comment")
    return Fact(
        pointer=pointer,
        section="entry",
        words=words(event, *commands(comment)),
        at=at,
        ticket=found.get("ticket") or ref,
        ref=ref,
        native_id=found.get("event_id"),
        actor=found.get("actor"),
        target_person=found.get("target_person"),
        channel=found.get("channel"),
        text=comment,
    )
