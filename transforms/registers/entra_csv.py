"""Users of Microsoft Entra ID (Azure AD) as CSV: the portal's download of users, or an export of the same properties with a manager.

Known by `userPrincipalName`; the object id and further addresses are aliases. A manager is taken where a principal name, a mail address or an object id says
who it is; a display name names nobody. The department stands for the team.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from transforms.domain import csv_reports
from transforms.domain.delimited import build_rows, read_rows
from transforms.domain.head import Head
from transforms.domain.people import distinct, kind_of
from transforms.domain.result import Reject
from transforms.domain.source import Source

NAME = "entra_csv"
TITLE = "Microsoft Entra ID users (CSV)"
KIND = "people"

_ENABLED = {"true": "active", "yes": "active", "enabled": "active", "false": "inactive", "no": "inactive", "disabled": "inactive"}
_MANAGERS = ("manageruserprincipalname", "managerid", "manager", "manager.userprincipalname", "manager.id")
_OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def recognise(head: Head) -> bool:
    columns = csv_reports.columns(head)
    return "userprincipalname" in {_plain(column) for column in columns} and "person_id" not in columns


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    return build_rows(read_rows(content, csv_reports.DELIMITERS), lambda cells: _person({_plain(name): value for name, value in cells.items()}))


def _plain(column: str) -> str:
    """`User principal name` and `userPrincipalName` are one column."""
    return column.strip().lower().replace(" ", "")


def _person(cells: dict[str, str]) -> dict:
    principal = cells.get("userprincipalname")
    if principal is None:
        raise ValueError("missing_userPrincipalName: the row has no userPrincipalName")
    enabled = cells.get("accountenabled", "true")
    status = _ENABLED.get(enabled.lower())
    if status is None:
        raise ValueError(f"unknown_status: accountEnabled is {enabled!r}, expected True or False")
    mail = cells.get("mail") or (principal if "#ext#" not in principal.lower() else None)
    others = re.split(r"[;,|]\s*", cells.get("alternateemailaddress", "")) if "alternateemailaddress" in cells else []
    manager = next((value for name in _MANAGERS if (value := cells.get(name)) and ("@" in value or _OBJECT_ID.fullmatch(value))), None)
    return {
        "person_id": principal,
        "name": cells.get("displayname") or " ".join(filter(None, (cells.get("givenname"), cells.get("surname")))) or None,
        "email": mail,
        "team": cells.get("department"),
        "role": cells.get("jobtitle"),
        "manager_id": manager,
        "status": "departed" if cells.get("deleteddatetime") else status,
        "kind": kind_of(cells.get("usertype")),
        "time_zone": cells.get("timezone"),
        "aliases": distinct([cells.get("id"), cells.get("objectid"), *others], principal, mail),
        "effective_from": None,
    }
