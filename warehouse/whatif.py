"""The same record under another policy: both sides computed alike from what was known at an instant, compared measure by measure.

Reads the published copy alone: no run waits for it, and nothing in the home changes but the file that it writes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from transforms import digest, intake, whatif
from transforms.domain import tables
from transforms.domain.digests import identifier, sha256
from transforms.domain.errors import UsageError
from transforms.domain.policy import Policy, overlaid
from transforms.domain.progress import Progress, nobody
from transforms.domain.sidecar import Sidecar
from transforms.registers import TABLES as REGISTER_TABLES
from transforms.registers import joined, registers_of
from transforms.whatif import Change
from warehouse import history, load, models
from warehouse.compute import compute, compute_known
from warehouse.connection import connect
from warehouse.home import Home
from warehouse.landing import Found
from warehouse.load import Stamp
from warehouse.schema import sql_file

#: The tables of the file that is written; `dispatch` only where a digest window was asked about.
TABLES = ("replay", "policy_change", "difference", "changed_cycle", "dispatch")
#: A row of a register that was replaced comes from this source, alone.
_SOURCE = "whatif"


class Register(NamedTuple):
    """A register file that stands in for every recorded snapshot of the registers that it holds."""

    path: Path
    kinds: tuple[str, ...]
    content: bytes


class Outcome(NamedTuple):
    """What came out: the file (None where nothing differs in what was asked), the instant, the keys that differ."""

    out: Path | None
    as_of_us: int
    changes: list[Change]
    runs_replayed: int
    #: Both sides are computed by this code: where the run's was another, the base may not be what was published.
    is_other_code: bool


def replay(
    home: Home, layer: tuple[str, str] | None, register_files: Sequence[Path], as_of_us: int | None, out: Path | None, code_version: str,
    progress: Progress = nobody,
) -> Outcome:  # fmt: skip
    """Replays the record as known at `as_of_us` (the last run's as_of for None) under another policy and with these register files, into a file.

    `layer`: name and text of a policy file, laid over the policy of the run; None keeps that. Raises `PolicyError` for what it says, `UsageError`
    for an instant of which nothing is known, for a change of what was decided at intake, for a register that cannot be used, and where `out`
    is there already.
    """
    past = history.past_at(home, as_of_us)
    at, other = past.run_us if as_of_us is None else as_of_us, overlaid(past.policy, *layer) if layer else past.policy
    changes = whatif.changes(past.policy, other)
    whatif.refuse_what_was_decided(changes, past.policy, other)
    runs = history.runs_until(home, at)
    registers = [_read(path, runs[0].as_of_us, other) for path in register_files]
    _require_one_of_a_kind(registers)
    if not changes and not registers:
        return Outcome(None, at, [], 0, past.code_version != code_version)
    target = out or home.whatifs / f"{_identity(past, other, registers, at)}.duckdb"
    if out is not None:
        history.require_new(out)
    else:
        home.whatifs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".whatif-") as name:
        work = Path(name)
        replacing, replayed = build_sides(work, home, past.policy, other, registers, runs, at, code_version, progress)
        progress("compare")
        changes += replacing
        _compare(work, changes, _row(past, other, at, code_version, replayed))
        (work / "result.duckdb").replace(target)
    return Outcome(target, at, changes, replayed, past.code_version != code_version)


def build_sides(
    work: Path, home: Home, base: Policy, other: Policy, registers: Sequence[Register], runs: Sequence[history.Run], at_us: int, code_version: str,
    progress: Progress = nobody,
) -> tuple[list[Change], int]:
    """Writes `base.duckdb` and `other.duckdb` into an empty folder, each with the record as known then and its marts.

    Returns the registers that were replaced, and how many runs were replayed.
    """
    progress("copy what was known")
    with history.copy_known(home, work / "base.duckdb", at_us) as connection:
        connection.execute("CHECKPOINT")
    shutil.copyfile(work / "base.duckdb", work / "other.duckdb")
    with connect(work / "base.duckdb") as connection:
        _derive(connection, base, at_us, frozenset(), progress)
    with connect(work / "other.duckdb") as connection:
        replacing = [_replace(connection, Home(work), register, runs[0].as_of_us, other, code_version) for register in registers]
        replayed = 0
        if registers or whatif.completes_other_stages((run.policy for run in runs), other):
            replayed = _replay_runs(connection, Home(work), runs, other, code_version, progress)
        _derive(connection, other, at_us, digest.waiting_bands(other) - digest.waiting_bands(base), progress)
    return replacing, replayed


def _identity(past: history.Past, other: Policy, registers: Sequence[Register], at_us: int) -> str:
    """The same for the same question about the same record."""
    return identifier(past.policy.digest, other.digest, at_us, *sorted(sha256(register.content) for register in registers))[:16]


def _derive(connection: duckdb.DuckDBPyConnection, policy: Policy, at_us: int, waiting_bands: frozenset[str], progress: Progress) -> None:
    progress("compute")
    compute_known(connection, policy, at_us, waiting_bands)
    models.build(connection, progress)
    connection.execute("CHECKPOINT")


# Registers


def _read(path: Path, at_us: int, policy: Policy) -> Register:
    """A file of assets, people or ownership. Raises `UsageError` where it is none, or has a row that cannot be used."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError("--ownership", seen=f"{path} cannot be read: {error}", expected="a register file") from None
    delivery = intake.Delivery(
        claim_id=sha256(content), folder="people", path=path.name, source=_SOURCE, sidecar=Sidecar(), file_us=at_us, recorded_us=at_us
    )
    found = intake.read(content, delivery, policy)
    seen = found.reason or (f"{found.rejects[0][0].pointer}: {found.rejects[0][0].reason}: {found.rejects[0][0].detail}" if found.rejects else None)
    if seen is None and not found.rows_in:
        seen = "it has no row"
    kinds = registers_of(found.kind)
    if seen is not None or not kinds:
        expected = "a register of assets, people or ownership whose rows can all be used"
        raise UsageError(f"--ownership {path}", seen=seen or f"a file of {found.kind}", expected=expected)
    return Register(path, kinds, content)


def _require_one_of_a_kind(registers: Sequence[Register]) -> None:
    for register in registers:
        for kind in register.kinds:
            same = [str(other.path) for other in registers if kind in other.kinds]
            if len(same) > 1:
                raise UsageError("--ownership", seen=f"{' and '.join(same)} are both of {kind}", expected="one file of each kind")


def _replace(connection: duckdb.DuckDBPyConnection, home: Home, register: Register, at_us: int, policy: Policy, code_version: str) -> Change:
    """Puts the file in the place of every recorded snapshot of its registers, as if it had been the first: a row without a date always held."""
    row = connection.execute(sql_file("whatif/recorded_register.sql"), {"kinds": list(register.kinds)}).fetchone()
    recorded = f"{row[0]} recorded snapshots" if row and row[0] != 1 else "1 recorded snapshot"
    for kind in register.kinds:
        # What a recorded file says of another register stays; of this one it has no row any more.
        connection.execute("DELETE FROM record.register_member WHERE register = ?", [REGISTER_TABLES[kind].name])
        connection.execute("DELETE FROM record.landing_attempt WHERE kind = ?", [kind])
    found = Found("people", register.path.name, register.content, sha256(register.content), Sidecar(), _SOURCE, at_us)
    stamp = Stamp("whatif", at_us, code_version, policy.digest)
    # As one of our own: it was read once already, so no process is started for it.
    load.load_tasks(connection, home, [load.keep(home, found, stamp, is_own=True)], policy, stamp)
    return Change(f"register {joined(register.kinds)}", recorded, register.path.name)


# Runs


def _replay_runs(
    connection: duckdb.DuckDBPyConnection, home: Home, runs: Sequence[history.Run], policy: Policy, code_version: str, progress: Progress
) -> int:
    """Decides anew, run by run, what each of them decided itself; how many. The raw store of `home` is one to be thrown away."""
    connection.execute(sql_file("whatif/forget_decided.sql"))
    last_at = {run.as_of_us: run for run in runs}  # of several at one as_of, one: each would know what all of them brought
    for number, run in enumerate(last_at.values()):
        progress("replay runs", number, len(last_at))
        compute(connection, home, policy, Stamp(run.run_id, run.as_of_us, code_version, policy.digest))
    return len(last_at)


# Comparison


def read(path: Path, dimension: str) -> tuple[list[dict[str, Any]], int]:
    """The measures of a file by one cut, the five numbers first, and how many handoffs come out otherwise in any column."""
    with connect(path, read_only=True) as connection:
        result = connection.execute(sql_file("whatif/printed.sql"), {"dimension": dimension})
        names = [column[0] for column in result.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        count = connection.execute("SELECT count(DISTINCT (finding_id, cycle)) FROM whatif.changed_cycle").fetchone()
    return rows, count[0] if count else 0


def _row(past: history.Past, other: Policy, at_us: int, code_version: str, replayed: int) -> dict[str, Any]:
    return {
        "as_of": at_us,
        "base_policy_digest": past.policy.digest,
        "whatif_policy_digest": other.digest,
        "whatif_policy": other.canonical,
        "state_digest": past.state_digest,
        "code_version": code_version,
        "runs_replayed": replayed,
    }


def _compare(work: Path, changes: Sequence[Change], row: dict[str, Any]) -> None:
    """Writes `result.duckdb` beside `base.duckdb` and `other.duckdb`: schema `whatif`, every table and column commented."""
    with connect(":memory:") as connection:
        for name, mode in (("base", "READ_ONLY"), ("other", "READ_ONLY"), ("result", "READ_WRITE")):
            path = str(work / f"{name}.duckdb").replace("'", "''")
            connection.execute(f"ATTACH '{path}' AS {name} ({mode})")  # ATTACH takes no parameters
        connection.execute(sql_file("whatif/changed_key.sql"))
        measures = _measures()
        for side in ("base", "other"):
            connection.execute(f"USE {side}")
            connection.execute(f"CREATE TABLE memory.main.{side}_measure AS {measures}")  # our own files
            connection.execute(f"CREATE TABLE memory.main.{side}_contribution AS {sql_file('whatif/contribution.sql')}")
        connection.execute("USE result")
        connection.execute("CREATE SCHEMA whatif")
        _create_given(connection, "policy_change", [change._asdict() for change in changes])
        _create_given(connection, "replay", [row])
        has_digests = connection.execute("SELECT 1 FROM other.derived.dispatch WHERE status <> 'at_once' LIMIT 1").fetchone()
        for name in ("difference", "changed_cycle", *(["dispatch"] if has_digests else [])):
            models.create(connection, models.declared(f"whatif/{name}"), "whatif")
        connection.execute("CHECKPOINT result")


def _create_given(connection: duckdb.DuckDBPyConnection, name: str, rows: list[dict[str, Any]]) -> None:
    """A declared table of rows that are given, under the name that its query reads them by."""
    model = models.declared(f"whatif/{name}")
    columns = tuple(tables.Column(column.name, column.type, column.meaning) for column in model.columns)  # type: ignore[arg-type]
    table = tables.Table(name, model.row, model.key, columns)
    connection.register("given", table.frame({column.name: [row[column.name] for row in rows] for column in columns}))
    models.create(connection, model, "whatif")
    connection.unregister("given")


def _measures() -> str:
    """The measures of every file of sql/whatif/measure whose marts are there, as one query."""
    folder = files("warehouse").joinpath("sql", "whatif", "measure")
    names = sorted(entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return " UNION ALL BY NAME ".join(f"({sql_file(f'whatif/measure/{name}.sql')})" for name in names if name not in _NOT_YET or name in models.models())


#: Measures of marts that not every version of the warehouse builds.
_NOT_YET = frozenset(("ownership_currency", "ingest_capacity"))
