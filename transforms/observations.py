"""Results of one scan → rows of the record's observation table: who scanned what, when, and under which ids.

Pure and quick: 100,000 results pass here as columns, in a worker process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from transforms.domain.digests import identifier
from transforms.domain.instants import DAY_US, from_us, iso, zone
from transforms.domain.result import Reject, Result
from transforms.identity import vulnerability_key

#: 1970-01-01T00:00:00Z. A stamp at or before it is a zero of some tool that stands for 'not said' (Go writes the year 1): nothing was seen then.
EPOCH_US = 0
#: What a calendar date can still be made of: 9999-12-31T23:59:59Z.
_LATEST_US = 253_402_300_799_000_000


class ScanFacts(NamedTuple):
    """What holds for every result of one file."""

    format: str
    #: The format's default scanner name, and the sidecar's, which wins.
    scanner: str
    sidecar_scanner: str | None
    sidecar_target: str | None
    sidecar_captured_us: int | None
    sidecar_is_naive: bool
    file_us: int
    zone_name: str
    scan_id: str | None
    engagement: str | None
    capture_channel: str
    #: A capture later than this is a `future` row: the run's as_of and the clock tolerance.
    latest_us: int
    #: A stamp without a zone gives way to the sidecar's (generic findings, ruling 11).
    naive_yields: bool


def tabulate(results: Iterable[Result | Reject], facts: ScanFacts) -> tuple[dict[str, Sequence], list[tuple[Reject, int | None]]]:
    """Columns of the observation table (without claim and recorded_at), and the rejects with the capture of those that lie in the future."""
    rows: list[tuple] = []
    rejects: list[tuple[Reject, int | None]] = []
    tz = zone(facts.zone_name)
    for result in results:
        if isinstance(result, Reject):
            rejects.append((result, None))
            continue
        target = (result.target or facts.sidecar_target or "").strip()
        if not target:
            detail = "neither the report nor a sidecar says which asset it is of: add NAME.meta.yaml with `target`"
            rejects.append((Reject(result.pointer, "no_target", detail, result.title), None))
            continue
        captured, source, is_naive = _captured(result, facts)
        if captured > _LATEST_US:
            rejects.append((Reject(result.pointer, "bad_instant", f"captured_at lies {captured} microseconds after 1970, beyond any date", result.title), None))
            continue
        if captured > facts.latest_us:
            detail = f"captured_at {iso(captured)} is later than this run knows; it is tried again on later runs"
            rejects.append((Reject(result.pointer, "future", detail, result.title), captured))
            continue
        scanner = (facts.sidecar_scanner or result.scanner or facts.scanner).strip().lower()
        ids = result.vulnerability_ids if len(result.vulnerability_ids) < 2 else tuple(sorted(set(result.vulnerability_ids)))
        key = vulnerability_key(ids, scanner, result.rule or result.title)
        kind, place = result.location
        row = (
            result.pointer,
            identifier(scanner, target, result.identity, captured),
            identifier(target, key, kind, place),
            None if facts.scan_id is None else identifier(scanner, facts.scan_id, target, result.identity),
            scanner,
            facts.format,
            target,
            result.title,
            result.rule,
            ids,
            key,
            result.cwes,
            result.severity,
            result.score,
            result.cvss_vectors,
            result.known_exploited,
            result.epss,
            result.component_name,
            result.component_version,
            kind,
            place,
            result.file_path,
            result.line,
            result.endpoint,
            result.own_id,
            result.source_state,
            facts.scan_id,
            facts.engagement,
            facts.capture_channel,
            captured,
            source,
            is_naive,
            _is_midnight(captured, tz),
        )
        rows.append(row)
    columns: dict[str, Sequence] = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(COLUMNS, ())
    columns["content_id"] = [identifier(*content) for content in zip(*(columns[name] for name in CONTENT), strict=True)]
    del columns["scan_id"]
    return columns, rejects


COLUMNS = (
    "pointer",
    "observation_id",
    "sighting_id",
    "resend_id",
    "scanner",
    "format",
    "target",
    "title",
    "rule",
    "vulnerability_ids",
    "vulnerability_key",
    "cwe",
    "native_severity",
    "native_score",
    "cvss_vectors",
    "known_exploited",
    "epss",
    "component_name",
    "component_version",
    "location_kind",
    "location_key",
    "file_path",
    "line",
    "endpoint",
    "own_id",
    "source_state",
    "scan_id",
    "engagement",
    "capture_channel",
    "captured_at",
    "captured_at_source",
    "is_naive",
    "is_midnight",
)

#: What two deliveries of one observation may differ in: everything of the result that is kept, as each format's identity covers another part of it.
CONTENT = (
    "observation_id",
    "sighting_id",
    "vulnerability_ids",
    "cwe",
    "component_name",
    "component_version",
    "file_path",
    "line",
    "endpoint",
    "native_severity",
    "native_score",
    "cvss_vectors",
    "known_exploited",
    "epss",
    "own_id",
    "rule",
    "title",
    "source_state",
    "engagement",
    "capture_channel",
    "resend_id",
)


def _captured(result: Result, facts: ScanFacts) -> tuple[int, str, bool]:
    """Instant, its source and whether it had no zone: the report's own word first, then the sidecar's, a bare date, the file's time."""
    stamp = result.captured if result.captured and result.captured.us > EPOCH_US else None
    if stamp and (stamp.precision == "zoned" or (stamp.precision == "naive" and not facts.naive_yields)):
        return stamp.us, "report", stamp.precision == "naive"
    if facts.sidecar_captured_us is not None:
        return facts.sidecar_captured_us, "sidecar", facts.sidecar_is_naive
    if stamp:
        return stamp.us, "report_date" if stamp.precision == "date" else "report", True
    return facts.file_us, "file", False


def _is_midnight(us: int, tz) -> bool:
    if us % 900_000_000:  # no zone has a midnight off a quarter of an hour of UTC
        return False
    if tz is not None and us % DAY_US == 0 and str(tz) == "UTC":
        return True
    local = from_us(us).astimezone(tz)
    return local.hour == local.minute == 0
