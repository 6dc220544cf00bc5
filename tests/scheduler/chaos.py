"""The real scheduler under kills: server, worker and runs are killed while files land; at the end nothing is lost, nothing is counted twice.

`make test-scheduler` runs it for a quarter of an hour, and it is no part of `make test`. `handoff serve scheduler` runs the deployments of
prefect.yaml, the hourly one every minute. A file lands every few seconds, every fifth one a second time under another name. Meanwhile the
server, the worker with its run, the run alone, and all of them are killed (SIGKILL) in turn, most often while a run holds the home. Then the
scheduler is given time to catch up and is told to end. What came out is compared with one unbroken run of the same files at the same as_of.

Every wait has an end. What is started is in process groups of their own, and is ended by them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml

from flows.server import Api
from transforms.domain.errors import HandoffError
from warehouse.home import Home

ROOT = Path(__file__).resolve().parents[2]
UP_SECONDS, CATCH_UP_SECONDS, END_SECONDS = 300, 600, 120
FINDINGS = 4
#: Of record.landing_attempt: what was landed, and not originated by handoff itself.
LANDED = "path NOT LIKE 'own/%'"
#: What is killed in turn.
VICTIMS = ("worker", "server", "run", "everything", "server")
#: Compared whole, but for when the stages were completed that handoff completes itself: that is the as_of of whichever run did.
OWN_STAGES = ("enrichment", "routing")
MARTS = {
    "finding": "FROM {}.mart.finding",
    "handoff": "SELECT * EXCLUDE (enriched_at, routed_at) FROM {}.mart.handoff",
    "stage": "FROM {}.mart.stage WHERE stage NOT IN " + str(OWN_STAGES),
    "failure_mode": "FROM {}.mart.failure_mode",
    "handoff_latency": "FROM {}.mart.handoff_latency",
    "unrouted_queue": "FROM {}.mart.unrouted_queue",
    "dashboard": "FROM {}.mart.dashboard",
}


class Landing:
    """A landing zone that grows: registers first, then scans and the acknowledgements of earlier ones."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.contents, self.deliveries, self.findings, self.events = folder, 0, 0, 0, 0
        past = {"captured_at": "2026-01-01T00:00:00Z"}
        self._put("assets/assets.csv", "asset_id,name,owner_team,status,effective_from\npay,pay-api,payments,active,2026-01-01\n", past)
        self._put("people/people.csv", "person_id,name,email,team,role,channel,status,kind,effective_from\nanna,Anna,anna@example.com,payments,engineer,chat,active,human,2026-01-01\n", past)
        self._put("people/ownership.csv", "match,person_id,team,effective_from\nasset:pay,anna,payments,2026-01-01\n", past)
        self.contents += 3

    def deliver(self) -> None:
        """One scan; from the second on, the acknowledgement of the one before; every fifth scan a second time."""
        number, at = self.deliveries, datetime.now(UTC) - timedelta(seconds=90)
        results = [
            {"title": f"F{number}-{k}", "severity": "High", "description": "d", "vuln_id_from_tool": f"R{number}-{k}", "unique_id_from_tool": f"N{number}-{k}"}
            for k in range(FINDINGS)
        ]
        scan, side = json.dumps({"findings": results}), {"target": "pay-api", "captured_at": at.isoformat(), "scanner": "one", "scope": [f"part-{number}"]}
        self._put(f"scans/s{number}.json", scan, side)
        self.contents, self.findings = self.contents + 1, self.findings + FINDINGS
        if number % 5 == 4:
            self._put(f"scans/again-{number}.json", scan, side)
        if number:
            event = {"event_id": f"e{number}", "ref": f"N{number - 1}-0", "event": "acknowledged", "actor": "anna", "occurred_at": at.isoformat()}
            self._put(f"activity/a{number}.jsonl", json.dumps(event) + "\n")
            self.contents, self.events = self.contents + 1, self.events + 1
        self.deliveries += 1

    def _put(self, path: str, text: str, sidecar: dict[str, Any] | None = None) -> None:
        """As a careful sender does it: the sidecar first, each file whole at once."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        for name, content in ((f"{place.name}.meta.yaml", yaml.safe_dump(sidecar) if sidecar else None), (place.name, text)):
            if content is not None:
                draft = self.folder.parent / f"draft-{name}"
                draft.write_text(content, encoding="utf-8")
                draft.replace(place.parent / name)


class Scheduler:
    """`handoff serve scheduler` on a free port, with its home."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.kills = folder, Home(folder / "home"), Counter[str]()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
        deployments = folder / "prefect.yaml"
        deployments.write_text(config.replace('cron: "0 * * * *"', 'cron: "* * * * *"'), encoding="utf-8")
        command = ["-m", "flows.cli", "serve", "scheduler", "--landing", str(folder / "landing"), "--home", str(self.home.folder), "--port", str(self.port)]
        self.log = folder / "serve.log"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HANDOFF_"))}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, "--deployments", str(deployments)],
                cwd=ROOT, env={**env, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.api = Api(f"http://127.0.0.1:{self.port}/api")

    def is_up(self) -> bool:
        require(self.process.poll() is None, f"the scheduler ended: {self.log.read_text()[-2000:]}")
        return "Ctrl-C or SIGTERM" in self.log.read_text()

    def kill(self, victim: str) -> bool:
        """Kills without asking; whether there was something to kill."""
        groups = {name: pid for pid, name in self._leaders()}
        if victim == "run":
            holder = self.home.holder()
            targets = [(os.kill, holder["pid"])] if holder else []
        else:
            targets = [(os.killpg, groups[name]) for name in (("server", "worker") if victim == "everything" else (victim,)) if name in groups]
        for kill, number in targets:
            with contextlib.suppress(ProcessLookupError):
                kill(number, signal.SIGKILL)
        self.kills[victim] += bool(targets)
        return bool(targets)

    def _leaders(self) -> list[tuple[int, str]]:
        """The children of the scheduler, each with what `prefect` was told to start."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == self.process.pid:
                    found.append((int(entry.name), (entry / "cmdline").read_bytes().split(b"\0")[3].decode()))
        return found

    def belongings(self) -> list[int]:
        """Every process that lives on this scheduler's Prefect home."""
        mark, found = f"PREFECT_HOME={self.home.folder}/".encode(), []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes() and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(entry.name))
        return found

    def query(self, text: str) -> list[tuple]:
        with duckdb.connect(str(self.home.published), read_only=True) as connection:
            return connection.execute(text).fetchall()

    def taken_up(self) -> int:
        return self.query(f"SELECT count(DISTINCT sha256) FROM record.landing_attempt WHERE {LANDED}")[0][0] if self.home.published.exists() else 0


def require(is_so: bool, why: str) -> None:
    if not is_so:
        raise AssertionError(why)


def wait_for(what: Callable[[], Any], seconds: float, why: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        require(time.monotonic() < deadline, f"not within {seconds:.0f} s: {why}")
        time.sleep(0.25)
    return found


def disturb(scheduler: Scheduler, landing: Landing, minutes: float, kills: int, seed: int) -> None:
    """Lands files all the time, and kills as often as asked, evenly spread; from half a minute after a kill was due on, whether a run is going or not."""
    chance, began = random.Random(seed), time.monotonic()
    length = minutes * 60
    due = [began + length * (number + 0.5) / kills for number in range(kills)]
    landed = began
    while time.monotonic() - began < length:
        now = time.monotonic()
        if now >= landed:
            landing.deliver()
            landed = now + 5
        if due and now >= due[0]:
            is_running = scheduler.home.holder() is not None
            victim = VICTIMS[sum(scheduler.kills.values()) % len(VICTIMS)]
            if is_running or (victim != "run" and now > due[0] + 45):
                time.sleep(chance.uniform(0, 3) if is_running else 0)
                if scheduler.kill(victim):
                    print(f"  {now - began:5.0f} s  killed {victim}{' during a run' if is_running else ''}", flush=True)
                    due.pop(0)
        require(scheduler.process.poll() is None, f"the scheduler ended: {scheduler.log.read_text()[-2000:]}")
        time.sleep(0.1)
    require(not due, f"{len(due)} kills were never possible")


def unbroken(scheduler: Scheduler, landing: Landing) -> Home:
    """One run of the same files in a home of its own, at the as_of of the scheduler's last."""
    (as_of,) = scheduler.query("SELECT strftime(as_of, '%Y-%m-%dT%H:%M:%S.%fZ') FROM record.run WHERE is_published ORDER BY number DESC LIMIT 1")[0]
    home = Home(scheduler.folder / "unbroken")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HANDOFF_"))}
    command = ["-m", "flows.cli", "run", "--landing", str(landing.folder), "--home", str(home.folder), "--as-of", as_of, "--no-report"]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env={**env, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=600, check=False)
    require(done.returncode == 0, done.stderr)
    return home


def differences(query: str) -> str:
    one, other = query.format("broken"), query.format("whole")
    return f"(({one}) EXCEPT ALL ({other})) UNION ALL (({other}) EXCEPT ALL ({one}))"


def check(scheduler: Scheduler, landing: Landing) -> dict[str, Any]:
    """What came out, against what landed and against the unbroken run."""
    home = unbroken(scheduler, landing)
    found: dict[str, Any] = {}
    with duckdb.connect() as both:
        both.execute(f"ATTACH '{scheduler.home.published}' AS broken (READ_ONLY)")
        both.execute(f"ATTACH '{home.published}' AS whole (READ_ONLY)")

        def one(text: str) -> Any:
            return both.execute(text).fetchone()

        found["contents landed"] = landing.contents
        found["contents claimed"], attempts = one(f"SELECT count(DISTINCT sha256), count(*) FROM broken.record.landing_attempt WHERE {LANDED}")
        found["readings"] = attempts
        found["quarantined or held"] = one("SELECT count(*) FROM broken.record.landing_attempt WHERE status NOT IN ('loaded', 'empty')")[0]
        found["observations"] = one("SELECT count(*) FROM broken.record.observation")[0]
        found["acknowledgements"] = one("SELECT count(*) FROM broken.record.activity WHERE event = 'acknowledged'")[0]
        found["own stage events"], own = one("SELECT count(*), count(DISTINCT (ref, event)) FROM broken.record.activity WHERE method = 'own'")
        found["findings"] = one("SELECT count(*) FROM broken.mart.finding")[0]
        rows = one("SELECT sum(rows_in), sum(rows_new), sum(rows_duplicate), sum(rows_rejected) FROM broken.record.landing_attempt")
        found["rows in = new + duplicate + rejected"] = "{} = {} + {} + {}".format(*rows)
        found["runs that reached their end"] = one("SELECT count(*) FROM broken.record.run")[0]
        gap = one("SELECT max(gap) FROM (SELECT epoch(as_of - lag(as_of) OVER (ORDER BY number)) AS gap FROM broken.record.run WHERE is_published)")[0]
        found["longest time between two publications (s)"] = round(gap or 0)
        digests = {name: one(f"SELECT state_digest FROM {name}.record.run ORDER BY number DESC LIMIT 1") for name in ("broken", "whole")}
        found["state digest"], found["state digest, unbroken"] = digests["broken"][0][:12], digests["whole"][0][:12]
        other = {
            mart: count
            for mart, query in MARTS.items()
            if (count := one(f"SELECT count(*) FROM ({differences(query)})")[0])
        }
        found["marts that differ"] = other or "none"
        print("\n".join(f"{name}: {value}" for name, value in found.items()), flush=True)
        require(found["quarantined or held"] == 0, "every file is read")
        require(found["contents claimed"] == landing.contents == attempts, "each content is claimed once")
        require(found["observations"] == landing.findings == found["findings"], "no result is lost, none is there twice")
        require(found["acknowledgements"] == landing.events, "no event is lost, none is there twice")
        require(found["own stage events"] == own > 0, "none of our own events is there twice")
        require(rows[0] == sum(rows[1:]), "rows in = new + duplicate + rejected")
        require(digests["broken"] == digests["whole"], "the state is that of an unbroken run")
        require(not other, "the marts are those of an unbroken run")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15, help="how long files land and things are killed")
    parser.add_argument("--kills", type=int, help="how many [default: one in two and a half minutes, five at least]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="handoff-chaos-"))
    landing, began = Landing(folder / "landing"), time.monotonic()
    scheduler = Scheduler(folder)
    try:
        wait_for(scheduler.is_up, UP_SECONDS, "the scheduler is up")
        print(f"up after {time.monotonic() - began:.0f} s; {given.minutes:g} minutes of cron runs each minute", flush=True)
        disturb(scheduler, landing, given.minutes, given.kills or max(5, round(given.minutes / 2.5)), given.seed)
        began = time.monotonic()
        wait_for(lambda: scheduler.taken_up() >= landing.contents, CATCH_UP_SECONDS, f"all {landing.contents} contents are taken up")
        print(f"caught up {time.monotonic() - began:.0f} s after the last file", flush=True)
        wait_for(lambda: scheduler.home.holder() is None, CATCH_UP_SECONDS, "the run at the end is over")
        states = Counter(run["state_name"] for run in wait_for(lambda: flow_runs(scheduler.api), 60, "the server answers") if run["state_type"] != "SCHEDULED")
        scheduler.process.terminate()
        began = time.monotonic()
        require(scheduler.process.wait(END_SECONDS) == 0, "it ends well")
        require(not scheduler.belongings(), "nothing is left behind")
        print(f"ended {time.monotonic() - began:.0f} s after SIGTERM, nothing left behind", flush=True)
        print(f"killed: {dict(scheduler.kills)}\nflow runs by state, as the server has it: {dict(states)}", flush=True)
        check(scheduler, landing)
    finally:
        if scheduler.process.poll() is None:
            scheduler.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                scheduler.process.wait(END_SECONDS)
        for pid in scheduler.belongings():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if given.keep:
            print(f"kept {folder}", flush=True)
        else:
            shutil.rmtree(folder)
    print("ok: nothing lost, nothing twice")


def flow_runs(api: Api) -> list[dict[str, Any]]:
    """The server's list of runs, a page at a time; empty while it does not answer."""
    found: list[dict[str, Any]] = []
    try:
        while page := api.call("POST", "flow_runs/filter", {"limit": 200, "offset": len(found), "sort": "START_TIME_ASC"}):
            found += page
    except HandoffError:  # a server that has just been killed is up again in a moment
        return []
    return found


if __name__ == "__main__":
    main()
