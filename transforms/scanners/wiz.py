"""Wiz, as its console exports it to CSV: issues (one row an issue: a control that a resource breaks) and vulnerability findings (one row a
vulnerability of a package on an asset). What `wizcli` writes is another format.

An issue's own id tells it from others, with title and resource: exports that people have edited repeat ids. Its place is the resource.
A vulnerability's place is the package; the asset is its target.

The capture of a vulnerability is `LastDetected`. An open issue has been seen by the time of the export, which the file does not say; one
that is not open any more was certainly seen when it was created and at no later time that the file says. That a row is resolved, ignored or
rejected is what Wiz says of its state: evidence.
"""

from __future__ import annotations

from collections.abc import Iterator

from transforms.domain import documents, location
from transforms.domain.csv_reports import columns, first, rows
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan

NAME = "wiz"
TITLE = "Wiz (CSV of issues or vulnerability findings)"
SCANNER = "wiz"
CALIBRATION: dict[str, str] = {}

#: Columns of vulnerability findings alone.
_OF_VULNERABILITIES = {"wizurl", "detailedname", "findingstatus"}
_OPEN = {"open", "in_progress", "in progress"}


def recognise(head: Head) -> bool:
    names = columns(head)
    return {"issue id", "control id", "title", "resource vertex id"} <= names or names >= _OF_VULNERABILITIES


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    for record in rows(content):
        if isinstance(record, Reject):
            yield record
            continue
        pointer, row, raw = record
        try:
            yield _vulnerability(pointer, row, scan) if _OF_VULNERABILITIES & row.keys() else _issue(pointer, row, scan)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail, raw)


def _issue(pointer: str, row: dict[str, str], scan: Scan) -> Result:
    own_id, title = _required(row, "issue id"), _required(row, "title")
    resource = first(row, "resource external id", "resource vertex id", "resource name")
    state = _state(row.get("status"))
    return Result(
        pointer=pointer,
        title=title,
        identity=(own_id, title, resource),
        severity=row.get("severity"),
        rule=row.get("control id"),
        location=location.cloud(resource) if resource else location.NOWHERE,
        target=first(row, "resource name", "resource external id", "subscription name"),
        captured=scan.stamp(row.get("created at")) if state else None,
        own_id=own_id,
        source_state=state,
    )


def _vulnerability(pointer: str, row: dict[str, str], scan: Scan) -> Result:
    name, package = _required(row, "name"), _required(row, "detailedname")
    version, path, asset = row.get("version"), row.get("locationpath"), first(row, "assetname", "provideruniqueid", "assetid")
    return Result(
        pointer=pointer,
        title=f"{name} in {package}{f' {version}' if version else ''}",
        identity=(row.get("id"), name, package, version, path, row.get("assetid")),
        severity=first(row, "severity", "vendorseverity", "cvssseverity"),
        score=documents.score(first(row, "score", "cvssscore")),
        rule=name,
        vulnerability_ids=documents.ids(name),
        known_exploited=(row.get("hascisakevexploit") or "").lower() == "true",
        component_name=package,
        component_version=version,
        file_path=path,
        location=location.package(package),
        target=asset,
        captured=scan.stamp(row.get("lastdetected")),
        own_id=row.get("id"),
        source_state=_state(row.get("findingstatus")),
    )


def _required(row: dict[str, str], column: str) -> str:
    if column not in row:
        raise ValueError(f"missing_{column.replace(' ', '_')}: the row has no {column}")
    return row[column]


def _state(status: str | None) -> str | None:
    return status.lower() if status and status.lower() not in _OPEN else None
