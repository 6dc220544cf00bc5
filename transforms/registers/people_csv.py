"""people.csv: the directory in our own format."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.domain.delimited import build_rows, read_rows
from transforms.domain.head import Head
from transforms.domain.result import Reject
from transforms.domain.source import Source

NAME = "people_csv"
TITLE = "Directory (people.csv)"
KIND = "people"

_TEXTS = ("name", "email", "team", "role", "manager_id", "channel", "time_zone")
_STATUSES = ("active", "inactive", "departed")
_KINDS = ("human", "group", "bot")


def recognise(head: Head) -> bool:
    header = {cell.lower() for cell in head.csv_header}
    return "person_id" in header and "match" not in header


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    return build_rows(read_rows(content), lambda cells: _person(cells, source))


def _person(cells: dict[str, str], source: Source) -> dict:
    if "person_id" not in cells:
        raise ValueError("missing_person_id: the row has no person_id")
    status, kind = cells.get("status", "active").lower(), cells.get("kind", "human").lower()
    if status not in _STATUSES:
        raise ValueError(f"unknown_status: {cells['status']!r}, expected {', '.join(_STATUSES)}")
    if kind not in _KINDS:
        raise ValueError(f"unknown_kind: {cells['kind']!r}, expected {', '.join(_KINDS)}")
    return {
        "person_id": cells["person_id"],
        **{name: cells.get(name) for name in _TEXTS},
        "status": status,
        "kind": kind,
        "aliases": [alias for part in cells.get("aliases", "").split(";") if (alias := part.strip())],
        "effective_from": source.cell(cells, "effective_from"),
    }
