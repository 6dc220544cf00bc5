"""One landed file → rows of the record: which format it is, what its rows are, which of them cannot be used. Bytes in, frames out."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import Any

import msgspec
import pyarrow as pa

from transforms import reference, registers, scanners, trackers
from transforms.domain import tables
from transforms.domain.digests import identifier
from transforms.domain.discovery import claimant
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import Stamp, from_us, iso, parse_stamp, zone
from transforms.domain.policy import Policy
from transforms.domain.result import Reject, Scan
from transforms.domain.sidecar import Sidecar
from transforms.domain.source import Source
from transforms.observations import EPOCH_US, ScanFacts, tabulate
from transforms.tracking import Tally, mapped

#: The folders of a landing zone that are read, and what each holds.
FOLDERS = ("scans", "assets", "people", "activity", "reference")
#: Results of one scan that are Python objects at once: a large report is turned into columns, which take a tenth of that, piece by piece.
FRAME_RESULTS = 20_000
_REGISTER_TABLES = {"assets": tables.ASSET, "people": tables.PERSON, "ownership": tables.OWNERSHIP}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was found: everything that reading it needs, and nothing that only the machine knows."""

    claim_id: str
    folder: str
    path: str
    source: str
    sidecar: Sidecar
    file_us: int
    recorded_us: int
    #: What handoff wrote itself may say whose word it is; a delivered file is `file` whatever it says.
    is_own: bool = False
    #: When it was last read, None for a first reading: what that reading did not accept was not known then, whatever a row says.
    read_us: int | None = None


class Intake(msgspec.Struct, kw_only=True):
    """What a file gave. `reason` is set where it is quarantined; then there are no frames."""

    kind: str | None = None
    format: str | None = None
    reason: str | None = None
    frames: dict[str, pa.Table] = {}
    rejects: list[tuple[Reject, int | None]] = []
    rows_in: int = 0
    snapshot_us: int | None = None
    scope: list[str] = []


def read(content: bytes, delivery: Delivery, policy: Policy) -> Intake:
    """Reads one file whole. Never raises for what the content holds: a file that cannot be used comes back with its reason."""
    try:
        if delivery.folder == "scans":
            content = _without_lone_surrogates(content)
        head = Head(content)
        if not content.strip():
            raise FileRejected("empty_file", seen="a file without content", expected="rows", remedy="deliver it again when it is written")
        if delivery.folder == "scans":
            return _read_scan(content, head, delivery, policy)
        if delivery.folder in ("assets", "people"):
            return _read_register(content, head, delivery, policy)
        if delivery.folder == "activity":
            return _read_activity(content, head, delivery, policy)
        return _read_reference(content, head, delivery, policy)
    except FileRejected as error:
        return Intake(reason=str(error))
    except RecursionError:
        return Intake(reason="malformed: nested deeper than can be read")
    except MemoryError:
        return Intake(reason=f"too_large: {len(content):,} bytes take more memory to read than a file may have; split it, or scan in parts")
    except Exception as error:  # whatever a file holds, it takes no other file and no run with it
        return Intake(reason=f"unreadable: reading it failed with {type(error).__name__}: {str(error)[:200]}; mend it, or report the format's reader")


#: Half of a surrogate pair, escaped in JSON: no character, and JSON readers refuse the whole document for it.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def _without_lone_surrogates(content: bytes) -> bytes:
    """The content with the replacement character where half a character stood: one broken emoji loses no report or export. The raw store keeps it as it was."""
    if b"\\ud" not in content and b"\\uD" not in content:
        return content
    return _LONE_SURROGATE.sub(rb"\\ufffd", content)


def _read_scan(content: bytes, head: Head, delivery: Delivery, policy: Policy) -> Intake:
    module = scanners.recognise(head)
    sidecar = delivery.sidecar
    names = (delivery.source, sidecar.scanner, module.SCANNER, module.NAME)
    zone_name = sidecar.time_zone or policy.zone_of(*names)
    stamp = _sidecar_stamp(sidecar, zone_name)
    facts = ScanFacts(
        format=module.NAME,
        scanner=module.SCANNER,
        sidecar_scanner=sidecar.scanner,
        sidecar_target=sidecar.target,
        sidecar_captured_us=stamp.us if stamp else None,
        sidecar_is_naive=stamp is not None and stamp.precision != "zoned",
        file_us=delivery.file_us if delivery.file_us > EPOCH_US else delivery.recorded_us,
        zone_name=zone_name,
        scan_id=sidecar.scan_id,
        engagement=sidecar.engagement,
        capture_channel=sidecar.capture_channel or "scanner",
        latest_us=delivery.recorded_us + policy.clock_tolerance.wall_us(),
        naive_yields=module.NAME == "generic",
    )
    scan = Scan(target=sidecar.target, scanner=sidecar.scanner, zone_name=zone_name, date_order=policy.date_order_of(*names))
    results = module.parse(content, scan)
    frames: list[pa.Table] = []
    rejects: list[tuple[Reject, int | None]] = []
    targets: set[str] = set()
    is_more = True
    while is_more:
        columns, rejected = tabulate(islice(results, FRAME_RESULTS), facts)
        rows = len(columns["observation_id"])
        _claim(columns, rows, delivery)
        frames.append(tables.OBSERVATION.frame(columns))
        rejects += rejected
        targets.update(columns["target"])
        is_more = rows + len(rejected) == FRAME_RESULTS
    frame = pa.concat_tables(frames)
    scope = sidecar.scope or sorted(targets) or ([sidecar.target] if sidecar.target else [])
    return Intake(
        kind="scan",
        format=module.NAME,
        frames={"observation": frame},
        rejects=_numbered(rejects),
        rows_in=frame.num_rows + len(rejects),
        snapshot_us=facts.sidecar_captured_us,
        scope=scope,
    )


def _read_register(content: bytes, head: Head, delivery: Delivery, policy: Policy) -> Intake:
    module = claimant(registers.formats(), head, "register")
    source = _source(delivery, policy, module.NAME)
    rows, rejects = _split(module.parse(content, source))
    table = _REGISTER_TABLES[module.KIND]
    values = [name for name in (column.name for column in table.columns) if name not in ("claim_id", "pointer", "recorded_at", "content_id")]
    columns = {name: [row.get(name) for row in rows] for name in (*values, "pointer")}
    columns["content_id"] = [identifier(*(row.get(name) for name in values)) for row in rows]
    _claim(columns, len(rows), delivery)
    stamp = _sidecar_stamp(delivery.sidecar, source.zone_name)
    return Intake(
        kind=module.KIND,
        format=module.NAME,
        frames={table.name: table.frame(columns)},
        rejects=_numbered([(reject, None) for reject in rejects]),
        rows_in=len(rows) + len(rejects),
        snapshot_us=stamp.us if stamp else delivery.recorded_us,
    )


#: The values of an event in the order that `record.md` gives them: what bytewise smallest is judged by (ruling 2).
ACTIVITY_VALUES = ("event_id", "ref", "event", "actor", "occurred_at", "target_person", "severity", "channel", "ticket", "comment")


def _read_activity(content: bytes, head: Head, delivery: Delivery, policy: Policy) -> Intake:
    mended = _without_lone_surrogates(content)
    module, tracker, mapping = trackers.reader(head if mended is content else Head(mended), delivery.sidecar.source, policy)
    source = _source(delivery, policy, module.NAME)._replace(mapping=mapping)
    rows, rejected = _split(mapped(module.parse(mended if mapping else content, source), mapping, tracker, Tally()))
    states = [row for row in rows if row.get("table") == "ticket"]
    rejects: list[tuple[Reject, int | None]] = [(reject, None) for reject in rejected]
    tolerance, tz = policy.clock_tolerance.wall_us(), zone(source.zone_name)
    kept = []
    for row in rows:
        if row.get("table") == "ticket":
            continue
        stated = row.get("recorded_at")
        recorded = delivery.recorded_us if stated is None else stated
        if min(row["occurred_at"], recorded) <= EPOCH_US:
            detail = f"{iso(min(row['occurred_at'], recorded))} is no instant of an event: what is not known stays blank"
            rejects.append((Reject(row["pointer"], "bad_instant", detail, row["ref"]), None))
            continue
        if recorded > delivery.recorded_us:
            detail = f"recorded_at {iso(recorded)} is later than this run's as_of {iso(delivery.recorded_us)}"
            rejects.append((Reject(row["pointer"], "future", detail, row["ref"]), recorded))
            continue
        if row["occurred_at"] > recorded + tolerance:
            # A row that says itself when it was recorded contradicts itself, whatever the clock says later.
            again = "it contradicts its own recorded_at" if stated is not None else "it is tried again on later runs"
            detail = f"occurred_at {iso(row['occurred_at'])} is later than it can be known at {iso(recorded)}; {again}"
            rejects.append((Reject(row["pointer"], "future", detail, row["ref"]), row["occurred_at"] if stated is None else None))
            continue
        row["recorded_at"] = recorded if delivery.read_us is None or recorded > delivery.read_us else delivery.recorded_us
        if not delivery.is_own:
            row["method"] = "tracker" if mapping else "file"  # a delivered file does not say whose word it is
        row["method"] = row.get("method") or "file"
        local = from_us(row["occurred_at"]).astimezone(tz)
        row["is_midnight"] = not (local.hour or local.minute or local.second or local.microsecond)
        row["event_id"] = row.get("event_id") or identifier(*(row.get(name) for name in ACTIVITY_VALUES[1:]))
        row["content_id"] = identifier(*(row.get(name) for name in ACTIVITY_VALUES), row.get("batch_id"))
        kept.append(row)
    columns = {column.name: [row.get(column.name) for row in kept] for column in tables.ACTIVITY.columns if column.name != "claim_id"}
    columns["claim_id"] = [delivery.claim_id] * len(kept)
    return Intake(
        kind="activity",
        format=module.NAME,
        frames={"activity": tables.ACTIVITY.frame(columns), **_ticket_frame(states, delivery, tracker)},
        rejects=_numbered(rejects),
        rows_in=len(kept) + len(states) + len(rejects),
    )


_TICKET_VALUES = tuple(column.name for column in tables.TICKET.columns if column.name not in ("claim_id", "pointer", "recorded_at", "content_id"))


def _ticket_frame(rows: list[dict], delivery: Delivery, tracker: str) -> dict[str, pa.Table]:
    """The states of tickets, where the file shows any. A list has no order of its own: it is sorted, so that one state is one content."""
    if not rows:
        return {}
    for row in rows:
        row["tracker"] = tracker
        row["labels"], row["refs"] = (sorted(set(row.get(name) or ())) for name in ("labels", "refs"))
        row["content_id"] = identifier(*(row.get(name) for name in _TICKET_VALUES))
    columns = {name: [row.get(name) for row in rows] for name in (*_TICKET_VALUES, "pointer", "content_id")}
    _claim(columns, len(rows), delivery)
    return {"ticket": tables.TICKET.frame(columns)}


def _read_reference(content: bytes, head: Head, delivery: Delivery, policy: Policy) -> Intake:
    module = claimant(reference.formats(), head, "reference")
    rows, rejects = _split(module.parse(content, _source(delivery, policy, module.NAME)))
    table = tables.RECORD_TABLES[module.TABLE]
    columns = {column.name: [row.get(column.name) for row in rows] for column in table.columns}
    _claim(columns, len(rows), delivery)
    return Intake(
        kind="reference",
        format=module.NAME,
        frames={table.name: table.frame(columns)},
        rejects=_numbered([(reject, None) for reject in rejects]),
        rows_in=len(rows) + len(rejects),
    )


def _sidecar_stamp(sidecar: Sidecar, zone_name: str) -> Stamp | None:
    """When the sidecar says that it was taken; None where it does not. Raises `FileRejected` for what is no instant of a scan."""
    if sidecar.captured_at is None:
        return None
    try:
        stamp = parse_stamp(sidecar.captured_at, zone_name=zone_name)
    except (ValueError, OverflowError):
        stamp = None
    if stamp is None or stamp.us <= EPOCH_US:
        raise FileRejected("sidecar", seen=f"captured_at is {sidecar.captured_at!r}", expected="an instant after 1970")
    return stamp


def _source(delivery: Delivery, policy: Policy, format_name: str) -> Source:
    names = (delivery.source, delivery.folder, format_name)
    return Source(delivery.sidecar.time_zone or policy.zone_of(*names), policy.date_order_of(*names))


def _split(rows: Any) -> tuple[list[dict], list[Reject]]:
    kept: list[dict] = []
    rejects: list[Reject] = []
    for row in rows:
        (rejects if isinstance(row, Reject) else kept).append(row)
    return kept, rejects


def _claim(columns: dict[str, Any], rows: int, delivery: Delivery) -> None:
    columns["claim_id"] = [delivery.claim_id] * rows
    columns["recorded_at"] = [delivery.recorded_us] * rows


def _numbered(rejects: list[tuple[Reject, int | None]]) -> list[tuple[Reject, int | None]]:
    """The same rejects with distinct pointers: one item can fail at several endpoints."""
    seen: Counter[str] = Counter()
    numbered = []
    for reject, retry in rejects:
        seen[reject.pointer] += 1
        if seen[reject.pointer] > 1:
            reject = msgspec.structs.replace(reject, pointer=f"{reject.pointer}#{seen[reject.pointer]}")
        numbered.append((reject, retry))
    return numbered
