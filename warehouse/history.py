"""The record as it was known at a past instant, as a file of its own: what `handoff rebuild --as-of` computes from (ruling 94)."""

from __future__ import annotations

from pathlib import Path

import duckdb

from transforms.domain import tables
from transforms.domain.errors import UsageError
from transforms.domain.instants import iso
from transforms.domain.policy import Policy, from_canonical
from warehouse import schema
from warehouse.connection import connect
from warehouse.home import Home

#: How each table says that a row was known at $as_of. A run's own row is written after its marts, so it is not known to itself.
_KNOWN = {
    "landing_attempt": "epoch_us(landed_at) <= $as_of",
    "rejected_row": "(claim_id, attempt) IN (SELECT (claim_id, attempt) FROM past.record.landing_attempt WHERE epoch_us(landed_at) <= $as_of)",
    "register_member": "claim_id IN (SELECT claim_id FROM past.record.landing_attempt WHERE epoch_us(landed_at) <= $as_of)",
    "run": "epoch_us(as_of) < $as_of",
}
_BY_RECORDING = "epoch_us(recorded_at) <= $as_of"


def policy_at(home: Home, as_of_us: int) -> tuple[Policy, str]:
    """(policy, code version) of the last run at or before an instant. Raises `UsageError` where there was none."""
    if not home.published.exists():
        raise UsageError("--home", seen=f"{home.published} is not there", expected="a published copy", remedy="run `handoff run --landing DIR` first")
    with connect(home.published, read_only=True) as connection:
        row = connection.execute(
            "SELECT policy, code_version FROM record.run JOIN record.policy USING (policy_digest) WHERE epoch_us(as_of) <= ? ORDER BY as_of DESC LIMIT 1",
            [as_of_us],
        ).fetchone()
    if row is None:
        raise UsageError("--as-of", seen=f"no run at or before {iso(as_of_us)}", expected="an instant since the first run", remedy="or give --policy")
    return from_canonical(row[0]), row[1]


def copy_known(home: Home, draft: Path, out: Path, as_of_us: int) -> duckdb.DuckDBPyConnection:
    """A new file `draft`, to become `out`, with the record as known at `as_of_us`, open for writing. The published copy is only read.

    Raises `UsageError` where `out` is there already.
    """
    if out.exists():
        raise UsageError("--out", seen=f"{out} is there already", expected="a new file")
    connection = connect(draft)
    schema.create_record(connection)
    connection.execute(f"ATTACH '{str(home.published).replace(chr(39), chr(39) * 2)}' AS past (READ_ONLY)")  # ATTACH takes no parameters
    for name, table in tables.RECORD_TABLES.items():
        known = [column.name for column in table.columns if (name, column.name) != ("rejected_row", "raw")]
        columns = ", ".join(f'"{column}"' for column in known)  # our own declarations
        connection.execute(f"INSERT INTO record.{name} ({columns}) SELECT {columns} FROM past.record.{name} WHERE {_KNOWN.get(name, _BY_RECORDING)}", {"as_of": as_of_us})
    connection.execute("DETACH past")
    return connection
