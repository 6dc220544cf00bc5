"""The record → what this run knows: derives, lands the run's own stage events, and appends what changed to the record."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from transforms import programme
from transforms.domain import tables
from transforms.domain.delimited import write_rows
from transforms.domain.digests import identifier, sha256
from transforms.domain.instants import iso
from transforms.domain.policy import Policy
from transforms.domain.sidecar import Sidecar
from transforms.intake import ACTIVITY_VALUES
from transforms.programme import Derived
from warehouse import derived, load, raw, record
from warehouse.connection import transaction
from warehouse.home import Home
from warehouse.landing import Found
from warehouse.load import Loaded, Stamp, Task
from warehouse.schema import sql_file

_OWN_COLUMNS = (*ACTIVITY_VALUES, "method", "asserted_by")


def compute(connection: duckdb.DuckDBPyConnection, home: Home, policy: Policy, stamp: Stamp) -> tuple[Derived, Loaded]:
    """Derives everything at the run's as_of and writes schema `derived`; also what this run decided itself, into the record."""
    found = programme.derive(record.known(connection, stamp.recorded_us), policy, stamp.recorded_us, completes_stages=True)
    landed = land_own(connection, home, found.own_events, policy, stamp)
    # In one step: what changed is told from the state before, which this replaces.
    with transaction(connection):
        _append_changes(connection, found, policy, stamp)
        derived.write(connection, found.frames, policy, stamp.recorded_us)
    return found, landed


def compute_known(connection: duckdb.DuckDBPyConnection, policy: Policy, as_of_us: int, waiting_bands: Collection[str] | None = None) -> str:
    """Derives what the record knew at `as_of_us` into schema `derived`, deciding nothing new; in words, how much that is.

    `waiting_bands`: as `programme.derive` has it.
    """
    found = programme.derive(record.known(connection, as_of_us), policy, as_of_us, completes_stages=False, waiting_bands=waiting_bands)
    with transaction(connection):
        derived.write(connection, found.frames, policy, as_of_us)
    return f"{found.frames['cycle'].num_rows} handoffs of {found.frames['finding'].num_rows} findings"


def land_own(connection: duckdb.DuckDBPyConnection, home: Home, events: list[dict], policy: Policy, stamp: Stamp) -> Loaded:
    """Lands the stage events that a run itself completed: a raw activity file first, then like any other (ruling 2b)."""
    if not events:
        return Loaded()
    task = keep_own(home, events, stamp)
    landed = load.load_tasks(connection, home, [task], policy, stamp)
    raw.drop_note(home.raw, task.delivery.claim_id)
    return landed


def keep_own(home: Home, events: list[dict], stamp: Stamp) -> Task:
    """Puts a run's own stage events into the raw store, with a note that they are not loaded yet.

    They are that run's word only once it has loaded them: the run that follows a killed one decides anew, and makes its own.
    """
    rows = [{**event, "occurred_at": iso(event["occurred_at"])} for event in sorted(events, key=lambda event: (event["ref"], event["event"]))]
    content = write_rows(_OWN_COLUMNS, rows)
    path = f"own/{iso(stamp.recorded_us)}-{identifier(stamp.run_id)[:8]}.csv"
    found = Found("activity", path, content, sha256(content), Sidecar(), "own", stamp.recorded_us)
    raw.note(home.raw, found.claim_id, found.sha256)
    return load.keep(home, found, stamp, is_own=True)


def drop_unloaded(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Takes own events that a killed run kept and never loaded out of the raw store again: a rebuild would find them."""
    for claim_id, digest in raw.notes(home.raw):
        if not connection.execute("SELECT 1 FROM record.landing_attempt WHERE claim_id = ?", [claim_id]).fetchone():
            raw.remove(home.raw, digest, claim_id)
        raw.drop_note(home.raw, claim_id)


def _append_changes(connection: duckdb.DuckDBPyConnection, found: Derived, policy: Policy, stamp: Stamp) -> None:
    """Routing decisions that differ from the last, restated t0s, and contradictions not yet known."""
    for name in ("routing", "conflict", "cycle", "sighting"):
        connection.register(f"now_{name}", found.frames[name])
    has_before = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'derived' AND table_name = 'cycle'").fetchone()
    parameters = {"as_of": stamp.recorded_us}
    connection.execute(sql_file("record/append_routing.sql"), parameters)
    connection.execute(sql_file("record/append_conflicts.sql"))
    if has_before and has_before[0]:
        connection.execute(sql_file("record/append_restatements.sql"), parameters)
    _keep_policy(connection, policy, stamp)
    for name in ("routing", "conflict", "cycle", "sighting"):
        connection.unregister(f"now_{name}")


def _keep_policy(connection: duckdb.DuckDBPyConnection, policy: Policy, stamp: Stamp) -> None:
    """Keeps each policy once, by its digest, so that any past run can be computed again under its own."""
    known = connection.execute("SELECT 1 FROM record.policy WHERE policy_digest = ?", [policy.digest]).fetchone()
    if not known:
        row = {"policy_digest": policy.digest, "policy": policy.canonical, "recorded_at": stamp.recorded_us}
        load.append(connection, tables.POLICY, [row])
