"""Landed files → the record. A file's claim, rows and row balance are one transaction; a file already loaded does nothing.

Exactly-once lives here and in nothing else: whoever schedules runs may double, drop or kill them.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from transforms import intake, registers
from transforms.domain import tables
from transforms.domain.errors import LawBroken, RunError
from transforms.domain.policy import Policy, from_canonical
from transforms.domain.progress import Progress, nobody
from transforms.domain.result import Reject
from transforms.domain.sidecar import Sidecar
from transforms.intake import Delivery, Intake
from warehouse import raw
from warehouse.connection import transaction
from warehouse.home import Home
from warehouse.landing import Found, Problem
from warehouse.schema import sql_file

#: A parser that needs more memory than this has met a hostile or broken file: it dies alone, the file is quarantined.
WORKER_MEMORY_BYTES = 8 * 1024**3
#: Rows and files of one transaction: large enough that commits cost nothing, small enough that a kill loses little work.
BATCH_ROWS = 200_000
BATCH_FILES = 200
#: Contents handed to one worker at once.
TASK_BYTES = 4 * 1024**2

_ROW_KEYS = {
    "observation": ("observation_id", "content_id"),
    "activity": ("event_id", "content_id"),
    "ticket": ("content_id",),
    "asset": ("content_id",),
    "person": ("content_id",),
    "ownership": ("content_id",),
    "known_exploited": ("vulnerability_id", "added_on"),
    "vulnerability_alias": ("advisory_id", "vulnerability_ids"),
    "exploit_prediction": ("vulnerability_id", "epss"),
}


class Task(NamedTuple):
    """One reading of one claimed content."""

    found_sha256: str
    content: bytes
    delivery: Delivery
    sidecar_sha256: str | None
    attempt: int
    fault: str | None = None


@dataclass
class Loaded:
    """What an ingest did, for the run's summary."""

    files_seen: int = 0
    files_new: int = 0
    files_quarantined: int = 0
    files_held: int = 0
    rows_in: int = 0
    rows_new: int = 0
    rows_duplicate: int = 0
    rows_rejected: int = 0
    problems: list[Problem] = field(default_factory=list)
    quarantined: list[tuple[str, str]] = field(default_factory=list)


class Stamp(NamedTuple):
    """What every row of one run is marked with."""

    run_id: str
    recorded_us: int
    code_version: str
    policy_digest: str


def ingest(
    connection: duckdb.DuckDBPyConnection, home: Home, found: Iterable[Found | Problem], policy: Policy, stamp: Stamp, progress: Progress = nobody
) -> Loaded:
    """Claims and loads what is new in the landing zone, and reads again what newer code, policy, time or a person asks for."""
    return _Ingest(connection, home, policy, stamp, progress).run(found)


def load_tasks(connection: duckdb.DuckDBPyConnection, home: Home, tasks: Sequence[Task], policy: Policy, stamp: Stamp) -> Loaded:
    """Loads contents that are already in the raw store."""
    return _Ingest(connection, home, policy, stamp).load(tasks)


def load_again(connection: duckdb.DuckDBPyConnection, home: Home, tasks: Sequence[Task], policy: Policy, stamp: Stamp) -> Loaded:
    """Loads the contents that a past run loaded, and reads again what that run read again."""
    return _Ingest(connection, home, policy, stamp).load_due(tasks)


def read_again(connection: duckdb.DuckDBPyConnection, home: Home, policy: Policy, stamp: Stamp) -> Loaded:
    """Reads again what time, code, policy or a person asks for, with nothing new landed."""
    return _Ingest(connection, home, policy, stamp).run(())


class _Ingest:
    def __init__(self, connection: duckdb.DuckDBPyConnection, home: Home, policy: Policy, stamp: Stamp, progress: Progress = nobody) -> None:
        self._connection, self._home, self._policy, self._stamp, self._progress = connection, home, policy, stamp, progress
        self._loaded = Loaded()
        self._attempts: dict[str, int] = {}
        #: When each claim was last read.
        self._read_us: dict[str, int] = {}
        #: Claims of one content at one path, and whether each came with a sidecar.
        self._places: dict[tuple[str, str], dict[str, bool]] = {}
        #: Why a scan was held at its last reading.
        self._held: dict[str, str] = {}
        for claim, sha256, path, sidecar, attempt, status, reason, read_us in connection.execute(
            "SELECT claim_id, sha256, path, sidecar_sha256, attempt, status, reason, epoch_us(landed_at) FROM record.landed_file"
        ).fetchall():
            self._attempts[claim], self._read_us[claim] = attempt, read_us
            self._places.setdefault((sha256, path), {})[claim] = sidecar is not None
            if status == "held":
                self._held[claim] = reason
        self._lost = {claim for (claim,) in connection.execute("SELECT lost FROM record.conflict WHERE kind = 'superseded_claim'").fetchall()}
        self._has_superseded = False
        self._last_scans = self._scans_before()

    def run(self, found: Iterable[Found | Problem]) -> Loaded:
        return self.load_due(self._new(found))

    def load_due(self, tasks: Iterable[Task]) -> Loaded:
        """Loads these, and what is to be read again."""
        self.load([*tasks, *self._again()])
        if self._has_superseded:
            self.load([*self._tasks_again(self._stand_ins())])
        return self._loaded

    def load(self, tasks: Sequence[Task]) -> Loaded:
        batch: list[tuple[Task, Intake]] = []
        rows = 0
        for number, (task, result) in enumerate(self._ordered(self._counted(_parse_all(tasks, self._policy), len(tasks))), 1):
            batch.append((task, result))
            rows += result.rows_in
            if rows >= BATCH_ROWS or len(batch) >= BATCH_FILES:
                self._commit(batch)
                self._progress("load files", number, len(tasks))
                batch, rows = [], 0
        if batch:
            self._commit(batch)
            self._progress("load files", len(tasks), len(tasks))
        return self._loaded

    def _counted(self, results: Iterable[tuple[Task, Intake]], total: int) -> Iterator[tuple[Task, Intake]]:
        if total:
            self._progress("read files", 0, total)
        for number, result in enumerate(results, 1):
            self._progress("read files", number, total)
            yield result

    def _new(self, found: Iterable[Found | Problem]) -> Iterator[Task]:
        """Contents that nobody has claimed; each is in the raw store before anything is read from it."""
        claimed = set(self._attempts)
        for item in found:
            if isinstance(item, Problem):
                self._loaded.problems.append(item)
                continue
            self._loaded.files_seen += 1
            self._progress("look for new files", self._loaded.files_seen)
            if item.claim_id in claimed or self._has_lost_its_sidecar(item):
                continue
            claimed.add(item.claim_id)
            yield keep(self._home, item, self._stamp, is_own=item.is_own)

    def _has_lost_its_sidecar(self, item: Found) -> bool:
        """The same content at the same place, claimed with a sidecar that is gone now: nothing new, and no less known."""
        return item.sidecar.digest is None and item.fault is None and any(self._places.get((item.sha256, item.path), {}).values())

    def _again(self) -> Iterator[Task]:
        """Claims to read again (rulings 3, 4): quarantined files and rejected rows under newer code or policy, future rows whose time has
        come, and what a person asked for."""
        rows = self._connection.execute(
            sql_file("record/read_again.sql"),
            {"code": self._stamp.code_version, "policy": self._stamp.policy_digest, "as_of": self._stamp.recorded_us},
        ).fetchall()
        yield from self._tasks_again(dict.fromkeys([*rows, *self._stand_ins()]))

    def _stand_ins(self) -> list[tuple[str, str]]:
        """Claims read before the last file was taken back or superseded that had rows in common with others: now those rows may be theirs alone."""
        return self._connection.execute(
            "SELECT sha256, claim_id FROM record.landed_file WHERE rows_duplicate > 0 AND kind IN ('scan', 'activity', 'reference') "
            "AND coalesce(decision, '') NOT IN ('retract', 'discard') AND landed_at <= ("
            "SELECT max(recorded_at) FROM (SELECT recorded_at FROM record.decision WHERE decision = 'retract' "
            "UNION ALL SELECT recorded_at FROM record.conflict WHERE kind = 'superseded_claim')) ORDER BY path, claim_id"
        ).fetchall()

    def _tasks_again(self, claims: Iterable[tuple[str, str]]) -> Iterator[Task]:
        for sha256, claim_id in claims:
            if claim_id not in self._lost:
                meta = raw.load_meta(self._home.raw, sha256, claim_id)
                self._attempts[claim_id] = self._attempts.get(claim_id, 1) + 1
                yield task_of(self._home, meta, self._attempts[claim_id], self._stamp.recorded_us, self._read_us.get(claim_id))

    @staticmethod
    def _ordered(results: Iterable[tuple[Task, Intake]]) -> list[tuple[Task, Intake]]:
        """Register snapshots in the order in which they were taken: each is compared with the one before it."""
        return sorted(results, key=lambda pair: (pair[1].snapshot_us or 0, pair[0].delivery.path, pair[0].delivery.claim_id))

    def _commit(self, batch: Sequence[tuple[Task, Intake]]) -> None:
        with transaction(self._connection):
            for task, result in batch:
                self._supersede(task, result)
            readings = {task.delivery.claim_id: task.attempt for task, _ in batch}
            counts = {name: self._insert(name, [result.frames[name] for _, result in batch if name in result.frames], readings) for name in _ROW_KEYS}
            attempts: list[dict[str, Any]] = []
            rejected: list[dict[str, Any]] = []
            for task, result in batch:
                if registers.registers_of(result.kind) and attempts:
                    # A register is compared with the snapshot before it, which may be in this very batch.
                    self._append(tables.LANDING_ATTEMPT, attempts)
                    attempts = []
                found = [count.get(task.delivery.claim_id, (0, 0, 0)) for count in counts.values()]
                new, duplicate, added = (sum(numbers) for numbers in zip(*found, strict=True))
                attempts.append(self._attempt(task, result, new, duplicate))
                self._count(task, result, duplicate, added)
                rejected += [self._rejected(task, reject, retry) for reject, retry in result.rejects]
            self._append(tables.LANDING_ATTEMPT, attempts)
            self._append(tables.REJECTED_ROW, rejected)

    def _insert(self, name: str, frames: list[pa.Table], readings: dict[str, int]) -> dict[str, tuple[int, int, int]]:
        """Appends the rows that the record does not have; (new, duplicate, added now) by claim."""
        if not frames:
            return {}
        incoming = pa.concat_tables(frames)
        incoming = incoming.append_column("seq", pa.array(range(incoming.num_rows), pa.int64()))
        if name in ("asset", "person", "ownership"):
            members = incoming.select(["claim_id", "content_id", "recorded_at"])
            members = members.append_column("attempt", pa.array([readings[claim] for claim in members.column("claim_id").to_pylist()], pa.int32()))
            self._connection.register("members", members)
            self._connection.execute(sql_file("record/append_members.sql"), {"register": name})
            self._connection.unregister("members")
        self._connection.register("incoming", incoming)
        try:
            statements = sql_file("record/append_rows.sql").replace("$table", name).replace("$key", ", ".join(_ROW_KEYS[name]))
            columns = ", ".join(f'"{column.name}"' for column in tables.RECORD_TABLES[name].columns)
            *setup, count = [part for part in statements.replace("$columns", columns).split(";") if part.strip()]
            for statement in setup:
                self._connection.execute(statement)
            if name == "observation":
                self._connection.execute(sql_file("record/append_scan_members.sql"))
            return {claim: (new, duplicate, added) for claim, new, duplicate, added in self._connection.execute(count).fetchall()}
        finally:
            self._connection.unregister("incoming")

    def _attempt(self, task: Task, result: Intake, new: int, duplicate: int) -> dict[str, Any]:
        status, reason = self._status(task, result)
        rejected = len(result.rejects)
        if new + duplicate + rejected != result.rows_in:
            raise LawBroken(task.delivery.path, seen=f"{result.rows_in} rows in, but {new} new, {duplicate} duplicate, {rejected} rejected")
        done = self._loaded
        if status == "quarantined":
            done.files_quarantined += 1
            done.quarantined.append((task.delivery.path, reason or ""))
        done.files_held += status == "held"
        delivery = task.delivery
        return {
            "claim_id": delivery.claim_id,
            "attempt": task.attempt,
            "sha256": task.found_sha256,
            "sidecar_sha256": task.sidecar_sha256,
            "path": delivery.path,
            "kind": result.kind,
            "format": result.format,
            "source": delivery.source,
            "bytes": len(task.content),
            "status": status,
            "reason": reason,
            "rows_in": result.rows_in,
            "rows_new": new,
            "rows_duplicate": duplicate,
            "rows_rejected": rejected,
            "snapshot_at": result.snapshot_us,
            "is_complete": delivery.sidecar.complete if registers.registers_of(result.kind) else None,
            "scope": result.scope,
            "scanners": result.scanners or None,
            "landed_at": delivery.recorded_us,
            "run_id": self._stamp.run_id,
            "code_version": self._stamp.code_version,
            "policy_digest": self._stamp.policy_digest,
        }

    def _count(self, task: Task, result: Intake, duplicate: int, added: int) -> None:
        """Adds a reading to the run's balance: a file's first one whole, a later one only with the rows that it added."""
        done, rejected = self._loaded, len(result.rejects)
        is_first = task.attempt == 1
        done.files_new += is_first
        done.rows_in += result.rows_in if is_first else added
        done.rows_new += added
        done.rows_duplicate += duplicate if is_first else 0
        done.rows_rejected += rejected if is_first else 0

    def _status(self, task: Task, result: Intake) -> tuple[str, str | None]:
        if result.reason is not None:
            return "quarantined", result.reason
        reason = None
        if task.delivery.sidecar.complete and not registers.is_rolling(result.format) and (snapshot_of := registers.registers_of(result.kind)):
            reason = next((lost for register in snapshot_of if (lost := self._lost_too_much(task, result, register))), None)
        elif result.kind == "scan":
            reason = self._collapsed(task, result)
        if reason:
            return "held", reason
        return ("loaded", None) if result.rows_in else ("empty", None)

    def _lost_too_much(self, task: Task, result: Intake, register: str) -> str | None:
        """Why a snapshot is held: it lacks more rows of a register than the policy allows, of those that the one before it of the same source had."""
        row = self._connection.execute(
            sql_file("record/register_loss.sql"),
            {
                "kind": register,
                "register": registers.TABLES[register].name,
                "source": task.delivery.source,
                "claim": task.delivery.claim_id,
                "attempt": task.attempt,
                "snapshot": result.snapshot_us,
            },
        ).fetchone()
        before, lost = row if row else (0, 0)
        if before and lost / before > self._policy.registers.maximum_loss:
            share = self._policy.registers.maximum_loss
            return f"{lost} of the {before} keys of {register} in the snapshot before it are gone, the policy allows a share of {share:g}; release or discard it"
        return None

    def _collapsed(self, task: Task, result: Intake) -> str | None:
        """Why a scan is held: it has far fewer results than the last one of the same source and targets (ruling 91)."""
        if task.attempt > 1:
            return self._held.get(task.delivery.claim_id)  # judged when it came, against the scan before it
        source = (task.delivery.source, result.format)
        before = self._last_scans.get((*source, tuple(result.scope)) if result.scope else source, 0)
        for key in (source, (*source, tuple(result.scope))):
            self._last_scans[key] = result.rows_in
        policy = self._policy.scans
        if before >= policy.minimum_results and result.rows_in < before * (1 - policy.maximum_collapse):
            return f"{result.rows_in} results after {before} in the scan before it; they count, their absence proves nothing until it is released"
        return None

    def _scans_before(self) -> dict[tuple, int]:
        """Results of the last scan by (source, format) and by (source, format, targets)."""
        rows = self._connection.execute(
            "SELECT source, format, scope, rows_in FROM record.landed_file WHERE kind = 'scan' AND status <> 'quarantined' "
            "ORDER BY snapshot_at NULLS FIRST, landed_at, path"
        ).fetchall()
        return {key: rows_in for source, format_, scope, rows_in in rows for key in ((source, format_), (source, format_, tuple(scope or ())))}

    def _rejected(self, task: Task, reject: Reject, retry_us: int | None) -> dict[str, Any]:
        return {
            "claim_id": task.delivery.claim_id,
            "attempt": task.attempt,
            "path": task.delivery.path,
            "pointer": reject.pointer,
            "reason": reject.reason,
            "detail": reject.detail,
            "raw": reject.raw,
            "retry_at": None if retry_us is None else retry_us - self._policy.clock_tolerance.wall_us(),
        }

    def _supersede(self, task: Task, result: Intake) -> None:
        """A sidecar that came after its file: the claim of the same content at the same path no longer counts (ruling 4).

        What cannot be read supersedes nothing, and what was superseded itself does not come back.
        """
        claims = self._places.setdefault((task.found_sha256, task.delivery.path), {})
        claims[task.delivery.claim_id] = task.sidecar_sha256 is not None
        if result.reason is not None or task.sidecar_sha256 is None or task.delivery.claim_id in self._lost:
            return
        earlier = [claim for claim in claims if claim != task.delivery.claim_id and claim not in self._lost]
        row = {"kind": "superseded_claim", "subject": task.delivery.path, "kept": task.delivery.claim_id, "recorded_at": task.delivery.recorded_us}
        detail = "a sidecar landed after its file was claimed"
        self._append(tables.CONFLICT, [{**row, "lost": claim, "detail": detail} for claim in earlier])
        self._lost.update(earlier)
        self._has_superseded = self._has_superseded or bool(earlier)

    def _append(self, table: tables.Table, rows: list[dict[str, Any]]) -> None:
        append(self._connection, table, rows)


def append(connection: duckdb.DuckDBPyConnection, table: tables.Table, rows: list[dict[str, Any]]) -> None:
    """Appends rows to a table of the record, all at once."""
    if not rows:
        return
    frame = table.frame({column.name: [row.get(column.name) for row in rows] for column in table.columns})
    connection.register("appended", frame)
    try:
        connection.execute(f"INSERT INTO record.{table.name} SELECT * FROM appended")  # the name is our own declaration
    finally:
        connection.unregister("appended")


def keep(home: Home, found: Found, stamp: Stamp, *, is_own: bool = False) -> Task:
    """Puts a content into the raw store, and says how to read it."""
    meta = {
        "claim_id": found.claim_id,
        "sha256": found.sha256,
        "folder": found.folder,
        "path": found.path,
        "source": found.source,
        "sidecar": found.sidecar.model_dump(exclude_defaults=True),
        "sidecar_sha256": found.sidecar.digest,
        "file_us": found.file_us,
        "recorded_us": stamp.recorded_us,
        "is_own": is_own,
        "fault": found.fault,
    }
    raw.store(home.raw, found.sha256, found.claim_id, found.content, meta)
    return _task(meta, found.content, 1)


def task_of(home: Home, meta: dict[str, Any], attempt: int, latest_us: int, read_us: int | None = None) -> Task:
    """A task from the raw store. What a later reading accepts is known from then on: its rows are recorded at `latest_us`.

    `read_us`: when it was last read, None for a first reading.
    """
    return _task({**meta, "recorded_us": max(meta["recorded_us"], latest_us)}, raw.load(home.raw, meta["sha256"]), attempt, read_us)


def _task(meta: dict[str, Any], content: bytes, attempt: int, read_us: int | None = None) -> Task:
    delivery = Delivery(
        claim_id=meta["claim_id"],
        folder=meta["folder"],
        path=meta["path"],
        source=meta["source"],
        sidecar=Sidecar.model_validate(meta["sidecar"]),
        file_us=meta["file_us"],
        recorded_us=meta["recorded_us"],
        is_own=meta["is_own"],
        read_us=read_us,
    )
    return Task(meta["sha256"], content, delivery, meta["sidecar_sha256"], attempt, meta["fault"])


# Parsing, in child processes


def _parse_all(tasks: Sequence[Task], policy: Policy) -> Iterator[tuple[Task, Intake]]:
    """Every task with what its content gave. A worker that dies takes no other file with it."""
    readable = []
    for task in tasks:
        if task.fault is not None:
            yield task, Intake(reason=task.fault)
        else:
            readable.append(task)
    if not readable:
        return
    if all(task.delivery.is_own for task in readable):
        # Our own small files hold nothing hostile: no process is started for them.
        for task in readable:
            yield task, intake.read(task.content, task.delivery, policy)
        return
    broken: list[Task] = []
    with _pool(min(os.cpu_count() or 1, len(readable))) as pool:
        _require_workers(pool)
        futures: list[tuple[list[Task], Future]] = []
        for group in _groups(readable):
            try:
                futures.append((group, pool.submit(_parse_group, [(task.content, task.delivery) for task in group], policy.canonical)))
            except BrokenProcessPool:
                broken += group
        for group, future in futures:
            try:
                results = future.result()
            except Exception:  # a dead worker, or one that ran out of memory even for saying so: each file alone tells which it was
                broken += group
            else:
                yield from zip(group, results, strict=True)
    for task in broken:
        yield task, _parse_alone(task, policy)


def _require_workers(pool: ProcessPoolExecutor) -> None:
    """Raises `RunError` where no worker can start at all: then it is not the files that are at fault."""
    try:
        pool.submit(int).result()
    except BrokenProcessPool as error:
        raise RunError(
            "reading files",
            seen=f"no worker process can be started: {error}",
            remedy='called from a script of your own, put its work under `if __name__ == "__main__":`; else see `ulimit -a`',
        ) from None


def _parse_alone(task: Task, policy: Policy) -> Intake:
    with _pool(1) as pool:
        try:
            return pool.submit(_parse_group, [(task.content, task.delivery)], policy.canonical).result()[0]
        except Exception as error:
            seen = f"of its {len(task.content):,} bytes it needed more than {WORKER_MEMORY_BYTES:,} bytes of memory, or crashed ({type(error).__name__})"
            return Intake(reason=f"parser_died: reading it failed: {seen}; split or mend it")


def _pool(workers: int) -> ProcessPoolExecutor:
    context = get_context("forkserver")
    context.set_forkserver_preload(["transforms.intake"])
    return ProcessPoolExecutor(max_workers=workers, mp_context=context, initializer=_limit_memory, initargs=(WORKER_MEMORY_BYTES,))


def _limit_memory(limit: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)  # who is not root may not raise it
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _groups(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    group: list[Task] = []
    size = 0
    for task in tasks:
        group.append(task)
        size += len(task.content)
        if size >= TASK_BYTES or len(group) >= BATCH_FILES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _parse_group(items: list[tuple[bytes, Delivery]], policy: str) -> list[Intake]:
    """Runs in a worker. The policy comes as its canonical text, validated once a process."""
    return [intake.read(content, delivery, from_canonical(policy)) for content, delivery in items]
