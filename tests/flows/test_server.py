"""A real Prefect server and worker of their own: deployments, a run that the scheduler made, parts by themselves, retries.

One server for the module, on a free port of this machine, with its files in a temporary folder. Everything that is started is in a process
group of its own and is ended with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "tests" / "golden" / "scenarios" / "plain_path"
AS_OF = "2026-05-04T12:00:00Z"
START_SECONDS = 300
RUN_SECONDS = 300
#: What a run of the whole job leaves with the server.
RUN_ARTIFACTS = {"run-progress", "run-summary", "five-numbers", "flags"}
NUMBERS = {"median_handoff_latency", "p90_handoff_latency", "no_acknowledgement_rate", "handoff_sla_breaches", "unrouted_queue_depth"}


@dataclass
class Server:
    """A running server: its address, the environment that leads there, and what was started beside it."""

    url: str
    folder: Path
    env: dict[str, str]
    processes: list[subprocess.Popen] = field(default_factory=list)

    def post(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(f"{self.url}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def start(self, name: str, *arguments: str, **env: str) -> subprocess.Popen:
        """Starts `prefect …` in a process group of its own; its words are in NAME.log."""
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                cwd=ROOT, env={**self.env, **env}, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def do(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def flow_runs(self, **home: str) -> list[dict]:
        return [run for run in self.post("flow_runs/filter", limit=200) if all(run["parameters"].get(name) == value for name, value in home.items())]

    def task_runs(self, flow_run: dict) -> dict[str, dict]:
        found = self.post("task_runs/filter", flow_runs={"id": {"any_": [flow_run["id"]]}})
        return {run["name"].rpartition("-")[0]: run for run in found}

    def artifacts(self, flow_run: dict) -> dict[str, dict]:
        found = self.post("artifacts/filter", flow_runs={"id": {"any_": [flow_run["id"]]}})
        return {artifact["key"]: artifact for artifact in found if artifact["key"]}

    def events(self, home: Path) -> dict[str, dict]:
        """The events of a home by name, the latest of each."""
        wanted = {"resource": {"id": [f"handoff.home.{home}"]}, "occurred": {"since": "2026-01-01T00:00:00Z"}, "order": "ASC"}
        return {event["event"]: event for event in self.post("events/filter", filter=wanted, limit=50)["events"]}

    def log(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-4000:]}" for path in sorted(self.folder.glob("*.log")))


def wait_for(what: Callable[[], Any], seconds: float, server: Server) -> Any:
    """The first true answer of `what`, asked again and again for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.3)
    pytest.fail(f"not within {seconds} s\n{server.log()}")


def end(process: subprocess.Popen) -> None:
    """Ends a process group: asked first, then not."""
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            if number == signal.SIGTERM:
                continue  # the leader is gone; what is left of its group goes now
            return


def belonging_to(folder: Path) -> list[int]:
    """Processes that were started with a PREFECT_HOME in `folder`, this way or another."""
    mark, found = f"PREFECT_HOME={folder}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes() and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(int(entry.name))
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prefect server that answers."""
    folder = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HANDOFF_"))}
    env |= {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PYTHONPATH": str(ROOT),
    }
    started = Server(env["PREFECT_API_URL"], folder, env)

    def answers() -> bool:
        assert started.processes[0].poll() is None, started.log()
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{started.url}/health", timeout=2):
            return True
        return False

    try:
        started.start("server", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui")
        wait_for(answers, START_SECONDS, started)
        yield started
    finally:
        for process in reversed(started.processes):
            end(process)
    if Path("/proc").is_dir():
        deadline = time.monotonic() + 10
        while (left := belonging_to(folder)) and time.monotonic() < deadline:
            time.sleep(0.2)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert not left, "every process that was started has ended"


@pytest.fixture
def worker(server: Server) -> Iterator[Server]:
    """The server with the work pool `handoff` and a worker that asks often."""
    server.do("-m", "prefect", "work-pool", "create", "handoff", "--type", "process")
    process = server.start("worker", "worker", "start", "--pool", "handoff", "--limit", "1", PREFECT_WORKER_QUERY_SECONDS="2")
    yield server
    end(process)


def test_a_scheduled_run_completes(worker: Server, tmp_path: Path):
    """Deployed from prefect.yaml, made by the scheduler, taken up by a worker, published, with its artifacts."""
    server, home, landing = worker, tmp_path / "home", tmp_path / "landing"
    shutil.copytree(SCENARIO / "landing", landing)
    config = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    (hourly,) = (deployment for deployment in config["deployments"] if deployment["name"] == "hourly")
    # The same again, due within seconds. Its runs overlap: that is what the concurrency limit is for.
    config["deployments"].append({**hourly, "name": "soon", "schedules": [{"interval": 15}]})
    file = tmp_path / "prefect.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")

    server.do("-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file), HANDOFF_LANDING=str(landing), HANDOFF_HOME=str(home))

    deployments = {f"{found['entrypoint']}/{found['name']}": found for found in server.post("deployments/filter")}
    assert len(deployments) == len(config["deployments"])
    soon = deployments["flows/run_handoff.py:run_handoff/soon"]

    def completed() -> list[dict]:
        return [run for run in server.flow_runs() if run["deployment_id"] == soon["id"] and run["state_type"] == "COMPLETED"]

    (run, *_) = wait_for(completed, RUN_SECONDS, server)
    assert run["auto_scheduled"]
    assert run["created_by"]["type"] == "SCHEDULE"
    assert set(server.artifacts(run)) == RUN_ARTIFACTS
    assert "16 new of 16 files" in server.artifacts(run)["run-summary"]["data"]
    numbers = json.loads(server.artifacts(run)["five-numbers"]["data"])
    assert len({row["number"] for row in numbers}) == 5
    assert {row["severity"] for row in numbers} == {"all", "critical", "high", "medium", "low"}
    assert not (home / "reports" / "report-weekly.html").exists(), "the weekly report is the weekly deployment's"
    with duckdb.connect(str(home / "handoff.duckdb"), read_only=True) as copy:
        assert copy.execute("SELECT count(*) FROM mart.handoff").fetchone() == (11,)

    # The others are on the scheduler's list for the times that prefect.yaml says.
    due = {run["deployment_id"]: datetime.fromisoformat(run["expected_start_time"]).astimezone(UTC) for run in server.flow_runs() if run["auto_scheduled"]}
    for name, (weekday, hour, minute) in {
        "flows/run_handoff.py:run_handoff/hourly": (None, None, 0),
        "flows/sweep_findings.py:sweep_findings/daily": (None, 5, 30),
        "flows/maintain_warehouse.py:maintain_warehouse/daily": (None, 3, 30),
        "flows/write_report.py:write_report/weekly": (6, 23, 45),
    }.items():
        at = due[deployments[name]["id"]]
        assert (weekday if weekday is None else at.weekday(), hour if hour is None else at.hour, at.minute) == (weekday, hour, minute)


@pytest.fixture(scope="module")
def run_on_server(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A home with one run of the whole job, which used the server; and what it said."""
    home = tmp_path_factory.mktemp("whole") / "home"
    # Where nothing has run before, not even the folder above Prefect's own is there.
    prefect_home = str(server.folder / "nowhere" / "yet")
    return home, server.do("-m", "flows.cli", "run", *job_options(home), "--as-of", AS_OF, "--json", PREFECT_HOME=prefect_home)


def job_options(home: Path) -> tuple[str, ...]:
    return "--landing", str(SCENARIO / "landing"), "--home", str(home), "--policy", str(SCENARIO / "policy.yaml")


def test_handoff_run_uses_the_server_that_is_there(server: Server, run_on_server):
    folder, done = run_on_server
    home = str(folder)
    assert json.loads(done.stdout)["handoffs"] == 11
    assert "as a flow run of 127.0.0.1" in done.stderr
    assert all(line.startswith("handoff: ") for line in done.stderr.splitlines()), "Prefect adds no words of its own"
    (run,) = server.flow_runs(home=home)
    assert (run["state_type"], run["parameters"]["as_of"]) == ("COMPLETED", AS_OF)
    steps = ["open_warehouse", "ingest_landing", "compute_state", "build_marts", "validate_marts", "finish_run", "write_report", "publish_copy"]
    tasks = wait_for(lambda: (found := server.task_runs(run)) and all(task["state_type"] == "COMPLETED" for task in found.values()) and found, 30, server)
    assert sorted(tasks, key=lambda name: tasks[name]["start_time"]) == steps
    found = server.artifacts(run)
    assert set(found) == RUN_ARTIFACTS
    assert (found["run-progress"]["type"], found["run-progress"]["data"], found["run-progress"]["description"]) == ("progress", 100.0, "publish_copy is done")
    flags = json.loads(found["flags"]["data"])
    assert sum(row["flags"] for row in flags) == json.loads(done.stdout)["flags"] > 0

    # What an automation can wait for.
    events = wait_for(lambda: (said := server.events(folder)) and "handoff.run.published" in said and said, 30, server)
    assert set(events) == {"handoff.run.published"}, "a first publication has no news: all of it is new"
    published = events["handoff.run.published"]
    assert published["resource"]["prefect.resource.name"] == home
    assert f"prefect.flow-run.{run['id']}" in {related["prefect.resource.id"] for related in published["related"]}
    assert (published["payload"]["handoffs"], published["payload"]["flags"]) == (11, json.loads(done.stdout)["flags"])
    assert published["payload"]["queue"]["open"] == json.loads(done.stdout)["open"]
    assert {row["number"] for row in published["payload"]["five_numbers"]} == NUMBERS

    # A mistake is said once, in one sentence, and is not tried again.
    failed = subprocess.run(
        [sys.executable, "-m", "flows.cli", "run", *job_options(folder), "--as-of", "2020-01-01T00:00:00Z"],
        cwd=ROOT, env=server.env, capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
    )  # fmt: skip
    assert failed.returncode == 2, failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("handoff: --as-of: 2020-01-01T00:00:00Z is before the last run's")
    assert "Traceback" not in failed.stderr
    (run,) = (run for run in server.flow_runs(home=home) if run["state_type"] == "FAILED")
    (task,) = wait_for(lambda: list(server.task_runs(run).values()), 30, server)
    assert (task["state_type"], task["run_count"]) == ("FAILED", 1)


def test_the_parts_in_order_make_what_the_whole_job_makes(server: Server, run_on_server, tmp_path: Path):
    whole, parts = run_on_server[0], tmp_path / "parts"
    server.do(
        "-c",
        textwrap.dedent(
            """
            import sys
            from flows.build_marts import build_marts
            from flows.ingest_landing import ingest_landing
            from flows.maintain_warehouse import maintain_warehouse
            from flows.publish_copy import publish_copy
            from flows.route_findings import route_findings
            from flows.sweep_findings import sweep_findings
            from flows.validate_marts import validate_marts
            from flows.write_report import write_report
            from transforms.domain.errors import UsageError

            landing, home, policy, as_of = sys.argv[1:]

            def refused(part):
                try:
                    part(home)
                except UsageError as error:
                    return True

            assert refused(build_marts), "nothing is computed yet"
            ingest_landing(landing, home, policy, as_of)
            route_findings(home, policy, as_of)
            assert refused(publish_copy), "marts of the state before are never published as of now"
            build_marts(home)
            validate_marts(home)
            publish_copy(home)
            publish_copy(home)  # published already: nothing happens
            write_report(home)
            maintain_warehouse(home)
            sweep_findings(home, policy, as_of)
            """
        ),
        str(SCENARIO / "landing"), str(parts), str(SCENARIO / "policy.yaml"), AS_OF,
    )  # fmt: skip
    with duckdb.connect() as both:
        for name, home in (("parts", parts), ("whole", whole)):
            both.execute(f"ATTACH '{home / 'handoff.duckdb'}' AS {name} (READ_ONLY)")
        for mart in ("finding", "handoff", "stage", "failure_mode", "handoff_latency", "dashboard", "unrouted_queue"):
            for one, other in (("parts", "whole"), ("whole", "parts")):
                assert both.execute(f"FROM {one}.mart.{mart} EXCEPT ALL FROM {other}.mart.{mart}").fetchall() == [], mart
        runs = "SELECT is_published, count(*) FROM parts.record.run GROUP BY ALL ORDER BY ALL"
        assert both.execute(runs).fetchall() == [(False, 1), (True, 2)], "the ingest, published by its part once, and by the sweep"
    assert (parts / "reports" / "report-weekly.html").exists()

    runs = {run["name"]: run for run in server.flow_runs(home=str(parts))}
    flows = {flow["id"]: flow["name"] for flow in server.post("flows/filter")}
    keys = {flows[run["flow_id"]]: set(server.artifacts(run)) for run in runs.values() if run["state_type"] == "COMPLETED"}
    assert keys["sweep-findings"] == RUN_ARTIFACTS | {"unbound-targets", "decayed-routes", "sweep-proposals", "sweep-settled", "early-warning", "waiting-files"}
    assert keys["maintain-warehouse"] == {"sizes", "integrity"}
    assert keys["write-report"] == {"five-numbers"}


def test_news_are_what_was_not_so_before(server: Server, tmp_path: Path):
    """Of two publications: what is breached and unrouted since, files that wait, laws that broke, each as one event of the home."""
    landing, home = tmp_path / "landing", tmp_path / "home"
    shutil.copytree(SCENARIO / "landing", landing)
    first = "2026-04-21T12:00:00Z"
    server.do(
        "-c",
        textwrap.dedent(
            """
            import sys
            from pathlib import Path
            from flows import job, orchestration
            from flows.run_handoff import run_handoff
            from transforms.domain.errors import LawBroken

            landing, home, policy, first, second = sys.argv[1:]
            run_handoff(landing, home, policy, first, report=False)
            scans = Path(landing) / "scans"
            (scans / "broken.json").write_text('{"findings": [')
            (scans / "lost.json.meta.yaml").write_text("{target: nobody-knows-it, captured_at: 2026-05-02T00:00:00Z, scanner: lost}")
            (scans / "lost.json").write_text('{"findings": [{"title": "Lost", "severity": "Low", "description": "d", "unique_id_from_tool": "L1"}]}')
            run_handoff(landing, home, policy, second, report=False)

            whole = job.validate_marts
            def validate_marts(running, summary):
                whole(running, summary)
                summary.laws_broken.append("a law")
            job.validate_marts = validate_marts
            try:
                run_handoff(landing, home, policy, second, report=False)
            except LawBroken:
                print("not published")
            """
        ),
        str(landing), str(home), str(SCENARIO / "policy.yaml"), first, AS_OF,
    )  # fmt: skip
    expected = {"handoff.run.published", "handoff.run.law_failed", "handoff.files.waiting", "handoff.sla.breached", "handoff.route.lost"}
    events = wait_for(lambda: (said := server.events(home)) and expected <= set(said) and said, 30, server)
    assert set(events) == expected
    assert events["handoff.run.law_failed"]["payload"] == {"laws": "a law"}
    assert events["handoff.files.waiting"]["payload"]["quarantined"] == 1
    with duckdb.connect(str(home / "handoff.duckdb"), read_only=True) as copy:
        (breached,) = copy.execute(f"SELECT count(*) FROM mart.handoff WHERE handoff_breached AND handoff_due_at > TIMESTAMP '{first[:19]}'").fetchone()
    news = events["handoff.sla.breached"]["payload"]
    assert news["handoffs"] == len(news["first"]) == breached > 0
    assert [row["severity"] for row in events["handoff.route.lost"]["payload"]["first"]] == ["low"]
    assert set(news["first"][0]) == {"finding_id", "cycle", "severity", "owner_id", "team", "handoff_due_at"}


def test_what_may_pass_is_tried_again_and_nothing_else(server: Server):
    done = server.do(
        "-c",
        textwrap.dedent(
            """
            import json
            from prefect import flow
            from flows import orchestration
            from transforms.domain.errors import LawBroken, LockHeld, PolicyError, UsageError
            from warehouse.connection import connect

            orchestration.RETRY_DELAYS = (0, 0)
            tried = {}

            def failing(name, error, times):
                def step():
                    tried[name] = tried.get(name, 0) + 1
                    if tried[name] <= times:
                        raise error
                    return "done"
                step.__name__ = name
                return step

            @flow
            def everything():
                for error, times in ((OSError(5, "input/output error"), 2), (BlockingIOError(11, "locked"), 9), (FileNotFoundError("gone"), 9),
                                     (UsageError("a", seen="b"), 9), (PolicyError("a", seen="b"), 9), (LawBroken("a", seen="b"), 9),
                                     (LockHeld("a", seen="b"), 9), (KeyError("a defect"), 9)):
                    try:
                        assert orchestration.as_task(failing(type(error).__name__, error, times)) == "done"
                    except Exception as raised:
                        assert raised is error

            everything()
            print(json.dumps(tried))
            """
        ),
        PREFECT_LOGGING_LEVEL="CRITICAL",
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "OSError": 3, "BlockingIOError": 3, "FileNotFoundError": 1,
        "UsageError": 1, "PolicyError": 1, "LawBroken": 1, "LockHeld": 1, "KeyError": 1,
    }  # fmt: skip
