"""Nothing lost: a run killed at each step and at random instants, and writes that fail, then run again: the state of an unbroken run.

More of it, with the whole command instead of its steps:  python tests/warehouse/test_faults.py 500
"""

from __future__ import annotations

import json
import os
import queue
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
STEPS = ("open", "ingest", "compute", "build_marts", "finish", "publish")
#: Random kills: one in each of so many equal parts of the time that a run takes.
RANDOM_KILLS = 8
#: Sizes at which a file can grow no more, in bytes: from the first raw file to the last page of the published copy.
FULL_AT = (0, 300_000, 1_100_000, 3_000_000)
#: Where not even an empty warehouse can be made.
TOO_SMALL_FOR_A_WAREHOUSE = (100, 5_000)


# The runner: a process that has imported everything, and forks a run for each line that it is given


def _run(order: dict) -> None:
    """The steps of one run, killed after or within one, or with files that can grow no more."""
    from transforms import intake
    from transforms.domain.instants import parse_stamp
    from transforms.domain.policy import load_policy
    from warehouse import load, publish
    from warehouse.home import Home
    from warehouse.job import open_job

    def here(tasks, policy):
        for task in tasks:
            yield task, intake.Intake(reason=task.fault) if task.fault else intake.read(task.content, task.delivery, policy)

    load._parse_all = here  # type: ignore[assignment]  # no process pool for each of these runs
    if "full_at" in order:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails as on a full disk, instead of ending the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["full_at"],) * 2)
    if "rename" in order:
        _die_at_rename(order["rename"], order.get("before", True))
    layers = [("policy.yaml", (TOP / "policy.yaml").read_text(encoding="utf-8")), ("own.yaml", order["policy"])]
    at = parse_stamp(order["as_of"]).us

    def passed(step: str) -> None:
        if order.get("after") == step:
            os.kill(os.getpid(), signal.SIGKILL)

    home = Home(order["home"])
    with (
        home.lock("run", order["as_of"]),
        open_job(home, load_policy(*layers), run_id="run", as_of_us=at, now_us=at, code_version="code") as job,
    ):
        passed("open")
        job.ingest(order["landing"])
        passed("ingest")
        job.compute()
        passed("compute")
        job.build_marts()
        passed("build_marts")
        job.finish()
        passed("finish")
        publish.publish(job.connection, home, job.stamp.run_id)
        passed("publish")


def _die_at_rename(which: str, before: bool) -> None:
    """Kills the process before or after it puts the first file in place whose path ends so: where a file appears, or does not."""
    rename = os.replace

    def deadly(source, target, **options):
        is_it = str(target).endswith(which)
        if is_it and before:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target, **options)
        if is_it:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = deadly


def _serve() -> None:
    sys.path.insert(0, str(TOP))
    import holidays  # noqa: F401
    import pandas  # noqa: F401  # DuckDB looks for it
    import polars  # noqa: F401

    import transforms.intake
    import warehouse.job
    import warehouse.models
    import warehouse.publish

    transforms.intake.scanners.formats()
    warehouse.models.models()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _run(json.loads(line))
                code = 0
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            finally:
                os._exit(code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


class Runner:
    """Runs in processes of their own, each started within milliseconds."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def run(self, *, kill_after: float | None = None, **order: object) -> int:
        """The exit code of a run; negative: the signal that ended it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        child = int(self._line())
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):  # done before its instant came
                os.kill(child, signal.SIGKILL)
        return int(self._line())

    def close(self) -> None:
        self._process.communicate("", timeout=30)


# What an unbroken run leaves


def inventory(home: Path) -> dict[str, object]:
    """What a home knows and has published, without what differs between any two runs."""
    import duckdb

    from warehouse import record

    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        tables = ("observation", "activity", "asset", "person", "ownership", "register_member", "known_exploited", "vulnerability_alias", "landing_attempt", "rejected_row", "conflict", "routing", "policy")
        found: dict[str, object] = {name: connection.execute(f"SELECT count(*) FROM record.{name}").fetchone()[0] for name in tables}  # type: ignore[index]
        found |= {"state": record.state_digest(connection), "own": record.own_digest(connection), "claims": record.merkle_root(connection)}
        balance = "SELECT count(*) FROM record.landing_attempt WHERE rows_in <> rows_new + rows_duplicate + rows_rejected"
        found["unbalanced"] = connection.execute(balance).fetchone()[0]  # type: ignore[index]
    with duckdb.connect(str(home / "handoff.duckdb"), read_only=True) as connection:
        for name in ("handoff", "handoff_latency", "stage", "failure_mode", "sla_breach", "unrouted_queue", "event", "finding"):
            found[f"mart.{name}"] = sorted(map(repr, connection.execute(f"FROM mart.{name}").fetchall()))
    found["left"] = sorted(path.name for path in home.iterdir() if path.name.endswith((".draft", ".wal")))
    return found


def published_runs(home: Path) -> int:
    """How many runs the warehouse says that it published; 0 where there is none to ask."""
    import duckdb

    try:
        with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
            return connection.execute("SELECT count(*) FROM record.run WHERE is_published").fetchone()[0]  # type: ignore[index]
    except duckdb.Error:
        return 0


class Runners:
    """Two runners, so that two homes go through their fates at once."""

    def __init__(self, programme: dict[str, str]) -> None:
        self._programme = programme
        self._idle: queue.SimpleQueue[Runner] = queue.SimpleQueue()
        self._all = [Runner(), Runner()]
        for runner in self._all:
            self._idle.put(runner)

    def run(self, home: Path, **order: object) -> int:
        runner = self._idle.get()
        try:
            return runner.run(**{**self._programme, "home": str(home), **order})  # type: ignore[arg-type]
        finally:
            self._idle.put(runner)

    def each(self, fate: Callable[..., object], cases: Iterable[object]) -> list:
        """What comes of each case, two at a time."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(fate, cases))

    def close(self) -> None:
        for runner in self._all:
            runner.close()


@pytest.fixture(scope="module")
def runners(generate, tmp_path_factory) -> Iterator[Runners]:
    folder = tmp_path_factory.mktemp("programme")
    as_of = generate.write_landing(17, folder, 5)
    running = Runners({"landing": str(folder / "landing"), "policy": (folder / "policy.yaml").read_text(encoding="utf-8"), "as_of": as_of})
    yield running
    running.close()


@pytest.fixture(scope="module")
def unbroken(runners, tmp_path_factory) -> dict[str, object]:
    """What a run leaves that nothing happened to, and the seconds that it took."""
    home = tmp_path_factory.mktemp("unbroken") / "home"
    started = time.monotonic()
    assert runners.run(home) == 0
    seconds = time.monotonic() - started
    return {**inventory(home), "seconds": seconds}


def differences(home: Path, unbroken: dict[str, object]) -> list[str]:
    return [name for name, value in inventory(home).items() if value != unbroken[name]]


def test_killed_after_each_step_and_run_again(runners, unbroken, tmp_path):
    def fate(step: str) -> tuple[str, int, bool, int, list[str]]:
        home = tmp_path / step
        killed = runners.run(home, after=step)
        is_there = (home / "handoff.duckdb").exists()
        return step, killed, is_there, runners.run(home), differences(home, unbroken)

    assert runners.each(fate, STEPS) == [(step, -signal.SIGKILL, step == "publish", 0, []) for step in STEPS]


def test_killed_where_a_file_is_put_in_place_and_run_again(runners, unbroken, tmp_path):
    """A content of the raw store, its meta, and the published copy: just before it is there, and just after."""
    cases = [(which, before) for which in ("", ".meta", "/handoff.duckdb") for before in (True, False)]

    def fate(case: tuple[str, bool]) -> tuple:
        home = tmp_path / f"{case[0].strip('/')}-{case[1]}"
        killed = runners.run(home, rename=case[0], before=case[1])
        is_there = (home / "handoff.duckdb").exists()
        return *case, killed, is_there, runners.run(home), differences(home, unbroken)

    assert runners.each(fate, cases) == [(*case, -signal.SIGKILL, case == ("/handoff.duckdb", False), 0, []) for case in cases]


def test_killed_at_random_instants_and_run_again(runners, unbroken, tmp_path):
    def fate(part: int) -> tuple[bool, int, list[str]]:
        home = tmp_path / str(part)
        moment = random.Random(part).uniform(part, part + 1) / RANDOM_KILLS * unbroken["seconds"]  # type: ignore[operator]
        killed = runners.run(home, kill_after=moment)
        return killed in (-signal.SIGKILL, 0), runners.run(home), differences(home, unbroken)

    assert runners.each(fate, range(RANDOM_KILLS)) == [(True, 0, [])] * RANDOM_KILLS


def test_killed_again_and_again_it_still_gets_there(runners, unbroken, tmp_path):
    for number in range(5):
        runners.run(tmp_path / "home", kill_after=unbroken["seconds"] * (number + 1) / 7)
    assert runners.run(tmp_path / "home") == 0
    assert differences(tmp_path / "home", unbroken) == []


def test_a_write_that_fails_is_never_reported_as_done_and_the_next_run_resumes(runners, unbroken, tmp_path):
    def fate(size: int) -> tuple:
        home = tmp_path / str(size)
        code = runners.run(home, full_at=size)
        return size, code, (home / "handoff.duckdb").exists(), runners.run(home), differences(home, unbroken)

    assert runners.each(fate, FULL_AT) == [(size, 1, False, 0, []) for size in FULL_AT]


def test_a_copy_that_could_not_be_written_was_not_published(runners, tmp_path):
    assert runners.run(tmp_path / "home", full_at=3_000_000) == 1
    assert published_runs(tmp_path / "home") == 0


@pytest.mark.parametrize("size", TOO_SMALL_FOR_A_WAREHOUSE)
def test_a_warehouse_that_could_not_be_made_is_made_by_the_next_run(runners, unbroken, tmp_path, size):
    assert runners.run(tmp_path / "home", full_at=size) == 1
    assert runners.run(tmp_path / "home") == 0
    assert differences(tmp_path / "home", unbroken) == []


def test_a_failed_run_leaves_the_last_good_copy_in_place(runners, tmp_path):
    import duckdb

    home, landing = tmp_path / "home", tmp_path / "landing"
    assert runners.run(home) == 0
    before = (home / "handoff.duckdb").read_bytes()
    item = {"title": "new", "severity": "High", "description": "d", "service": "pay-api", "date": "2026-01-01T00:00:00Z"}
    (landing / "scans").mkdir(parents=True)
    (landing / "scans" / "more.json").write_text(json.dumps({"findings": [item]}))
    assert runners.run(home, landing=str(landing), full_at=1_000_000) == 1
    assert (home / "handoff.duckdb").read_bytes() == before
    assert runners.run(home, landing=str(landing), after="build_marts") == -signal.SIGKILL
    assert (home / "handoff.duckdb").read_bytes() == before
    assert runners.run(home, landing=str(landing)) == 0
    with duckdb.connect(str(home / "handoff.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM mart.finding WHERE title = 'new'").fetchone() == (1,)


# The long mode


def main(count: int) -> int:
    """Kills the whole command at `count` random instants, each followed by a run; says how many came to the same state."""
    import importlib.util

    sys.path.insert(0, str(TOP))
    spec = importlib.util.spec_from_file_location("handoff_generate", TOP / "tests" / "reference" / "generate.py")
    assert spec and spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    folder = Path(tempfile.mkdtemp(prefix="handoff-faults-"))
    as_of = generate.write_landing(17, folder, 12)

    def command(home: Path) -> list[str]:
        return [sys.executable, "-m", "flows.cli", "run", "--landing", str(folder / "landing"), "--home", str(home), "--policy", str(folder / "policy.yaml"), "--as-of", as_of]

    started = time.monotonic()
    subprocess.run(command(folder / "unbroken"), cwd=TOP, check=True, capture_output=True)
    seconds, unbroken, good = time.monotonic() - started, inventory(folder / "unbroken"), 0
    for number in range(count):
        home, moment = folder / f"home{number}", random.Random(number).uniform(0.1, 1) * seconds
        running = subprocess.Popen(command(home), cwd=TOP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moment)
        running.kill()
        running.wait()
        again = subprocess.run(command(home), cwd=TOP, check=False, capture_output=True, text=True)
        different = [name for name, value in inventory(home).items() if value != unbroken[name]] if again.returncode == 0 else [again.stderr[-500:]]
        good += not different
        if different:
            print(f"killed after {moment:.2f} s of {seconds:.2f}: {different} in {home}", flush=True)
        else:
            shutil.rmtree(home)
    print(f"{good} of {count} came to the state of an unbroken run")
    return 0 if good == count else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        _serve()
    else:
        sys.path.insert(0, str(TOP))
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
