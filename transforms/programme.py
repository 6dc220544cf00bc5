"""The record at one instant → everything the marts are made of. Composes the other transforms; the same whatever the order of arrival.

`derive` is a pure function of (record rows known by as_of, policy, as_of): a run, a rebuild and a test call it alike.
"""

from __future__ import annotations

import gc
import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

from transforms import digest, identity, managers, scanners
from transforms.binding import AssetRegister, Binding, address, covered_place, forms, network, places_of
from transforms.domain import people, tables
from transforms.domain.calendar import Calendar
from transforms.domain.digests import identifier
from transforms.domain.instants import DAY_US, is_zone
from transforms.domain.periods import trends
from transforms.domain.policy import Policy
from transforms.domain.vocabulary import BAND_RANK, BANDS, EVENT_RANK, FAILURE_MODES
from transforms.evaluation import Evaluation, Inbox, Sighting, World
from transforms.grouping import group, stated_together
from transforms.lifecycle import Capture, Control, Cycle, Event, History, history, sort_events
from transforms.references import References
from transforms.registers import registers_of
from transforms.routing import Directory, Ownership, person_key
from transforms.severity import Band, Calibrator, environment, native_term, scanner_score
from transforms.versions import ALWAYS, Disagreement, Row, Snapshot, Timeline, timeline
from transforms.winners import Fields, as_text, instants_as_microseconds, rows_of, winners

_REGISTERS = {"asset": tables.ASSET, "person": tables.PERSON, "ownership": tables.OWNERSHIP}
_REGISTER_KEYS = {"asset": ("asset_id",), "person": ("person_id",), "ownership": ("match", "person_id", "team")}
#: Findings whose rows are held at once.
_AT_ONCE = 10_000
#: What is read of a row only to tell two contents of one id apart, if at all: left out of what is sorted and held, where each column weighs.
_COMPARED_ONLY = ("pointer", "resend_id", "component_name", "component_version", "line", "endpoint", "source_state", "captured_at_source", "is_naive", "is_midnight")
_NOT_CONTENT = ("claim_id", "pointer", "content_id", "recorded_at")


class Derived(NamedTuple):
    """Frames by name (`tables.DERIVED_TABLES`), and the stage events that this run itself completes."""

    frames: dict[str, pa.Table]
    own_events: list[dict[str, Any]]


def derive(
    record: Mapping[str, pa.Table], policy: Policy, as_of_us: int, *, completes_stages: bool, waiting_bands: Collection[str] | None = None
) -> Derived:
    """Derives findings, cycles, instants and decisions from the record's rows known by `as_of_us`.

    `record`: tables of `tables.RECORD_TABLES` by name, active claims only, plus `snapshot` (applied register files), `scan`
    (scope, scanners, instant and status of each) and `repeat` (sightings that a scan holds beside its own rows). A run
    `completes_stages`: the frames then already hold the own events that it returns, and deriving again with them landed changes nothing.
    `waiting_bands`: what if notifications of these bands had waited for a daily digest (transforms/digest.py); none of them still tells of
    every dispatch. A run leaves it out: what the record has was delivered as it was delivered.
    """
    # What is made of a part's findings forms no cycles, so it goes with the part: collecting it over and over would double the time.
    gc.disable()
    try:
        return _Derivation(record, policy, as_of_us, completes_stages, waiting_bands).run()
    finally:
        gc.enable()


class _Finding(NamedTuple):
    finding_id: str
    captures: list[Capture]
    rows: list[Fields]
    sightings: list[Sighting]
    file_path: str | None


class _Facts(NamedTuple):
    """What a cycle takes from its earliest observation, or from the cycle before it."""

    scanner_severity: str | None
    first_scanner: str | None
    scanner_band: str
    scanners: list[str]
    engagement: str | None
    capture_channel: str


class _Judged(NamedTuple):
    evaluation: Evaluation
    facts: _Facts
    severity_now: str


class _Derivation:
    def __init__(
        self, record: Mapping[str, pa.Table], policy: Policy, as_of_us: int, completes_stages: bool, waiting_bands: Collection[str] | None
    ) -> None:
        self._record, self._policy, self._as_of, self._completes_stages = record, policy, as_of_us, completes_stages
        self._out: dict[str, dict[str, list]] = {
            name: {column.name: [] for column in table.columns} for name, table in tables.DERIVED_TABLES.items()
        }
        self._frames: dict[str, list[pa.Table]] = {name: [] for name in tables.DERIVED_TABLES}
        self._own_events: list[dict[str, Any]] = []
        #: Every id of a person as a directory has it, with what it is compared by.
        self._spellings: dict[str, str] = {}
        self._waiting_bands = waiting_bands
        #: What becomes of a notification under a digest window: by event when it is delivered, by event and finding what is told of it.
        self._deliveries: dict[str, digest.Delivery] = {}
        self._moves: dict[tuple[str, str], str] = {}
        self._calendars = {name: Calendar(name, calendar) for name, calendar in policy.calendars.items()}
        #: Who owns an open handoff, with when the earliest of theirs was captured.
        self._owners: dict[str, int] = {}

    def run(self) -> Derived:
        registers = {name: self._register(name) for name in _REGISTERS}
        self._assets, self._directory = AssetRegister(registers["asset"]), Directory(registers["person"], self._spellings)
        ownership = Ownership(registers["ownership"], self._directory)
        self._changes = sorted({*self._assets.changes, *self._directory.changes, *ownership.changes})
        self._before = self._as_of - self._policy.early_warning.period.wall_us()
        self._owners_before: Counter[tuple[str | None, bool, bool]] = Counter()
        #: The ends of past periods, in order: where trends of the queue have a point.
        self._ends = sorted({span.ends_us for span in trends(self._as_of, self._policy.reporting_zone) if not span.is_current})
        observations, events = self._observations(), self._events()
        inbox = Inbox()
        self._world = World(self._policy, self._as_of, self._assets, self._directory, ownership, inbox, self._calendars)
        self._active_assets(self._scans())
        self._people()
        self._directory_issues()
        self._tickets()
        concerned = self._resolve(events, observations)
        if self._waiting_bands is not None:
            self._deliver(events, self._places_of_dispatches(observations, events, concerned))
        self._fill_inbox(inbox, events)
        for findings, rows in self._parts(observations, events, concerned):
            for finding in findings:
                self._finding(finding, rows.get(finding.rows[0]["finding"], []))
            self._flush()
        for (team, is_owned, is_active), open_findings in sorted(self._owners_before.items(), key=lambda item: (item[0][0] or "", *item[0][1:])):
            self._add("ownership_before", team=team, is_owned=is_owned, is_active=is_active, open_findings=open_findings)
        self._unreachable()
        self._flush()
        return Derived({name: pa.concat_tables(frames) for name, frames in self._frames.items()}, self._own_events)

    def _flush(self) -> None:
        """Turns the rows so far into columns."""
        for name, columns in self._out.items():
            self._frames[name].append(tables.DERIVED_TABLES[name].frame(columns))
            for values in columns.values():
                values.clear()

    # Registers

    def _register(self, name: str) -> Timeline:
        contents = {row["content_id"]: row for row in _rows(self._record[name], tables.RECORD_TABLES[name])}
        value_names = [column.name for column in _REGISTERS[name].columns if column.name not in _NOT_CONTENT]
        kind = {"asset": "assets", "person": "people"}.get(name, name)
        files = {row["claim_id"]: row for row in _rows(self._record["snapshot"], tables.LANDING_ATTEMPT) if kind in registers_of(row["kind"])}
        prepared: dict[tuple[str, str], Row] = {}
        members = self._record["register_member"]
        rows: dict[str, list[Row]] = defaultdict(list)
        for claim_id, register, content_id in zip(*(members.column(c).to_pylist() for c in ("claim_id", "register", "content_id")), strict=True):
            if register == name and content_id in contents and claim_id in files:
                where = content_id, files[claim_id]["format"]
                if where not in prepared:
                    prepared[where] = self._register_row(name, contents[content_id], value_names, where[1])
                rows[claim_id].append(prepared[where])
        snapshots = [
            Snapshot(row["claim_id"], row["source"], row["snapshot_at"], row["path"], row["landed_at"], row["is_complete"]) for row in files.values()
        ]
        found = timeline(name, snapshots, rows)
        self._disagree(found.disagreements)
        return found

    def _register_row(self, name: str, row: dict[str, Any], value_names: Sequence[str], format_name: str) -> Row:
        """A row as the directory's rules read it; what orders and compares it is what its file says."""
        content = tuple(as_text(row[value]).encode() for value in value_names)
        values = {value: row[value] for value in value_names}
        keys = _REGISTER_KEYS[name]
        key: Hashable = row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys)
        if name == "person":
            key = self._spellings[row["person_id"]] = person_key(row["person_id"])
            values = people.judged(values, format_name, self._policy.directory)
        elif name == "ownership" and values["priority"] is None:
            values["priority"] = self._policy.directory.priorities.get(format_name)
        return Row(key, row["effective_from"], content, values)

    def _disagree(self, disagreements: Iterable[Disagreement]) -> None:
        for clash in disagreements:
            # A person's id is the first column: as its file spells it, not as it is compared.
            key = clash.kept[0].decode() if isinstance(clash.key, str) else json.dumps(clash.key)
            kept, lost = (";".join(part.decode() for part in content) for content in (clash.kept, clash.lost))
            self._conflict(clash.kind, key, kept, lost, "two rows for one key at one instant", clash.recorded_us)

    def _conflict(self, kind: str, subject: str, kept: str, lost: str, detail: str, recorded_us: int) -> None:
        self._add("conflict", kind=kind, subject=subject, kept=kept, lost=lost, detail=detail, recorded_at=recorded_us)

    # Observations

    def _observations(self) -> pl.DataFrame:
        """The observations that count, grouped into findings."""
        frame = instants_as_microseconds(pl.from_arrow(self._record["observation"])).filter(pl.col("captured_at") <= self._as_of)
        epoch_today = datetime.fromtimestamp(0, UTC).date()
        self._kev = {
            row["vulnerability_id"] for row in _rows(self._record["known_exploited"], tables.KNOWN_EXPLOITED) if (row["added_on"] - epoch_today).days * DAY_US <= self._as_of
        }
        # Of several lists the highest, whichever came first.
        self._epss = {}
        for row in _rows(self._record["exploit_prediction"], tables.EXPLOIT_PREDICTION):
            self._epss[row["vulnerability_id"]] = max(row["epss"], self._epss.get(row["vulnerability_id"], 0.0))
        advisories = [row["vulnerability_ids"] for row in _rows(self._record["vulnerability_alias"], tables.VULNERABILITY_ALIAS)]
        # Contents that lose to another are no witnesses: who wins is decided by the table alone.
        self._aliases = identity.canonical_ids(advisories)
        self._calibrator = Calibrator(self._policy, scanners.calibrations(), self._kev, self._epss)
        # Of several contents of one observation, and of one result re-sent in one scan, the winner (rulings 2, 19, 20).
        known = frame
        for key, kind in (("observation_id", "observation"), ("resend_id", "resent_observation")):
            frame = winners(frame, key, self._observation_rank, partial(self._lost_observation, kind))
        self._aliases = identity.known_aliases(advisories, stated_together(frame))
        self._repeats(known, frame)
        del known
        frame = frame.drop(_COMPARED_ONLY)
        bindings = self._bind_targets(sorted(frame["target"].unique().to_list()))
        self._environments = {target: environment(binding.asset, self._policy) for target, binding in bindings.items()}
        return group(frame, bindings, self._aliases)

    def _repeats(self, known: pl.DataFrame, kept: pl.DataFrame) -> None:
        """What scans hold beside the observations that count: a content that lost to another was seen no less."""
        names = [column.name for column in tables.DERIVED_REPEAT.columns]
        found = pl.from_arrow(self._record["repeat"]).select(names)
        if kept.height < known.height:
            lost = known.join(kept, on=["observation_id", "content_id", "claim_id"], how="anti").select(names)
            found = pl.concat([found, lost], how="vertical_relaxed")
        rows = found if found.is_empty() else found.unique().join(kept.select("sighting_id").unique(), on="sighting_id", how="semi")
        self._frames["repeat"].append(tables.DERIVED_REPEAT.frame({name: rows[name].to_list() for name in names}))

    def _band(self, row: Fields) -> Band:
        return self._calibrator.band(
            scanner=row["scanner"],
            format=row["format"],
            native_severity=row["native_severity"],
            native_score=row["native_score"],
            cvss_vectors=row["cvss_vectors"] or (),
            vulnerability_ids=self._known_ids(row["vulnerability_ids"] or ()),
            known_exploited=bool(row["known_exploited"]),
            epss=row["epss"],
            environment=self._environments[row["target"]],
        )

    def _known_ids(self, ids: Sequence[str]) -> Sequence[str]:
        """The stated ids and what they are known to mean."""
        if not ids or not self._aliases:
            return ids
        return [*ids, *(self._aliases[id_] for id_ in ids if id_ in self._aliases)]

    def _observation_rank(self, row: Fields) -> tuple:
        content = tuple(as_text(row[name]).encode() for name in _ITEM_ORDER)
        return row["captured_at"], self._calibrator.native_rank(row["scanner"], row["format"], row["native_severity"]), content, row["claim_id"]

    def _lost_observation(self, kind: str, subject: str, kept: Fields, lost: Fields) -> None:
        self._lost(kind, subject, kept, lost, ("captured_at", *_ITEM_ORDER))

    def _lost(self, kind: str, subject: str, kept: Fields, lost: Fields, names: Sequence[str]) -> None:
        if kept["content_id"] != lost["content_id"]:
            differs = "; ".join(f"{name}: {as_text(kept[name])!r} kept, {as_text(lost[name])!r} lost" for name in names if kept[name] != lost[name])
            self._conflict(kind, subject, kept["content_id"], lost["content_id"], differs, max(kept["recorded_at"], lost["recorded_at"]))

    def _bind_targets(self, targets: list[str]) -> dict[str, Binding]:
        allowed = self._policy.scans.authorized
        bindings = {target: self._assets.bind(target, self._as_of) for target in targets}
        for target, binding in bindings.items():
            self._add(
                "target",
                target=target,
                binding_status=binding.status,
                asset_id=binding.asset_id,
                candidates=list(binding.candidates),
                is_authorized=_is_authorized(target, allowed),
                place=covered_place(target, binding),
                places=places_of(target, binding),
            )
        return bindings

    def _scans(self) -> dict[str, tuple[int, str]]:
        """The dated scans with what they covered; asset → the latest healthy one that says it covered it: a clean scan has no result to tell."""
        covered: dict[str, tuple[int, str]] = {}
        for row in self._record["scan"].to_pylist():
            if row["scanned_us"] is None or row["scanned_us"] > self._as_of:
                continue
            is_healthy = row["status"] in _HEALTHY
            names = ("claim_id", "sha256", "path", "format", "status", "scanners", "scope", "rows_rejected", "is_dated_by_file")
            self._add("scan", **{name: row[name] for name in names}, scanned_at=row["scanned_us"], is_healthy=is_healthy)
            places: dict[str, str | None] = {}
            for target in row["scope"] or ():
                binding = self._assets.bind(target, self._as_of)
                places[covered_place(target, binding)] = binding.asset_id
                if is_healthy and binding.status == "bound" and binding.asset_id:
                    covered[binding.asset_id] = max(covered.get(binding.asset_id, (0, "")), (row["scanned_us"], row["claim_id"]))
            for place, asset_id in places.items():
                self._add("scan_place", claim_id=row["claim_id"], place=place, asset_id=asset_id)
        return covered

    def _active_assets(self, covered: Mapping[str, tuple[int, str]]) -> None:
        """The assets that ought to be scanned, each with the latest scan that says it covered it."""
        for asset, since in self._assets.in_force(self._as_of):
            if asset["status"] == "active":
                covered_us, claim_id = covered.get(asset["asset_id"], (None, None))
                names = (
                    "asset_id", "name", "kind", "application", "business_unit", "environment", "criticality", "owner_team", "aliases", "internet_facing",
                )  # fmt: skip
                self._add("asset", **{name: asset[name] for name in names}, registered_at=since, covered_at=covered_us, covered_by=claim_id)

    def _people(self) -> None:
        """Everybody ever known, with what they are at as_of: from whom the next owner is sought."""
        for record, person in self._directory.known(self._as_of):
            self._add(
                "person",
                person_id=record["person_id"],
                **{name: record[name] for name in ("name", "email", "team", "role", "channel", "time_zone", "kind", "status")},
                manager_id=self._directory.person(record["manager_id"], self._as_of).person_id,
                is_in_force=person.record is not None,
                standing=person.reason or "valid",
            )

    def _directory_issues(self) -> None:
        """What the directory says at as_of that cannot be followed."""
        directory, as_of = self._directory, self._as_of
        issues = [("manager_cycle", " → ".join((*ring, ring[0])), list(ring)) for ring in managers.cycles(directory, as_of)]
        issues += [("shared_reference", f"{what} {text}", ids) for what, text, ids in directory.shared(as_of)]
        zones: dict[str, list[str]] = defaultdict(list)
        for person in directory.in_force(as_of):
            if person["time_zone"] and not is_zone(person["time_zone"]):
                zones[person["time_zone"]].append(person["person_id"])
        issues += [("unknown_time_zone", name, ids) for name, ids in sorted(zones.items())]
        for issue, subject, ids in issues:
            # It holds since the last of its versions began to; each may have held before for another reason.
            starts = [directory.since(person_id, as_of) for person_id in ids]
            since = max((start for start in starts if start is not None), default=None)
            self._add("directory_issue", issue=issue, subject=subject, person_ids=ids, since_at=since)

    def _unreachable(self) -> None:
        """Whom escalation would pass over: managers of those who own open handoffs, and the escalation default, who cannot be told."""
        below: dict[str, list[str]] = defaultdict(list)
        for owner_id in sorted(self._owners):
            record = self._directory.person(owner_id, self._as_of).record
            manager = self._directory.person(record["manager_id"] if record else None, self._as_of)
            if manager.person_id is not None and not manager.is_valid:
                below[manager.person_id].append(owner_id)
        found = [("unreachable_manager", manager_id, ids, min(self._owners[owner_id] for owner_id in ids)) for manager_id, ids in sorted(below.items())]
        default = self._directory.person(self._policy.routing.escalation_default, self._as_of)
        if default.person_id is not None and not default.is_valid:
            found.append(("unreachable_default", default.person_id, [], ALWAYS))
        for issue, subject, ids, start in found:
            self._add("directory_issue", issue=issue, subject=subject, person_ids=ids, since_at=self._invalid_since(subject, start))

    def _invalid_since(self, reference: str, start: int) -> int | None:
        """Since when, but not before `start`, a reference that names no valid person at as_of has named none; None where it always did."""
        changes = self._directory.changes
        later = changes[bisect_right(changes, start) : bisect_right(changes, self._as_of)]
        since = next((at for at in reversed(later) if self._directory.person(reference, at - 1).is_valid), start)
        return None if since == ALWAYS else since

    def _tickets(self) -> None:
        """What the trackers say of their tickets, held against the record later. One that does not say when it changed is as it was when it landed."""
        names = ("content_id", "ticket", "tracker", "title", "state", "native_state", "assignee", "severity", "native_priority", "url", "labels", "due_at")
        for row in _rows(self._record["ticket"], tables.TICKET):
            updated = row["recorded_at"] if row["updated_at"] is None else row["updated_at"]
            if updated <= self._as_of:
                person = self._directory.person(row["assignee"], self._as_of)
                self._add("ticket", **{name: row[name] for name in names}, assignee_id=person.person_id, updated_at=updated)

    # Findings, some thousands at a time: the rows of all of them at once would fill the memory

    def _parts(self, observations: pl.DataFrame, events: pl.DataFrame, concerned: pl.DataFrame) -> Iterator[tuple[list[_Finding], dict[int, list[Fields]]]]:
        """Findings with the events that concern each, by number. Observations and what events concern are sorted by finding."""
        first, last, count = 0, 0, observations["finding"].max()
        for until in range(_AT_ONCE, (-1 if count is None else count) + _AT_ONCE + 1, _AT_ONCE):
            end, event_end = (int(frame["finding"].search_sorted(until)) for frame in (observations, concerned))
            groups: dict[int, list[Fields]] = {}
            for row in rows_of(observations[first:end]):
                row["band"], row["band_rule"] = self._band(row)
                row["scanner_band"] = self._calibrator.scanner_band(row["scanner"], row["format"], row["native_severity"], row["native_score"])
                row["scanner_score"] = scanner_score(row["cvss_vectors"] or (), row["native_score"])
                groups.setdefault(row["finding"], []).append(row)
            part = concerned[last:event_end]
            rows_by_finding: dict[int, list[Fields]] = {}
            for number, row in zip(part["finding"].to_list(), rows_of(events[part["row"]]), strict=True):
                rows_by_finding.setdefault(number, []).append(row | _OWN_ROW if row["method"] == "own" else row)
            yield [self._group(rows) for rows in groups.values()], rows_by_finding
            first, last = end, event_end

    def _group(self, rows: list[Fields]) -> _Finding:
        first: dict[str, Sighting] = {}
        captures = []
        for row in rows:
            captures.append(
                Capture(
                    row["captured_at"],
                    row["scanner"],
                    row["own_id"],
                    row["title"],
                    row["observation_id"],
                    row["sighting_id"],
                    row["band"],
                    row["native_severity"] if row["native_severity"] is not None else as_text(row["native_score"]) or None,
                    row["scanner_band"],
                    row["engagement"],
                    row["capture_channel"],
                    row["recorded_at"],
                )
            )
            if row["sighting_id"] not in first:
                first[row["sighting_id"]] = Sighting(row["captured_at"], row["scanner"], row["own_id"], row["title"], row["sighting_id"], row["target"])
        finding_id = rows[0]["finding_id"]
        sightings = sorted(first.values())
        file_path = next((row["file_path"] for row in rows if row["file_path"]), None)
        return _Finding(finding_id, captures, rows, sightings, file_path)

    # Events

    def _events(self) -> pl.DataFrame:
        """The accepted events, one for each event_id, known and occurred by as_of, in the order of ruling 5."""
        frame = instants_as_microseconds(pl.from_arrow(self._record["activity"])).filter(pl.col("occurred_at") <= self._as_of)
        kept = winners(frame, "event_id", _event_rank, lambda subject, kept, lost: self._lost("activity", subject, kept, lost, _EVENT_ORDER))
        ranked = kept.drop("pointer", "content_id").with_columns(rank=pl.col("event").replace_strict(EVENT_RANK, return_dtype=pl.Int64))
        return ranked.sort("occurred_at", "rank", "event_id")

    def _resolve(self, events: pl.DataFrame, observations: pl.DataFrame) -> pl.DataFrame:
        """Each `finding` that an event concerns with the event's `row`, sorted. One without keeps status `no_match` or `ambiguous_ref`, and waits."""
        references = References(observations.select("sighting_id", "scanner", "own_id", "finding"))
        links = events.filter((pl.col("event") == "ticket_linked") & (pl.col("ticket").str.len_bytes() > 0))
        names = links.select("ref", "ticket").rows()
        for ref, ticket in names:
            references.link(ticket, references.resolve(ref, with_tickets=False)[0])
        references.follow(names)
        refs = events["ref"].unique()
        found = [references.resolve(ref) for ref in refs.to_list()]
        by_ref = pl.DataFrame(
            {"ref": refs, "finding": pl.Series([findings for findings, _ in found], dtype=pl.List(pl.Int64)), "status": pl.Series([status for _, status in found], dtype=pl.String)}
        )
        resolved = events.select("ref").with_row_index("row").join(by_ref, on="ref", how="left", validate="m:1", nulls_equal=True, maintain_order="left")
        waiting = resolved.filter(pl.col("finding").list.len() == 0)
        for row, status in zip(rows_of(events[waiting["row"]]), waiting["status"].to_list(), strict=True):
            self._event(row | _OWN_ROW if row["method"] == "own" else row, _as_event(row), None, None, status, False)
        return resolved.select("finding", "row").explode("finding", empty_as_null=True).drop_nulls("finding").sort("finding", "row")

    def _fill_inbox(self, inbox: Inbox, events: pl.DataFrame) -> None:
        """What reached whom and when; what one act told of at once, a digest, is one message however many findings it names."""
        messages: set[tuple] = set()
        told = events.filter(pl.col("event") == "notified").select("event_id", "target_person", "occurred_at", "batch_id").sort("occurred_at", "event_id")
        for event_id, target, occurred, batch_id in told.iter_rows():
            person = self._directory.person(target, occurred)
            if person.record is None:
                continue
            delivery = self._deliveries.get(event_id)
            at = occurred if delivery is None else delivery.delivered_us
            is_moved = delivery is not None and delivery.status == "in_digest"
            if is_moved or batch_id is not None:
                message = (person.person_id, at if is_moved else batch_id)
                if message in messages:
                    continue
                messages.add(message)
            if at is not None:
                inbox.add(person.person_id, at)  # type: ignore[arg-type]
        inbox.freeze()

    # What if notifications had waited for a digest

    def _places_of_dispatches(self, observations: pl.DataFrame, events: pl.DataFrame, concerned: pl.DataFrame) -> dict[str, list[digest.Place]]:
        """The handoffs that each notification is about; its being notified turns no cycle, so they can be told before it is moved."""
        places: dict[str, list[digest.Place]] = defaultdict(list)
        for findings, rows in self._parts(observations, events, concerned):
            for finding in findings:
                event_rows = rows.get(finding.rows[0]["finding"], [])
                if not any(row["event"] == "notified" for row in event_rows):
                    continue
                for found in self._judge(finding, [_as_event(row) for row in event_rows])[1]:
                    ev = found.evaluation
                    settled = min((at for at in (ev.t1, ev.cycle.ended_us) if at is not None), default=None)
                    for event in ev.cycle.events:
                        if event.kind == "notified":
                            places[event.event_id].append(digest.Place(finding.finding_id, ev.cycle.number, ev.band(event.occurred_us), settled))
        return {event_id: sorted(about, key=lambda place: (place.finding_id, place.cycle)) for event_id, about in places.items()}

    def _deliver(self, events: pl.DataFrame, places: Mapping[str, list[digest.Place]]) -> None:
        """When each notification goes out, and of which handoffs it tells."""
        told: set[tuple] = set()
        for row in rows_of(events.filter(pl.col("event") == "notified").select("event_id", "target_person", "occurred_at")):
            person = self._directory.person(row["target_person"], row["occurred_at"])
            if person.record is None:
                continue
            event_id, about = row["event_id"], places.get(row["event_id"], [])
            found = digest.deliver(row["occurred_at"], about, self._waiting_bands or (), self._world.calendar(person.team), self._as_of)
            self._deliveries[event_id] = found
            self._add(
                "dispatch",
                event_id=event_id,
                person_id=person.person_id,
                severity=digest.most_severe(about),
                status=found.status,
                dispatched_at=row["occurred_at"],
                delivered_at=found.delivered_us,
                finding_ids=[place.finding_id for place in about],
                cycles=[place.cycle for place in about],
            )
            for place in about if found.status != "at_once" else ():
                status = found.status if (place.finding_id, place.cycle) in found.places else "needless"
                once = (person.person_id, found.delivered_us, place.finding_id, place.cycle)
                # A digest names a handoff once, however often it was to be told of.
                self._moves[event_id, place.finding_id] = "told" if status == "in_digest" and once not in told else status
                told.add(once)

    def _moved(self, finding_id: str, event_rows: list[Fields]) -> list[Fields]:
        """The events of a finding with each notification where its digest goes out; one that it does not tell of is left out."""
        kept = []
        for row in event_rows:
            move = self._moves.get((row["event_id"], finding_id))
            if move is None:
                kept.append(row)
            elif move == "told":
                kept.append({**row, "occurred_at": self._deliveries[row["event_id"]].delivered_us})
            else:
                self._event(row, _as_event(row), finding_id, None, move, False)
        return sorted(kept, key=lambda row: (row["occurred_at"], row["rank"], row["event_id"]))

    def _event(self, row: dict[str, Any], event: Event, finding_id: str | None, cycle: int | None, status: str, is_valid: bool) -> None:
        actor = self._directory.person(event.actor, event.occurred_us)
        self._add(
            "event",
            event_id=event.event_id,
            finding_id=finding_id,
            cycle=cycle,
            ref=row["ref"],
            event=event.kind,
            actor=event.actor,
            target_person=event.target,
            severity=event.severity,
            channel=event.channel,
            ticket=row["ticket"],
            comment=event.comment,
            method=event.method,
            status=status,
            actor_id=actor.person_id if actor.record else None,
            actor_role=actor.record["role"] if actor.record else None,
            actor_team=actor.team,
            actor_standing="active" if actor.is_active_human else actor.reason,
            occurred_at=event.occurred_us,
            recorded_at=event.recorded_us,
            is_valid=is_valid,
            claim_id=row["claim_id"],
            batch_id=row["batch_id"],
            asserted_by=row["asserted_by"],
            is_naive=row["is_naive"],
            is_midnight=row["is_midnight"],
        )

    # One finding

    def _finding(self, finding: _Finding, event_rows: list[Fields]) -> None:
        for sighting in finding.sightings:
            self._add(
                "sighting", sighting_id=sighting.sighting_id, finding_id=finding.finding_id, target=sighting.target, first_captured_at=sighting.first_us
            )
        if self._moves:
            event_rows = self._moved(finding.finding_id, event_rows)
        self._rows_by_event = {row["event_id"]: row for row in event_rows}
        life, judged = self._judge(finding, [_as_event(row) for row in event_rows])
        own = self._complete_stages(finding, judged[-1].evaluation) if judged and self._completes_stages else []
        if own:
            # They turn no cycle: only the last one's stages are judged again.
            last = judged[-1].evaluation
            last.cycle.events = sort_events([*last.cycle.events, *own])
            judged[-1] = judged[-1]._replace(evaluation=last.again())
        for event, reason in life.ignored:
            self._event(self._rows_by_event[event.event_id], event, finding.finding_id, None, reason, False)
        own_ids = sorted({row["own_id"] for row in finding.rows if row["own_id"]}, key=str.encode)
        # Title and target of the finding: of its earliest observation that is not informational (ruling 21).
        head = next((row for row in finding.rows if row["band"] != "informational"), finding.rows[0])
        cycle_of = {capture.observation_id: found.evaluation.cycle.number for found in judged for capture in found.evaluation.cycle.captures}
        for found in judged:
            # While its band is unrated a cycle is in no mart but finding and flag (ruling 23).
            if found.severity_now != "unrated":
                self._cycle(finding, found, head, own_ids)
            self._cycle_events(finding.finding_id, found.evaluation)
        for control in life.controls:
            self._control(finding.finding_id, control)
        self._summary(finding, life.cycles, judged[-1].evaluation if judged else None, head, own_ids)
        for row in finding.rows:
            self._add(
                "capture",
                observation_id=row["observation_id"],
                content_id=row["content_id"],
                claim_id=row["claim_id"],
                sighting_id=row["sighting_id"],
                finding_id=finding.finding_id,
                cycle=cycle_of.get(row["observation_id"]),
                scanner=row["scanner"],
                format=row["format"],
                target=row["target"],
                native_term=native_term(row["native_severity"]),
                band=row["band"],
                rule=row["band_rule"],
                scanner_band=row["scanner_band"],
                scanner_score=row["scanner_score"],
                captured_at=row["captured_at"],
            )

    def _judge(self, finding: _Finding, events: list[Event]) -> tuple[History, list[_Judged]]:
        """The cycles of a finding, each judged; one without observations of its own inherits from the one before it."""
        policy = self._policy
        life = history(
            finding.captures, events, as_of_us=self._as_of, grace_us=policy.reopen.grace.wall_us(), attestation_us=policy.controls.attestation.wall_us()
        )
        judged: list[_Judged] = []
        band: str | None = None
        facts = _Facts(None, None, "unrated", [], None, "scanner")
        for cycle in life.cycles:
            evaluation = Evaluation(self._world, cycle, finding.sightings, finding.file_path, life.controls, band)
            own = cycle.captures
            if own:
                first = own[0]
                scanners_seen = sorted({capture.scanner for capture in own})
                facts = _Facts(first.native_severity, first.scanner, first.scanner_band, scanners_seen, first.engagement, first.capture_channel)
            severity_now = evaluation.band(self._as_of)
            band = severity_now if severity_now != "unrated" else band
            judged.append(_Judged(evaluation, facts, severity_now))
        return life, judged

    def _complete_stages(self, finding: _Finding, last: Evaluation) -> list[Event]:
        """The stage events that this run itself completes (ruling 51), kept for landing and taken into account at once."""
        own = []
        for kind, person in last.own_events():
            row = {
                "event_id": identifier("own", finding.finding_id, kind, person, self._as_of),
                "ref": finding.finding_id,
                "event": kind,
                "occurred_at": self._as_of,
                "target_person": person,
                "method": "own",
                "asserted_by": "handoff run",
            }
            self._own_events.append(row)
            event = Event(self._as_of, EVENT_RANK[kind], row["event_id"], kind, None, person, None, None, None, "own", self._as_of)
            self._rows_by_event[event.event_id] = {**row, **_OWN_ROW}
            own.append(event)
        return own

    def _cycle_events(self, finding_id: str, evaluation: Evaluation) -> None:
        judged = {found.event.event_id: found for found in (*evaluation.acknowledgements, *evaluation.stage_events)}
        for event in evaluation.cycle.events:
            verdict = judged.get(event.event_id)
            status = "counted" if verdict is None or verdict.is_valid else verdict.reason or ""
            row = self._rows_by_event[event.event_id]
            self._event(row, event, finding_id, evaluation.cycle.number, status, verdict is None or verdict.is_valid)

    def _cycle(self, finding: _Finding, judged: _Judged, head: dict[str, Any], own_ids: list[str]) -> None:
        ev, facts = judged.evaluation, judged.facts
        cycle, settled, as_of = ev.cycle, ev.settled_us, self._as_of
        binding, decision = ev.binding(settled), ev.decision(settled)
        asset = binding.asset or {}
        team = ev.team(settled)
        current = decision if settled == as_of else ev.decision(as_of)
        is_unrouted = cycle.is_open and ev.t1 is None and current.status != "routed"
        resolved, in_progress = ev.earliest("resolved"), ev.earliest("in_progress")
        inferred = ev.inferences[0].occurred_us if ev.inferences else None
        calendar = ev.calendar

        def before(instant: int | None) -> int | None:
            return None if instant is None else calendar.open_us(instant)

        calendar.open_us(cycle.started_us)
        calendar.open_us(as_of)  # laid out over the whole span before the first offset is taken
        self._add(
            "cycle",
            finding_id=finding.finding_id,
            cycle=cycle.number,
            origin=cycle.origin,
            state=cycle.state,
            severity=ev.severity,
            severity_now=judged.severity_now,
            scanner_severity=facts.scanner_severity,
            first_scanner=facts.first_scanner,
            scanner_band=facts.scanner_band,
            scanners=facts.scanners,
            title=head["title"],
            target=head["target"],
            asset_id=binding.asset_id,
            application=asset.get("application"),
            business_unit=asset.get("business_unit"),
            environment=asset.get("environment"),
            team=team,
            team_now=team if settled == as_of else ev.team(as_of),
            calendar=calendar.name,
            owner_id=decision.owner_id,
            own_ids=own_ids,
            engagement=facts.engagement,
            capture_channel=facts.capture_channel,
            binding_status=binding.status,
            routing_status=decision.status,
            escalated_to=self._escalation() if is_unrouted else None,
            acknowledged_by=self._directory.person(ev.acknowledgement.actor, ev.t1).person_id if ev.acknowledgement else None,
            withdrawal_reason=cycle.withdrawal_reason,
            capture_id=_opening(cycle),
            captured_at=cycle.started_us,
            enriched_at=ev.enriched_us,
            routed_at=ev.routed_us,
            notified_at=ev.notified_us,
            acknowledged_at=ev.t1,
            triaged_at=ev.triaged_us,
            in_progress_at=in_progress,
            resolved_at=resolved,
            verified_at=cycle.verified_us,
            withdrawn_at=cycle.withdrawn_us,
            inferred_at=inferred,
            ended_at=cycle.ended_us,
            horizon_at=ev.horizon_us,
            handoff_due_at=ev.handoff_due_us,
            remediation_due_at=ev.remediation_due_us,
            single_sla_due_at=ev.single_due_us,
            window_ends_at=ev.window_ends_us,
            binding_due_at=ev.binding_due_us,
            is_open=cycle.is_open,
            control_us=ev.control_us,
            captured_open_us=before(cycle.started_us),
            enriched_open_us=before(ev.enriched_us),
            routed_open_us=before(ev.routed_us),
            notified_open_us=before(ev.notified_us),
            acknowledged_open_us=before(ev.t1),
            triaged_open_us=before(ev.triaged_us),
            in_progress_open_us=before(in_progress),
            resolved_open_us=before(resolved),
            verified_open_us=before(cycle.verified_us),
            horizon_open_us=before(ev.horizon_us),
            handoff_due_open_us=before(ev.handoff_due_us),
            as_of_open_us=before(as_of),
            current_status=current.status,
            current_person=current.person.person_id,
            current_reference=current.reference,
            current_mapping=current.primitive,
            current_is_active=current.person.is_active_human,
            current_since=current.since_us,
            unbound_since_at=self._first_instant(ev, lambda at: ev.binding(at).status != "bound") if cycle.is_open else None,
            decayed_since_at=self._first_instant(ev, ev.is_decayed) if cycle.is_open else None,
            rejected=list(current.rejected),
        )
        for mode in ev.modes():
            evidence = json.dumps(mode.evidence, sort_keys=True)
            self._add("mode", finding_id=finding.finding_id, cycle=cycle.number, mode=mode.mode, rank=FAILURE_MODES.index(mode.mode), evidence=evidence)
        for start, end in ev.control_intervals:
            business = calendar.business_us(start, end)
            self._add("control", finding_id=finding.finding_id, cycle=cycle.number, started_at=start, ended_at=end, business_us=business)
        self._waited(finding.finding_id, ev)
        self._owned_before(ev)
        if cycle.is_open:
            self._open_cycle(finding, ev)
            if current.person.record is not None and current.person.person_id is not None:
                owner_id = current.person.person_id
                self._owners[owner_id] = min(cycle.started_us, self._owners.get(owner_id, cycle.started_us))

    def _control(self, finding_id: str, control: Control) -> None:
        self._add(
            "compensating_control",
            finding_id=finding_id,
            cycle=control.cycle,
            started_at=control.start_us,
            attested_at=control.attested_us,
            due_at=control.due_us,
            ended_at=control.end_us,
            attestations=control.attestations,
            ended_by=control.ended_by,
            revalidation_cycle=control.revalidation,
        )

    def _first_instant(self, ev: Evaluation, holds: Callable[[int], bool]) -> int | None:
        """The first instant of a cycle at which something holds that holds at as_of: only a register's or a naming event's change can begin it."""
        if not holds(self._as_of):
            return None
        start = ev.cycle.started_us
        later = {event.occurred_us for event in ev.cycle.events} | {sighting.first_us for sighting in ev.sightings}
        later |= set(self._changes[bisect_right(self._changes, start) : bisect_right(self._changes, self._as_of)])
        return next(at for at in sorted({start, self._as_of, *(at for at in later if start < at < self._as_of)}) if holds(at))

    def _waited(self, finding_id: str, ev: Evaluation) -> None:
        """At which past periods' ends the cycle stood unrouted, as stretches of them: the depths that the queue had then."""
        cycle = ev.cycle
        until = min((end for end in (cycle.ended_us, ev.t1) if end is not None), default=self._as_of + 1)
        ends = self._ends[bisect_left(self._ends, cycle.started_us) : bisect_left(self._ends, until)]
        for status, stretch in groupby(ends, key=lambda at: ev.decision(at).status):
            if status != "routed":
                waited = list(stretch)
                self._add("queue", first_at=waited[0], last_at=waited[-1], finding_id=finding_id, cycle=cycle.number, severity=ev.severity, status=status)

    def _owned_before(self, ev: Evaluation) -> None:
        """Counts the owner of a cycle that was open the policy's period ago, as they were then (ruling 80)."""
        at, cycle = self._before, ev.cycle
        if cycle.started_us <= at and (cycle.ended_us is None or cycle.ended_us > at):
            decision = ev.decision(at)
            is_owned = bool(decision.reference and decision.reference.strip())
            self._owners_before[ev.team(at), is_owned, is_owned and decision.person.is_active_human] += 1

    def _open_cycle(self, finding: _Finding, ev: Evaluation) -> None:
        number, decision = ev.cycle.number, ev.primitive(self._as_of)
        self._add(
            "routing",
            finding_id=finding.finding_id,
            cycle=number,
            status=decision.status,
            candidate=decision.reference,
            person_id=decision.person.person_id,
            primitive=decision.primitive,
            mapping_effective_from=decision.since_us,
            rejected=list(decision.rejected),
        )

    def _escalation(self) -> str | None:
        default = self._policy.routing.escalation_default
        person = self._directory.person(default, self._as_of)
        return person.person_id if default and person.is_valid else None

    def _summary(self, finding: _Finding, cycles: list, last: Evaluation | None, head: dict[str, Any], own_ids: list[str]) -> None:
        rows = finding.rows
        binding = (last.binding(self._as_of) if last else self._assets.bind(finding.sightings[0].target, self._as_of))
        rated = [row for row in rows if row["band"] != "informational"]
        band = last.band(self._as_of) if last else "informational"
        setter = next((row for row in rows if row["band"] == band), None)
        probabilities = [row["epss"] for row in rows if row["epss"] is not None]
        ids = sorted({id_ for row in rows for id_ in row["vulnerability_ids"] or ()})
        probabilities += [self._epss[id_] for id_ in ids if id_ in self._epss]
        self._add(
            "finding",
            finding_id=finding.finding_id,
            asset_id=binding.asset_id,
            asset_criticality=(binding.asset or {}).get("criticality"),
            is_internet_facing=(binding.asset or {}).get("internet_facing"),
            binding_status=binding.status,
            target=head["target"],
            vulnerability_key=rows[0]["key"],
            vulnerability_ids=ids,
            cwe=sorted({number for row in rows for number in row["cwe"] or ()}),
            cvss_vector=next((row["cvss_vectors"][0] for row in (setter, *rows) if row and row["cvss_vectors"]), None),
            known_exploited=any(row["known_exploited"] for row in rows) or any(id_ in self._kev for id_ in self._known_ids(ids)),
            epss=max(probabilities, default=None),
            location_kind=rows[0]["location_kind"],
            location_key=rows[0]["location_key"],
            file_path=finding.file_path,
            title=head["title"],
            severity=band,
            severity_rule=setter["band_rule"] if setter else "inherited from the cycle before",
            state=cycles[-1].state if cycles else "informational",
            first_captured_at=(rated or rows)[0]["captured_at"],
            last_captured_at=rows[-1]["captured_at"],
            cycles=len(cycles),
            is_open=bool(cycles) and cycles[-1].is_open,
            scanners=sorted({row["scanner"] for row in rated or rows}),
            own_ids=own_ids,
            observations=len(rows),
            first_recorded_at=min(row["recorded_at"] for row in rows),
        )

    def _add(self, table: str, **values: Any) -> None:
        columns = self._out[table]
        for name, value in values.items():
            columns[name].append(value)


def _opening(cycle: Cycle) -> str | None:
    """The observation that set t0; None where an event or a control's due began the cycle."""
    first = cycle.captures[0] if cycle.captures and cycle.origin != "revalidation" else None
    return first.observation_id if first and first.captured_us == cycle.started_us else None


#: What becomes of a scan whose coverage counts: read, without results, or held and let go by a person.
_HEALTHY = ("loaded", "empty", "released")

#: The columns in which two contents of one observation may differ, in the order of their names in the report.
_ITEM_ORDER = ("cvss_vectors", "epss", "known_exploited", "native_score", "native_severity", "own_id", "rule", "source_state", "title", "engagement", "capture_channel")
_EVENT_ORDER = ("event_id", "ref", "event", "actor", "occurred_at", "target_person", "severity", "channel", "ticket", "comment")

#: What an own stage event has none of. Its claim is left out too: before it has landed it has none, and deriving again must change nothing.
_OWN_ROW = dict.fromkeys(("ticket", "claim_id", "batch_id", "is_naive", "is_midnight"))


def _event_rank(row: Fields) -> tuple:
    severity = BAND_RANK[row["severity"]] if row["severity"] else len(BANDS)
    return row["occurred_at"], severity, tuple(as_text(row[name]).encode() for name in _EVENT_ORDER), row["claim_id"]


def _as_event(row: Fields) -> Event:
    return Event(
        row["occurred_at"],
        row["rank"],
        row["event_id"],
        row["event"],
        row["actor"],
        row["target_person"],
        row["severity"],
        row["channel"],
        row["comment"],
        row["method"],
        row["recorded_at"],
    )


def _is_authorized(target: str, allowed: Sequence[str]) -> bool:
    """Whether a target lies within the authorised scope (globs, networks); an empty scope is everything (ruling 96)."""
    if not allowed:
        return True
    spellings = forms(target)
    for text in allowed:
        net = network(text)
        if net is not None and any((found := address(form)) is not None and found in net for form in spellings):
            return True
        if any(fnmatchcase(form, text.lower()) for form in spellings):
            return True
    return False


def _rows(frame: pa.Table, table: tables.Table) -> list[dict[str, Any]]:
    """The rows as dicts, instants as microseconds."""
    columns = {}
    for column in table.columns:
        values = frame.column(column.name)
        columns[column.name] = values.cast(pa.int64()).to_pylist() if column.type == "TIMESTAMP" else values.to_pylist()
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
