"""Evidence packs: one control's chains of timestamped events with named accountability, its population and definitions, as files.

The same record, policy, as_of and code give the same bytes: rows are sorted, nothing says when or where it was printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from transforms.domain.digests import sha256
from transforms.domain.errors import RunError, UsageError
from transforms.domain.instants import iso
from transforms.domain.policy import Duration, Policy, from_canonical
from transforms.domain.vocabulary import EVENTS, RATED_BANDS
from warehouse import flat, obligations, record
from warehouse.models import models
from warehouse.obligations import Control
from warehouse.raw import write_durably
from warehouse.schema import sql_file

MANIFEST = "manifest.json"
_PACK = "handoff control evidence"
_NO_EVIDENCE = "the published copy holds no control evidence"


class Provenance(NamedTuple):
    """What the marts of an open file were computed from, and by which code."""

    as_of_us: int
    policy: Policy
    code_version: str
    calendar_digest: str


def listing(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Every control and how much of its population answers it."""
    query = "SELECT framework, control, title, population, complete_chains, exceptions, pending FROM mart.control_evidence"
    try:
        result = connection.execute(query)
    except duckdb.CatalogException:
        raise UsageError("--home", seen=_NO_EVIDENCE, remedy="run `handoff run` with this code first") from None
    names = [column[0] for column in result.description or ()]
    order = {(control.framework, control.control): place for place, control in enumerate(obligations.controls())}
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return sorted(rows, key=lambda row: (order.get((row["framework"], row["control"]), len(order)), row["framework"], row["control"]))


def find_control(text: str, framework: str | None = None) -> Control:
    """The control of that id, in any case and with or without blanks; `framework` is a part of its framework's name.

    Raises `UsageError` where there is none, naming those that are near, or where several frameworks have it.
    """
    known = [control for control in obligations.controls() if framework is None or _plain(framework) in _plain(control.framework)]
    if not known:
        names = dict.fromkeys(control.framework for control in obligations.controls())
        raise UsageError("--framework", seen=f"{framework!r} is none", expected=f"a part of the name of one: {', '.join(names)}")
    found = [control for control in known if _plain(control.control) == _plain(text)]
    if len(found) == 1:
        return found[0]
    if found:
        frameworks = ", ".join(control.framework for control in found)
        raise UsageError(text, seen=f"several frameworks have it: {frameworks}", remedy="say which with --framework")
    ids = {_plain(control.control): control.control for control in known}
    near = [ids[name] for name in get_close_matches(_plain(text), ids, n=3, cutoff=0.5)]
    raise UsageError(
        text, seen="no control has that id", expected=f"one near it: {', '.join(near)}" if near else "a control's id", remedy="`handoff evidence --list` shows them all"
    )


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


def folder_name(control: Control, as_of_us: int) -> str:
    """What a pack's folder is called, unless one is given."""
    slug = re.sub(r"[^a-z0-9]+", "-", f"{control.framework} {control.control}".lower()).strip("-")
    return f"{slug}-{re.sub('[-:]', '', iso(as_of_us))}"


def published_provenance(connection: duckdb.DuckDBPyConnection) -> Provenance:
    """The provenance of a published copy: that of its last run. Raises `RunError` where it holds none."""
    row = connection.execute(sql_file("evidence/published_run.sql")).fetchone()
    if row is None:
        raise RunError("the published copy", seen="it holds no run", remedy="publish it again with `handoff run`")
    as_of_us, policy, code_version, calendar_digest = row
    return Provenance(as_of_us, from_canonical(policy), code_version, calendar_digest)


def write_pack(connection: duckdb.DuckDBPyConnection, control: Control, provenance: Provenance, folder: Path) -> dict[str, Any]:
    """Writes the pack of a control from a file with marts and record into `folder`, over an earlier pack there; its manifest.

    Raises `UsageError` where the folder holds something else, or the file no evidence of that control.
    """
    counts = next((row for row in listing(connection) if (row["framework"], row["control"]) == (control.framework, control.control)), None)
    if counts is None:
        raise UsageError(control.control, seen=f"{_NO_EVIDENCE} of it", remedy="run `handoff run` with this code first")
    connection.execute(
        sql_file("evidence/population.sql"),
        {"obligations": list(control.obligations), "location_kinds": None if control.location_kinds is None else list(control.location_kinds)},
    )
    chains, subjects = (sql_file(f"evidence/{name}_{control.subject}.sql") for name in ("chains", "subjects"))
    frames = {
        "chains": connection.execute(chains, {"events": list(EVENTS)} if control.subject == "handoff" else None).to_arrow_table(),
        "subjects": connection.execute(subjects).to_arrow_table(),
    }
    digests = {
        "code": provenance.code_version,
        "policy": provenance.policy.digest,
        "calendar": provenance.calendar_digest,
        "record": {
            "state": record.state_digest(connection),
            "own_events": record.own_digest(connection),
            "files": record.merkle_root(connection),
        },
    }
    files = {
        **{name: content for stem, frame in frames.items() for name, content in ((f"{stem}.csv", flat.csv_bytes(frame)), (f"{stem}.parquet", flat.parquet_bytes(frame)))},
        "definitions.md": _definitions(control, provenance).encode(),
        "digests.json": flat.json_bytes(digests),
    }
    manifest = {
        "pack": _PACK,
        "version": 1,
        "framework": control.framework,
        "control": control.control,
        "title": control.title,
        "as_of": iso(provenance.as_of_us),
        "counts": {name: counts[name] for name in ("population", "complete_chains", "exceptions", "pending")} | {"events": frames["chains"].num_rows},
        "digests": digests,
        "writer": {"pyarrow": version("pyarrow")},
        "files": {name: {"bytes": len(content), "sha256": sha256(content)} for name, content in sorted(files.items())},
    }
    _clear(folder)
    for name, content in files.items():
        write_durably(folder / name, content)
    write_durably(folder / MANIFEST, flat.json_bytes(manifest))  # last: a pack without it is not whole
    return manifest


def _clear(folder: Path) -> None:
    """Makes a folder ready: new, empty, or that of an earlier pack, which from now on is not whole."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            if not _is_pack(folder / MANIFEST):
                raise UsageError("--out", seen=f"{folder} holds something else", expected="a new or empty folder, or that of an earlier pack")
            (folder / MANIFEST).unlink()
    except OSError as error:
        raise UsageError("--out", seen=f"{folder}: {error.strerror}", expected="a folder that can be written to") from None


def _is_pack(manifest: Path) -> bool:
    try:
        return json.loads(manifest.read_bytes()).get("pack") == _PACK
    except (FileNotFoundError, ValueError, AttributeError):
        return False


# Definitions

_MEASURES = (
    ("t0, captured_at", "captured_at"),
    ("t1, acknowledged_at", "acknowledged_at"),
    ("handoff_due_at", "handoff_due_at"),
    ("window_ends_at", "window_ends_at"),
    ("remediation_due_at", "remediation_due_at"),
    ("resolved_at", "resolved_at"),
    ("verified_at", "verified_at"),
    ("withdrawn_at", "withdrawn_at"),
    ("severity", "severity"),
    ("owner_id", "owner_id"),
    ("team", "team"),
    ("capture_id", "capture_id"),
)


def _definitions(control: Control, provenance: Provenance) -> str:
    return "\n".join(_definition_lines(control, provenance)) + "\n"


def _definition_lines(control: Control, provenance: Provenance) -> Iterator[str]:
    declared = obligations.obligations()
    yield f"# {control.framework}: {control.title}"
    yield ""
    yield f"As of {iso(provenance.as_of_us)}, from what was known by then, under the policy of digest `{provenance.policy.digest}`."
    yield ""
    yield f"- **What the audit reads against**: {control.audit_reads}"
    yield f"- **What of the record answers it**: {control.answer}"
    yield f"- **What the record does not show**: {control.limits}"
    yield ""
    yield "## How it is judged"
    yield ""
    subject = "handoff cycle of a finding" if control.subject == "handoff" else "asset"
    yield (
        f"The population is each {subject} that one of the obligations below is of, known at this instant, of all time. One that fails an obligation is an "
        "exception, dated by its earliest failure; else one that waits under an obligation is pending; else its chain is complete. "
        "Population = complete + exceptions + pending; the rate is complete / (complete + exceptions)."
    )
    if control.location_kinds is not None:
        yield ""
        yield f"Only findings whose place is of kind {' or '.join(control.location_kinds)} count."
    for name in control.obligations:
        found = declared[name]
        yield ""
        yield f"### {name}"
        yield ""
        yield found.definition
        yield ""
        for word in ("population", "complete", "exception", "pending"):
            yield f"- **{word}**: {getattr(found, word)}"
    yield ""
    yield "The query that lists the exceptions, over the published file:"
    yield ""
    yield "```sql"
    yield control.query
    yield "```"
    yield ""
    yield "## The policy in force"
    yield ""
    yield from _targets(provenance.policy)
    if control.subject == "handoff":
        yield ""
        yield "## Measures used"
        yield ""
        columns = {column.name: column.meaning for column in models()["handoff"].columns}
        yield from (f"- **{label}**: {columns[name]}" for label, name in _MEASURES)
    yield ""
    yield "## Files"
    yield ""
    yield from _FILES[control.subject]


def _targets(policy: Policy) -> Iterator[str]:
    yield "| severity | handoff SLA, from t0 | acknowledgement window, from t0 | remediation SLA, from t1 |"
    yield "|---|---|---|---|"
    for band in RATED_BANDS:
        yield f"| {band} | {_words(policy.handoff_sla.of(band))} | {_words(policy.acknowledgement_window.of(band))} | {_words(policy.remediation_sla.of(band))} |"
    yield ""
    yield (
        f"Business time is that of the owning team's calendar. A compensating control is attested every {_words(policy.controls.attestation)}; an active asset is "
        f"scanned at least every {_words(policy.scans.cadence)}. An acknowledgement counts from: {', '.join(policy.acknowledgement.allowed).replace('_', ' ')}."
    )


def _words(duration: Duration) -> str:
    unit = {"s": "second", "m": "minute", "h": "hour", "d": "day", "bh": "business hour", "bd": "business day"}[duration.unit]
    return f"{duration.amount} {unit}{'' if duration.amount == 1 else 's'}"


_COMMON = (
    "- In CSV, a text that a spreadsheet would take for a formula has an apostrophe before it; Parquet has every text as it came. Instants are UTC.",
    "- **digests.json**: sha256 of code, policy, calendars and record. **manifest.json**: sha256 and size of every other file.",
)
_FILES = {
    "handoff": (
        (
            "- **chains**: one row per event of each chain in order: when (`occurred_at`) and what; `is_counted`, and `status` why not; who (`actor` as the source "
            "names them; `person_id`, `role`, `team` and `standing` as the directory knew them at that instant); when handoff learnt of it (`recorded_at`); and "
            "the landed file (`source_file`, `source_sha256`) and place in it (`source_pointer`) that say so. `captured` is the observation that set t0; method "
            "`own` is a stage that handoff itself completed; `computed` follows from the policy alone."
        ),
        (
            "- **subjects**: the population, one row per handoff cycle: `status` (complete, exception, pending), `reasons`, and `dated_at`, when it was completed "
            "or failed, or falls due."
        ),
        *_COMMON,
    ),
    "asset": (
        "- **chains**: the latest scan of each asset, and the landed file that says so; an asset without one has no row.",
        (
            "- **subjects**: the population, one row per active asset: `status` (complete, exception, pending), `reasons`, and `dated_at`, when it was scanned, "
            "failed, or falls due."
        ),
        *_COMMON,
    ),
}
