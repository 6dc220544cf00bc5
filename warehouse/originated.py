"""What handoff itself originates between runs (ruling 2b): an activity file below the raw store at once, landed by the next run like any other.

Never opens the warehouse and never waits for a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from transforms.domain.delimited import read_rows, write_rows
from transforms.domain.digests import sha256
from transforms.domain.instants import iso
from transforms.domain.result import Reject
from transforms.domain.sidecar import Sidecar
from transforms.intake import ACTIVITY_VALUES
from warehouse import raw
from warehouse.home import Home
from warehouse.landing import Found

#: Below the raw store, so that its backup is enough to rebuild everything.
_FOLDER = "originated"
_COLUMNS = (*ACTIVITY_VALUES, "batch_id", "method", "asserted_by")


def originate(home: Home, events: list[dict[str, Any]]) -> None:
    """Writes events down durably, each with `method` and `asserted_by`; the same events again are the same file."""
    rows = [{**event, "occurred_at": iso(event["occurred_at"])} for event in sorted(events, key=lambda event: (event["ref"], event["event"], event["event_id"]))]
    content = write_rows(_COLUMNS, rows)
    raw.write_durably(home.raw / _FOLDER / f"{sha256(content)}.csv", content)


def waiting(home: Home) -> Iterator[Found]:
    """What no run has landed yet, as files of the landing zone are found."""
    for path in sorted((home.raw / _FOLDER).glob("*.csv")):
        content = path.read_bytes()
        yield Found("activity", f"originated/{path.name}", content, sha256(content), Sidecar(), "own", 0, is_own=True)


def events_waiting(home: Home) -> list[dict[str, str]]:
    """The events that no run has landed yet, as cells. A run may land them meanwhile: what is gone by then is left out."""
    found = []
    for path in sorted((home.raw / _FOLDER).glob("*.csv")):
        with suppress(FileNotFoundError):
            found += [row[1] for row in read_rows(path.read_bytes()) if not isinstance(row, Reject)]
    return found


def drop(home: Home, landed: set[str]) -> None:
    """Takes away what is landed: the raw store has it under its hash."""
    for path in (home.raw / _FOLDER).glob("*.csv"):
        if path.stem in landed:
            path.unlink()
