"""The real scheduler under kills: server, worker, runs and dispatches are killed while files land; at the end nothing is lost, nothing is there twice.

`make test-scheduler` runs it for a quarter of an hour, and it is no part of `make test`. `handoff serve scheduler` runs the deployments of
prefect.yaml, the hourly one and the dispatch into the file channel every minute. A file lands every few seconds, every fifth one a second time
under another name. Of the findings for which somebody is told at once, a third is acknowledged by files, a third by `handoff ack`, and the rest
climbs the whole ladder of escalation within minutes. Meanwhile the server, the worker, a run, a dispatch, and all of them are
killed (SIGKILL) in turn, most often while a run holds the home. Then the scheduler is given time to catch up.

- What came out is compared with one unbroken run of the same files at the same as_of.
- Every decision to tell somebody is once in the file channel, once in the outbox and once in the record; no rung is missed.
- A run whose worker is killed with it, and one that is pending for good, become Crashed by the automations of deploy/automations.yaml.

Every wait has an end, and a generous one: what fails is wrong, and not slow. What is started is in process groups of its own, and is ended by them.
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

from flows.dispatching import OUTBOX
from flows.server import Api
from transforms.domain.errors import HandoffError
from warehouse.dispatch import words_of
from warehouse.home import Home
from warehouse.outbox import Entry, open_outbox
from warehouse.raw import content_path

ROOT = Path(__file__).resolve().parents[2]
UP_SECONDS, CATCH_UP_SECONDS, END_SECONDS = 300, 1200, 120
#: A kill waits so long for what is to be killed; and so long after the one before it, where that had to wait.
CHANCE_SECONDS, PAUSE_SECONDS = 1200, 60
#: The first finding of a scan is high and said at once, the others are low and wait for a digest.
FINDINGS = 4
#: Seconds between two files, and between two acknowledgements by command line.
LANDING_SECONDS, ACK_SECONDS = 5, 20
#: Of record.landing_attempt: what was landed, and not originated by handoff itself.
LANDED = "path NOT LIKE 'own/%' AND path NOT LIKE 'originated/%'"
#: What is killed in turn.
VICTIMS = ("worker", "server", "run", "dispatch", "everything", "server")
#: Business hours never end, so that the ladder of six minutes is climbed whenever this runs.
POLICY = """
calendars: {default: {time_zone: UTC, days: [mon, tue, wed, thu, fri, sat, sun], windows: ["00:00-24:00"], business_day: 24h}}
handoff_sla: {critical: 6m, high: 6m, medium: 30d, low: 30d}
routing: {escalation_default: sara}
dispatch: {quiet_hours: null, cap_per_day: 100000}
"""
#: Everything that is said of a high finding that nobody acknowledges: to whom, as what.
LADDER = {("anna", "notice"), ("anna", "handoff 0.5 owner"), ("mara", "handoff 0.8 manager"), ("rolf", "handoff 0.9 manager"), ("sara", "handoff 1 escalation_default")}
LADDER_SECONDS = 360
#: How the automations put it.
ZOMBIE, STUCK = "No heartbeat for a minute and a half", "Pending for five minutes"
#: Compared whole, but for when the stages were completed that handoff completes itself: that is the as_of of whichever run did, and what spans are from.
OWN_STAGES = ("enrichment", "routing")
MARTS = {
    "finding": "FROM {}.mart.finding",
    "handoff": "SELECT * EXCLUDE (enriched_at, routed_at) FROM {}.mart.handoff",
    "stage": "SELECT finding_id, cycle, stage, stage_number, instant FROM {}.mart.stage WHERE stage NOT IN " + str(OWN_STAGES),
    "failure_mode": "FROM {}.mart.failure_mode",
    "handoff_latency": "FROM {}.mart.handoff_latency",
    "unrouted_queue": "FROM {}.mart.unrouted_queue",
    "dashboard": "FROM {}.mart.dashboard",
}


class Landing:
    """A landing zone that grows: registers first, then scans and the acknowledgements of some earlier ones."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.contents, self.deliveries, self.findings, self.events = folder, 0, 0, 0, 0
        past = {"captured_at": "2026-01-01T00:00:00Z"}
        self._put("assets/assets.csv", "asset_id,name,owner_team,status,effective_from\npay,pay-api,payments,active,2026-01-01\n", past)
        people = "".join(f"{name},{name.title()},{name}@example.com,payments,engineer,{manager},chat:@{name},active,human,2026-01-01\n" for name, manager in (("anna", "mara"), ("mara", "rolf"), ("rolf", ""), ("sara", "")))
        self._put("people/people.csv", "person_id,name,email,team,role,manager_id,channel,status,kind,effective_from\n" + people, past)
        self._put("people/ownership.csv", "match,person_id,team,effective_from\nasset:pay,anna,payments,2026-01-01\n", past)
        self.contents += 3

    def deliver(self) -> None:
        """One scan; every fifth a second time; the acknowledgement of the scan before, for every third."""
        number, at = self.deliveries, datetime.now(UTC) - timedelta(seconds=90)
        results = [
            {"title": f"F{number}-{k}", "severity": "Low" if k else "High", "description": "d", "vuln_id_from_tool": f"R{number}-{k}", "unique_id_from_tool": f"N{number}-{k}"}
            for k in range(FINDINGS)
        ]
        scan, side = json.dumps({"findings": results}), {"target": "pay-api", "captured_at": at.isoformat(), "scanner": "one", "scope": [f"part-{number}"]}
        self._put(f"scans/s{number}.json", scan, side)
        self.contents, self.findings = self.contents + 1, self.findings + FINDINGS
        if number % 5 == 4:
            self._put(f"scans/again-{number}.json", scan, side)
        if number % 3 == 2:
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


#: Who holds which lock of the home.
LOCKS = {"run": "run.lock", "dispatch": "dispatch.lock"}


def every_minute() -> dict[str, Any]:
    """prefect.yaml, with the whole job and the dispatch of what is due each minute."""
    config = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    for deployment in config["deployments"]:
        if deployment["name"] == "hourly":
            deployment["schedules"] = [{"cron": "* * * * *", "timezone": "UTC", "slug": "minute"}]
        elif deployment["entrypoint"].endswith(":dispatch_notifications"):
            deployment["parameters"]["apply"] = True
            deployment["schedules"] = [{"cron": "* * * * *", "timezone": "UTC", "slug": "minute"}]
    return config


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HANDOFF_", "OTEL_"))} | {"PYTHONPATH": str(ROOT)}


def handoff(*arguments: object) -> str:
    """What a command printed. Raises `AssertionError` where it fails."""
    done = subprocess.run([sys.executable, "-m", "flows.cli", *map(str, arguments)], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600, check=False)
    require(done.returncode == 0, f"handoff {arguments[0]}: {done.stderr}")
    return done.stdout


class Scheduler:
    """`handoff serve scheduler` on a free port, with its home."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.kills = folder, Home(folder / "home"), Counter[str]()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY, encoding="utf-8")
        deployments = folder / "prefect.yaml"
        deployments.write_text(yaml.safe_dump(every_minute(), sort_keys=False), encoding="utf-8")
        command = ["serve", "scheduler", "--landing", str(folder / "landing"), "--policy", str(self.policy), "--port", str(self.port), "--deployments", str(deployments)]
        self.log = folder / "serve.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", *command, "--home", str(self.home.folder)],
                cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.api = Api(f"http://127.0.0.1:{self.port}/api")

    def is_up(self) -> bool:
        require(self.process.poll() is None, f"the scheduler ended: {self.log.read_text()[-2000:]}")
        return "Ctrl-C or SIGTERM" in self.log.read_text()

    def kill(self, victim: str) -> bool:
        """Kills without asking; whether there was something to kill. A worker that is killed leaves its run to end by itself."""
        groups = {name: pid for pid, name in self._leaders()}
        names = ("server", "worker", "run", "dispatch") if victim == "everything" else (victim,)
        holders = [holder for name in names if name in LOCKS and (holder := self.home.holder(LOCKS[name]))]
        targets = [(os.killpg, groups[name]) for name in names if name in groups] + [(os.kill, holder["pid"]) for holder in holders]
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

    def last_publication(self) -> int | None:
        """The published copy's own time in nanoseconds: it is another file with each publication."""
        return self.home.published.stat().st_mtime_ns if self.home.published.exists() else None

    def messages(self) -> list[Entry]:
        if not self.home.outbox.exists():
            return []
        with open_outbox(self.home.outbox) as outbox:
            return outbox.entries(OUTBOX)

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


class Person:
    """Who acknowledges every third finding from the command line, a few at once, as soon as it is published."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler, self.acknowledged = scheduler, dict[str, datetime]()

    def acknowledge(self) -> None:
        if not self._scheduler.home.published.exists():
            return
        query = "SELECT finding_id FROM mart.handoff WHERE is_open AND severity = 'high' AND CAST(regexp_extract(title, 'F([0-9]+)-', 1) AS INTEGER) % 3 = 0"
        refs = [ref for (ref,) in self._scheduler.query(query) if ref not in self.acknowledged]
        if refs:
            handoff("ack", *refs, "--as", "anna", "--home", self._scheduler.home.folder)
            self.acknowledged |= dict.fromkeys(refs, datetime.now(UTC))


def disturb(scheduler: Scheduler, landing: Landing, person: Person, minutes: float, kills: int, seed: int) -> list[float]:
    """Lands files and acknowledges all the time, and kills as often as asked, evenly spread; most often while a run is going.

    Goes on beyond its time until the last kill was possible. Seconds from each kill to the next publication.
    """
    chance, began = random.Random(seed), time.monotonic()
    length = minutes * 60
    due = [began + length * (number + 0.5) / kills for number in range(kills)]
    landed = answered = began
    waiting: list[tuple[float, int | None]] = []
    recovered: list[float] = []
    while (now := time.monotonic()) - began < length or due:
        if now >= landed:
            landing.deliver()
            landed = now + LANDING_SECONDS
        if now >= answered:
            person.acknowledge()
            answered = now + ACK_SECONDS
        published = scheduler.last_publication()
        recovered += [now - killed for killed, before in waiting if published != before]
        waiting = [(killed, before) for killed, before in waiting if published == before]
        if due and now >= due[0]:
            victim = VICTIMS[sum(scheduler.kills.values()) % len(VICTIMS)]
            is_running = scheduler.home.holder(LOCKS.get(victim, "run.lock")) is not None
            if is_running or (victim not in LOCKS and now > due[0] + 45):
                time.sleep(chance.uniform(0, 0.5 if victim == "dispatch" else 3) if is_running else 0)
                before = scheduler.last_publication()
                if scheduler.kill(victim):
                    print(f"  {now - began:5.0f} s  killed {victim}{' during a run' if is_running and victim not in LOCKS else ''}", flush=True)
                    waiting.append((time.monotonic(), before))
                    due = [max(at, time.monotonic() + PAUSE_SECONDS) for at in due[1:]]
            require(not due or now < due[0] + CHANCE_SECONDS, f"nothing to kill: {victim}")
        require(scheduler.process.poll() is None, f"the scheduler ended: {scheduler.log.read_text()[-2000:]}")
        time.sleep(0.05)
    for killed, before in waiting:
        wait_for(lambda before=before: scheduler.last_publication() != before, CATCH_UP_SECONDS, "a publication after the last kill")
        recovered.append(time.monotonic() - killed)
    return recovered


def leave_pending(scheduler: Scheduler) -> str:
    """A run that a worker took and never started, as the server has it; its id."""
    part = next(found for found in scheduler.api.deployments() if found["entrypoint"].endswith(":validate_marts"))
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": (datetime.now(UTC) + timedelta(days=1)).isoformat()}}
    run = scheduler.api.call("POST", f"deployments/{part['id']}/create_flow_run", {"state": later})
    scheduler.api.call("POST", f"flow_runs/{run['id']}/set_state", {"state": {"type": "PENDING", "name": "Pending"}, "force": True})
    return run["id"]


def is_dealt_with(scheduler: Scheduler, run: str, message: str) -> bool:
    """Whether an automation has made the run Crashed, in its words."""
    try:
        state = scheduler.api.call("GET", f"flow_runs/{run}")["state"]
    except HandoffError:  # a server that has just been killed is up again in a moment
        return False
    is_crashed = state["type"] == "CRASHED"
    require(state["type"] in ("PENDING", "RUNNING") or (is_crashed and message in (state["message"] or "")), f"run {run} became {state['type']}: {state['message']}")
    return is_crashed


def kill_without_a_word(scheduler: Scheduler) -> str:
    """Kills a worker and then its run, and says which: nobody is left who would report it."""

    def killed() -> str | None:
        holder = scheduler.home.holder()
        if holder is None:
            return None
        with contextlib.suppress(OSError):  # it has just ended
            environ = Path(f"/proc/{holder['pid']}/environ").read_bytes().split(b"\0")
            run = next(entry.partition(b"=")[2].decode() for entry in environ if entry.startswith(b"PREFECT__FLOW_RUN_ID="))
            if scheduler.kill("worker"):
                os.kill(holder["pid"], signal.SIGKILL)
                return run
        return None

    return wait_for(killed, CATCH_UP_SECONDS, "a run to be killed")


def unbroken(scheduler: Scheduler, landing: Landing) -> Home:
    """One run of the same files and events in a home of its own, at the as_of of the scheduler's last."""
    (as_of,) = scheduler.query("SELECT strftime(as_of, '%Y-%m-%dT%H:%M:%S.%fZ') FROM record.run WHERE is_published ORDER BY number DESC LIMIT 1")[0]
    home = Home(scheduler.folder / "unbroken")
    # What was said from the command line and by the dispatch, as if all of it had waited for this run.
    said = scheduler.query("SELECT DISTINCT sha256 FROM record.landing_attempt WHERE path LIKE 'originated/%'")
    (home.raw / "originated").mkdir(parents=True)
    for (digest,) in said:
        shutil.copyfile(content_path(scheduler.home.raw, digest), home.raw / "originated" / f"{digest}.csv")
    handoff("run", "--landing", landing.folder, "--home", home.folder, "--policy", scheduler.policy, "--as-of", as_of, "--no-report")
    return home


def differences(query: str) -> str:
    one, other = query.format("broken"), query.format("whole")
    return f"(({one}) EXCEPT ALL ({other})) UNION ALL (({other}) EXCEPT ALL ({one}))"


def said_of(entries: list[Entry]) -> Counter[tuple[str, str, str]]:
    """Finding, person and decision of what the outbox has as carried out, with how often."""
    return Counter(
        (decision["finding_id"], decision["person_id"], f"{decision['kind']} {decision['step']}".rstrip())
        for entry in entries if entry.state == "confirmed" for decision in entry.payload["decisions"]
    )  # fmt: skip


def missed(scheduler: Scheduler, landing: Landing) -> int:
    """How many decisions about findings that nobody acknowledged are not carried out; all of them are due some minutes after the last file."""
    expected = 0
    said = said_of(scheduler.messages())
    query = "SELECT finding_id, acknowledged_at IS NOT NULL FROM mart.handoff WHERE severity = 'high'"
    rows = scheduler.query(query)
    for finding, is_acknowledged in rows:
        if not is_acknowledged:
            expected += sum((finding, *step) not in said for step in LADDER)
    return expected + len(LADDER) * (landing.deliveries - len(rows))


def check_dispatch(scheduler: Scheduler, landing: Landing, person: Person) -> None:
    """Every decision once: in the outbox, in the file channel, in the record."""
    entries = scheduler.messages()
    said = said_of(entries)
    files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in scheduler.home.letters.glob("*.json")}
    rows = scheduler.query("SELECT ref, target_person, comment FROM record.activity WHERE event = 'notified'")
    recorded = Counter((ref, to, word) for ref, to, comment in rows for word in words_of(comment))
    high = dict(scheduler.query("SELECT finding_id, epoch_us(acknowledged_at) FROM mart.handoff WHERE severity = 'high'"))
    lags = sorted((entry.sent_us - decision["due_us"]) / 1e6 for entry in entries for decision in entry.payload["decisions"] if decision["kind"] == "handoff")
    late = [
        decision for entry in entries for decision in entry.payload["decisions"]
        if (answered := person.acknowledged.get(decision["finding_id"])) and entry.sent_us > answered.timestamp() * 1e6 + 60e6
    ]  # fmt: skip
    escalations = {kind: sum(number for (_, _, word), number in said.items() if (word == "notice") == (kind == "notice")) for kind in ("notice", "rung")}
    warned = [(entry.payload["person_id"], entry.payload["early_warning"]["day"]) for entry in entries if "early_warning" in entry.payload]
    figures = {
        "messages in the outbox, confirmed": f"{sum(entry.state == 'confirmed' for entry in entries)} of {len(entries)}",
        "messages sent again after a kill": sum(entry.attempts > 1 for entry in entries),
        "messages in the file channel": len(files),
        "decisions dispatched": f"{said.total()} ({escalations['notice']} notices, {escalations['rung']} escalations)",
        "decisions dispatched twice": said.total() - len(said),
        "escalations and notices missed": missed(scheduler, landing),
        "decisions sent after their answer": len(late),
        "escalation after it was due (s), median and longest": f"{lags[len(lags) // 2]:.0f}, {lags[-1]:.0f}" if lags else "none",
        "notified events in the record": f"{recorded.total()} decisions, {recorded.total() - len(recorded)} twice",
        "letters of early warnings": len(warned),
        "acknowledged": f"{sum(at is not None for at in high.values())} of {len(high)}: {landing.events} by files, {len(person.acknowledged)} by handoff ack",
    }
    print("\n".join(f"{name}: {value}" for name, value in figures.items()), flush=True)
    require(all(entry.state == "confirmed" for entry in entries), "every message is confirmed")
    require(files.keys() == {entry.key for entry in entries}, "the file channel has every message")
    require(said.total() == len(said), "no decision is dispatched twice")
    require(len(warned) == len(set(warned)) and {who for who, _ in warned} <= {"sara"}, "early warnings are one letter a day")
    require(missed(scheduler, landing) == 0, "no notice and no escalation is missed")
    require({(to, word) for _, to, word in said} <= LADDER and {finding for finding, _, _ in said} <= high.keys(), "nothing is said that nobody decided")
    require(not late, "nobody is reminded of what they have answered")
    require(recorded == said, "the record has every dispatch, once")
    require(sum(at is not None for at in high.values()) == landing.events + len(person.acknowledged), "every acknowledgement counts")


def check(scheduler: Scheduler, landing: Landing, person: Person) -> None:
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
        require(found["acknowledgements"] == landing.events + len(person.acknowledged), "no event is lost, none is there twice")
        require(found["own stage events"] == own > 0, "none of our own events is there twice")
        require(rows[0] == sum(rows[1:]), "rows in = new + duplicate + rejected")
        require(digests["broken"] == digests["whole"], "the state is that of an unbroken run")
        require(not other, "the marts are those of an unbroken run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15, help="how long files land and things are killed")
    parser.add_argument("--kills", type=int, help="how many [default: one in two and a half minutes, six at least]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="handoff-chaos-"))
    landing, began = Landing(folder / "landing"), time.monotonic()
    scheduler = Scheduler(folder)
    person = Person(scheduler)
    try:
        wait_for(scheduler.is_up, UP_SECONDS, "the scheduler is up")
        print(f"up after {time.monotonic() - began:.0f} s; {given.minutes:g} minutes of cron runs each minute", flush=True)
        pending = leave_pending(scheduler)
        recovered = disturb(scheduler, landing, person, given.minutes, given.kills or max(6, round(given.minutes / 2.5)), given.seed)
        print(f"seconds from each kill to the next publication: {', '.join(f'{seconds:.0f}' for seconds in recovered)}", flush=True)
        began = time.monotonic()
        wait_for(lambda: scheduler.taken_up() >= landing.contents, CATCH_UP_SECONDS, f"all {landing.contents} contents are taken up")
        print(f"caught up {time.monotonic() - began:.0f} s after the last file", flush=True)
        zombie, began = kill_without_a_word(scheduler), time.monotonic()
        wait_for(lambda: is_dealt_with(scheduler, zombie, ZOMBIE), CATCH_UP_SECONDS, "the automation makes a run Crashed whose process is gone")
        print(f"a run that was killed with its worker was Crashed by the automation after {time.monotonic() - began:.0f} s", flush=True)
        wait_for(lambda: is_dealt_with(scheduler, pending, STUCK), CATCH_UP_SECONDS, "the automation makes a run Crashed that was pending for five minutes")
        print("a run that was pending was Crashed by the automation", flush=True)
        wait_for(lambda: missed(scheduler, landing) == 0, LADDER_SECONDS + CATCH_UP_SECONDS, "everything that fell due is dispatched")
        wait_for(lambda: is_settled(scheduler), CATCH_UP_SECONDS, "what was dispatched is published")
        states = Counter(run["state_name"] for run in wait_for(lambda: flow_runs(scheduler.api), 60, "the server answers") if run["state_type"] != "SCHEDULED")
        scheduler.process.terminate()
        began = time.monotonic()
        require(scheduler.process.wait(END_SECONDS) == 0, "it ends well")
        require(not scheduler.belongings(), "nothing is left behind")
        print(f"ended {time.monotonic() - began:.0f} s after SIGTERM, nothing left behind", flush=True)
        print(f"killed: {dict(scheduler.kills)}\nflow runs by state, as the server has it: {dict(states)}", flush=True)
        check_dispatch(scheduler, landing, person)
        check(scheduler, landing, person)
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


def is_settled(scheduler: Scheduler) -> bool:
    """Whether nothing runs, and what was originated meanwhile is in the record."""
    return not any(map(scheduler.home.holder, LOCKS.values())) and not any((scheduler.home.raw / "originated").glob("*.csv"))


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
