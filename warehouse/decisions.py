"""What a person decides about a landed file: written into the raw store at once, taken up by the next run. Never opens the warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from transforms.domain import tables
from transforms.domain.digests import identifier, sha256
from transforms.domain.errors import UsageError
from warehouse import raw
from warehouse.home import Home
from warehouse.load import Stamp, append

#: Below the raw store, so that its backup is enough to rebuild everything.
_FOLDER = "decisions"
#: Beside each decision, which run took it up: what it decided holds for what came after it.
_TAKEN = ".taken"


def decide(folder: Path, decision: str, prefix: str, reason: str, *, by: str, at_us: int) -> str:
    """Writes a decision about the one file whose sha256 begins with `prefix`; its path. Raises `UsageError` for none or several."""
    home = Home(folder)
    files = {meta["sha256"]: meta["path"] for meta in raw.metas(home.raw) if meta["sha256"].startswith(prefix.lower())}
    if len(prefix) < 4 or len(files) != 1:
        seen = f"{len(files)} files begin with it" if len(prefix) >= 4 else "it is shorter than 4 digits"
        raise UsageError(prefix, seen=seen, expected="the sha256 of one landed file", remedy="`handoff status` lists those that wait")
    ((digest, path),) = files.items()
    content = {"sha256": digest, "decision": decision, "reason": reason, "asserted_by": by, "decided_at": at_us}
    text = json.dumps(content, sort_keys=True).encode()
    raw.write_durably(home.raw / _FOLDER / f"{sha256(text)}.json", text)
    return path


def load_decisions(connection: duckdb.DuckDBPyConnection, home: Home, stamp: Stamp) -> int:
    """Takes up what was decided since the last run, once; how many. The raw store keeps beside each which run that was."""
    return _load(connection, home, sorted((home.raw / _FOLDER).glob("*.json")), stamp)


def load_taken(connection: duckdb.DuckDBPyConnection, home: Home, stamp: Stamp) -> int:
    """Takes up again what the run at that instant took up; how many."""
    return _load(connection, home, [path for path, at in _taken(home) if at == stamp.recorded_us], stamp)


def instants(home: Home) -> set[int]:
    """The instants of the runs that took decisions up."""
    return {at for _, at in _taken(home)}


def _taken(home: Home) -> Iterator[tuple[Path, int]]:
    """Every decision that a run took up, with that run's as_of."""
    for path in sorted((home.raw / _FOLDER).glob("*.json")):
        note = path.with_suffix(_TAKEN)
        if note.exists():
            yield path, json.loads(note.read_text(encoding="utf-8"))["recorded_us"]


def _load(connection: duckdb.DuckDBPyConnection, home: Home, paths: list[Path], stamp: Stamp) -> int:
    known = {row[0] for row in connection.execute("SELECT decision_id FROM record.decision").fetchall()}
    rows: list[dict[str, Any]] = []
    for path in paths:
        content = json.loads(path.read_text(encoding="utf-8"))
        decision_id = identifier(*(content[name] for name in ("sha256", "decision", "reason", "asserted_by", "decided_at")))
        if decision_id not in known:
            # Before the record has it: of a run that was killed in between, the one that follows it says the same of itself.
            raw.write_durably(path.with_suffix(_TAKEN), json.dumps({"recorded_us": stamp.recorded_us}).encode())
            rows.append({**content, "decision_id": decision_id, "claim_id": path.stem, "recorded_at": stamp.recorded_us})
    append(connection, tables.DECISION, rows)
    return len(rows)
