"""Sweeps: what only a person can settle (decayed routes, orphaned findings, unmatched activity, held files, attestations that fall due), with what is
proposed and why, and the files by which a person who has read and mended them carries it out. A sweep decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from transforms.domain.delimited import spreadsheet_safe, write_rows
from transforms.domain.errors import UsageError
from transforms.domain.instants import iso
from warehouse import raw
from warehouse.published import dicts, open_copy
from warehouse.schema import sql_file

KINDS = ("reattribution", "binding", "unmatched_activity", "held_file", "attestation")
_ABOUT = ("reason", "proposed_by", "why")
_OWNERSHIP = ("match", "person_id", "team", "priority", "effective_from", "open_cycles", *_ABOUT)
_ASSETS = (
    "asset_id", "name", "aliases", "kind", "application", "business_unit", "environment", "criticality", "internet_facing", "owner_team", "status", "effective_from",
    "open_cycles", *_ABOUT,
)  # fmt: skip
_ACTIVITY = ("event_id", "ref", "event", "actor", "occurred_at", "target_person", "severity", "ticket", *_ABOUT)


class Proposals(NamedTuple):
    """What a sweep puts before a person as of an instant. What is not of the asked kinds is left out."""

    as_of_us: int
    kinds: tuple[str, ...]
    #: Rows of mart.sweep.
    open: list[dict[str, Any]]
    settled: list[dict[str, Any]]
    #: What the files hold: rows of ownership.csv and assets.csv, and events.
    ownership: list[dict[str, Any]]
    reassignments: list[dict[str, Any]]
    aliases: list[dict[str, Any]]
    links: list[dict[str, Any]]
    attestations: list[dict[str, Any]]

    @property
    def without_proposal(self) -> int:
        """Open handoffs whose route has decayed and for which nobody can be proposed."""
        return sum(row["handoffs"] for row in self.open if row["kind"] == "reattribution" and row["remedy"] is None)


def propose(folder: Path, kinds: Sequence[str] | None = None) -> Proposals:
    """The proposals of the published copy of a home, of these kinds [all]. Raises `UsageError` for a kind that is none, and where nothing is published."""
    unknown = [kind for kind in kinds or () if kind not in KINDS]
    if unknown:
        raise UsageError("--kind", seen=repr(unknown[0]), expected=f"one of {', '.join(KINDS)}")
    wanted = tuple(kind for kind in KINDS if not kinds or kind in kinds)
    with open_copy(folder) as connection:
        known = connection.execute("SELECT epoch_us(max(as_of)) FROM record.run WHERE is_published").fetchone()
        assert known is not None

        def rows(kind: str, name: str) -> list[dict[str, Any]]:
            return dicts(connection, sql_file(f"published/{name}.sql")) if kind in wanted else []

        states = (dicts(connection, sql_file("published/sweep.sql"), {"state": state, "kinds": list(wanted)}) for state in ("open", "settled"))
        return Proposals(
            known[0], wanted, *states, rows("reattribution", "proposed_owners"), rows("reattribution", "proposed_reassignments"),
            rows("binding", "proposed_aliases"), rows("unmatched_activity", "proposed_links"), rows("attestation", "proposed_attestations"),
        )  # fmt: skip


def write(proposals: Proposals, folder: Path, actor: str | None) -> list[Path]:
    """Writes them as a small landing zone: `people/`, `assets/` and `activity/`, each file only where it has rows; the paths.

    `actor`: whose word the events will be. Attestations are written only where nothing else was asked for: they are that person's own word that each control
    still holds. Raises `UsageError` for a folder that holds something, and for attestations of nobody.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("--out", seen=f"{folder} is there and not empty", expected="a new or an empty folder")
    is_attesting = proposals.kinds == ("attestation",)
    if is_attesting and proposals.attestations and not actor:
        raise UsageError("--as", seen="nobody", expected="who attests the controls", remedy="give --as PERSON")
    stamp = iso(proposals.as_of_us)
    day = stamp[:10]
    files = {
        **_register(f"people/reattribution-{day}.csv", "reattribution", _OWNERSHIP, proposals.ownership, stamp),
        **_events(f"activity/reattribution-{day}.csv", proposals.reassignments, actor, stamp),
        **_events(f"activity/sweep-links-{day}.csv", proposals.links, actor, stamp),
        **_events(f"activity/sweep-attestations-{day}.csv", proposals.attestations if is_attesting else [], actor, stamp),
    }
    sources = sorted({row["source"] for row in proposals.aliases})
    for number, source in enumerate(sources, 1):
        # Said as that register itself would: one asset in two registers is a contradiction.
        rows = [row for row in proposals.aliases if row["source"] == source]
        files |= _register(f"assets/sweep-binding-{day}-{number}.csv", source, _ASSETS, rows, stamp)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        raw.write_durably(folder / name, content)
    return [folder / name for name in files]


def _register(name: str, source: str, columns: Sequence[str], rows: list[dict[str, Any]], stamp: str) -> dict[str, bytes]:
    """The file and its sidecar: what else its register has stays as it is."""
    if not rows:
        return {}
    content = write_rows(columns, [{**row, "effective_from": stamp, "why": spreadsheet_safe(row["why"])} for row in rows])
    return {name: content, f"{name}.meta.yaml": yaml.safe_dump({"complete": False, "source": source}, sort_keys=False).encode()}


def _events(name: str, rows: list[dict[str, Any]], actor: str | None, stamp: str) -> dict[str, bytes]:
    if not rows:
        return {}
    return {name: write_rows(_ACTIVITY, [{**row, "actor": actor, "occurred_at": stamp, "why": spreadsheet_safe(row["why"])} for row in rows])}
