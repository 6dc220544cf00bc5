"""The re-attribution sweep: who could own next what leads to nobody, as files that a person reads, mends and delivers. It decides nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from transforms.domain.delimited import spreadsheet_safe, write_rows
from transforms.domain.errors import UsageError
from transforms.domain.instants import iso
from warehouse import raw
from warehouse.published import dicts, open_copy
from warehouse.schema import sql_file

_OWNERSHIP = ("match", "person_id", "team", "priority", "effective_from", "open_cycles", "reason", "proposed_by", "why")
_ACTIVITY = ("event_id", "ref", "event", "actor", "occurred_at", "target_person", "severity", "reason", "proposed_by", "why")
#: What was proposed before is not taken back by a later file that no longer needs to say it.
_SIDECAR = b"complete: false\nsource: reattribution\n"


class Proposals(NamedTuple):
    """What a sweep proposes as of an instant: rows of ownership.csv, and `reassigned` events where an event named the present owner."""

    as_of_us: int
    ownership: list[dict[str, Any]]
    reassignments: list[dict[str, Any]]
    #: Open cycles whose route has decayed and for which nobody can be proposed.
    without_proposal: int


def propose(folder: Path) -> Proposals:
    """The proposals of the published copy of a home. Raises `UsageError` where there is none yet."""
    with open_copy(folder) as connection:
        left = "SELECT count(*) FROM mart.decayed_routing ANTI JOIN mart.reattribution USING (finding_id, cycle)"
        known = connection.execute("SELECT epoch_us(max(as_of)) FROM record.run WHERE is_published").fetchone()
        without = connection.execute(left).fetchone()
        assert known is not None and without is not None
        ownership, reassignments = (dicts(connection, sql_file(f"published/{name}.sql")) for name in ("proposed_owners", "proposed_reassignments"))
        return Proposals(known[0], ownership, reassignments, without[0])


def write(proposals: Proposals, folder: Path, actor: str | None) -> list[Path]:
    """Writes them as a small landing zone: `people/` and `activity/`, each file only where it has rows; the paths.

    `actor`: whose word the events will be. Raises `UsageError` for a folder that holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("--out", seen=f"{folder} is there and not empty", expected="a new or an empty folder")
    stamp = iso(proposals.as_of_us)
    day = stamp[:10]
    files: dict[str, bytes] = {}
    if proposals.ownership:
        rows = [{**row, "effective_from": stamp, "why": spreadsheet_safe(row["why"])} for row in proposals.ownership]
        files[f"people/reattribution-{day}.csv"] = write_rows(_OWNERSHIP, rows)
        files[f"people/reattribution-{day}.csv.meta.yaml"] = _SIDECAR
    if proposals.reassignments:
        rows = [{**row, "actor": actor, "occurred_at": stamp, "why": spreadsheet_safe(row["why"])} for row in proposals.reassignments]
        files[f"activity/reattribution-{day}.csv"] = write_rows(_ACTIVITY, rows)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        raw.write_durably(folder / name, content)
    return [folder / name for name in files]
