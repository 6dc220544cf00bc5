"""assets.csv: the asset register in our own format."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.domain.delimited import build_rows, read_rows
from transforms.domain.head import Head
from transforms.domain.result import Reject
from transforms.domain.source import Source

NAME = "assets_csv"
TITLE = "Asset register (assets.csv)"
KIND = "assets"

_TEXTS = ("name", "kind", "application", "business_unit", "environment", "owner_team")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def recognise(head: Head) -> bool:
    header = {cell.lower() for cell in head.csv_header}
    return "asset_id" in header and not {"match", "person_id"} & header


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    return build_rows(read_rows(content), lambda cells: _asset(cells, source))


def _asset(cells: dict[str, str], source: Source) -> dict:
    if "asset_id" not in cells:
        raise ValueError("missing_asset_id: the row has no asset_id")
    criticality = cells.get("criticality", "").lower()
    if criticality not in ("", "critical", "high", "medium", "low"):
        raise ValueError(f"unknown_criticality: {cells['criticality']!r}, expected critical, high, medium, low or blank")
    status = cells.get("status", "active").lower()
    if status not in ("active", "retired"):
        raise ValueError(f"unknown_status: {cells['status']!r}, expected active or retired")
    facing = cells.get("internet_facing", "").lower()
    if facing and facing not in _TRUTH:
        raise ValueError(f"unknown_internet_facing: {cells['internet_facing']!r}, expected true, false or blank")
    return {
        "asset_id": cells["asset_id"],
        **{name: cells.get(name) for name in _TEXTS},
        "aliases": [alias for part in cells.get("aliases", "").split(";") if (alias := part.strip())],
        "criticality": criticality or None,
        "internet_facing": _TRUTH.get(facing),
        "status": status,
        "effective_from": source.cell(cells, "effective_from"),
    }
