"""The warehouse from the raw store, and the proof that a published copy is what it says."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from transforms.domain.digests import sha256
from transforms.domain.errors import RunError, UsageError
from transforms.domain.policy import Policy
from warehouse import raw, record, schema
from warehouse.connection import connect
from warehouse.decisions import load_decisions
from warehouse.home import Home
from warehouse.load import Loaded, Stamp, load_tasks, read_again, task_of

#: What a run leaves that no raw file holds: its own history, kept from the published copy where that can still be read.
_HISTORY = ("run", "policy", "routing", "restatement")


def rebuild(home: Home, policy: Policy, stamp: Stamp) -> list[str]:
    """Replaces the warehouse by one made from the raw store; what came out, in lines. The caller holds the home's lock.

    The published copy stays as it is: the next run publishes. Raises `UsageError` where there is no raw store.
    """
    done = replay(home, policy, stamp)
    with connect(home.warehouse) as connection:
        history = _keep_history(connection, home)
        digest = record.state_digest(connection)
    lines = [f"rebuilt {home.warehouse} from {done.files_new} raw files: {done.rows_new} new + {done.rows_duplicate} duplicate + {done.rows_rejected} rejected rows"]
    if history is None:
        lines.append("the published copy could not be read: the history of runs begins anew")
    else:
        verdict = "as the last run" if history == digest else f"not as the last run's {history[:12]}: the published copy knows something else"
        lines.append(f"state digest {digest[:12]}, {verdict}")
    return [*lines, "the next `handoff run` publishes it"]


def _keep_history(connection: duckdb.DuckDBPyConnection, home: Home) -> str | None:
    """Takes the runs' own history over from the published copy; the state digest that its last run wrote, None where it cannot be read."""
    try:
        with connect(home.published, read_only=True) as copy:
            frames = {name: copy.execute(f"FROM record.{name}").to_arrow_table() for name in _HISTORY}  # our own names
            row = copy.execute("SELECT state_digest FROM record.run ORDER BY as_of DESC LIMIT 1").fetchone()
    except (RunError, duckdb.Error):
        return None
    for name, frame in frames.items():
        connection.register("history", frame)
        connection.execute(f"INSERT INTO record.{name} SELECT * FROM history")  # our own names
        connection.unregister("history")
    return row[0] if row else None


def replay(home: Home, policy: Policy, stamp: Stamp) -> Loaded:
    """Builds a new warehouse from the raw store, each delivery recorded when it first came; puts it in place when it is whole.

    The caller holds the home's lock. Raises `UsageError` where there is no raw store.
    """
    metas = list(raw.metas(home.raw))
    if not metas:
        raise UsageError(str(home.raw), seen="no raw files", expected="a home that has run before", remedy="run `handoff run --landing DIR` first")
    draft = home.warehouse.with_name(".warehouse.rebuild.duckdb")
    for leftover in (draft, draft.with_suffix(".duckdb.wal")):
        leftover.unlink(missing_ok=True)
    total = Loaded()
    connection = connect(draft)
    try:
        schema.create_record(connection)
        for recorded_us, group in groupby(metas, key=lambda meta: meta["recorded_us"]):
            tasks = [task_of(home, meta, 1, recorded_us) for meta in group]
            _add(total, load_tasks(connection, home, tasks, policy, stamp._replace(recorded_us=recorded_us)))
        load_decisions(connection, home, stamp)
        # Rows whose time had not come when they were delivered.
        read_again(connection, home, policy, stamp)
        connection.execute("CHECKPOINT")
    finally:
        connection.close()
    draft.replace(home.warehouse)
    home.warehouse.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    return total


def _add(total: Loaded, part: Loaded) -> None:
    for name in ("files_seen", "files_new", "files_quarantined", "files_held", "rows_in", "rows_new", "rows_duplicate", "rows_rejected"):
        setattr(total, name, getattr(total, name) + getattr(part, name))


def verify(folder: Path) -> list[dict[str, Any]]:
    """Recomputes the digests of the published copy and the hashes of the raw files; one row for each check.

    Raises `UsageError` where nothing is published, `RunError` where the copy has no run.
    """
    home = Home(folder)
    if not home.published.exists():
        raise UsageError("--home", seen=f"{home.published} is not there", expected="a published copy", remedy="run `handoff run --landing DIR` first")
    with connect(home.published, read_only=True) as connection:
        said = connection.execute(
            "SELECT state_digest, own_digest, mart_digest, merkle_root FROM record.run WHERE is_published ORDER BY as_of DESC, recorded_at DESC LIMIT 1"
        ).fetchone()
        if said is None:
            raise RunError(str(home.published), seen="it holds no run", remedy="publish it again with `handoff run`")
        found = (
            record.state_digest(connection),
            record.own_digest(connection),
            record.schema_digest(connection, "mart"),
            record.merkle_root(connection),
        )
        claimed = {row[0] for row in connection.execute("SELECT DISTINCT sha256 FROM record.landing_attempt").fetchall()}
    rows = [
        {"check": check, "expected": expected, "found": actual, "is_good": expected == actual}
        for check, expected, actual in zip(("state digest", "own digest", "mart digest", "merkle root"), said, found, strict=True)
    ]
    damaged = sorted(digest for digest in claimed if not _is_whole(home.raw, digest))
    rows.append({"check": "raw files", "expected": f"{len(claimed)} whole", "found": f"{len(claimed) - len(damaged)} whole", "is_good": not damaged})
    rows += [{"check": "raw file", "expected": digest, "found": "missing or changed", "is_good": False} for digest in damaged]
    return rows


def _is_whole(store: Path, digest: str) -> bool:
    path = raw.content_path(store, digest)
    return path.exists() and sha256(path.read_bytes()) == digest
