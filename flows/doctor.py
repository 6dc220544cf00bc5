"""`handoff doctor`: what an installation stands on, each with what was seen and what to do. Reads; writes one file of its own, and removes it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
import yaml

from flows import freshness, metrics, settings
from flows.connections import credential, file_of, read_connections
from flows.run_handoff import configured_api
from flows.serve import API_FILE, POOL
from flows.server import Api, auth_of_environment
from transforms.domain.errors import HandoffError
from transforms.domain.instants import iso
from warehouse import published, verify
from warehouse.home import Home
from warehouse.landing import open_landing

OK, WARN, FAIL = "ok", "warn", "fail"
#: The hourly run may wait for its turn and be tried again; after a night and two hours somebody has to look.
LATE_SECONDS, STALE_SECONDS = 2.5 * freshness.HOUR, 26 * freshness.HOUR
LONG_RUN_SECONDS = 2 * freshness.HOUR
_FREE_BYTES, _FREE_SHARE = 1_000_000_000, 0.1
_RAW_SAMPLE = 50
_TOP = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Check:
    """One row: what was looked at, how it is, what was seen, what to do about it."""

    check: str
    state: str
    seen: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def examine(home_folder: Path, landing: str | None, policy: Path | None) -> list[Check]:
    """Every check, also where one before it failed."""
    home = Home(home_folder)
    rows: list[Check] = []
    for check in (_pins, lambda: _policy(policy), lambda: _folders(home, landing), lambda: _keys(home), lambda: _disk(home), lambda: _copy(home), lambda: _clock(home), lambda: _raw(home), lambda: _lock(home), lambda: _secrets(home), _metrics, lambda: _server(home)):
        rows += check()
    return rows


# What is installed


def _pins() -> Iterator[Check]:
    """The installed versions against requirements.lock: exact ones of ours first, since others were seen to break something."""
    file = _TOP / "requirements.lock"
    if not file.is_file():
        yield Check("pins", WARN, f"{file.name} is not there: nothing to compare with", "run from a checkout, or install from one with `make`")
        return
    locked: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", file.read_text(encoding="utf-8"), re.MULTILINE):
        locked.setdefault(name, set()).add(version)
    exact = {_name(requirement) for requirement in metadata.requires("handoff") or () if "==" in requirement.partition(";")[0] and "extra" not in requirement}
    others = {name: found for name, versions in locked.items() if (found := _installed(name)) is not None and found not in versions}
    missing = [name for name in exact if _installed(name) is None]
    broken = [f"{name} {others[name]} instead of {' or '.join(sorted(locked[name]))}" for name in sorted(exact & set(others))]
    broken += [f"{name} is missing" for name in sorted(missing)]
    remedy = "install again from requirements.lock: `make` in the checkout"
    yield Check("pins", FAIL if broken else OK, "; ".join(broken) or f"{len(exact)} exact pins as locked", remedy if broken else "")
    if rest := sorted(set(others) - exact):
        yield Check("other packages", WARN, ", ".join(f"{name} {others[name]}" for name in rest[:5]) + (f" and {len(rest) - 5} more" if len(rest) > 5 else "") + ": not as locked", remedy)


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


# What it is told, and where it keeps things


def _policy(path: Path | None) -> Iterator[Check]:
    try:
        found = settings.read_policy(path)
    except HandoffError as error:
        yield Check("policy", FAIL, str(error), "mend the policy: no run begins with it")
        return
    yield Check("policy", OK, f"{path or 'the default'}: zone {found.reporting_zone}, digest {found.digest[:12]}")


def _folders(home: Home, landing: str | None) -> Iterator[Check]:
    for name, folder in (("home", home.folder), ("raw store", home.raw)):
        if not folder.is_dir():
            yield Check(name, WARN, f"{folder} is not there", "the first run makes it")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Check(name, FAIL, f"{folder} cannot be written to by {settings.identity()}", f"give {settings.identity()} the folder, or run as its owner")
        elif (mode := folder.stat().st_mode) & 0o002:
            yield Check(name, FAIL, f"everybody on this machine may write to {folder} ({mode & 0o777:o})", f"chmod o-w {folder}")
        elif mode & 0o005 and name == "home":
            yield Check(name, WARN, f"everybody on this machine may read {folder} ({mode & 0o777:o}): names and open findings are in it", f"chmod o-rwx {folder}")
        else:
            yield Check(name, OK, str(folder))
    if landing is None:
        return
    try:
        open_landing(landing)
    except HandoffError as error:
        yield Check("landing zone", FAIL, str(error), "make the folder, or name the right one with --landing")
        return
    folder = Path(landing)
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        yield Check("landing zone", FAIL, f"{folder} cannot be read by {settings.identity()}", f"give {settings.identity()} read access")
    elif folder.is_dir() and folder.stat().st_mode & 0o002:
        yield Check("landing zone", WARN, f"everybody on this machine may deliver into {folder}, scans and acknowledgements alike", f"chmod o-w {folder}")
    else:
        yield Check("landing zone", OK, landing)


def _keys(home: Home) -> Iterator[Check]:
    """Key files of the home: redaction, links."""
    files = sorted(home.folder.glob("*.key")) if home.folder.is_dir() else []
    for path in files:
        mode = path.stat().st_mode & 0o777
        yield Check(path.name, FAIL if mode & 0o077 else OK, f"{path.name} has mode {mode:o}", f"chmod 600 {path}" if mode & 0o077 else "")


def _disk(home: Home) -> Iterator[Check]:
    """Room for the next run: it writes the copy anew beside the one that is there."""
    folder = next((path for path in (home.folder.absolute(), *home.folder.absolute().parents) if path.is_dir()), Path("/"))
    usage, system = shutil.disk_usage(folder), os.statvfs(folder)
    need = _FREE_BYTES + 2 * sum(path.stat().st_size for path in (home.warehouse, home.published) if path.exists())
    seen = f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB free"
    state = FAIL if usage.free < need else WARN if usage.free < _FREE_SHARE * usage.total else OK
    yield Check("disk", state, seen, "" if state == OK else f"free at least {max(need, _FREE_SHARE * usage.total) / 1e9:.1f} GB where {folder} is")
    if system.f_files:  # a file system without a fixed number says 0
        share = system.f_favail / system.f_files
        state = FAIL if share < 0.01 else WARN if share < _FREE_SHARE else OK
        yield Check("inodes", state, f"{share:.0%} free", "" if state == OK else "remove small files there, or move the home")


# What it has made


def _copy(home: Home) -> Iterator[Check]:
    if not home.published.exists():
        yield Check("freshness", FAIL, f"nothing is published in {home.folder}", "handoff run --landing DIR")
        return
    try:
        found = freshness.read(home.folder, settings.now_us())
    except HandoffError as error:
        yield Check("schema version", FAIL, str(error), error.remedy)
        return
    yield Check("schema version", OK, "the published copy is of this code's")
    state = FAIL if found.age_seconds > STALE_SECONDS else WARN if found.age_seconds > LATE_SECONDS else OK
    yield Check("freshness", state, found.line(), "" if state == OK else "see `handoff status`, and whether server and worker are up (below)")
    _, rows = published.query(home.folder, "SELECT count(*) FROM record.landed_file WHERE status IN ('quarantined', 'held') AND coalesce(decision, '') NOT IN ('discard', 'retract')")
    if rows[0][0]:
        yield Check("waiting files", WARN, f"{rows[0][0]} wait for a person", "handoff status")


def _clock(home: Home) -> Iterator[Check]:
    """Ours against the last run's and the file system's; the server's is checked with the server."""
    if home.published.exists():
        try:
            ahead = (published.as_of_us(home.folder) - settings.now_us()) / 1e6
        except HandoffError:
            ahead = 0.0  # said above
        if ahead > freshness.CLOCK_SECONDS:
            yield Check("clock", FAIL, f"the last run is as of {freshness.span(ahead)} from now: the clock jumped back, or that run's was wrong", "set the clock (NTP); runs are refused until it has caught up")
            return
    if not home.folder.is_dir() or not os.access(home.folder, os.W_OK):
        return
    with tempfile.NamedTemporaryFile(dir=home.folder, prefix=".doctor-") as file:
        apart = abs(os.fstat(file.fileno()).st_mtime - time.time())
    yield Check("clock", WARN if apart > 5 else OK, f"{iso(settings.now_us())}, the file system's {apart:.1f} s apart", "set both by NTP: settling files are told by it" if apart > 5 else "")


def _raw(home: Home) -> Iterator[Check]:
    if not home.published.exists():
        return
    try:
        claimed, damaged = verify.sample(home.folder, _RAW_SAMPLE)
    except HandoffError:
        return  # said above
    looked = min(claimed, _RAW_SAMPLE)
    remedy = "restore them from a backup, or deliver them again; `handoff verify` looks at all" if damaged else ""
    yield Check("raw files", FAIL if damaged else OK, f"{len(damaged)} of the latest {looked} missing or changed" if damaged else f"the latest {looked} of {claimed} are whole", remedy)


def _lock(home: Home) -> Iterator[Check]:
    holder = home.holder()
    if holder is None:
        yield Check("lock", OK, "nobody holds the home")
        return
    held = (settings.now_us() - settings.instant(holder["started"])) / 1e6  # type: ignore[operator]
    seen = f"run {holder['run'][:8]} of process {holder['pid']} for {freshness.span(held)}"
    is_long = held > LONG_RUN_SECONDS
    yield Check("lock", WARN if is_long else OK, seen, f"see whether it still works; ending process {holder['pid']} frees it, and loses nothing" if is_long else "")


def _secrets(home: Home) -> Iterator[Check]:
    file = file_of(None, home.folder)
    if not file.is_file():
        yield Check("connections", OK, "none: trackers are read from files alone")
        return
    try:
        connections = read_connections(file)
    except HandoffError as error:
        yield Check("connections", FAIL, str(error), "mend it: nothing is pulled")
        return
    for name, connection in connections.items():
        try:
            credential(name, connection)
        except HandoffError as error:
            yield Check(f"secret of {name}", FAIL, error.seen, error.remedy)
        else:
            yield Check(f"secret of {name}", OK, f"{connection.secret.place} is there")


def _metrics() -> Iterator[Check]:
    if not metrics.is_on():
        yield Check("metrics", OK, "off: no OTEL_* variable says where they go")
    elif fault := metrics.why_not():
        yield Check("metrics", WARN, fault, "mend it, or take the OTEL_* variables away: runs go on without")
    else:
        yield Check("metrics", OK, "handed over at the end of each run")


# The server


def _server(home: Home) -> Iterator[Check]:
    file = home.folder / API_FILE
    url = os.environ.get("PREFECT_API_URL") or (file.read_text(encoding="utf-8").strip() if file.is_file() else None) or configured_api()
    if url is None:
        yield Check("server", WARN, "none is configured: nothing runs unless something else starts `handoff run`", "handoff serve scheduler, or set PREFECT_API_URL")
        return
    api = Api(url, auth_of_environment(), timeout_seconds=5)
    if not api.is_healthy():
        yield Check("server", FAIL, f"{url} does not answer", "start it: handoff serve scheduler (systemctl start handoff-scheduler)")
        return
    yield Check("server", OK, url)
    try:
        yield from _server_clock(url)
        yield from _pool(api)
        yield from _deployments(api)
        yield from _automations(api)
    except HandoffError as error:
        yield Check("server's interface", FAIL, str(error), error.expected)


def _server_clock(url: str) -> Iterator[Check]:
    date = httpx.get(f"{url}/health", timeout=5, trust_env=False).headers.get("date")
    if date:
        apart = abs((parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())
        state = FAIL if apart > freshness.CLOCK_SECONDS else WARN if apart > 5 else OK
        yield Check("server's clock", state, f"{apart:.0f} s apart", "" if state == OK else "set both by NTP: it says when runs are due")


def _pool(api: Api) -> Iterator[Check]:
    pools = {pool["name"]: pool for pool in api.call("POST", "work_pools/filter", {})}
    if POOL not in pools:
        yield Check("work pool", FAIL, f"the server has no work pool {POOL}", f"prefect work-pool create {POOL} --type process")
        return
    if pools[POOL]["is_paused"]:
        yield Check("work pool", FAIL, f"{POOL} is paused", f"prefect work-pool resume {POOL}")
    else:
        yield Check("work pool", OK, POOL)
    workers = api.call("POST", f"work_pools/{POOL}/workers/filter", {})
    online = [worker["name"] for worker in workers if worker["status"] == "ONLINE"]
    remedy = "handoff serve scheduler, or prefect worker start --pool handoff --limit 1"
    yield Check("worker", OK if online else FAIL, ", ".join(online) or "none has been heard of lately: nothing that is due begins", "" if online else remedy)


def _deployments(api: Api) -> Iterator[Check]:
    file = _TOP / "prefect.yaml"
    if not file.is_file():
        return
    wanted = {(one["entrypoint"], one["name"]): one for one in yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]}
    there = {(one["entrypoint"], one["name"]): one for one in api.deployments()}
    remedy = "deploy again: handoff serve scheduler does, or prefect --no-prompt deploy --all"
    missing = sorted(f"{_flow(entrypoint)}/{name}" for entrypoint, name in set(wanted) - set(there))
    yield Check("deployments", FAIL if missing else OK, f"missing: {', '.join(missing)}" if missing else f"{len(wanted)} as in prefect.yaml", remedy if missing else "")
    paused = sorted(f"{_flow(key[0])}/{key[1]}" for key in set(wanted) & set(there) if _is_off(wanted[key], there[key]))
    if paused:
        yield Check("schedules", WARN, f"paused: {', '.join(paused)}", "prefect deployment schedule resume, if nobody meant it")
    unlimited = sorted(f"{_flow(key[0])}/{key[1]}" for key in set(wanted) & set(there) if ((there[key].get("global_concurrency_limit") or {}).get("limit")) != wanted[key]["concurrency_limit"]["limit"])
    yield Check("concurrency limits", FAIL if unlimited else OK, f"not as in prefect.yaml: {', '.join(unlimited)}" if unlimited else "one run of each at a time", remedy if unlimited else "")


def _flow(entrypoint: str) -> str:
    return entrypoint.rpartition(":")[2].replace("_", "-")


def _is_off(wanted: dict[str, Any], there: dict[str, Any]) -> bool:
    meant = any(schedule.get("active", True) for schedule in wanted.get("schedules") or ())
    return meant and (there["paused"] or not any(schedule["active"] for schedule in there["schedules"]))


def _automations(api: Api) -> Iterator[Check]:
    file = _TOP / "deploy" / "automations.yaml"
    if not file.is_file():
        return
    wanted = {one["name"] for one in yaml.safe_load(file.read_text(encoding="utf-8"))["automations"]}
    on = {one["name"] for one in api.automations() if one["enabled"]}
    missing = sorted(wanted - on)
    yield Check("automations", WARN if missing else OK, f"missing or off: {', '.join(missing)}" if missing else ", ".join(sorted(wanted)), "prefect automation create --from-file deploy/automations.yaml" if missing else "")
