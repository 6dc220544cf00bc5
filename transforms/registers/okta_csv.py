"""People of Okta as CSV: its profile attributes (login, firstName, email, department, managerId …), with `profile.` or `user.` before them or not.

Known by `login`; id, employeeNumber and secondEmail are aliases, so that `managerId` resolves, whichever of them a company keeps in it.
`manager` is a name, and a name names nobody. The department stands for the team.
"""

from __future__ import annotations

from collections.abc import Iterator

from transforms.domain import csv_reports
from transforms.domain.delimited import build_rows, read_rows
from transforms.domain.head import Head
from transforms.domain.people import distinct, kind_of
from transforms.domain.result import Reject
from transforms.domain.source import Source

NAME = "okta_csv"
TITLE = "Okta users (CSV)"
KIND = "people"

_PREFIXES = ("profile.", "user.")
#: Okta's life cycle: who is still there although they cannot sign in just now stays active; who has not begun, or is suspended, is not.
_STATUSES = {
    "active": "active",
    "password_expired": "active",
    "recovery": "active",
    "locked_out": "active",
    "staged": "inactive",
    "provisioned": "inactive",
    "suspended": "inactive",
    "deprovisioned": "departed",
    "deactivated": "departed",
    "deleted": "departed",
}


def recognise(head: Head) -> bool:
    header = {_plain(cell) for cell in csv_reports.columns(head)}
    return {"login", "email"} <= header and not {"person_id", "match", "asset_id", "userprincipalname"} & header


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    return build_rows(read_rows(content, csv_reports.DELIMITERS), lambda cells: _person({_plain(name): value for name, value in cells.items()}))


def _plain(column: str) -> str:
    name = column.strip().lower()
    return next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)


def _person(cells: dict[str, str]) -> dict:
    login = cells.get("login")
    if login is None:
        raise ValueError("missing_login: the row has no login")
    stated = cells.get("status", "active")
    status = _STATUSES.get(stated.lower().replace(" ", "_"))
    if status is None:
        raise ValueError(f"unknown_status: {stated!r}, expected a status of Okta's ({', '.join(_STATUSES).upper()})")
    mail = cells.get("email")
    return {
        "person_id": login,
        "name": cells.get("displayname") or " ".join(filter(None, (cells.get("firstname"), cells.get("lastname")))) or None,
        "email": mail,
        "team": cells.get("department"),
        "role": cells.get("title"),
        "manager_id": cells.get("managerid"),
        "status": status,
        "kind": kind_of(cells.get("usertype")),
        "time_zone": cells.get("timezone"),
        "aliases": distinct([cells.get("id"), cells.get("employeenumber"), cells.get("secondemail")], login, mail),
        "effective_from": None,
    }
