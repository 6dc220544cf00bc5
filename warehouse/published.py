"""Reading the published copy: queries, the status of the last run, one finding's life. Never waits for a run, never writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from transforms import explanation
from transforms.domain.errors import RunError, UsageError
from transforms.explanation import Life
from warehouse import lives, schema
from warehouse.connection import connect, dicts
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
            if result is None:  # DuckDB's answer to a text without a statement
                raise UsageError("sql", seen="no query", expected="one, as in 'FROM mart.handoff'", remedy="`handoff sql 'SHOW ALL TABLES'` lists what there is")
            return [column[0] for column in result.description or ()], result.fetchall()
        except duckdb.Error as error:
            raise UsageError("sql", seen=str(error).splitlines()[0], remedy="`handoff sql 'SHOW ALL TABLES'` lists what there is") from None


def ask(folder: Path, name: str, parameters: dict[str, str] | None = None) -> list[tuple]:
    """The rows of one of our own queries below sql/published. Raises `UsageError` where nothing is published, or it is of older code."""
    with open_copy(folder) as connection:
        try:
            return connection.execute(sql_file(f"published/{name}.sql"), parameters).fetchall()
        except duckdb.CatalogException as error:
            raise UsageError("--home", seen=str(error).splitlines()[0], remedy="publish it again with `handoff run`") from None


def as_of_us(folder: Path) -> int:
    """The instant that the published copy is of. Raises `RunError` where it has no run."""
    with open_copy(folder) as connection:
        row = connection.execute("SELECT epoch_us(as_of) FROM record.run WHERE is_published ORDER BY number DESC LIMIT 1").fetchone()
    if row is None:
        raise RunError(str(Home(folder).published), seen="it holds no run", remedy="publish it again with `handoff run`")
    return row[0]


def status(folder: Path) -> dict[str, Any]:
    """The last runs, the five numbers, what is open, about to hurt, to be settled by a person, quarantined or held, and the expectations that failed: of
    the warehouse, so that an unpublished run shows too."""
    home = Home(folder)
    with _open_latest(home) as connection:
        runs = dicts(connection, sql_file("published/last_runs.sql"))
        files = dicts(connection, sql_file("published/waiting_files.sql"))
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mart'").fetchall()}
        failed = dicts(connection, sql_file("published/failed_expectations.sql")) if "expectation_result" in tables else []
        numbers = dicts(connection, sql_file("published/status_numbers.sql")) if "dashboard" in tables else []
        queue = dicts(connection, sql_file("published/status_queue.sql"))[0] if {"handoff", "unrouted_queue", "breach_forecast"} <= tables else None
        sweep = dicts(connection, sql_file("published/status_sweep.sql")) if "sweep" in tables else []
        warnings = dicts(connection, sql_file("published/status_warnings.sql")) if "early_warning" in tables else []
        (published_as_of,) = connection.execute("SELECT max(as_of) FROM record.run WHERE is_published").fetchone() or (None,)
    return {
        "home": str(folder), "published_as_of": published_as_of, "last_runs": runs, "five_numbers": numbers, "queue": queue,
        "early_warning": warnings, "sweep": sweep,
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


def life(folder: Path, reference: str) -> Life:
    """One finding's life in words. Raises `UsageError` where the reference names no finding, or several."""
    finding, rows, about = _life_rows(folder, reference)
    return explanation.explain(finding, rows, about.policy, about.as_of)


def explain(folder: Path, reference: str) -> dict[str, Any]:
    """The same for a machine: the finding's facts, its cycles each with a sentence, everything that happened in order, and the rows behind it all."""
    finding, rows, about = _life_rows(folder, reference)
    told = explanation.explain(finding, rows, about.policy, about.as_of)
    found = dict(finding)
    found["handoffs"] = [{**cycle, "sentence": explanation.sentence(cycle)} for cycle in rows["handoff"]]
    found["presence"] = {
        "sentence": explanation.presence(finding, rows["handoff"], rows["event"], rows["absence"]),
        "scanners": [{**row, "sentence": explanation.absence_words(row)} for row in rows["absence"]],
    }
    found["timeline"] = [{"when": entry.at, **{name: value for name, value in entry._asdict().items() if name != "at"}} for entry in told.entries]
    found["parts"] = explanation.as_json(told)["parts"]
    found["records"] = {name: among for name, among in rows.items() if name != "handoff"}
    return found


def _life_rows(folder: Path, reference: str) -> tuple[dict[str, Any], Mapping[str, list[dict[str, Any]]], lives.About]:
    with open_copy(folder) as connection:
        ids = [row[0] for row in connection.execute(sql_file("published/find_finding.sql"), {"ref": reference}).fetchall()]
        if len(ids) != 1:
            seen = "no finding has that id" if not ids else f"several findings have it: {', '.join(ids)}"
            raise UsageError(reference, seen=seen, expected="a finding id, a sighting id or a scanner's own id")
        ((finding, rows),) = lives.read(connection, ids[0], ids[0])
        return finding, rows, lives.read_about(connection)
