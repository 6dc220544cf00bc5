"""Reading the published copy: queries, the status of the last run, one finding's life. Never waits for a run, never writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from transforms.domain.errors import RunError, UsageError
from warehouse import schema
from warehouse.connection import connect
from warehouse.home import Home
from warehouse.schema import sql_file


def open_copy(folder: Path) -> duckdb.DuckDBPyConnection:
    """The published copy of a home, read-only. Raises `UsageError` where there is none yet."""
    home = Home(folder)
    if not home.published.exists():
        raise UsageError("--home", seen=f"{home.published} is not there", expected="a published copy", remedy="run `handoff run --landing DIR` first")
    return _open(home.published)


def open_file(path: Path) -> duckdb.DuckDBPyConnection:
    """A published copy by its path, read-only. Raises `UsageError` where there is none."""
    if not path.is_file():
        raise UsageError("--file", seen=f"{path} is not there", expected="a published copy, as in handoff.duckdb")
    return _open(path)


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    connection = connect(path, read_only=True)
    try:
        schema.require_version(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def query(folder: Path, text: str) -> tuple[list[str], list[tuple]]:
    """(column names, rows) of one query. Raises `UsageError` with DuckDB's own words."""
    with open_copy(folder) as connection:
        connection.execute("SET enable_external_access = false")
        try:
            result = connection.execute(text)
            return [column[0] for column in result.description or ()], result.fetchall()
        except duckdb.Error as error:
            raise UsageError("sql", seen=str(error).splitlines()[0], remedy="`handoff sql 'SHOW ALL TABLES'` lists what there is") from None


def as_of_us(folder: Path) -> int:
    """The instant that the published copy is of. Raises `RunError` where it has no run."""
    with open_copy(folder) as connection:
        row = connection.execute("SELECT epoch_us(as_of) FROM record.run WHERE is_published ORDER BY number DESC LIMIT 1").fetchone()
    if row is None:
        raise RunError(str(Home(folder).published), seen="it holds no run", remedy="publish it again with `handoff run`")
    return row[0]


def status(folder: Path) -> dict[str, Any]:
    """The last runs, the five numbers, what is open, quarantined or held, and the expectations that failed: of the warehouse, so that an
    unpublished run shows too."""
    home = Home(folder)
    with _open_latest(home) as connection:
        runs = dicts(connection, sql_file("published/last_runs.sql"))
        files = dicts(connection, sql_file("published/waiting_files.sql"))
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mart'").fetchall()}
        failed = dicts(connection, sql_file("published/failed_expectations.sql")) if "expectation_result" in tables else []
        numbers = dicts(connection, sql_file("published/status_numbers.sql")) if "dashboard" in tables else []
        queue = dicts(connection, sql_file("published/status_queue.sql"))[0] if {"handoff", "unrouted_queue", "breach_forecast"} <= tables else None
        (published_as_of,) = connection.execute("SELECT max(as_of) FROM record.run WHERE is_published").fetchone() or (None,)
    return {
        "home": str(folder), "published_as_of": published_as_of, "last_runs": runs, "five_numbers": numbers, "queue": queue,
        "waiting_files": files, "failed_expectations": failed,
    }  # fmt: skip


def _open_latest(home: Home) -> duckdb.DuckDBPyConnection:
    """The warehouse, which also knows a run that was not published; the published copy while a run holds the warehouse."""
    if home.warehouse.exists():
        try:
            return _open(home.warehouse)
        except RunError:
            if not home.published.exists():
                raise
    return open_copy(home.folder)


def explain(folder: Path, reference: str) -> dict[str, Any]:
    """One finding: its facts, its cycles each with a sentence, and everything that happened to it in order."""
    with open_copy(folder) as connection:
        ids = [row[0] for row in connection.execute(sql_file("published/find_finding.sql"), {"ref": reference}).fetchall()]
        if len(ids) != 1:
            seen = "no finding has that id" if not ids else f"several findings have it: {', '.join(ids)}"
            raise UsageError(reference, seen=seen, expected="a finding id, a sighting id or a scanner's own id")
        (found,) = dicts(connection, "FROM mart.finding WHERE finding_id = $id", {"id": ids[0]})
        found["handoffs"] = dicts(connection, sql_file("published/explain_handoffs.sql"), {"id": ids[0]})
        absences = dicts(connection, sql_file("published/explain_absence.sql"), {"id": ids[0]})
        found["timeline"] = dicts(connection, sql_file("published/explain_timeline.sql"), {"id": ids[0]})
    for cycle in found["handoffs"]:
        cycle["sentence"] = _sentence(cycle)
    found["presence"] = {"sentence": _presence(found, absences), "scanners": [{**row, "sentence": _absence(row)} for row in absences]}
    return found


def _presence(finding: dict[str, Any], absences: list[dict[str, Any]]) -> str:
    """Whether a finding is believed to be there, in words: what a person verified, or what scans give reason to believe."""
    if not finding["is_open"]:
        last = finding["handoffs"][-1] if finding["handoffs"] else {}
        if finding["state"] == "verified":
            who = next((row["who"] for row in reversed(finding["timeline"]) if row["what"] == "verified"), None)
            return f"closed: verified by {who or 'a person'} at {last.get('verified_at')}, a person's word; scans are evidence and close nothing"
        return f"not asked: it is {finding['state']}"
    if absences[0]["is_believed_gone"]:
        return (
            f"believed gone since {absences[0]['gone_since_at']}: every scanner that had seen it has looked again and did not find it; "
            "this is evidence for whoever verifies it, and closes nothing"
        )
    if any(row["reason"] == "not_in_later_scan" for row in absences):
        return "not believed gone: some that had seen it did not find it again, but not all have looked"
    return "believed to be there: no scan says otherwise"


#: What a later scan says of a finding, by the reason of mart.absence.
_ABSENCE = {
    "not_in_later_scan": "not in {path} of {scanned_at} ({scan_status}), which covered {where}; scans without it: {absent_scans}",
    "held": "not in {path} of {scanned_at}, but that scan is held as collapsed: it proves no absence until somebody releases it (`handoff release {sha256}`)",
    "discarded": "not in {path} of {scanned_at}, but somebody discarded that scan: it proves no absence",
    "partly_read": "not in {path} of {scanned_at}, but that scan has rows that could not be read: it may be one of them",
    "dated_by_file": "not in {path} of {scanned_at}, but only that file's time says when the scan was: give it a sidecar with `captured_at`",
    "other_scope": "has scanned since, but not this place: the latest is {path} of {scanned_at}, which covered {where}",
    "other_scanner": "has not scanned since; {by} has ({path} of {scanned_at}, which covered {where}), but another scanner proves no absence",
    "no_later_scan": "has not scanned since",
}


def _absence(row: dict[str, Any]) -> str:
    """What one scanner says of a sighting, in words."""
    scope = row["scope"] or []
    where = ", ".join(scope[:3]) + (f" and {len(scope) - 3} more" if len(scope) > 3 else "")
    said = _ABSENCE[row["reason"]].format(**row, where=where, by=", ".join(row["scan_scanners"] or ()))
    return f"{row['scanner']} saw it at {', '.join(row['targets'])} last on {row['last_seen_at']}: {said}"


def _sentence(cycle: dict[str, Any]) -> str:
    """A cycle in words."""
    due = f"due {cycle['handoff_due_at']}, {'broken' if cycle['handoff_breached'] else 'kept'}"
    if cycle["acknowledged_at"]:
        hours = cycle["latency_business_seconds"] / 3600
        taken = f"{cycle['severity']}, acknowledged by {cycle['acknowledged_by']} after {hours:.2f} business hours"
    else:
        waits = "routed to " + cycle["owner_id"] if cycle["routing_status"] == "routed" else f"unrouted ({cycle['routing_status']})"
        taken = f"{cycle['severity']}, not acknowledged, {waits}"
    why = f"; {cycle['failure_mode']}" + (f" ({cycle['evidence']})" if cycle["evidence"] else "") if cycle["failure_mode"] else ""
    return f"{taken}; {due}{why}"


def dicts(connection: duckdb.DuckDBPyConnection, text: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rows of a query, each by its columns' names."""
    result = connection.execute(text, parameters or {})
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
