"""Daily maintenance: the warehouse's log folded in, sizes and free disk, and every claimed raw file there with its hash."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from prefect import flow

from flows import job, settings
from flows.orchestration import as_task, emit, options_of, show_table
from transforms.domain.errors import RunError
from warehouse.home import Home
from warehouse.job import Job
from warehouse.verify import verify


@flow(name="maintain-warehouse", persist_result=False)
def maintain_warehouse(home: str | None = None, wait_seconds: float = 0) -> None:
    """Checkpoints the warehouse, shows sizes and free disk, and recomputes digests and hashes. Fails where a file is missing or changed.

    Args:
        home: Where warehouse, raw files and published copy live [$HANDOFF_HOME, else ./.handoff].
        wait_seconds: How long to wait for another run of the same home.
    """
    options = options_of(None, home, wait_seconds=wait_seconds)
    with job.opened(options, as_task) as (running, _):
        as_task(checkpoint, running)
    show_table("sizes", "Bytes in the home folder, and what the disk has left", as_task(sizes, Home(options.home)))
    # Without the lock: raw files never change, and hashing many of them takes long.
    checks: list[dict[str, Any]] = as_task(verify, options.home, settings.code_version())
    show_table("integrity", "Digests of the published copy and hashes of the raw files", checks)
    damaged = [row for row in checks if not row["is_good"]]
    if damaged:
        emit(options.home, "raw.damaged", {"damaged": len(damaged), "first": [{name: str(row[name]) for name in ("check", "expected", "found")} for row in damaged[:100]]})
        raise RunError(
            str(options.home),
            seen="; ".join(f"{row['check']} {row['expected']}: {row['found']}" for row in damaged[:5]),
            expected="everything as it was written",
            remedy="restore the raw files from a backup, or deliver them again; see `handoff verify`",
        )


def checkpoint(running: Job) -> None:
    """Folds the write-ahead log into the warehouse file."""
    running.connection.execute("CHECKPOINT")


def sizes(home: Home) -> list[dict[str, Any]]:
    """What each part of the home takes, and what is free on its disk."""
    parts = {"warehouse": home.warehouse, "published copy": home.published, "raw files": home.raw, "reports": home.reports}
    return [{"what": name, "bytes": _bytes(path)} for name, path in parts.items()] + [{"what": "free on its disk", "bytes": shutil.disk_usage(home.folder).free}]


def _bytes(path: Path) -> int:
    if path.is_dir():
        return sum(found.stat().st_size for found in path.rglob("*") if found.is_file())
    return path.stat().st_size if path.exists() else 0
