"""deploy/ carried out on this machine: the Containerfile's steps word for word, then the command of every unit, each until it is told to end.

`make test-container` (root, Linux) does it in a mount namespace of its own: /opt, /etc and /var/lib are overlays that are gone with it,
and the commands have a network of their own with nothing in it but this machine. The Python that runs this, or the one in --python, stands in for the
image that is built FROM. What only an engine does (layers, STOPSIGNAL, VOLUME, the read-only root) it does not show.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("/opt", "/etc", "/var/lib")
BASE = "/opt/python"
UP_SECONDS, STEP_SECONDS, END_SECONDS = 600, 3600, 120
LANDING = ROOT / "tests" / "golden" / "scenarios" / "plain_path" / "landing"


def instructions() -> list[tuple[str, str]]:
    """(instruction, what it says) in order, lines that are continued joined."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text(encoding="utf-8"))
    return [(word, rest.strip()) for line in text.splitlines() if line and not line.startswith("#") for word, _, rest in [line.partition(" ")]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, default=Path(sys.base_prefix), help="an installation of the Python that the image is built from [this one]")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.inside, given.python)
        return
    scratch = Path(tempfile.mkdtemp(prefix="handoff-container-"))
    command = [sys.executable, __file__, "--python", str(given.python), "--inside", str(scratch)]
    try:
        subprocess.run(["unshare", "--mount", "--pid", "--fork", "--mount-proc", *command], check=True)
    finally:
        shutil.rmtree(scratch)


def inside(scratch: Path, python: Path) -> None:
    """Everything, where nothing that is written outlives it."""
    for number, folder in enumerate(OVERLAYS):
        upper, work = scratch / f"upper{number}", scratch / f"work{number}"
        upper.mkdir()
        work.mkdir()
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={folder},upperdir={upper},workdir={work}", folder], check=True)
    shutil.copytree(python, BASE, symlinks=True)
    said = build()
    env, user, folder = dict(pair.split("=", 1) for pair in shlex.split(said["ENV"])), said["USER"], Path(said["WORKDIR"])
    env["LD_LIBRARY_PATH"] = f"{BASE}/lib"  # of the Python that stands in
    landing = Path("/var/lib/handoff/landing")
    shutil.copytree(LANDING, landing, dirs_exist_ok=True)
    subprocess.run(["chown", "-R", user, str(landing)], check=True)
    leave_the_network()
    check_commands(Runner(env, user, folder), said)
    print("ok: every step and every command", flush=True)


def build() -> dict[str, str]:
    """Carries out what the image is made by; what it says to be done with it, by instruction."""
    said: dict[str, str] = {}
    folder = Path("/")
    path = f"{BASE}/bin:{os.environ['PATH']}"
    for word, rest in instructions():
        began = time.monotonic()
        if word == "WORKDIR":
            folder = Path(rest)
            folder.mkdir(parents=True)
            said[word] = rest
        elif word == "COPY":
            *sources, target = rest.split()
            subprocess.run(["cp", "-r", *(str(ROOT / source) for source in sources), str(folder / target)], check=True)
        elif word == "RUN":
            subprocess.run(["sh", "-ec", rest], cwd=folder, env={**os.environ, "PATH": path}, check=True, timeout=STEP_SECONDS)
        else:
            said[word] = rest
            continue
        print(f"{word} {rest[:80]}: {time.monotonic() - began:.0f} s", flush=True)
    return said


def leave_the_network() -> None:
    """From here on there is nothing but this machine, and each of its ports is free."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000):  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class Runner:
    """Runs commands as the image's user, with its environment and nothing else, on a network of this machine alone."""

    def __init__(self, env: dict[str, str], user: str, folder: Path) -> None:
        self._env, self._user, self._folder = env, user, folder

    def start(self, command: list[str], log: Path) -> subprocess.Popen:
        with open(log, "wb") as file:
            return subprocess.Popen(self._as_user(command), cwd=self._folder, env=self._env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._as_user(command), cwd=self._folder, env=self._env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=UP_SECONDS, check=False)

    def _as_user(self, command: list[str]) -> list[str]:
        return ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", "--no-new-privs", "--bounding-set=-all", *command]


def check_commands(runner: Runner, said: dict[str, str]) -> None:
    units = {path.stem: shlex.split(re.search(r"^ExecStart=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]) for path in DEPLOY.glob("*.service")}
    health = json.loads(said["HEALTHCHECK"].partition("CMD")[2])
    assert json.loads(said["CMD"]) == units["handoff-scheduler"] and health == units["handoff-watchdog"]
    handoff, logs = health[0], Path("/opt")
    before = runner.run(health)
    assert before.returncode == 1 and "nothing is published" in before.stderr, before
    print(f"watchdog, before anything is published: {before.returncode}", flush=True)
    scheduler = runner.start(units["handoff-scheduler"], logs / "scheduler.log")
    wait_for(lambda: "Ctrl-C or SIGTERM" in (logs / "scheduler.log").read_text(), scheduler, logs / "scheduler.log")
    print("scheduler: up", flush=True)
    done = runner.run([handoff, "run", "--landing", "/var/lib/handoff/landing", "--policy", "/etc/handoff/policy.yaml", "--wait", "10m"])
    assert done.returncode == 0, done.stderr
    after = runner.run(health)
    assert after.returncode == 0, after
    print(f"watchdog, then: {after.stdout.strip()}", flush=True)
    doctor = [handoff, "doctor", "--landing", "/var/lib/handoff/landing", "--policy", "/etc/handoff/policy.yaml", "--json"]
    # A worker is heard of a while after it was started.
    wait_for(lambda: runner.run(doctor).returncode == 0, scheduler, logs / "scheduler.log")
    print("doctor: " + ", ".join(f"{row['check']} {row['state']}" for row in json.loads(runner.run(doctor).stdout)["rows"]), flush=True)
    page = runner.start(units["handoff-ack"], logs / "ack.log")
    wait_for(lambda: answers("http://127.0.0.1:8080/"), page, logs / "ack.log")
    print("ack: it answers", flush=True)
    for name, process in (("ack", page), ("scheduler", scheduler)):
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, f"{name}: {process.returncode}\n{(logs / f'{name}.log').read_text()[-2000:]}"
        print(f"{name}: ended with 0 after SIGTERM", flush=True)
    left = [entry.name for entry in Path("/proc").glob("[0-9]*") if b"/opt/handoff" in (entry / "cmdline").read_bytes()]
    assert not left, f"processes that are left: {left}"


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True  # it says no, and so it is there
    except OSError:
        return False


def wait_for(what: Callable[[], bool], process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while not what():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.5)


if __name__ == "__main__":
    main()
