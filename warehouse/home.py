"""The home folder: where a programme's warehouse, raw files, published copy and reports live, and the lock that keeps runs apart."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transforms.domain.errors import LockHeld, UsageError


class Home:
    """Paths below one folder. Nothing is created until something is written."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.warehouse = self.folder / "warehouse.duckdb"
        self.published = self.folder / "handoff.duckdb"
        self.redacted = self.folder / "handoff-redacted.duckdb"
        #: Made when it is first needed and no other key is given; whoever reads it can tell which name a pseudonym stands for.
        self.redaction_key = self.folder / "redaction.key"
        self.raw = self.folder / "raw"
        self.reports = self.folder / "reports"
        self.evidence = self.folder / "evidence"
        self.whatifs = self.folder / "whatif"
        self.expectations = self.reports / "expectations.html"
        self.lock_file = self.folder / "run.lock"
        self.pulls = self.folder / "pulls"
        self.outbox = self.folder / "outbox.sqlite3"
        #: Which acknowledgement links have been used.
        self.links = self.folder / "links.sqlite3"
        #: Made when it is first needed and no other key is given; whoever reads it can sign acknowledgement links.
        self.link_key = self.folder / "links.key"
        self.letters = self.folder / "outbox"

    def create(self) -> None:
        """Makes its folders. Raises `UsageError` where that cannot be."""
        for folder in (self.folder, self.raw, self.reports):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except (NotADirectoryError, FileExistsError, PermissionError) as error:
                raise UsageError("--home", seen=f"{folder}: {error.strerror}", expected="a folder that can be written to") from None

    @contextmanager
    def lock(self, run_id: str, started: str, wait_seconds: float = 0, *, file_name: str = "run.lock") -> Iterator[None]:
        """Holds the home for one run: an OS lock, gone with the process however it ends. Another `file_name` holds another thing.

        Raises `LockHeld` naming the other run and its start when it is still held after `wait_seconds`.
        """
        self.create()
        deadline = time.monotonic() + wait_seconds
        with open(self.folder / file_name, "a+", encoding="utf-8") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise LockHeld(str(self.folder), seen=_holder(file), remedy="wait for it, or run with --wait 10m") from None
                    time.sleep(0.2)
            file.seek(0)
            file.truncate()
            json.dump({"run": run_id, "started": started, "pid": os.getpid()}, file)
            file.flush()
            try:
                yield
            finally:
                file.seek(0)
                file.truncate()
                file.flush()

    def holder(self, file_name: str = "run.lock") -> dict[str, Any] | None:
        """Who holds a lock, with `run`, `started` and `pid`; None where nobody does. Asks without taking it: nobody is turned away by the question."""
        path = self.folder / file_name
        try:
            holder, number = json.loads(path.read_text(encoding="utf-8")), path.stat().st_ino
        except (OSError, ValueError):
            return None
        try:
            locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
        except OSError:
            return holder if _is_alive(holder["pid"]) else None
        # A process that was killed leaves its words in the file, but no lock.
        held = any(" FLOCK " in line and line.split()[-3].rpartition(":")[2] == str(number) for line in locks)
        return holder if held else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _holder(file) -> str:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return f"run {holder['run']} of process {holder['pid']} has been running since {holder['started']}"
    except (ValueError, KeyError):
        return "another run is running"
