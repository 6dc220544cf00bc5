"""`handoff serve scheduler`: what it refuses before anything is started, and a real one that is brought up, disturbed and told to end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows import doctor, serve
from flows.server import Api
from transforms.domain.errors import PolicyError, RunError, UsageError

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "tests" / "golden" / "scenarios" / "plain_path"
UP_SECONDS, WAIT_SECONDS, END_SECONDS = 300, 120, 90


def options(tmp_path: Path, **more: Any) -> serve.Options:
    return serve.Options(str(SCENARIO / "landing"), tmp_path / "home", **more)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "handoff.example.com"])
def test_other_machines_are_let_in_with_a_password_alone(tmp_path, monkeypatch, host):
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    with pytest.raises(UsageError, match="PREFECT_SERVER_API_AUTH_STRING"):
        serve.serve(options(tmp_path, host=host))
    for weak in ("admin:admin", ":0123456789abcdef", "0123456789abcdef"):
        monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", weak)
        with pytest.raises(UsageError, match="at least 16 characters") as raised:
            serve.serve(options(tmp_path, host=host))
        assert weak not in str(raised.value), "a password is never repeated"
    assert not (tmp_path / "home").exists()


def test_what_cannot_be_meant_is_said_before_anything_is_started(tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        serve.serve(serve.Options(str(tmp_path / "nowhere"), tmp_path / "home"))
    policy = tmp_path / "policy.yaml"
    policy.write_text("reporting_zon: UTC\n")
    with pytest.raises(PolicyError, match="reporting_zon"):
        serve.serve(options(tmp_path, policy=policy))
    with pytest.raises(UsageError, match=r"other\.yaml is not there"):
        serve.serve(options(tmp_path, deployments=tmp_path / "other.yaml"))
    assert not (tmp_path / "home").exists()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match="expected a free port"):
            serve.serve(options(tmp_path, port=other.getsockname()[1]))
    assert not (tmp_path / "home" / "prefect").exists()


@pytest.mark.parametrize(
    ("policy", "is_on"),
    [("", False), ("dispatch: {cap_per_day: 3}", False), ("dispatch:", False), ("dispatch: {channels: {urgent: file, routine: file}}", True), ("dispatch: {channels: {routine: mail}}", True)],
)
def test_what_waits_for_something_to_be_set_up(tmp_path, policy, is_on):
    (tmp_path / "policy.yaml").write_text(policy)
    assert list(serve.what_is_set_up(options(tmp_path)).values()) == [False, False], "nothing is said"
    assert list(serve.what_is_set_up(options(tmp_path, policy=tmp_path / "policy.yaml")).values()) == [False, is_on]
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "connections.yaml").write_text("")
    assert list(serve.what_is_set_up(options(tmp_path)).values()) == [True, False]


# A real one


def listens_on(port: int) -> set[str]:
    """The IPv4 addresses at which something listens on a port; a line for IPv6 where there is one."""
    found = set()
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, _, state = line.split()[1:4]
            host, _, number = address.partition(":")
            if int(number, 16) == port and state == "0A":
                found.add(socket.inet_ntop(family, bytes.fromhex(host)[::-1]) if family == socket.AF_INET else f"IPv6 {host}")
    return found


class Running:
    """`handoff serve scheduler` as a process."""

    def __init__(self, folder: Path, env: dict[str, str], *more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home, self.folder, self.env = folder / "home", folder, env
        self.log = folder / "serve.log"
        self.process = self.start(self.log, self.port, *more)
        self.api = Api(f"http://127.0.0.1:{self.port}/api", env.get("PREFECT_SERVER_API_AUTH_STRING"))

    def start(self, log: Path, port: int, *more: str) -> subprocess.Popen:
        command = ["-m", "flows.cli", "serve", "scheduler", "--landing", str(self.folder / "landing"), "--home", str(self.home), "--port", str(port), *more]
        with open(log, "wb") as file:
            return subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_for(self, what: Callable[[], Any], seconds: float) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := what()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"not within {seconds} s\n{self.words()}")
            time.sleep(0.2)
        return found

    def words(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def children(self) -> dict[str, int]:
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == self.process.pid:
                    found[(entry / "cmdline").read_bytes().split(b"\0")[3].decode()] = int(entry.name)
            except (OSError, IndexError):
                continue  # it has just ended
        return found

    def belongings(self) -> list[int]:
        mark, found = f"PREFECT_HOME={self.home}/".encode(), []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes() and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(entry.name))
            except OSError:
                continue  # it has just ended, or is not ours
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A scheduler that is up, in a zone that is not UTC, with a password."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("/proc is Linux's")
    folder = tmp_path_factory.mktemp("serve")
    shutil.copytree(SCENARIO / "landing", folder / "landing")
    (folder / "policy.yaml").write_text("reporting_zone: Asia/Tokyo\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HANDOFF_"))}
    env |= {"PYTHONPATH": str(ROOT), "PREFECT_SERVER_API_AUTH_STRING": "handoff:only-for-this-test"}
    found = Running(folder, env, "--policy", str(folder / "policy.yaml"))
    try:
        found.wait_for(lambda: "Ctrl-C or SIGTERM" in found.words(), UP_SECONDS)
        yield found
    finally:
        if found.process.poll() is None:
            found.process.terminate()
            found.process.wait(END_SECONDS)
        left = found.belongings()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, "every process that was started has ended"


@pytest.mark.parametrize(("late", "going_on", "is_left"), [(2, 0, True), (2, 1, False), (0, 0, False)])
def test_a_run_is_left_late_where_none_goes_on(late, going_on, is_left):
    class Server(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["flow_runs"]
            answer = json.dumps(late if "name" in asked["state"] else going_on).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *words):
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/api"
        assert Api(address).leaves_late(180) is is_left
        server.shutdown()
    assert Api(address, timeout_seconds=1).leaves_late(180) is False, "who does not answer says nothing"


@pytest.mark.parametrize(("seconds", "is_late", "is_killed"), [(serve.IDLE_SECONDS, True, True), (serve.IDLE_SECONDS, False, False), (serve.IDLE_SECONDS - 1, True, False)])
def test_a_worker_that_takes_no_run_is_killed_to_be_started_again(tmp_path, seconds, is_late, is_killed):
    group = serve._Children(tmp_path, {}, threading.Event())
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    group._children.append(serve._Child("worker", (), process, since=1_000))
    try:
        group._wake(1_000 + seconds, lambda: is_late)
        assert (process.wait(10) == -signal.SIGKILL) if is_killed else process.poll() is None
    finally:
        group.stop()


def test_a_scheduler_is_brought_up_disturbed_and_ends(running: Running):
    # Up: what prefect.yaml says, in the policy's zone, behind the password.
    assert Api(running.api.url).is_healthy()
    with pytest.raises(RunError, match="does not accept who asks"):
        Api(running.api.url).deployments()
    deployments = {f"{one['entrypoint']}/{one['name']}": one for one in running.api.deployments()}
    sweep = deployments["flows/sweep_findings.py:sweep_findings/daily"]
    assert [(one["schedule"]["cron"], one["schedule"]["timezone"], one["active"]) for one in sweep["schedules"]] == [("30 5 * * *", "Asia/Tokyo", True)]
    assert sweep["parameters"]["policy"] == str(running.folder / "policy.yaml")
    pull = deployments["flows/pull_trackers.py:pull_trackers/connected"]
    assert [one["active"] for one in pull["schedules"]] == [False], "there is no connections.yaml"
    dispatch = deployments["flows/dispatch_notifications.py:dispatch_notifications/people"]
    assert ([one["active"] for one in dispatch["schedules"]], dispatch["parameters"]["apply"]) == ([False], False), "the policy names no channels"
    assert {one["name"] for one in running.api.automations()} == {"handoff-zombie", "handoff-stuck-pending"}
    serve.put_automations(running.api, ROOT / "deploy" / "automations.yaml")
    assert len(running.api.automations()) == 2, "they are brought up to date, and not made again"
    assert "only-for-this-test" not in running.words()
    for pid in running.children().values():
        told = (Path("/proc") / str(pid) / "environ").read_bytes().split(b"\0")
        assert f"TMPDIR={running.home}/prefect/tmp".encode() in told, "not where other users are"
        assert {b"PREFECT_SERVER_ANALYTICS_ENABLED=false", b"DO_NOT_TRACK=1"} <= set(told), "nothing phones home"
    assert listens_on(running.port) == {"127.0.0.1"}, "on this machine alone"

    # Doctor finds it through the home.
    env = {**running.env, "PREFECT_API_AUTH_STRING": running.env["PREFECT_SERVER_API_AUTH_STRING"]}
    done = subprocess.run([sys.executable, "-m", "flows.cli", "doctor", "--home", str(running.home)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    rows = {line.split("\t")[0]: line.split("\t")[1] for line in done.stdout.splitlines()}
    assert {name: rows[name] for name in ("server", "work pool", "deployments", "concurrency limits", "automations")} == dict.fromkeys(
        ("server", "work pool", "deployments", "concurrency limits", "automations"), "ok"
    ), done.stdout

    # What is wrong with it is said, each with what to do.
    hourly = deployments["flows/run_handoff.py:run_handoff/hourly"]
    running.api.call("PATCH", f"deployments/{hourly['id']}", {"concurrency_limit": None})
    running.api.call("PATCH", f"deployments/{sweep['id']}/schedules/{sweep['schedules'][0]['id']}", {"active": False})
    running.api.call("DELETE", f"deployments/{pull['id']}")
    running.api.call("PATCH", f"automations/{running.api.automations()[0]['id']}", {"enabled": False})
    running.api.call("PATCH", "work_pools/handoff", {"is_paused": True})

    def without_worker() -> dict[str, doctor.Check] | None:
        with contextlib.suppress(RunError):  # it has not been heard of yet
            running.api.call("DELETE", "work_pools/handoff/workers/handoff")
        rows = {row.check: row for row in (*doctor._pool(running.api), *doctor._deployments(running.api), *doctor._automations(running.api))}
        return rows if rows["worker"].state == doctor.FAIL else None

    found = running.wait_for(without_worker, WAIT_SECONDS)
    assert {name: row.state for name, row in found.items()} == {
        "work pool": "fail", "worker": "fail", "deployments": "fail", "schedules": "warn", "concurrency limits": "fail", "automations": "warn",
    }  # fmt: skip
    assert all(row.remedy for row in found.values())
    assert found["deployments"].seen == "missing: pull-trackers/connected"
    assert found["schedules"].seen == "paused: sweep-findings/daily"
    assert found["concurrency limits"].seen == "not as in prefect.yaml: run-handoff/hourly"
    running.api.call("PATCH", "work_pools/handoff", {"is_paused": False})

    # A second one on the same home is refused, and the first goes on.
    second = running.start(running.folder / "second.log", running.port + 1)
    assert second.wait(WAIT_SECONDS) == 1
    assert re.search(r"it has a scheduler already: run scheduler of process \d+ has been running since .*; end that one first", (running.folder / "second.log").read_text())

    # A child that is killed comes again.
    worker = running.children()["worker"]
    os.kill(worker, signal.SIGKILL)
    running.wait_for(lambda: running.children().get("worker") not in (None, worker), WAIT_SECONDS)
    assert "worker ended with -9: again in 1 s" in running.words()

    # Told to end as by Ctrl-C, it leaves nothing; `make test-scheduler` ends it by SIGTERM.
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(END_SECONDS) == 0
    assert running.words().splitlines()[-1] == "handoff: stopped"
    assert running.belongings() == []
    assert not (running.home / serve.API_FILE).exists()
    with pytest.raises(UsageError, match="free port"), socket.socket() as other:  # the lock is free again: it comes as far as the port
        other.bind(("127.0.0.1", 0))
        other.listen()
        serve.serve(serve.Options(str(running.folder / "landing"), running.home, port=other.getsockname()[1]))
