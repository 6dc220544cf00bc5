"""The record as frames: what was known at an instant, ready for the transforms; and digests of what it knows."""

from __future__ import annotations

import hashlib

import duckdb
import pyarrow as pa

from transforms.domain import tables
from warehouse.schema import sql_file

#: Tables whose rows count only while their claim does.
CLAIMED = ("observation", "activity", "known_exploited", "vulnerability_alias", "exploit_prediction")
REGISTERS = ("asset", "person", "ownership", "register_member")

#: What the state digest covers, and what it leaves out: when and how a row arrived (ruling 2).
_STATE = {
    "observation": ("claim_id", "pointer", "recorded_at"),
    "activity": ("claim_id", "pointer", "recorded_at"),
    "ticket": ("claim_id", "pointer", "recorded_at"),
    "asset": ("claim_id", "pointer", "recorded_at"),
    "person": ("claim_id", "pointer", "recorded_at"),
    "ownership": ("claim_id", "pointer", "recorded_at"),
    "known_exploited": ("claim_id", "recorded_at"),
    "vulnerability_alias": ("claim_id", "recorded_at"),
    "exploit_prediction": ("claim_id", "recorded_at"),
}


#: Rows of a claim that a later sidecar superseded are kept, but are nothing that the record knows.
_COUNTS = "claim_id NOT IN (SELECT lost FROM record.conflict WHERE kind = 'superseded_claim')"


def known(connection: duckdb.DuckDBPyConnection, as_of_us: int) -> dict[str, pa.Table]:
    """The record's tables as known at `as_of_us`, with the applied register `snapshot`s and the dated `scan`s: the input of `programme.derive`."""
    connection.execute(sql_file("record/known_claims.sql"), {"as_of": as_of_us})
    frames = {}
    for name in CLAIMED:
        rows = connection.execute(
            f"FROM record.{name} WHERE claim_id IN (FROM known_claim) AND epoch_us(recorded_at) <= ?",
            [as_of_us],  # the name is our own declaration
        )
        frames[name] = rows.to_arrow_table().cast(tables.RECORD_TABLES[name].arrow_schema)
    for name in REGISTERS:
        rows = connection.execute(f"FROM record.{name} WHERE epoch_us(recorded_at) <= ?", [as_of_us])  # the name is our own declaration
        frames[name] = rows.to_arrow_table().cast(tables.RECORD_TABLES[name].arrow_schema)
    frames["snapshot"] = connection.execute(sql_file("record/applied_snapshots.sql"), {"as_of": as_of_us}).to_arrow_table()
    frames["scan"] = connection.execute(sql_file("record/dated_scans.sql"), {"as_of": as_of_us}).to_arrow_table()
    return frames


def next_run_number(connection: duckdb.DuckDBPyConnection) -> int:
    """Of the run that is about to be written: runs are told apart by it, since several may have one as_of."""
    row = connection.execute("SELECT 1 + coalesce(max(number), 0) FROM record.run").fetchone()
    return row[0] if row else 1


def state_digest(connection: duckdb.DuckDBPyConnection) -> str:
    """Digest of what the record knows, the same whatever the order of arrival; our own stage events have their own."""
    return _digest(connection, "method IS DISTINCT FROM 'own'")


def own_digest(connection: duckdb.DuckDBPyConnection) -> str:
    """Digest of the stage events that handoff itself originated."""
    return _rows_digest(connection, "record.activity", ("claim_id", "pointer", "recorded_at"), "method = 'own'")


def _digest(connection: duckdb.DuckDBPyConnection, activity_filter: str) -> str:
    total = hashlib.sha256()
    for name, left_out in _STATE.items():
        where = f"{_COUNTS} AND {activity_filter if name == 'activity' else 'true'}"
        total.update(f"{name}:{_rows_digest(connection, f'record.{name}', left_out, where)}\n".encode())
    return total.hexdigest()


def _rows_digest(connection: duckdb.DuckDBPyConnection, table: str, left_out: tuple[str, ...], where: str) -> str:
    """sha256 over the sorted hashes of a table's distinct rows."""
    excluded = f"EXCLUDE ({', '.join(left_out)})" if left_out else ""
    row = connection.execute(
        f"SELECT sha256(coalesce(string_agg(row_hash, '' ORDER BY row_hash), '')) FROM "
        f"(SELECT DISTINCT md5(to_json(t)::VARCHAR) AS row_hash FROM (SELECT * {excluded} FROM {table} WHERE {where}) AS t)"
    ).fetchone()
    return row[0] if row else ""


def schema_digest(connection: duckdb.DuckDBPyConnection, schema: str) -> str:
    """Digest of every table of a schema, rows in any order."""
    names = [
        name
        for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ? ORDER BY table_name", [schema]).fetchall()
    ]
    total = hashlib.sha256()
    for name in names:
        total.update(f"{name}:{_rows_digest(connection, f'{schema}.{name}', (), 'true')}\n".encode())
    return total.hexdigest()


def merkle_root(connection: duckdb.DuckDBPyConnection) -> str:
    """Merkle root over the claims in the order of their ids: any file added, lost or changed changes it."""
    level = [bytes.fromhex(claim) for (claim,) in connection.execute("SELECT DISTINCT claim_id FROM record.landing_attempt ORDER BY claim_id").fetchall()]
    while len(level) > 1:
        pairs = [level[index : index + 2] for index in range(0, len(level), 2)]
        level = [hashlib.sha256(b"".join(pair)).digest() for pair in pairs]
    return level[0].hex() if level else hashlib.sha256(b"").hexdigest()
