"""How long each part of the job takes on a generated programme, beside something measured in the same run on the same machine.

    python tests/benchmarks/bench.py                     100,000 observations: prints the tables
    python tests/benchmarks/bench.py --write             the same, and writes docs/benchmarks.md (`make bench`)
    python tests/benchmarks/bench.py --profile           the costliest functions of each step of the job besides
    python tests/benchmarks/bench.py --files 500         the same tables at a million observations
    python tests/benchmarks/bench.py --marts HOME        the marts of a working warehouse, rebuilt: seconds and peak memory as JSON

With --write a second programme of a million observations and two million events is run once, and its marts are rebuilt in a process of their own;
then each scanner format is timed over its golden reports (`tests/benchmarks/scanner_formats.py`), and reports of 300 MB are read.

The job is the real one (`flows.job.run`), each of its steps timed where it is carried out. Nothing timed is asserted in a test: absolute figures
are of one machine in one hour, the ratios travel.
"""

from __future__ import annotations

import argparse
import cProfile
import csv
import gc
import io
import json
import os
import platform
import pstats
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import duckdb

from expectations import gate
from expectations.suites import suites
from flows import settings
from flows.job import Options, Summary, run
from transforms import intake
from transforms.domain.digests import sha256
from transforms.domain.sidecar import Sidecar
from warehouse import batches, models
from warehouse.connection import connect
from warehouse.schema import sql_file

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
PER_FILE = 2_000
SOURCES = 5
#: DefectDojo's importer on PostgreSQL, findings per second of CPU, as measured for the design (first import).
PEER_IMPORT = 110
#: DefectDojo's parsers, findings per second of CPU: the faster end of what was measured.
PEER_PARSE = 8_500


# A programme: five sources sweep a hundred assets each, week after week; four findings of five are seen again


class Shape(NamedTuple):
    files: int
    assets: int = 500
    people: int = 120
    teams: int = 20
    seed: int = 4711
    #: What people write about a finding, in the mean: most of a tracker's events.
    comments: int = 6

    @property
    def weeks(self) -> int:
        return max(1, self.files // SOURCES)


def write_programme(folder: Path, shape: Shape) -> str:
    """Writes a landing zone and returns the as_of to run it for. The same shape gives the same bytes."""
    chance = random.Random(shape.seed)
    as_of = datetime(2026, 5, 4, 12, tzinfo=UTC)
    begin = as_of - timedelta(weeks=shape.weeks)
    for name in ("scans", "assets", "people", "activity"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _write_registers(folder, shape, chance)
    events = _write_scans(folder, shape, chance, begin)
    for week, rows in enumerate(events):
        _write_csv(folder / "activity" / f"tracker-{week:03d}.csv", ["event_id", "ref", "event", "actor", "occurred_at", "target_person"], rows)
    return as_of.strftime("%Y-%m-%dT%H:%M:%SZ")


def _write_registers(folder: Path, shape: Shape, chance: random.Random) -> None:
    applications = shape.assets // 5
    assets = [
        [
            f"asset-{number}", f"service-{number}", f"host-{number}.example.com;registry.example/app/{number}", f"application-{number % applications}",
            f"unit-{number % 8}", chance.choice(("production", "staging")), f"team-{number % applications % shape.teams}",
            chance.choice(("critical", "high", "medium", "low", "")), chance.choice(("true", "false")),
        ]
        for number in range(shape.assets)
        if number % 50  # one in fifty is in no register
    ]  # fmt: skip
    header = ["asset_id", "name", "aliases", "application", "business_unit", "environment", "owner_team", "criticality", "internet_facing"]
    _write_csv(folder / "assets" / "assets.csv", header, assets)
    people = [
        [f"person-{number}", f"Person {number}", f"person-{number}@example.com", f"team-{number % shape.teams}", "engineer", f"chat:@{number}",
         "departed" if number % 17 == 16 else "active"]
        for number in range(shape.people)
    ]  # fmt: skip
    _write_csv(folder / "people" / "people.csv", ["person_id", "name", "email", "team", "role", "channel", "status"], people)
    ownership = [[f"application:application-{number}", f"person-{number % shape.people}", f"team-{number % shape.teams}"] for number in range(applications)]
    _write_csv(folder / "people" / "ownership.csv", ["match", "person_id", "team"], ownership)


def _write_scans(folder: Path, shape: Shape, chance: random.Random, begin: datetime) -> list[list[list[str]]]:
    """The reports; the events of each week."""
    events: list[list[list[str]]] = [[] for _ in range(shape.weeks + 1)]
    alive: list[list[dict[str, Any]]] = [[] for _ in range(SOURCES)]
    number = 0
    for week in range(shape.weeks):
        for source in range(SOURCES):
            captured = begin + timedelta(weeks=week, hours=6 + source)
            found = [item for item in alive[source] if chance.random() < 0.8]
            while len(found) < PER_FILE:
                found.append(_item(number, source, shape, chance))
                _add_events(events, week, f"S{source}-{number}", captured, shape, chance)
                number += 1
            alive[source] = found
            name = f"scanner-{source}-{captured:%Y-%m-%d}.json"
            text = json.dumps({"name": f"scanner-{source}", "type": f"scanner-{source}", "findings": found}, indent=1)
            (folder / "scans" / name).write_text(text, encoding="utf-8")
            (folder / "scans" / f"{name}.meta.yaml").write_text(f"captured_at: {captured:%Y-%m-%dT%H:%M:%SZ}\nscanner: scanner-{source}\n")
    return events


_WORDS = ("input", "request", "handler", "buffer", "token", "session", "header", "query", "template", "cache", "upload", "parser", "signature", "cookie")
_VECTORS = (
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:L/A:N", "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H",
    "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
)  # fmt: skip


def _item(number: int, source: int, shape: Shape, chance: random.Random) -> dict[str, Any]:
    """One item of DefectDojo's generic format: a package, a web finding or one in code."""
    asset = source * (shape.assets // SOURCES) + chance.randrange(shape.assets // SOURCES)
    words = chance.sample(_WORDS, 3)
    item: dict[str, Any] = {
        "title": f"{words[0].title()} is not checked in {words[1]} {number}",
        "severity": chance.choices(("Critical", "High", "Medium", "Low", "Info"), (5, 20, 45, 25, 5))[0],
        "description": f"The {words[0]} reaches the {words[1]} without being checked for {words[2]}. " * 3,
        "mitigation": "Update to a version in which it is checked, or refuse it at the edge.",
        "references": "https://advisories.example/a\nhttps://advisories.example/b",
        "unique_id_from_tool": f"S{source}-{number}",
        "vuln_id_from_tool": f"RULE-{number % 900}",
        "cwe": chance.choice((22, 79, 89, 200, 287, 352, 502, 798)),
        "active": True,
        "verified": False,
        "tags": ["weekly", f"source-{source}"],
    }
    kind = number % 4
    if kind < 2:
        item |= {"service": f"registry.example/app/{asset}:1.{number % 9}", "component_name": f"library-{number % 4000}", "component_version": f"2.{number % 30}.1"}
        item |= {"cve": f"CVE-20{10 + number % 16}-{1000 + number % 20000}", "epss_score": number % 997 / 997}
    elif kind == 2:
        item |= {"endpoints": [f"https://host-{asset}.example.com/{words[1]}/{number}?id=1"], "param": words[2]}
    else:
        item |= {"service": f"service-{asset}", "file_path": f"src/{words[0]}/{words[1]}_{number % 300}.py", "line": number % 2000 + 1}
    if number % 3 == 0:
        item |= {"cvssv3": _VECTORS[number % len(_VECTORS)]}
    return item


#: What may happen to a finding, in order: the share of those so far to whom it does, and the mean of hours after the one before.
_STORY = (("notified", 0.55, 4), ("acknowledged", 0.85, 30), ("triaged", 0.9, 20), ("in_progress", 0.8, 60), ("resolved", 0.8, 150), ("verified", 0.7, 50))


def _add_events(events: list[list[list[str]]], week: int, own_id: str, captured: datetime, shape: Shape, chance: random.Random) -> None:
    """What happened to a finding, into the export of the week after it happened; what has not happened yet is left out."""
    at, person = captured, f"person-{chance.randrange(shape.people)}"
    for event, share, hours in _STORY:
        at += timedelta(seconds=round(chance.expovariate(1 / hours) * 3600))
        export = week + 1 + (at - captured).days // 7
        if chance.random() > share or export >= len(events):
            break
        events[export].append([f"{own_id}-{event}", own_id, event, person, f"{at:%Y-%m-%dT%H:%M:%SZ}", person if event == "notified" else ""])
    for number in range(chance.randrange(2 * shape.comments + 1)):
        at = captured + timedelta(seconds=chance.randrange(1, 14 * 86_400))
        export = week + 1 + (at - captured).days // 7
        if export < len(events):
            events[export].append([f"{own_id}-c{number}", own_id, "commented", f"person-{chance.randrange(shape.people)}", f"{at:%Y-%m-%dT%H:%M:%SZ}", ""])


def _write_csv(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


#: A million observations, two million events.
LARGE = Shape(files=500, comments=8)


# Clocks


class Took(NamedTuple):
    """Seconds, of the wall and of every processor, children included."""

    wall: float
    cpu: float


def timed(function: Callable[..., T], *arguments: Any) -> tuple[T, Took]:
    begin, cpu = time.perf_counter(), _cpu()
    result = function(*arguments)
    return result, Took(time.perf_counter() - begin, _cpu() - cpu)


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system + _workers_cpu()


def _workers_cpu() -> float:
    """Seconds of the workers that parse reports: children of the fork server, so this process never waits for them itself."""
    pid = getattr(forkserver._forkserver, "_forkserver_pid", None)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # utime, stime, cutime, cstime


class Memory:
    """The peak of what this process and all below it hold together, looked at twenty times a second; needs /proc."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.peak_mib = max(self.peak_mib, self._now())

    @staticmethod
    def _now() -> float:
        parents: dict[int, int] = {}
        pages: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                pid, fields = int(path.name), (path / "stat").read_text().rpartition(")")[2].split()
                _, resident, shared, *_ = map(int, (path / "statm").read_text().split())
                parents[pid], pages[pid] = int(fields[1]), resident - shared
            except (OSError, ValueError, IndexError):
                continue  # it has just ended
        below = {os.getpid()}
        while more := {pid for pid, parent in parents.items() if parent in below} - below:
            below |= more
        # Shared pages (the workers' code) count once, with this process.
        shared = int(Path("/proc/self/statm").read_text().split()[2])
        return (sum(pages.get(pid, 0) for pid in below) + shared) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Steps:
    """Carries out the steps of the job and keeps what each took; with a profile, what it did."""

    def __init__(self, *, is_profiled: bool = False) -> None:
        self.took: dict[str, Took] = {}
        self.profiles: dict[str, str] = {}
        self._is_profiled = is_profiled

    def __call__(self, step: Callable[..., T], *arguments: Any) -> T:
        name = step.__name__
        if self._is_profiled:
            result, self.profiles[name] = profiled(step, *arguments)
            return result
        result, self.took[name] = timed(step, *arguments)
        return result

    def sum(self, *names: str) -> Took:
        return Took(sum(self.took[name].wall for name in names), sum(self.took[name].cpu for name in names))


def profiled(function: Callable[..., T], *arguments: Any) -> tuple[T, str]:
    """The result and the twelve functions that cost most in themselves (of this process alone)."""
    profile = cProfile.Profile()
    result = profile.runcall(function, *arguments)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(12)
    return result, text.getvalue()


@contextmanager
def no_talk() -> Iterator[None]:
    """The job says on stderr what it does: not here."""
    saved, sys.stderr = sys.stderr, io.StringIO()
    try:
        yield
    finally:
        sys.stderr = saved


# What is measured


def run_job(landing: Path, home: Path, as_of: str, steps: Steps) -> Summary:
    with no_talk():
        return run(Options(str(landing), home, None, as_of), steps)


def start_up(scratch: Path) -> dict[str, Took]:
    """What starting costs before any work: each in a process of its own."""
    flow = "from prefect import flow\n@flow\ndef nothing(): pass\nnothing()"
    environment = {**os.environ, "PREFECT_HOME": str(scratch / "prefect")}
    found = {}
    for name, text in (
        ("python", "pass"),
        ("the command line", "import flows.cli"),
        ("import great_expectations", "import great_expectations.expectations"),
        ("import prefect", "import prefect"),
        ("a flow that does nothing, with the embedded server", flow),
    ):
        command = [sys.executable, "-W", "ignore", "-c", text]
        _, found[name] = timed(lambda command=command: subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment))
    return found


def again_in_a_process(landing: Path, home: Path, as_of: str) -> Took:
    """`handoff run` where nothing is new, from the start of its process to its end."""
    command = [sys.executable, "-m", "flows.cli", "run", "--landing", str(landing), "--home", str(home), "--as-of", as_of]
    return timed(lambda: subprocess.run(command, check=True, capture_output=True, cwd=ROOT))[1]


def read_json(landing: Path) -> None:
    for path in sorted((landing / "scans").glob("*.json")):
        json.loads(path.read_bytes())


def parse_alone(landing: Path) -> None:
    """Every report to rows of the record, in this process: recognised, parsed, identified; nothing stored."""
    policy = settings.read_policy(None)
    for path in sorted((landing / "scans").glob("*.json")):
        content = path.read_bytes()
        delivery = intake.Delivery(
            claim_id=sha256(content), folder="scans", path=path.name, source=path.stem, sidecar=Sidecar(captured_at="2026-05-01T00:00:00Z"),
            file_us=0, recorded_us=settings.now_us(),
        )  # fmt: skip
        assert intake.read(content, delivery, policy).reason is None


def stage(connection: duckdb.DuckDBPyConnection, folder: Path) -> Path:
    """The observations as one Parquet file, in no order."""
    path = folder / "observations.parquet"
    connection.execute(f"COPY (FROM record.observation ORDER BY hash(observation_id)) TO '{path}' (FORMAT parquet)")
    return path


def scan(staged: Path) -> None:
    """Every value of the staged file read once."""
    with duckdb.connect() as connection:
        connection.execute(f"SELECT bit_xor(hash(staged)) FROM read_parquet('{staged}') AS staged").fetchall()


def scan_and_sort(staged: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TEMP TABLE sorted AS FROM read_parquet('{staged}') ORDER BY observation_id")


def exact_quantiles(connection: duckdb.DuckDBPyConnection) -> None:
    """One exact-quantile GROUP BY over the handoff table: what every mart is a multiple of."""
    connection.execute(
        "SELECT team, severity, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_seconds), percentile_cont(0.9) WITHIN GROUP (ORDER BY latency_seconds) "
        "FROM mart.handoff GROUP BY ALL"
    ).fetchall()


def judge(connection: duckdb.DuckDBPyConnection) -> int:
    """The batches and the expectations' verdict on them, as the job asks for it; how many flags."""
    return gate.validate(batches.fetch(connection)).flags.num_rows


def judge_in_sql(connection: duckdb.DuckDBPyConnection) -> int:
    """The same rules, each as one query that returns its failing rows; how many."""
    rules = [(rule.batch or module.BATCH, rule.expectation) for module in suites().values() for rule in module.rules()]
    for name in {batch for batch, _ in rules}:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE batch_{name} AS {sql_file(f'batches/{name}.sql')}")
    failed = 0
    for batch, expectation in rules:
        if where := failing(expectation):
            failed += connection.execute(f"FROM batch_{batch} WHERE {where}").to_arrow_table().num_rows
    return failed


def failing(expectation: Any) -> str | None:
    """The condition of the rows that fail an expectation; None for the one that is about the whole table."""
    rule = type(expectation).__name__
    if rule == "ExpectColumnPairValuesAToBeGreaterThanB":
        return f"{expectation.column_A} {'<' if expectation.or_equal else '<='} {expectation.column_B}"
    if rule == "ExpectColumnPairValuesToBeEqual":
        only = expectation.row_condition
        where = f"{only.column.name} = '{only.parameter}' AND " if only is not None else ""
        return f"{where}{expectation.column_A} <> {expectation.column_B}"
    column = getattr(expectation, "column", None)
    if rule in ("ExpectColumnValuesToBeInSet", "ExpectColumnValuesToNotBeInSet"):
        values = ", ".join("'" + value + "'" if isinstance(value, str) else str(value) for value in expectation.value_set)
        return f"{column} {'NOT IN' if rule.endswith('ToBeInSet') and 'Not' not in rule else 'IN'} ({values})"
    if rule == "ExpectColumnValuesToBeBetween":
        return f"{column} > {expectation.max_value}"
    if rule in ("ExpectColumnValuesToBeNull", "ExpectColumnValuesToNotBeNull"):
        return f"{column} IS {'NOT NULL' if rule.endswith('ToBeNull') and 'Not' not in rule else 'NULL'}"
    return None


def dashboard_query(home: Path) -> None:
    with duckdb.connect(str(home / "handoff.duckdb"), read_only=True) as connection:
        connection.execute("SELECT severity, median_seconds, p90_seconds, verdict FROM mart.handoff_latency WHERE dimension = 'team' AND period_grain = 'month'").fetchall()


def size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())


class Rebuild(NamedTuple):
    """The marts built anew from a working warehouse, in a process that does nothing else."""

    wall: float
    cpu: float
    quantiles: float
    peak_mib: float


def rebuild_marts(home: Path) -> Rebuild:
    """In this process: its peak memory is that of the rebuild."""
    with connect(home / "warehouse.duckdb") as connection:
        _, took = timed(models.build, connection)
        _, quantiles = timed(exact_quantiles, connection)
    return Rebuild(took.wall, took.cpu, quantiles.wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


class Scale(NamedTuple):
    """One run of a large programme, and its marts rebuilt."""

    shape: Shape
    steps: Steps
    sort: Took
    rebuild: Rebuild
    peak_mib: float
    counts: tuple[int, int, int, int]


def measure_at_scale(scratch: Path, shape: Shape) -> Scale:
    landing, home, steps = scratch / "landing", scratch / "home", Steps()
    as_of = write_programme(landing, shape)
    with Memory() as memory:
        run_job(landing, home, as_of, steps)
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        staged = stage(connection, scratch)
        tables = ("record.observation", "record.activity", "mart.finding", "mart.handoff")
        counts = tuple(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
    _, sort = timed(scan_and_sort, staged)
    command = [sys.executable, str(Path(__file__).resolve()), "--marts", str(home)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
    return Scale(shape, steps, sort, Rebuild(*json.loads(done.stdout)), memory.peak_mib, counts)


def scanner_formats() -> str:
    """The sections on each scanner format and on large reports, measured in a process of their own."""
    command = [sys.executable, str(Path(__file__).with_name("scanner_formats.py"))]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}).stdout


# The report


class Figures(NamedTuple):
    """Everything that one run of this program measured."""

    shape: Shape
    first: Steps
    second: Steps
    whole_second: Took
    start: dict[str, Took]
    references: dict[str, Took]
    #: MiB: this process, and with all below it.
    peak: tuple[float, float]
    sizes: dict[str, int]
    counts: dict[str, int]


def measure(scratch: Path, shape: Shape) -> Figures:
    landing, home = scratch / "landing", scratch / "home"
    as_of = write_programme(landing, shape)
    start = start_up(scratch)
    import great_expectations.expectations  # noqa: F401  timed apart, so not inside the first run's expectations

    gc.collect()
    first, second = Steps(), Steps()
    with Memory() as memory:
        summary = run_job(landing, home, as_of, first)
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    run_job(landing, home, as_of, second)
    whole_second = again_in_a_process(landing, home, as_of)
    references: dict[str, Took] = {}
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        staged = stage(connection, scratch)
        _, references["quantiles"] = timed(exact_quantiles, connection)
        flags, references["judge"] = timed(judge, connection)
        failed, references["judge in sql"] = timed(judge_in_sql, connection)
        observations, events, own = connection.execute(
            "SELECT (SELECT count(*) FROM record.observation), count(*), count(*) FILTER (WHERE method = 'own') FROM record.activity"
        ).fetchone()  # fmt: skip
    for name, function, argument in (
        ("scan", scan, staged), ("scan and sort", scan_and_sort, staged), ("read json", read_json, landing), ("parse", parse_alone, landing),
        ("dashboard", dashboard_query, home),
    ):  # fmt: skip
        _, references[name] = timed(function, argument)
    sizes = {name: size_of(home / name) for name in ("handoff.duckdb", "warehouse.duckdb", "raw")} | {"scans": size_of(landing / "scans")}
    counts = {"observations": observations, "findings": summary.findings, "handoffs": summary.handoffs, "events": events - own, "own": own, "flags": flags, "failed": failed}
    return Figures(shape, first, second, whole_second, start, references, (own_peak, memory.peak_mib), sizes, counts)


INGEST = ("open_warehouse", "ingest_landing")
WORDS = {
    "open_warehouse": "open the warehouse",
    "ingest_landing": "ingest: recognise, parse, identify, commit",
    "compute_state": "compute: findings, cycles, routes, stages",
    "build_marts": "marts",
    "validate_marts": "expectations",
    "finish_run": "the run's row: digests",
    "write_report": "report",
    "publish_copy": "publish",
}


def scale_section(found: Scale) -> str:
    observations, events, findings, handoffs = found.counts
    everything, rebuild = found.steps.sum(*found.steps.took), found.rebuild
    rows = [
        ("ingest", found.steps.sum(*INGEST).wall), ("compute", found.steps.took["compute_state"].wall), ("marts", found.steps.took["build_marts"].wall),
        ("expectations", found.steps.took["validate_marts"].wall), ("everything", everything.wall),
    ]  # fmt: skip
    return "\n".join(
        [
            "",
            "## A large record",
            "",
            f"{observations:,} observations, {events:,} events (the run's own among them), {findings:,} findings, {handoffs:,} handoffs; the first run, then the marts rebuilt in a process of their own.",
            "",
            "| work | takes | reference | takes | ratio | goal |",
            "|---|---|---|---|---|---|",
            *(f"| {name} | {wall:.1f} s | {observations / wall:,.0f} observations a second | | | |" for name, wall in rows[:-1]),
            f"| the full run | {everything.wall:.1f} s | the observations as Parquet, scanned and sorted once | {found.sort.wall:.2f} s | {everything.wall / found.sort.wall:,.0f} times | 10 times |",
            f"| all marts rebuilt | {rebuild.wall:.1f} s | one exact-quantile GROUP BY over mart.handoff | {rebuild.quantiles:.3f} s | {rebuild.wall / rebuild.quantiles:,.0f} times | 20 times, at 10 M |",
            "",
            f"Peak memory: {found.peak_mib:,.0f} MiB in the run, workers included (goal: under 4 GiB); {rebuild.peak_mib:,.0f} MiB in the rebuild of the marts.",
            "",
        ]
    )


def page(found: Figures) -> str:
    first, references, counts = found.first, found.references, found.counts
    observations = counts["observations"]
    ingest, parse, judged = first.sum(*INGEST), references["parse"], references["judge"]
    marts, everything = first.sum("build_marts"), first.sum(*first.took)
    per_cpu = observations / ingest.cpu
    again = found.second.sum(*INGEST)
    ratios = [
        ("ingest, per second of CPU", f"{per_cpu:,.0f} findings", "DefectDojo's importer, as published", f"{PEER_IMPORT}", "", f"{per_cpu / PEER_IMPORT:,.0f} times it", "1,000 times"),
        _ratio("ingest", ingest, "the same rows as Parquet, scanned once by DuckDB", references["scan"], "none stated"),
        _ratio("parsing alone, one process", parse, "`json.loads` of the same files", references["read json"], "3 times"),
        ("parsing alone, per second of CPU", f"{observations / parse.cpu:,.0f} findings", "DefectDojo's parsers", f"{PEER_PARSE:,}", "", f"{observations / parse.cpu / PEER_PARSE:.1f} times it", "none stated"),
        _ratio("the full run", everything, "that Parquet scanned and sorted once", references["scan and sort"], "10 times, at 1 M"),
        _ratio("all marts", marts, "one exact-quantile GROUP BY over mart.handoff", references["quantiles"], "20 times, at 10 M"),
        _ratio("expectations, failing rows included", judged, "the same rules, each as one query in DuckDB", references["judge in sql"], "5 times"),
        _ratio("ingest with nothing new", again, "the start of a Python process", found.start["python"], "3 s beyond it"),
    ]
    rest = found.sizes["handoff.duckdb"] / observations
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. Seconds are of one machine in one hour and drift with it; the ratios are to something measured in the same run.",
        "",
        "How well results of several scanners are joined, in precision and recall for each kind of place: [identity.md](identity.md) (`make docs`).",
        "",
        f"Machine: {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, DuckDB {duckdb.__version__}.",
        "",
        (
            f"Programme: {observations:,} observations in {found.shape.files} generic JSON reports ({found.sizes['scans'] / 1e6:,.0f} MB), {counts['findings']:,} findings, {counts['handoffs']:,} handoffs, {counts['events']:,} events and {counts['own']:,} of the run's own, "
            f"{found.shape.assets} assets, {found.shape.people} people; generated, the same bytes each time."
        ),
        "",
        "## Ratios",
        "",
        "On a machine that does other work too, the processors' seconds are the fairer ones: the wall's hold its waits, for them and for the disk.",
        "",
        "| work | takes | reference | takes | ratio, wall | ratio, CPU | goal |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in ratios),
        "",
        "## The job, step by step",
        "",
        "| step | first run, s | CPU, s | findings per second | second run, nothing new, s | CPU, s |",
        "|---|---|---|---|---|---|",
        *(
            f"| {WORDS.get(name, name)} | {took.wall:.2f} | {took.cpu:.2f} | {observations / took.wall:,.0f} | {found.second.took[name].wall:.2f} | {found.second.took[name].cpu:.2f} |"
            for name, took in first.took.items()
        ),
        f"| **all** | {everything.wall:.2f} | {everything.cpu:.2f} | {observations / everything.wall:,.0f} | {found.second.sum(*first.took).wall:.2f} | {found.second.sum(*first.took).cpu:.2f} |",
        "",
        f"`handoff run` with nothing new, from the start of its process to its end: {found.whole_second.wall:.2f} s. Great Expectations' import is in that one, in no step above.",
        "",
        "## Start-up, before any work",
        "",
        "| a process that | s |",
        "|---|---|",
        *(f"| {name} | {took.wall:.2f} |" for name, took in found.start.items()),
        "",
        "## Memory and size",
        "",
        "| what | figure | goal |",
        "|---|---|---|",
        f"| peak memory of the job's process, and of it with its workers | {found.peak[0]:,.0f} MiB, {found.peak[1]:,.0f} MiB | under 4 GiB at 1 M |",
        f"| published file, per finding of a scan | {rest:,.0f} bytes | under 1 KB |",
        f"| published file, per finding | {found.sizes['handoff.duckdb'] / counts['findings']:,.0f} bytes | none stated |",
        f"| the writer's file, per finding of a scan | {found.sizes['warehouse.duckdb'] / observations:,.0f} bytes | none stated |",
        f"| raw store, per finding of a scan (the reports themselves: {found.sizes['scans'] / observations:,.0f}) | {found.sizes['raw'] / observations:,.0f} bytes | none stated |",
        f"| a dashboard query on the published file, opened for it | {references['dashboard'].wall * 1000:.0f} ms | under 200 ms at 10 M |",
        "",
    ]
    return "\n".join(lines)


def _ratio(work: str, took: Took, reference: str, base: Took, goal: str) -> tuple[str, ...]:
    per_cpu = f"{took.cpu / base.cpu:,.1f} times" if base.cpu else ""  # the clock of the processors ticks a hundred times a second
    return work, f"{took.wall:.2f} s", reference, f"{base.wall:.2f} s", f"{took.wall / base.wall:,.1f} times", per_cpu, goal


def show_profiles(scratch: Path, shape: Shape) -> None:
    """Where the time of each step goes. The steps are slower under the profiler; what the worker processes do is seen in 'parse alone'."""
    landing, home = scratch / "landing", scratch / "home"
    as_of = write_programme(landing, shape)
    steps = Steps(is_profiled=True)
    run_job(landing, home, as_of, steps)
    _, steps.profiles["parse alone"] = profiled(parse_alone, landing)
    for name, text in steps.profiles.items():
        print(f"\n=== {name}\n{text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=50, help="reports of 2,000 findings each [default: 50]")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--profile", action="store_true", help="print the costliest functions of each step instead")
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it")
    parser.add_argument("--marts", type=Path, metavar="HOME", help="rebuild the marts of that home's working warehouse, and print what it took")
    arguments = parser.parse_args()
    settings.quiet()
    if arguments.marts:
        print(json.dumps(rebuild_marts(arguments.marts)))
        return
    scratch = arguments.keep or Path(tempfile.mkdtemp(prefix="handoff-bench-"))
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        if arguments.profile:
            show_profiles(scratch, Shape(arguments.files))
            return
        text = page(measure(scratch / "one", Shape(arguments.files)))
        if arguments.write:
            text += scale_section(measure_at_scale(scratch / "large", LARGE)) + "\n" + scanner_formats()
    finally:
        if arguments.keep is None:
            shutil.rmtree(scratch, ignore_errors=True)
    print(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
