"""`handoff serve scheduler`: a Prefect server, a worker and what they run, on one machine and below one process that looks after them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from flows import settings
from flows.connections import file_of, is_loopback
from flows.server import Api
from transforms.domain.errors import LockHeld, RunError, UsageError
from transforms.domain.instants import iso
from warehouse.home import Home
from warehouse.landing import open_landing

POOL = "handoff"
#: Below the home, while a scheduler runs: where its server is.
API_FILE = "prefect/api_url"
#: A server that starts on a busy machine for the first time makes its database.
START_SECONDS = 180
#: Each step of setting it up imports Prefect.
STEP_SECONDS = 300
#: What a child has to end by itself before it is ended.
STOP_SECONDS = 20
#: A child that ends is started again after 1, 2, 4 … seconds, at most after a minute; one that ends this often within the hour is given up.
RESTARTS_PER_HOUR = 30
_LONGEST_PAUSE = 60
#: A worker that leaves a run late for so long, while none goes on, takes none any more: it is started again. Prefect's was seen to lose its one place
#: where a run was killed below it after its server had been.
IDLE_SECONDS = 180
_LOOK_SECONDS = 30
_PASSWORD_LENGTH = 16
_LOG_BYTES = 16_000_000
_PULL = "flows/pull_trackers.py:pull_trackers"
_DISPATCH = "flows/dispatch_notifications.py:dispatch_notifications"
#: Why a schedule that waits for something to be set up is off.
_OFF = {_PULL: "there is no connections.yaml", _DISPATCH: "the policy names no dispatch.channels"}
_TOP = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Options:
    """What a scheduler is asked for."""

    landing: str
    home: Path
    policy: Path | None = None
    host: str = "127.0.0.1"
    port: int = 4200
    #: What runs when; another than the checkout's own for other times.
    deployments: Path = _TOP / "prefect.yaml"
    automations: Path = _TOP / "deploy" / "automations.yaml"


def serve(options: Options) -> None:
    """Brings everything up, looks after it until it is told to end (SIGTERM, SIGINT), and ends all of it.

    Raises `UsageError` for what cannot be meant, `LockHeld` where the home has a scheduler already, `RunError` where something does not come up
    or keeps ending.
    """
    open_landing(options.landing)
    auth = _auth(options.host)
    zone = settings.read_policy(options.policy).reporting_zone
    for path in (options.deployments, options.automations):
        if not path.is_file():
            raise UsageError("serve", seen=f"{path} is not there", expected="the scheduler runs from a checkout, or --deployments FILE")
    home = Home(options.home.absolute())
    with _alone(home), _told_to_end() as end:
        if fault := _why_not_free(options.host, options.port):
            raise UsageError("--port", seen=f"{options.host}:{options.port}: {fault}", expected="a free port", remedy="end what listens there, or choose another --port")
        folder = home.folder / "prefect"
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        (folder / "tmp").mkdir(mode=0o700, exist_ok=True)
        api = Api(f"http://{_in_url(options.host)}:{options.port}/api", auth)
        group = _Children(folder / "logs", _environment(options, home, folder, api.url, zone, auth), end)
        try:
            _bring_up(options, group, api)
            (home.folder / API_FILE).write_text(api.url, encoding="utf-8")
            _say_what_is_up(options, api, zone, has_auth=auth is not None)
            group.look_after(lambda: api.leaves_late(IDLE_SECONDS))
        except _ToldToEnd:
            pass
        finally:
            (home.folder / API_FILE).unlink(missing_ok=True)
            group.stop()
            _say("stopped")


# Before anything is started


def _auth(host: str) -> str | None:
    """USER:PASSWORD of the server, from the environment alone: a command line can be read by everybody on the machine."""
    auth = os.environ.get("PREFECT_SERVER_API_AUTH_STRING") or None
    if auth is not None and (not auth.partition(":")[0] or len(auth.partition(":")[2]) < _PASSWORD_LENGTH):
        raise UsageError("PREFECT_SERVER_API_AUTH_STRING", seen="not USER:PASSWORD, or a short password", expected=f"a password of at least {_PASSWORD_LENGTH} characters")
    if auth is None and not is_loopback(host):
        raise UsageError(
            "--host",
            seen=f"{host} can be reached from other machines, and whoever reaches the server runs what they like here",
            expected="USER:PASSWORD in the environment variable PREFECT_SERVER_API_AUTH_STRING",
            remedy="set it, and put TLS in front; or leave --host out",
        )
    return auth


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    try:
        with home.lock("scheduler", iso(settings.now_us()), file_name="scheduler.lock"):
            yield
    except LockHeld as error:
        raise LockHeld(str(home.folder), seen=f"it has a scheduler already: {error.seen}", remedy="end that one first, or give this one a --home of its own") from None


def _why_not_free(host: str, port: int) -> str | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _in_url(host: str) -> str:
    """Where we ourselves reach what listens on `host`."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"
    return f"[{host}]" if ":" in host else host


def _environment(options: Options, home: Home, folder: Path, url: str, zone: str, auth: str | None) -> dict[str, str]:
    """What the children know: nothing of the user's own Prefect, and everything that prefect.yaml names."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PREFECT_API_KEY", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH")}
    landing = options.landing if "://" in options.landing else str(Path(options.landing).absolute())
    return {
        **kept,
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_HOME": str(folder),
        # A worker keeps its things at a fixed name in the temporary folder: in the machine's own, another user's worker would be in the way.
        "TMPDIR": str(folder / "tmp"),
        "PREFECT_API_URL": url,
        # Leases that are kept in memory are gone with a server that is killed, and the slots that they stand for stay taken for good.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        **({"PREFECT_SERVER_API_AUTH_STRING": auth, "PREFECT_API_AUTH_STRING": auth} if auth else {}),
        "HANDOFF_LANDING": landing,
        "HANDOFF_HOME": str(home.folder),
        "HANDOFF_POLICY": str(options.policy.absolute()) if options.policy else "",
        "HANDOFF_ZONE": zone,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_TOP), os.environ.get("PYTHONPATH")))),
    }  # fmt: skip


# Bringing it up


def _bring_up(options: Options, group: _Children, api: Api) -> None:
    _say("server")
    group.start("server", "server", "start", "--host", options.host, "--port", str(options.port))
    group.wait_until(api.is_healthy, START_SECONDS, "server")
    _say("deployments")
    group.do("work-pool", "work-pool", "create", POOL, "--type", "process", "--overwrite")
    group.do("deploy", "--no-prompt", "deploy", "--all", "--prefect-file", str(options.deployments))
    put_automations(api, options.automations)
    _switch_schedules(api, what_is_set_up(options))
    _say("worker")
    group.start("worker", "worker", "start", "--pool", POOL, "--limit", "1", "--name", "handoff")


def put_automations(api: Api, file: Path) -> None:
    """Makes the file's automations, or brings those that are there by their names to what it says."""
    there = {found["name"]: found["id"] for found in api.automations()}
    for automation in yaml.safe_load(file.read_text(encoding="utf-8"))["automations"]:
        if (known := there.get(automation["name"])) is None:
            api.call("POST", "automations/", automation)
        else:
            api.call("PUT", f"automations/{known}", automation)


def what_is_set_up(options: Options) -> dict[str, bool]:
    """Of the deployments that wait for it: whether the home says which trackers to pull from, and the policy by which channels people are told."""
    is_connected = (_TOP / file_of(None, options.home.absolute())).is_file()  # the worker's working folder is the checkout
    return {_PULL: is_connected, _DISPATCH: settings.names_channels(options.policy)}


def _switch_schedules(api: Api, is_on: dict[str, bool]) -> None:
    """Puts the schedules of these deployments on or off; dispatch sends only where it is on."""
    for deployment in api.deployments():
        entrypoint = deployment["entrypoint"]
        for schedule in deployment["schedules"] if entrypoint in is_on else ():
            api.call("PATCH", f"deployments/{deployment['id']}/schedules/{schedule['id']}", {"active": is_on[entrypoint]})
        if entrypoint == _DISPATCH:
            api.call("PATCH", f"deployments/{deployment['id']}", {"parameters": {**deployment["parameters"], "apply": is_on[entrypoint]}})


def _say_what_is_up(options: Options, api: Api, zone: str, *, has_auth: bool) -> None:
    _say(f"up at {api.url.removesuffix('/api')} ({'asks for the password of PREFECT_SERVER_API_AUTH_STRING' if has_auth else 'from this machine alone'})")
    if not is_loopback(options.host):
        _say("it can be reached from other machines, without TLS of its own: put a proxy with TLS in front")
    names, flows = {found["id"]: found for found in api.deployments()}, api.flow_names()
    # The server's scheduler makes the first runs within a minute: until then there are the schedules.
    due = [(run["expected_start_time"], run["deployment_id"]) for run in api.next_runs() if run["deployment_id"] in names]
    for at, identifier in due:
        found = names[identifier]
        print(f"  next {datetime.fromisoformat(at).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}  {flows.get(found['flow_id'], '?')}/{found['name']}")
    waiting = set(names) - {identifier for _, identifier in due}
    for found in sorted((names[identifier] for identifier in waiting), key=lambda one: (flows.get(one["flow_id"], "?"), one["name"])):
        for schedule in found["schedules"]:
            state = "" if schedule["active"] else f" (off: {_OFF[found['entrypoint']]})" if found["entrypoint"] in _OFF else " (off)"
            print(f"  at {schedule['schedule'].get('cron', '')} {schedule['schedule'].get('timezone') or 'UTC'}{state}  {flows.get(found['flow_id'], '?')}/{found['name']}")
    _say(f"logs in {options.home / 'prefect' / 'logs'}; Ctrl-C or SIGTERM ends all of it")
    sys.stdout.flush()


# Looking after it


class _ToldToEnd(Exception):
    """A signal said so."""


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set, the first and every other time."""
    event = threading.Event()
    before = {number: signal.signal(number, lambda *_: event.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Child:
    name: str
    arguments: tuple[str, ...]
    process: subprocess.Popen
    #: When it was started, of the monotonic clock.
    since: float = field(default_factory=time.monotonic)
    #: When it was started again, of the monotonic clock; and when it is next.
    restarts: list[float] = field(default_factory=list)
    due: float | None = None


class _Children:
    """The processes below us, each the leader of a group of its own, in the order in which they were started."""

    def __init__(self, logs: Path, env: dict[str, str], end: threading.Event) -> None:
        self._logs, self._env, self._end = logs, env, end
        self._children: list[_Child] = []

    def start(self, name: str, *arguments: str) -> None:
        self._children.append(_Child(name, arguments, self._spawn(name, arguments)))

    def do(self, name: str, *arguments: str) -> None:
        """`prefect …` to its end. Raises `RunError` with its last words where it fails, or takes too long."""
        process = self._spawn(name, arguments)
        self._children.append(child := _Child(name, arguments, process))
        self.wait_until(lambda: process.poll() is not None, STEP_SECONDS, name, may_end=child)
        self._children.remove(child)
        if process.returncode:
            raise RunError(f"prefect {name}", seen=f"it ended with {process.returncode}: {self._last_words(name)}", expected="0", remedy=f"see {self._log(name)}")

    def wait_until(self, what: Callable[[], Any], seconds: float, name: str, may_end: _Child | None = None) -> None:
        """Raises `RunError` where that is not so in time, or one of the processes ends before."""
        deadline = time.monotonic() + seconds
        while not what():
            for child in self._children:
                if child is not may_end and child.process.poll() is not None:
                    raise RunError(child.name, seen=f"it ended with {child.process.returncode}: {self._last_words(child.name)}", remedy=f"see {self._log(child.name)}")
            if time.monotonic() > deadline:
                raise RunError(name, seen=f"not up after {seconds:.0f} s: {self._last_words(name)}", remedy=f"see {self._log(name)}")
            self._pause(0.25)

    def look_after(self, leaves_late: Callable[[], bool]) -> None:
        """Starts again what ends, and the worker where it `leaves_late` what is due, until it is told to end.

        Raises `RunError` where something ends again and again.
        """
        looked = time.monotonic()
        while True:
            self._pause(0.5)
            now = time.monotonic()
            if now - looked >= _LOOK_SECONDS:
                looked = now
                self._wake(now, leaves_late)
            for child in self._children:
                if child.due is None and child.process.poll() is not None:
                    self._note_end(child, now)
                elif child.due is not None and now >= child.due:
                    child.process, child.since, child.due = self._spawn(child.name, child.arguments), now, None

    def _wake(self, now: float, leaves_late: Callable[[], bool]) -> None:
        """Kills a worker that takes no run: it is then started again like one that ended by itself."""
        for child in self._children:
            if child.name == "worker" and child.due is None and now - child.since >= IDLE_SECONDS and leaves_late():
                _say(f"worker takes no run although one is late by more than {IDLE_SECONDS} s")
                _signal_group(child.process.pid, signal.SIGKILL)

    def _note_end(self, child: _Child, now: float) -> None:
        if child.name == "server":
            _signal_group(child.process.pid, signal.SIGKILL)  # what is left of it holds the port; a worker's runs go on to their own end
        child.restarts = [at for at in child.restarts if now - at < 3600]
        if len(child.restarts) >= RESTARTS_PER_HOUR:
            raise RunError(child.name, seen=f"it ended {len(child.restarts) + 1} times within the hour: {self._last_words(child.name)}", remedy=f"see {self._log(child.name)}")
        recent = sum(now - at < 2 * _LONGEST_PAUSE for at in child.restarts)
        child.restarts.append(now)
        pause = min(2**recent, _LONGEST_PAUSE)
        child.due = now + pause
        _say(f"{child.name} ended with {child.process.returncode}: again in {pause} s")

    def stop(self) -> None:
        """Ends every group, the last that was started first: asked, then, after a while, not asked."""
        for child in reversed(self._children):
            _signal_group(child.process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(STOP_SECONDS)
            deadline = time.monotonic() + STOP_SECONDS
            while _signal_group(child.process.pid, 0) and time.monotonic() < deadline:
                time.sleep(0.1)  # a run below the worker ends what it has begun, or is ended
            _signal_group(child.process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(STOP_SECONDS)
        self._children.clear()

    def _spawn(self, name: str, arguments: tuple[str, ...]) -> subprocess.Popen:
        if self._log(name).exists() and self._log(name).stat().st_size > _LOG_BYTES:
            self._log(name).replace(self._log(name).with_suffix(".log.1"))
        with open(self._log(name), "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                cwd=_TOP, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_end_with_parent,
            )  # fmt: skip

    def _pause(self, seconds: float) -> None:
        if self._end.wait(seconds):
            raise _ToldToEnd

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _last_words(self, name: str) -> str:
        lines = [line.strip() for line in self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-40:]]
        return next((line for line in reversed(lines) if line), "no word")[:300]


def _signal_group(leader: int, number: int) -> bool:
    """Whether the group of processes is still there."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end_with_parent() -> None:
    """In a child before it becomes another program: where we are killed, nothing of ours stays behind (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _say(text: str) -> None:
    print(f"handoff: {text}", file=sys.stderr, flush=True)
