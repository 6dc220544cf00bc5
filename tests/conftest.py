"""What the tests stand on: landing zones in the making, warehouses of real DuckDB files, and published homes.

A fixture is named by the state that it gives. Files are parsed in this process where a test is not about the process pool, for speed only.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, settings

from transforms import intake, programme
from transforms.domain import tables
from transforms.domain.digests import sha256
from transforms.domain.instants import iso, parse_stamp
from transforms.domain.policy import Policy, load_policy
from transforms.domain.sidecar import Sidecar, read_sidecar, source_of
from transforms.registers import registers_of
from warehouse import derived, load, models, publish, record, schema
from warehouse.home import Home
from warehouse.job import open_job
from warehouse.load import Loaded

TESTS = Path(__file__).resolve().parent
PROJECT = TESTS.parent
DEFAULT_POLICY = (PROJECT / "policy.yaml").read_text(encoding="utf-8")
DEMO = PROJECT / "demo"
PLAIN_PATH = TESTS / "golden" / "scenarios" / "plain_path"
PLAIN_AS_OF = "2026-05-04T12:00:00Z"

settings.register_profile("quick", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("quick"), derandomize=False, max_examples=3000)
settings.load_profile("quick")


def us(text: str) -> int:
    """An instant as microseconds."""
    return parse_stamp(text).us


def make_policy(overlay: str | dict | None = None) -> Policy:
    """The default policy under an overlay, as YAML text or a tree."""
    return _policy_of(overlay if isinstance(overlay, str) else yaml.safe_dump(overlay or {}, sort_keys=False))


@cache
def _policy_of(text: str) -> Policy:
    return load_policy(("policy.yaml", DEFAULT_POLICY), ("own.yaml", text))


def sibling(name: str, path: str) -> ModuleType:
    """A module of the tests by its path; tests are no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TESTS / path)
        assert spec and spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def csv_text(rows: list[dict]) -> str:
    """Rows as CSV; the columns are those that any row has."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


# Landing zones


def person(person_id: str, team: str = "payments", **more: str) -> dict[str, str]:
    row = {"person_id": person_id, "name": person_id.title(), "email": f"{person_id}@example.com", "team": team, "role": "engineer"}
    return {**row, "channel": "chat", "status": "active", "kind": "human", **more}


class Zone:
    """A landing zone in the making: three people, one asset, its owner; scans and events are added one by one.

    anna owns asset `pay` (name pay-api, team payments); bo is of her team; cy is not.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.events: list[dict[str, Any]] = []
        self._scans = 0
        self.people(person("anna"), person("bo"), person("cy", "other"))
        self.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments"})
        self.ownership({"match": "asset:pay", "person_id": "anna", "team": "payments"})

    def put(self, path: str, content: str | bytes | list[dict], **sidecar: object) -> Zone:
        """A file and, where values are given, its sidecar."""
        if isinstance(content, list):
            content = csv_text(content)
        self.files[path] = content.encode() if isinstance(content, str) else content
        if sidecar:
            self.files[f"{path}.meta.yaml"] = yaml.safe_dump(sidecar, default_style='"').encode()
        return self

    def people(self, *rows: dict, path: str = "people/people.csv", **sidecar: object) -> Zone:
        return self.put(path, list(rows), **sidecar)

    def assets(self, *rows: dict, path: str = "assets/assets.csv", **sidecar: object) -> Zone:
        return self.put(path, list(rows), **sidecar)

    def ownership(self, *rows: dict, path: str = "people/ownership.csv", **sidecar: object) -> Zone:
        return self.put(path, list(rows) or "match,person_id\n", **sidecar)

    def scan(self, at: str, severity: str = "Critical", *, target: str = "pay-api", own: str = "A", scanner: str = "one", side: dict | None = None, **item: object) -> Zone:
        """One result of one scan; `own` is the scanner's own id of it."""
        self._scans += 1
        found = {"title": "T", "severity": severity, "description": "d", "vuln_id_from_tool": "R", "cve": "CVE-2026-1", **item}
        if own:
            found["unique_id_from_tool"] = own
        sidecar = {"target": target, "captured_at": at, "scanner": scanner, **(side or {})}
        return self.put(f"scans/s{self._scans}.json", json.dumps({"findings": [found]}), **sidecar)

    def event(self, word: str, at: str, actor: str = "anna", *, ref: str = "A", **more: object) -> Zone:
        self.events.append({"event_id": f"e{len(self.events):03d}", "ref": ref, "event": word, "actor": actor, "occurred_at": at, **more})
        return self

    def lands_own(self, state: State) -> Zone:
        """Adds what that run itself completed, as it would land it."""
        rows = [{**event, "occurred_at": iso(event["occurred_at"])} for event in state.own_events]
        return self.put(f"own/{len(self.files)}.csv", rows) if rows else self

    def all_files(self) -> dict[str, bytes]:
        """Every file of the zone, the events as JSON lines."""
        if not self.events:
            return dict(self.files)
        return {**self.files, "activity/events.jsonl": "".join(json.dumps(event) + "\n" for event in self.events).encode()}

    def write(self, folder: Path) -> Path:
        """The zone as a folder."""
        for path, content in self.all_files().items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder

    def state(self, as_of: str = "2026-05-01T00:00:00Z", policy: str | dict | Policy | None = None, *, completes_stages: bool = False) -> State:
        """What is derived from it in one run, without a warehouse."""
        rules = policy if isinstance(policy, Policy) else make_policy(policy)
        return State(programme.derive(self._record(us(as_of), rules), rules, us(as_of), completes_stages=completes_stages), rules, us(as_of))

    def cycles(self, as_of: str = "2026-05-01T00:00:00Z", policy: str | dict | Policy | None = None, *, completes_stages: bool = False) -> list[dict[str, Any]]:
        """Rows of mart.handoff in one run."""
        return self.state(as_of, policy, completes_stages=completes_stages).mart("handoff")

    def cycle(self, as_of: str = "2026-05-01T00:00:00Z", policy: str | dict | Policy | None = None) -> dict[str, Any]:
        (row,) = self.cycles(as_of, policy)
        return row

    def _record(self, as_of_us: int, policy: Policy) -> dict[str, pa.Table]:
        files = self.all_files()
        found: dict[str, list[pa.Table]] = {name: [] for name in tables.RECORD_TABLES}
        members: dict[str, list] = {"claim_id": [], "attempt": [], "register": [], "content_id": []}
        snapshots: list[dict] = []
        scans: list[dict] = []
        for path, content in sorted(files.items()):
            if path.endswith(".meta.yaml"):
                continue
            text = files.get(f"{path}.meta.yaml")
            sidecar = read_sidecar((path, text.decode())) if text else Sidecar()
            claim, source = sha256(path.encode()), sidecar.source or source_of(path)
            folder, is_own = ("activity", True) if path.startswith("own/") else (path.split("/")[0], False)
            delivery = intake.Delivery(
                claim_id=claim, folder=folder, path=path, source=source, sidecar=sidecar, file_us=as_of_us, recorded_us=as_of_us, is_own=is_own
            )
            result = intake.read(content, delivery, policy)
            assert result.reason is None, f"{path}: {result.reason}"
            if result.kind == "scan":
                captured = pa.compute.max(result.frames["observation"].column("captured_at")).cast(pa.int64()).as_py()
                scans.append(
                    {"is_dated_by_file": result.snapshot_us is None and set(result.frames["observation"].column("captured_at_source").to_pylist()) == {"file"},
                     "claim_id": claim, "sha256": sha256(content), "path": path, "format": result.format, "scanners": result.scanners, "scope": result.scope,
                     "rows_rejected": len(result.rejects), "status": "loaded" if result.rows_in else "empty", "scanned_us": result.snapshot_us or captured}
                )  # fmt: skip
            for name, frame in result.frames.items():
                found[name].append(frame)
                if name in ("asset", "person", "ownership"):
                    ids = frame.column("content_id").to_pylist()
                    members["claim_id"] += [claim] * len(ids)
                    members["register"] += [name] * len(ids)
                    members["content_id"] += ids
                    members["attempt"] += [1] * len(ids)
            if registers_of(result.kind):
                snapshots.append(
                    {"claim_id": claim, "kind": result.kind, "source": source, "path": path, "snapshot_at": result.snapshot_us, "landed_at": as_of_us,
                     "format": result.format, "is_complete": sidecar.complete}
                )  # fmt: skip
        frames = {name: pa.concat_tables(parts) if parts else tables.RECORD_TABLES[name].frame({}) for name, parts in found.items()}
        frames["register_member"] = tables.REGISTER_MEMBER.frame(members)
        columns = {column.name: [row.get(column.name) for row in snapshots] for column in tables.LANDING_ATTEMPT.columns}
        frames["snapshot"] = tables.LANDING_ATTEMPT.frame(columns)
        frames["scan"] = pa.Table.from_pylist(scans)
        frames["repeat"] = tables.DERIVED_REPEAT.frame({})
        return frames


class State:
    """What was derived; marts are built where one is asked for."""

    def __init__(self, found: programme.Derived, policy: Policy, as_of_us: int) -> None:
        self.frames, self.own_events = found.frames, found.own_events
        self._policy, self._as_of_us = policy, as_of_us

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Rows of a derived table; instants as ISO text."""
        frame = self.frames[name]
        stamps = {field.name for field in frame.schema if pa.types.is_timestamp(field.type)}
        columns = {column: frame.column(column).cast(pa.int64()).to_pylist() if column in stamps else frame.column(column).to_pylist() for column in frame.column_names}
        return [{name: iso(value) if name in stamps and value is not None else value for name, value in zip(columns, row, strict=True)} for row in zip(*columns.values(), strict=True)]

    def mart(self, *names: str) -> list[dict[str, Any]]:
        """Rows of the last mart of these, built in this order after mart.handoff; by title and cycle where it has them. Instants as ISO text."""
        connection = _memory()
        wanted = [models.models()[name] for name in dict.fromkeys(("handoff", *names))]
        read = {table for model in wanted for schema, table in models.tables_read(connection, model) if schema == "derived"}
        derived.write(connection, {name: self.frames[name] for name in read & self.frames.keys()}, self._policy, self._as_of_us)
        connection.execute("DROP SCHEMA IF EXISTS mart CASCADE")
        connection.execute("CREATE SCHEMA mart")
        for model in wanted:
            connection.execute(f"CREATE TABLE mart.{model.name} AS {model.query}")
        return mart_rows(connection, names[-1])


@cache
def _memory() -> duckdb.DuckDBPyConnection:
    """One database in memory for the marts of every state: each state replaces the one before it."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET threads = 1")
    schema.create_record(connection)  # empty: for marts that also read when what came in
    return connection


def mart_rows(connection: duckdb.DuckDBPyConnection, name: str, where: str = "true") -> list[dict[str, Any]]:
    """Rows of a mart as dicts, instants as ISO text, in the order of their key."""
    keys = [column for column in models.models()[name].key if name != "handoff"] or ["title", "cycle"]
    result = connection.execute(f"FROM mart.{name} WHERE {where} ORDER BY {', '.join(keys)}")
    columns = [column[0] for column in result.description or ()]
    stamps = {column[0] for column in result.description or () if str(column[1]) == "TIMESTAMP"}
    return [
        {column: value.isoformat() + "Z" if column in stamps and value is not None else value for column, value in zip(columns, row, strict=True)}
        for row in result.fetchall()
    ]


# Warehouses


def _parse_here(tasks: list, policy: Policy) -> Iterator[tuple]:
    for task in tasks:
        yield task, intake.Intake(reason=task.fault) if task.fault else intake.read(task.content, task.delivery, policy)


@contextmanager
def parsed_here() -> Iterator[None]:
    """Files are parsed in this process, not in the pool."""
    in_pool = load._parse_all
    load._parse_all = _parse_here  # type: ignore[assignment]
    try:
        yield
    finally:
        load._parse_all = in_pool


class Warehouse:
    """A home and its runs: the job without its expectations and report."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.runs = 0

    def run(
        self, landing: Path | str, as_of: str, policy: str | dict | Policy | None = None, *,
        code: str = "code", marts: bool = False, finished: bool = False, published: bool = False, pool: bool = False,
    ) -> Loaded:  # fmt: skip
        """One run, as far as asked for; its result as `handoff run` would sum it up. `finished`: it says that it published, without marts."""
        self.runs += 1
        rules = policy if isinstance(policy, Policy) else make_policy(policy)
        with self.home.lock(f"run{self.runs}", as_of), open_job(self.home, rules, run_id=f"run{self.runs}", as_of_us=us(as_of), now_us=us(as_of), code_version=code) as job:
            if pool:
                job.ingest(str(landing))
            else:
                with parsed_here():
                    job.ingest(str(landing))
            job.compute()
            if marts or published:
                job.build_marts()
            if marts or published or finished:
                job.finish()
            if published:
                publish.publish(job.connection, self.home, job.stamp.run_id)
            elif finished:
                publish.mark(job.connection, job.stamp.run_id)
            return job.loaded

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self.home.warehouse)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    def sql(self, query: str, parameters: Any = None) -> list[tuple]:
        with self.open() as connection:
            return connection.execute(query, parameters).fetchall()

    def files(self) -> dict[str, tuple]:
        """Path to (status, new, duplicate, rejected) of the latest reading."""
        rows = self.sql("SELECT path, status, rows_new, rows_duplicate, rows_rejected FROM record.landed_file")
        return {path: tuple(rest) for path, *rest in rows}

    def reason(self, path: str) -> str:
        return self.sql("SELECT reason FROM record.landed_file WHERE path = ?", [path])[0][0]

    def rejects(self) -> list[tuple]:
        """(path, pointer, reason) of every row rejected by the latest reading of its file."""
        query = "SELECT rejected.path, pointer, rejected.reason FROM record.rejected_row AS rejected SEMI JOIN record.landed_file USING (claim_id, attempt) ORDER BY ALL"
        return self.sql(query)

    def balances(self) -> bool:
        return not self.sql("FROM record.landing_attempt WHERE rows_in <> rows_new + rows_duplicate + rows_rejected")

    def state_digest(self) -> str:
        with self.open() as connection:
            return record.state_digest(connection)

    def cycles(self, columns: str = "*") -> list[tuple]:
        """Handoff cycles as derived, without building a mart."""
        return self.sql(f"SELECT {columns} FROM derived.cycle ORDER BY title, cycle")

    def handoffs(self, columns: str = "*") -> list[tuple]:
        return self.sql(f"SELECT {columns} FROM mart.handoff ORDER BY title, cycle")


def run_handoff(*arguments: str | Path, env: dict[str, str] | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """The command line, as a person runs it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HANDOFF", "PREFECT"))}
    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=PROJECT, env={**environment, **(env or {})}, check=False)


# Fixtures


@pytest.fixture(scope="session")
def tools() -> ModuleType:
    """This file, for its functions and classes."""
    return sys.modules[__name__]


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    return sibling("handoff_reference", "reference/reference.py")


@pytest.fixture(scope="session")
def generate() -> ModuleType:
    return sibling("handoff_generate", "reference/generate.py")


@pytest.fixture(scope="session")
def compare() -> ModuleType:
    return sibling("handoff_compare", "reference/compare.py")


@pytest.fixture(scope="session")
def browsing() -> ModuleType:
    """How pages are opened and what is asked of them."""
    return sibling("handoff_browsing", "browsing.py")


@pytest.fixture(scope="session")
def browser(browsing: ModuleType) -> Iterator[Any]:
    """A headless Chromium, one a session."""
    with browsing.started() as driver:
        yield driver


@pytest.fixture
def zone() -> Zone:
    """A landing zone with an asset, its owner and nothing found yet."""
    return Zone()


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A home in which nothing has run yet."""
    return Warehouse(tmp_path / "home")


@pytest.fixture(scope="session")
def plain_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landing zone of the plain path, 12 findings worked by hand; not to be written to."""
    folder = tmp_path_factory.mktemp("plain") / "landing"
    shutil.copytree(PLAIN_PATH / "landing", folder)
    return folder


@pytest.fixture(scope="session")
def published_home(plain_landing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the plain path run through `handoff run`; not to be written to."""
    home = tmp_path_factory.mktemp("published") / "home"
    done = run_handoff("run", "--landing", plain_landing, "--home", home, "--policy", PLAIN_PATH / "policy.yaml", "--as-of", PLAIN_AS_OF)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the bundled demo run, the whole job as `make demo` runs it but for the report; not to be written to."""
    from flows.job import Options, run

    home = tmp_path_factory.mktemp("demo")
    with warnings.catch_warnings():
        # What Great Expectations depends on warns of itself when a suite is first used; that is not the demo's.
        warnings.simplefilter("ignore", DeprecationWarning)
        run(Options(str(DEMO / "landing"), home, DEMO / "policy.yaml", (DEMO / "as_of").read_text(encoding="utf-8").strip(), report=False))
    return home


@pytest.fixture(scope="session")
def generated_landing(generate: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A generated programme of 30 vulnerabilities: landing zone, policy text, as_of; not to be written to."""
    folder = tmp_path_factory.mktemp("generated")
    as_of = generate.write_landing(4711, folder, 30)
    return folder / "landing", (folder / "policy.yaml").read_text(encoding="utf-8"), as_of


@pytest.fixture(scope="session")
def built_warehouse(generated_landing: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The generated programme, run once with every mart; not to be run again."""
    landing, policy, as_of = generated_landing
    built = Warehouse(tmp_path_factory.mktemp("built") / "home")
    built.run(landing, as_of, policy, published=True)
    return built
