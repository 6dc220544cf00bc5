"""The warehouse from the raw store."""

from __future__ import annotations

from itertools import groupby

import duckdb

from transforms.domain.errors import RunError, UsageError
from transforms.domain.policy import Policy
from transforms.domain.progress import Progress, nobody
from warehouse import decisions, raw, record, schema
from warehouse.connection import connect
from warehouse.home import Home
from warehouse.load import Loaded, Stamp, load_again, read_again, task_of

#: What a run leaves that no raw file holds: its own history, kept from the published copy where that can still be read.
_HISTORY = ("run", "policy", "routing", "restatement")


def rebuild(home: Home, policy: Policy, stamp: Stamp, progress: Progress = nobody) -> list[str]:
    """Replaces the warehouse by one made from the raw store; what came out, in lines. The caller holds the home's lock.

    The published copy stays as it is: the next run publishes. Raises `UsageError` where there is no raw store.
    """
    done = replay(home, policy, stamp, progress)
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
            if "number" not in frames["run"].column_names:  # a copy of schema version 1
                numbered = "SELECT row_number() OVER (ORDER BY as_of, recorded_at, run_id) AS number, * FROM record.run"
                frames["run"] = copy.execute(numbered).to_arrow_table()
    except (RunError, duckdb.Error):
        return None
    for name, frame in frames.items():
        connection.register("history", frame)
        connection.execute(f"INSERT INTO record.{name} BY NAME SELECT * FROM history")  # our own names
        connection.unregister("history")
    row = connection.execute("SELECT state_digest FROM record.run ORDER BY number DESC LIMIT 1").fetchone()
    return row[0] if row else None


def replay(home: Home, policy: Policy, stamp: Stamp, progress: Progress = nobody) -> Loaded:
    """Builds a new warehouse from the raw store, each delivery recorded when it first came; puts it in place when it is whole.

    The caller holds the home's lock. Raises `UsageError` where there is no raw store.
    """
    unloaded = {claim_id for claim_id, _ in raw.notes(home.raw)}
    metas = [meta for meta in raw.metas(home.raw) if meta["claim_id"] not in unloaded]
    if not metas:
        raise UsageError(str(home.raw), seen="no raw files", expected="a home that has run before", remedy="run `handoff run --landing DIR` first")
    draft = home.warehouse.with_name(".warehouse.rebuild.duckdb")
    for leftover in (draft, draft.with_suffix(".duckdb.wal")):
        leftover.unlink(missing_ok=True)
    total, read = Loaded(), 0
    connection = connect(draft)
    try:
        schema.create_record(connection)
        by_instant = {at: list(group) for at, group in groupby(metas, key=lambda meta: meta["recorded_us"])}
        for recorded_us in sorted(by_instant.keys() | decisions.instants(home)):
            # As the run at that instant did: what people had decided first, then its files, and what both ask to read again.
            then = stamp._replace(recorded_us=recorded_us)
            decisions.load_taken(connection, home, then)
            progress("replay runs, file by file", read, len(metas))
            tasks = [task_of(home, meta, 1, recorded_us) for meta in by_instant.get(recorded_us, ())]
            _add(total, load_again(connection, home, tasks, policy, then))
            read += len(tasks)
        # Rows whose time had not come by the last run that left a file. What nobody took up yet is left to the next run.
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
