"""ServiceNow CMDB: a list's CSV export with the columns' names or labels, and the Table API's JSON in any `sysparm_display_value`.

A configuration item is an asset by its `sys_id`, else its name. Class, environment, criticality, business unit, support group and other names are
read by the names that the policy declares; of a reference (`{"value", "display_value", "link"}`) the display value, of a person the mail address or
user name where a dotted column has it (`owned_by.email`, `owned_by.user_name`), else the sys_id, else what is shown: a person is never found by name.

`owned_by` and `assigned_to` are ownership rows in that order. The status is retired where the install status, the operational status or the life cycle says
so; the numbers that those fields hold without display values are read as ServiceNow numbers them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from transforms.domain import csv_reports, documents
from transforms.domain.delimited import RAW_LIMIT, raw_text, read_rows
from transforms.domain.head import BOM, Head
from transforms.domain.manifests import as_scalar
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.stated import Owner, Stated, folded, owner

NAME = "servicenow_cmdb"
TITLE = "ServiceNow CMDB (CSV export, Table API JSON)"
KINDS = ("assets", "ownership")

#: Labels of columns whose name is another.
_NAMES = {"class": "sys_class_name", "sys_id": "sys_id", "sysid": "sys_id", "install_status": "install_status", "status": "install_status"}
#: What the choices' numbers stand for where no display value is asked for.
_CODES = {
    "install_status": {
        "1": "Installed", "2": "On Order", "3": "In Maintenance", "4": "Pending Install", "5": "Pending Repair", "6": "In Stock", "7": "Retired", "8": "Stolen",
        "100": "Absent",
    },
    "operational_status": {
        "1": "Operational", "2": "Non-Operational", "3": "Repair in Progress", "4": "DR Standby", "5": "Ready", "6": "Retired", "7": "Pipeline", "8": "Catalog",
    },
}  # fmt: skip
_PERSONS = ("owned_by", "assigned_to")
_TELLING = {"install_status", "operational_status", "support_group", "fully_qualified_domain_name", "owned_by", "assigned_to", "sys_id"}


class Answer(msgspec.Struct):
    result: list[msgspec.Raw] | msgspec.Raw


_answer = msgspec.json.Decoder(Answer)
_item = msgspec.json.Decoder(dict[str, Any])


def recognise(head: Head) -> bool:
    if head.is_json_list or head.is_json_object:
        if head.is_json_list or "result" not in head.json:
            return False
        found = head.value("result")
        first = found[0] if isinstance(found, list) and found else found
        return isinstance(first, dict) and "sys_class_name" in first and bool({"sys_id", "name"} & first.keys())
    header = {folded(cell) for cell in csv_reports.columns(head)}
    return "name" in header and ("sys_class_name" in header or ("class" in header and bool(_TELLING & header)))


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    if content.removeprefix(BOM).lstrip()[:1] == b"{":
        yield from _of_answer(content, source)
        return
    for row in read_rows(content, csv_reports.DELIMITERS):
        if isinstance(row, Reject):
            yield row
            continue
        pointer, cells = row
        yield from _item_rows(pointer, {_named(name): text for name, text in cells.items()}, raw_text(cells), source)


def _of_answer(content: bytes, source: Source) -> Iterator[dict | Reject]:
    found = documents.decode(_answer, content, "an object with `result`").result
    raws = found if isinstance(found, list) else [found]
    base = "/result" if isinstance(found, list) else ""
    for pointer, raw, item in documents.items(raws, _item, base):
        if isinstance(item, Reject):
            yield item
            continue
        try:
            texts = _texts(item)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield documents.reject(pointer, reason, detail, raw)
            continue
        yield from _item_rows(pointer, texts, bytes(raw)[:RAW_LIMIT].decode("utf-8", "replace"), source)


def _named(label: str) -> str:
    name = folded(label)
    return _NAMES.get(name, name)


def _texts(item: dict[str, Any]) -> dict[str, str]:
    """Every field as shown, and under `NAME.value` what a reference holds."""
    found: dict[str, str] = {}
    for name, value in item.items():
        if isinstance(value, dict):
            if not value.keys() & {"value", "display_value"}:
                raise ValueError(f"bad_{folded(name)}: {name} has {', '.join(sorted(value)[:4]) or 'no members'}, expected value or display_value")
            held, shown = as_scalar(value.get("value"), name), as_scalar(value.get("display_value"), name)
            if held:
                found[f"{name}.value"] = held
            if shown or held:
                found[name] = shown or held or ""
        elif text := as_scalar(value, name):
            found[name] = text
    return found


def _item_rows(pointer: str, texts: dict[str, str], raw: str, source: Source) -> Iterator[dict | Reject]:
    asset_id = texts.get("sys_id.value") or texts.get("sys_id") or texts.get("name")
    if asset_id is None:
        yield Reject(pointer, "missing_name", "the item has neither sys_id nor name", raw)
        return
    known = {name: _CODES[name].get(text, text) if name in _CODES else text for name, text in texts.items() if name not in _PERSONS}
    try:
        stated = Stated(known, source)
        named = [one for name in _PERSONS if (one := _person(texts, name))]
        others = [one for one in stated.owners("person") if one not in named]
        rows = stated.rows(asset_id=asset_id, name=texts.get("name"), plain="person", owners=[*named, *others], has_status=True)
    except ValueError as error:
        reason, _, detail = str(error).partition(": ")
        yield Reject(pointer, reason, detail, raw)
        return
    yield from ({"pointer": pointer, **row} for row in rows)


def _person(texts: dict[str, str], name: str) -> Owner | None:
    text = texts.get(f"{name}.email") or texts.get(f"{name}.user_name") or texts.get(f"{name}.value") or texts.get(name)
    return owner(text, "person") if text else None
