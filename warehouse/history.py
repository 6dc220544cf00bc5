"""The record as it was known at a past instant, as a file of its own: what `handoff rebuild --as-of` and `handoff whatif` compute from
(ruling 94). Read from the published copy, which nobody holds: no run waits for it, and it waits for no run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import duckdb

from transforms.domain import tables
from transforms.domain.errors import UsageError
from transforms.domain.instants import iso
from transforms.domain.policy import Policy, from_canonical
from warehouse import published, record, schema
from warehouse.connection import connect
from warehouse.home import Home
from warehouse.job import run_row
from warehouse.load import Stamp, append
from warehouse.schema import sql_file

_LANDED = "claim_id IN (SELECT claim_id FROM the_copy.record.landing_attempt WHERE epoch_us(landed_at) <= $as_of)"
_BY_RECORDING = "epoch_us(recorded_at) <= $as_of"
#: How each table says that a row was known at $as_of, where that is not its recorded_at alone. A row may say itself when it was recorded, but
#: nobody knew it before its file was landed. A run's own row is written after its marts: it, and those after it, are not known to it.
_KNOWN = {
    "landing_attempt": "epoch_us(landed_at) <= $as_of",
    "rejected_row": "(claim_id, attempt) IN (SELECT (claim_id, attempt) FROM the_copy.record.landing_attempt WHERE epoch_us(landed_at) <= $as_of)",
    **dict.fromkeys((*record.CLAIMED, *record.REGISTERS), f"{_BY_RECORDING} AND {_LANDED}"),
    "run": "epoch_us(as_of) <= $as_of AND number < "
    "(SELECT coalesce(max(number), 9223372036854775807) FROM the_copy.record.run WHERE is_published AND epoch_us(as_of) = $as_of)",
}


class Past(NamedTuple):
    """What the last run that published at or before an instant went by."""

    policy: Policy
    code_version: str
    state_digest: str
    mart_digest: str
    #: The as_of of that run.
    run_us: int


def past_at(home: Home, as_of_us: int | None) -> Past:
    """The last run that published at or before an instant (the last of all for None).

    Raises `UsageError` where nothing is published, where there was no run yet, and for an instant after the last run: what landed since is
    known to nobody.
    """
    query = (
        "SELECT policy, code_version, state_digest, mart_digest, epoch_us(as_of) FROM record.run LEFT JOIN record.policy USING (policy_digest) "
        "WHERE is_published AND epoch_us(as_of) <= coalesce($as_of, 9223372036854775807) ORDER BY as_of DESC, number DESC LIMIT 1"
    )
    with published.open_copy(home.folder) as connection:
        ends = connection.execute("SELECT epoch_us(min(as_of)), epoch_us(max(as_of)) FROM record.run WHERE is_published").fetchone()
        row = connection.execute(query, {"as_of": as_of_us}).fetchone()
    first, last = ends if ends else (None, None)
    if first is None or last is None:
        raise UsageError("--home", seen=f"{home.published} holds no run", expected="a published copy", remedy="run `handoff run --landing DIR` first")
    if as_of_us is not None and not first <= as_of_us <= last:
        seen = f"{iso(as_of_us)} is before the first record" if as_of_us < first else f"{iso(as_of_us)} is after the last run: nothing is known of it yet"
        remedy = "" if as_of_us < first else "compute a later one with `handoff run --as-of`"
        raise UsageError("--as-of", seen=seen, expected=f"an instant from {iso(first)} (the first run) to {iso(last)} (the last)", remedy=remedy)
    assert row is not None
    return Past(from_canonical(row[0]), *row[1:])


class Run(NamedTuple):
    """One run that computed, whether or not it published."""

    run_id: str
    as_of_us: int
    policy: Policy


def runs_until(home: Home, as_of_us: int) -> list[Run]:
    """Every run up to an instant that published, or completed stages itself, in their order."""
    with published.open_copy(home.folder) as connection:
        rows = connection.execute(sql_file("record/computing_runs.sql"), {"as_of": as_of_us}).fetchall()
    return [Run(run_id, at, from_canonical(policy)) for run_id, at, policy in rows]


def require_new(path: Path) -> None:
    """Raises `UsageError` where a file is there already, or has no folder to be in."""
    if path.exists():
        raise UsageError("--out", seen=f"{path} is there already", expected="a new file")
    if not path.absolute().parent.is_dir():
        raise UsageError("--out", seen=f"{path.absolute().parent} is no folder", expected="a file in a folder that is there")
    if not os.access(path.absolute().parent, os.W_OK):
        raise UsageError("--out", seen=f"{path.absolute().parent} cannot be written to", expected="a file in a folder that can be written to")


def copy_known(home: Home, draft: Path, as_of_us: int) -> duckdb.DuckDBPyConnection:
    """A new file with the record as known at `as_of_us`, open for writing. The published copy is only read."""
    connection = connect(draft)
    schema.create_record(connection)
    connection.execute(f"ATTACH '{str(home.published).replace(chr(39), chr(39) * 2)}' AS the_copy (READ_ONLY)")  # ATTACH takes no parameters
    for name, table in tables.RECORD_TABLES.items():
        known = [column.name for column in table.columns if (name, column.name) != ("rejected_row", "raw")]
        columns = ", ".join(f'"{column}"' for column in known)  # our own declarations
        connection.execute(f"INSERT INTO record.{name} ({columns}) SELECT {columns} FROM the_copy.record.{name} WHERE {_KNOWN.get(name, _BY_RECORDING)}", {"as_of": as_of_us})
    connection.execute("DETACH the_copy")
    return connection


def sign(connection: duckdb.DuckDBPyConnection, policy: Policy, as_of_us: int, code_version: str, *, is_lawful: bool) -> str:
    """Writes a row of record.run with the digests of this file itself, as a run writes its own: what `handoff verify --file` holds it to.

    Returns the digest of its marts.
    """
    if not connection.execute("SELECT 1 FROM record.policy WHERE policy_digest = ?", [policy.digest]).fetchone():
        append(connection, tables.POLICY, [{"policy_digest": policy.digest, "policy": policy.canonical, "recorded_at": as_of_us}])
    stamp = Stamp(f"rebuild as of {iso(as_of_us)}", as_of_us, code_version, policy.digest)
    row = run_row(connection, policy, stamp, is_published=is_lawful)
    append(connection, tables.RUN, [row])
    return row["mart_digest"]
