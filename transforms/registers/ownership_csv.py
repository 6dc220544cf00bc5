"""ownership.csv: the asset-to-owner mapping in our own format."""

from __future__ import annotations

import re
from collections.abc import Iterator

from transforms.domain.delimited import build_rows, read_rows
from transforms.domain.head import Head
from transforms.domain.result import Reject
from transforms.domain.source import Source

NAME = "ownership_csv"
TITLE = "Ownership mapping (ownership.csv)"
KIND = "ownership"

_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")


def recognise(head: Head) -> bool:
    header = {cell.lower() for cell in head.csv_header}
    return "match" in header and bool({"person_id", "team"} & header)


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    return build_rows(read_rows(content), lambda cells: _mapping(cells, source))


def _mapping(cells: dict[str, str], source: Source) -> dict:
    if "match" not in cells:
        raise ValueError("missing_match: the row has no match")
    priority = cells.get("priority")
    if priority is not None and not _WHOLE.fullmatch(priority):
        raise ValueError(f"bad_priority: {priority!r}, expected a whole number of at most nine digits, or blank")
    return {
        "match": cells["match"],
        "person_id": cells.get("person_id"),
        "team": cells.get("team"),
        "priority": None if priority is None else int(priority),
        "effective_from": source.cell(cells, "effective_from"),
        "effective_to": source.cell(cells, "effective_to"),
    }
