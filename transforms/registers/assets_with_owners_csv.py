"""Assets with their owners as CSV, under any names: a data catalogue's export, a spreadsheet of services.

Which column is what the policy declares (`registers.names`): the asset (its id), name, aliases, owner or owners, team, application, business unit,
environment, criticality, status, and labels, a column of JSON (`{"application": "shop"}`) or of `name=value` or `name:value` pairs whose names are read like
columns. Columns win over labels.

Several owners (apart by ; or |, by commas where each part is a mail address or a team's slug) are ownership rows with priorities in their order. A
mail address is a person, as is a word without an @ or /; `org/team` and `team:NAME` are teams: the first is the asset's owning team. An asset without owner
is an asset without ownership row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from transforms.domain import csv_reports
from transforms.domain.delimited import raw_text, read_rows
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.policy import RegisterNames
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.stated import Stated, folded

NAME = "assets_with_owners_csv"
TITLE = "Assets with owners (CSV of any columns that the policy names)"
KINDS = ("assets", "ownership")

_DEFAULT = RegisterNames()
#: What makes a list of owners a list of assets, and not of people: `name` and `id` are anybody's.
_ASSET = frozenset(map(folded, _DEFAULT.asset)) - {"name", "id"}
_OWNER = frozenset(map(folded, (*_DEFAULT.owner, *_DEFAULT.team))) - {"contact"}
#: Columns of our own formats, of a CMDB, and of directories.
_OTHERS = frozenset(("asset_id", "person_id", "match", "sys_id", "sys_class_name", "class", "email", "mail", "login", "user_principal_name", "userprincipalname"))
_PAIRS = re.compile(r"\s*[;,]\s*")


def recognise(head: Head) -> bool:
    header = {folded(cell) for cell in csv_reports.columns(head)}
    return bool(header & _OWNER) and bool(header & (_ASSET | {"name", "id"})) and not header & _OTHERS


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    header = {folded(cell) for cell in csv_reports.columns(Head(content))}
    column = next((folded(name) for name in source.names.asset if folded(name) in header), None)
    if column is None:
        raise FileRejected(
            "no_asset_column",
            seen=f"columns {', '.join(sorted(header))}",
            expected=f"one of {', '.join(source.names.asset)}",
            remedy="name the asset's column in the policy under registers.names.asset",
        )
    for row in read_rows(content, csv_reports.DELIMITERS):
        if isinstance(row, Reject):
            yield row
            continue
        pointer, cells = row
        try:
            rows = _rows({folded(name): text for name, text in cells.items()}, column, source)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail, raw_text(cells))
            continue
        yield from ({"pointer": pointer, **found} for found in rows)


def _rows(cells: dict[str, str], column: str, source: Source) -> list[dict[str, Any]]:
    asset_id = cells.pop(column, None)
    if asset_id is None:
        raise ValueError(f"missing_asset: the row has no {column}")
    columns = Stated(cells, source)
    labels: dict[str, Any] = {}
    for _, text in columns.each("labels"):
        labels = {**_labels(text), **labels}
    stated = Stated({**labels, **cells}, source)
    return stated.rows(asset_id=asset_id, name=columns.text("name"), plain="person", has_status=True)


def _labels(text: str) -> dict[str, Any]:
    """The pairs of a cell. Raises ValueError where it is neither JSON nor pairs."""
    if text[:1] == "{":
        try:
            found = msgspec.json.decode(text.encode())
        except (ValueError, RecursionError) as error:
            raise ValueError(f"bad_labels: {error}") from None
        return {folded(name): value for name, value in found.items()}
    pairs: dict[str, Any] = {}
    for part in _PAIRS.split(text):
        name, border, value = part.partition("=" if "=" in part else ":")
        if border and value.strip():  # a tag without a value says nothing under a name
            pairs[folded(name)] = value.strip()
    return pairs
