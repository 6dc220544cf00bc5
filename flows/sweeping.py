"""`handoff sweep` for a person: a table a kind, and what the files and commands are for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from warehouse.sweep import Proposals

_OPEN = ("kind", "severity", "subject", "concerns", "since", "reason", "proposal", "evidence", "candidates")
_SETTLED = ("kind", "subject", "settled", "by", "what was done", "by a file of a sweep")
_WITHOUT = {"binding": "no asset", "unmatched_activity": "no finding", "reattribution": "nobody"}


def tables(rows: Sequence[dict[str, Any]], *, is_settled: bool) -> Iterator[tuple[list[str], list[tuple]]]:
    """(columns, rows) of each kind that has any."""
    for _, of_kind in groupby(rows, key=lambda row: row["kind"]):
        if is_settled:
            yield list(_SETTLED), [(row["kind"], _subject(row), row["settled_at"], row["settled_by"], row["settlement"], row["is_from_sweep"]) for row in of_kind]
        else:
            yield list(_OPEN), [_open(row) for row in of_kind]


def _open(row: dict[str, Any]) -> tuple:
    concerns = [f"{number} {name if number != 1 else name[:-1]}" for name in ("handoffs", "events") if (number := row[name])]
    proposal = row["command"] or row["proposal"] or f"{_WITHOUT[row['kind']]} can be proposed: {row['why_not']}"
    return (
        row["kind"], row["severity"], _subject(row), ", ".join(concerns), row["since_at"], row["reason"], proposal, row["evidence"], "; ".join(row["candidates"]),
    )  # fmt: skip


def _subject(row: dict[str, Any]) -> str:
    """A file by the beginning of its hash: its whole length helps nobody."""
    name = row["subject_id"][:12] if row["subject_kind"] == "file" else row["subject_id"]
    return f"{row['subject_kind']} {name}" + (f", cycle {row['cycle']}" if row["cycle"] else "")


def summary(found: Proposals, written: Sequence[Path]) -> Iterator[str]:
    """What was found, in lines: how much of it has a proposal, what was written, and what is left to say."""
    for kind in found.kinds:
        rows = [row for row in found.open if row["kind"] == kind]
        proposed = sum(row["remedy"] is not None for row in rows)
        settled = sum(row["kind"] == kind for row in found.settled)
        yield f"{kind}: {len(rows)} open, of which {proposed} with a proposal; {settled} settled"
    for path in written:
        yield f"wrote {path}"
    if written and found.attestations and found.kinds != ("attestation",):
        yield "attestations are not among them: whoever attests gives --kind attestation --as PERSON"


def as_json(found: Proposals, written: Sequence[Path]) -> dict[str, Any]:
    """The same for programs."""
    parts = ("open", "settled", "ownership", "reassignments", "aliases", "links", "attestations", "without_proposal")
    return {**{part: getattr(found, part) for part in parts}, "files": list(written)}
