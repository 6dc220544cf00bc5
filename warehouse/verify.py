"""The proof that a file is what it says: every digest that its run wrote, computed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from transforms.domain.digests import sha256
from transforms.domain.errors import RunError, UsageError
from transforms.domain.policy import from_canonical
from transforms.domain.progress import Progress, nobody
from warehouse import published, raw, record, schema
from warehouse.connection import connect
from warehouse.home import Home
from warehouse.job import calendar_digest


class _Check(NamedTuple):
    """A digest of record.run that is computed again, and what it means where it comes out otherwise."""

    check: str
    column: str
    is_damage: bool
    meaning: str


_CHECKS = (
    _Check("state digest", "state_digest", True, "rows of the record were changed, added or lost since the run wrote them"),
    _Check("own digest", "own_digest", True, "stage events that handoff itself originated were changed, added or lost"),
    _Check("mart digest", "mart_digest", True, "figures are not those that the run published"),
    _Check("merkle root", "merkle_root", True, "files are missing from the record, or were never landed by this home"),
    _Check("policy digest", "policy_digest", True, "the policy that is kept is not the one that the run went by"),
    _Check("calendar digest", "calendar_digest", False, "zone or holiday data here are another version: due dates computed anew may differ; no damage"),
    _Check("code version", "code_version", False, "this is other code than the run's: figures computed anew may differ; no damage"),
)


def verify(folder: Path, code_version: str, progress: Progress = nobody) -> list[dict[str, Any]]:
    """Recomputes what the published copy's last run wrote, and the hashes of the raw files; one row for each check.

    A row is good where both sides agree, or where they may differ without damage; `meaning` says what a difference is. Raises `UsageError`
    where nothing is published, `RunError` where the copy has no run.
    """
    home = Home(folder)
    progress("recompute digests")
    with published.open_copy(folder) as connection:
        rows = _digests(connection, str(home.published), code_version)
        claimed = {row[0] for row in connection.execute("SELECT DISTINCT sha256 FROM record.landing_attempt").fetchall()}
    damaged = []
    for number, digest in enumerate(sorted(claimed)):
        progress("hash raw files", number, len(claimed))
        if not _is_whole(home.raw, digest):
            damaged.append(digest)
    meaning = "restore them from a backup, or deliver them again" if damaged else ""
    found = f"{len(claimed) - len(damaged)} whole"
    rows.append({"check": "raw files", "expected": f"{len(claimed)} whole", "found": found, "is_good": not damaged, "meaning": meaning})
    rows += [{"check": "raw file", "expected": digest, "found": "missing or changed", "is_good": False, "meaning": meaning} for digest in damaged]
    return rows


def sample(folder: Path, number: int) -> tuple[int, list[str]]:
    """(how many raw files are claimed, those of the latest `number` of them that are missing or changed). Raises `UsageError` where nothing is published."""
    with published.open_copy(folder) as connection:
        claimed = connection.execute("SELECT sha256 FROM record.landing_attempt GROUP BY sha256 ORDER BY max(landed_at) DESC, sha256").fetchall()
    return len(claimed), [digest for (digest,) in claimed[:number] if not _is_whole(Home(folder).raw, digest)]


def verify_file(path: Path, code_version: str) -> list[dict[str, Any]]:
    """The same for a file by itself, a copy or the marts of a past instant: what it holds against what it says; of raw files it knows nothing.

    Raises `UsageError` where it is no such file.
    """
    if not path.is_file():
        raise UsageError("--file", seen=f"{path} is no file", expected="a published copy, or a file of `handoff rebuild --as-of`")
    with connect(path, read_only=True) as connection:
        if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'record' AND table_name = 'run'").fetchone():
            raise UsageError("--file", seen=f"{path} has no table record.run", expected="a published copy, or a file of `handoff rebuild --as-of`")
        if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'record' AND table_name = 'observation'").fetchone():
            raise UsageError("--file", seen=f"{path} has no record, as a redacted copy has none", expected="a published copy, or a file of `handoff rebuild --as-of`")
        schema.require_version(connection, str(path))
        return _digests(connection, str(path), code_version)


def _digests(connection: duckdb.DuckDBPyConnection, name: str, code_version: str) -> list[dict[str, Any]]:
    columns = ", ".join(check.column for check in _CHECKS)
    result = connection.execute(f"SELECT {columns}, policy FROM record.run LEFT JOIN record.policy USING (policy_digest) ORDER BY number DESC LIMIT 1")
    said = result.fetchone()
    if said is None:
        raise RunError(name, seen="it holds no run", remedy="publish it again with `handoff run`")
    *written, policy = said
    found = {
        "state_digest": record.state_digest(connection),
        "own_digest": record.own_digest(connection),
        "mart_digest": record.schema_digest(connection, "mart"),
        "merkle_root": record.merkle_root(connection),
        "policy_digest": "not kept" if policy is None else sha256(policy.encode()),
        "calendar_digest": _calendars(policy),
        "code_version": code_version,
    }
    rows = []
    for check, expected in zip(_CHECKS, written, strict=True):
        actual = found[check.column]
        is_same = expected == actual
        meaning = "" if is_same else check.meaning
        rows.append({"check": check.check, "expected": expected, "found": actual, "is_good": is_same or not check.is_damage, "meaning": meaning})
    return rows


def _calendars(policy: str | None) -> str:
    """The calendar digest of a kept policy; in words, why there is none."""
    if policy is None:
        return "no policy to read them from"
    try:
        return calendar_digest(from_canonical(policy))
    except ValueError:  # its digest says that already
        return "the policy that is kept cannot be read"


def _is_whole(store: Path, digest: str) -> bool:
    path = raw.content_path(store, digest)
    return path.exists() and sha256(path.read_bytes()) == digest
