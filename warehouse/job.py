"""The parts of the job on one open warehouse, in order: ingest, compute, marts, expectations, report, publish. No clock, no scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import chain
from typing import Any

import duckdb

from transforms.domain import tables
from transforms.domain.digests import sha256
from transforms.domain.errors import RunError, UsageError
from transforms.domain.instants import iso
from transforms.domain.policy import Policy
from transforms.domain.progress import Progress, nobody
from warehouse import models, originated, publish, record, schema
from warehouse.compute import compute, drop_unloaded
from warehouse.connection import connect
from warehouse.decisions import load_decisions
from warehouse.home import Home
from warehouse.landing import scan_landing
from warehouse.load import Loaded, Stamp, append, ingest


@dataclass
class Job:
    """One run: what it was asked for, and what it has done so far."""

    home: Home
    policy: Policy
    stamp: Stamp
    connection: duckdb.DuckDBPyConnection
    #: The clock, which only says whether a file is still being written; as_of may lie in the past.
    now_us: int
    loaded: Loaded = field(default_factory=Loaded)
    progress: Progress = nobody

    @property
    def as_of_us(self) -> int:
        return self.stamp.recorded_us

    def ingest(self, landing: str) -> Loaded:
        """Loads what is new in the landing zone, and what handoff itself originated since the last run."""
        load_decisions(self.connection, self.home, self.stamp)
        found = scan_landing(landing, settle_us=self.policy.landing.settle.wall_us(), now_us=self.now_us)
        own = list(originated.waiting(self.home))
        self.loaded = ingest(self.connection, self.home, chain(found, own), self.policy, self.stamp, self.progress)
        originated.drop(self.home, {item.sha256 for item in own})
        return self.loaded

    def compute(self) -> int:
        """Derives the state of the programme; the number of stage events that this run itself completed."""
        found, _ = compute(self.connection, self.home, self.policy, self.stamp)
        return len(found.own_events)

    def build_marts(self) -> None:
        models.build(self.connection, self.progress)

    def finish(self) -> None:
        """Writes the run's row: the balance and the digests that say what it knew. That it published is said by what publishes."""
        row = run_row(self.connection, self.policy, self.stamp, is_published=False)
        balance = ("files_new", "rows_in", "rows_new", "rows_duplicate", "rows_rejected")
        append(self.connection, tables.RUN, [row | {name: getattr(self.loaded, name) for name in balance}])


def run_row(connection: duckdb.DuckDBPyConnection, policy: Policy, stamp: Stamp, *, is_published: bool) -> dict[str, Any]:
    """A row of record.run about an open warehouse as it stands, without a balance: nothing loaded."""
    return {
        "run_id": stamp.run_id,
        "number": record.next_run_number(connection),
        "as_of": stamp.recorded_us,
        "policy_digest": policy.digest,
        "code_version": stamp.code_version,
        "calendar_digest": calendar_digest(policy),
        "state_digest": record.state_digest(connection),
        "own_digest": record.own_digest(connection),
        "mart_digest": record.schema_digest(connection, "mart"),
        "merkle_root": record.merkle_root(connection),
        "files_new": 0,
        "rows_in": 0,
        "rows_new": 0,
        "rows_duplicate": 0,
        "rows_rejected": 0,
        "is_published": is_published,
        "recorded_at": stamp.recorded_us,
    }


def calendar_digest(policy: Policy) -> str:
    """Digest of the calendars and of the data behind them (zones, holidays), which can change without the policy."""
    calendars = {name: calendar.model_dump(mode="json") for name, calendar in sorted(policy.calendars.items())}
    return sha256(f"{calendars}{sorted(policy.team_calendars.items())}{version('holidays')}{version('tzdata')}".encode())


@contextmanager
def open_job(home: Home, policy: Policy, *, run_id: str, as_of_us: int | None, now_us: int, code_version: str) -> Iterator[Job]:
    """Opens the warehouse for one run. The caller holds the home's lock.

    Raises `UsageError` for an `as_of` before the last good run's, `RunError` for a clock that is behind it by more than the tolerance.
    """
    home.create()
    connection = _open_warehouse(home)
    try:
        publish.settle(connection, home)
        drop_unloaded(connection, home)
        at = _as_of(connection, policy, as_of_us, now_us)
        yield Job(home, policy, Stamp(run_id, at, code_version, policy.digest), connection, now_us)
    finally:
        connection.close()


def _open_warehouse(home: Home) -> duckdb.DuckDBPyConnection:
    """The warehouse with its record. A new one that cannot be made whole leaves nothing behind that the next run would stumble over."""
    is_new = not home.warehouse.exists()
    try:
        connection = connect(home.warehouse)
        try:
            schema.create_record(connection)
            connection.execute("CHECKPOINT")
        except BaseException:
            connection.close()
            raise
    except BaseException:
        if is_new:
            for path in (home.warehouse, home.warehouse.with_suffix(".duckdb.wal")):
                path.unlink(missing_ok=True)
        raise
    return connection


def _as_of(connection: duckdb.DuckDBPyConnection, policy: Policy, asked_us: int | None, now_us: int) -> int:
    """The run's as_of: what was asked for, else the clock; never before the last good run (ruling 1)."""
    row = connection.execute("SELECT epoch_us(max(as_of)) FROM record.run WHERE is_published").fetchone()
    last = row[0] if row else None
    if asked_us is not None:
        if last is not None and asked_us < last:
            raise UsageError(
                "--as-of",
                seen=f"{iso(asked_us)} is before the last run's {iso(last)}",
                expected="a later instant",
                remedy="ask history with `handoff rebuild --as-of`",
            )
        return asked_us
    if last is None or now_us > last:
        return now_us
    if last - now_us <= policy.clock_tolerance.wall_us():
        return last + 1
    raise RunError(
        "the clock",
        seen=f"it says {iso(now_us)}, the last run was at {iso(last)}",
        expected=f"a clock behind by no more than {policy.clock_tolerance.amount}{policy.clock_tolerance.unit}",
        remedy="set the clock right",
    )
