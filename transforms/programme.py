"""The record at one instant → everything the marts are made of. Composes the other transforms; the same whatever the order of arrival.

`derive` is a pure function of (record rows known by as_of, policy, as_of): a run, a rebuild and a test call it alike.
"""

from __future__ import annotations

import gc
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

from transforms import digest, identity, scanners
from transforms.binding import AssetRegister, address, forms, network
from transforms.domain import tables
from transforms.domain.calendar import Calendar
from transforms.domain.digests import identifier
from transforms.domain.instants import DAY_US, to_us
from transforms.domain.periods import current_periods
from transforms.domain.policy import Policy
from transforms.domain.vocabulary import BAND_RANK, BANDS, EVENT_RANK, FAILURE_MODES
from transforms.evaluation import Evaluation, Inbox, Sighting, World
from transforms.lifecycle import Capture, Event, History, history, sort_events
from transforms.routing import NOBODY, Directory, Ownership
from transforms.severity import Calibrator, environment
from transforms.versions import Disagreement, Row, Snapshot, Timeline, timeline

_REGISTERS = {"asset": tables.ASSET, "person": tables.PERSON, "ownership": tables.OWNERSHIP}
_REGISTER_KEYS = {"asset": ("asset_id",), "person": ("person_id",), "ownership": ("match", "person_id", "team")}
_NOT_CONTENT = ("claim_id", "pointer", "content_id", "recorded_at")


class Derived(NamedTuple):
    """Frames by name (`tables.DERIVED_TABLES`), and the stage events that this run itself completes."""

    frames: dict[str, pa.Table]
    own_events: list[dict[str, Any]]


def derive(
    record: Mapping[str, pa.Table], policy: Policy, as_of_us: int, *, completes_stages: bool, waiting_bands: Collection[str] | None = None
) -> Derived:
    """Derives findings, cycles, instants and decisions from the record's rows known by `as_of_us`.

    `record`: tables of `tables.RECORD_TABLES` by name, active claims only, plus `snapshot` (applied register files). A run
    `completes_stages`: the frames then already hold the own events that it returns, and deriving again with them landed changes nothing.
    `waiting_bands`: what if notifications of these bands had waited for a daily digest (transforms/digest.py); none of them still tells of
    every dispatch. A run leaves it out: what the record has was delivered as it was delivered.
    """
    # Millions of small tuples live until the end and form no cycles: collecting them over and over doubles the time.
    gc.disable()
    try:
        return _Derivation(record, policy, as_of_us, completes_stages, waiting_bands).run()
    finally:
        gc.enable()


class _Finding(NamedTuple):
    finding_id: str
    captures: list[Capture]
    rows: list[dict[str, Any]]
    sightings: list[Sighting]
    file_path: str | None


class _Facts(NamedTuple):
    """What a cycle takes from its earliest observation, or from the cycle before it."""

    scanner_severity: str | None
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
        self._own_events: list[dict[str, Any]] = []
        self._waiting_bands = waiting_bands
        self._calendars = {name: Calendar(name, calendar) for name, calendar in policy.calendars.items()}

    def run(self) -> Derived:
        registers = {name: self._register(name) for name in _REGISTERS}
        self._assets, self._directory = AssetRegister(registers["asset"]), Directory(registers["person"])
        ownership = Ownership(registers["ownership"], self._directory)
        self._changes = sorted({*self._assets.changes, *self._directory.changes, *ownership.changes})
        self._periods = current_periods(self._as_of, self._policy.reporting_zone)
        inbox = Inbox()
        self._world = World(self._policy, self._as_of, self._assets, self._directory, ownership, inbox, self._calendars)
        findings = self._findings(self._observations())
        events, by_finding = self._resolve_events(self._events(), findings)
        if self._waiting_bands is not None:
            self._deliver(events, by_finding, findings)
        self._fill_inbox(inbox, events)
        for finding in findings:
            self._finding(finding, by_finding.get(finding.finding_id, []))
        return Derived({name: tables.DERIVED_TABLES[name].frame(columns) for name, columns in self._out.items()}, self._own_events)

    # Registers

    def _register(self, name: str) -> Timeline:
        contents = {row["content_id"]: row for row in _rows(self._record[name], tables.RECORD_TABLES[name])}
        value_names = [column.name for column in _REGISTERS[name].columns if column.name not in _NOT_CONTENT]
        keys = _REGISTER_KEYS[name]
        prepared: dict[str, Row] = {}
        for content_id, row in contents.items():
            key = row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys)
            content = tuple(_text(row[value]).encode() for value in value_names)
            prepared[content_id] = Row(key, row["effective_from"], content, {value: row[value] for value in value_names})
        members = self._record["register_member"]
        rows: dict[str, list[Row]] = defaultdict(list)
        for claim_id, register, content_id in zip(*(members.column(c).to_pylist() for c in ("claim_id", "register", "content_id")), strict=True):
            if register == name and content_id in prepared:
                rows[claim_id].append(prepared[content_id])
        kind = {"asset": "assets", "person": "people"}.get(name, name)
        snapshots = [
            Snapshot(row["claim_id"], row["source"], row["snapshot_at"], row["path"], row["landed_at"], row["is_complete"])
            for row in _rows(self._record["snapshot"], tables.LANDING_ATTEMPT)
            if row["kind"] == kind
        ]
        found = timeline(name, snapshots, rows)
        self._disagree(found.disagreements)
        return found

    def _disagree(self, disagreements: Iterable[Disagreement]) -> None:
        for clash in disagreements:
            key = clash.key if isinstance(clash.key, str) else json.dumps(clash.key)
            kept, lost = (";".join(part.decode() for part in content) for content in (clash.kept, clash.lost))
            self._conflict(clash.kind, key, kept, lost, "two rows for one key at one instant", clash.recorded_us)

    def _conflict(self, kind: str, subject: str, kept: str, lost: str, detail: str, recorded_us: int) -> None:
        self._add("conflict", kind=kind, subject=subject, kept=kept, lost=lost, detail=detail, recorded_at=recorded_us)

    # Observations

    def _observations(self) -> list[dict[str, Any]]:
        """The observations that count, with their band, in the order of ruling 5."""
        frame = pl.from_arrow(self._record["observation"])
        frame = frame.with_columns(captured_us=pl.col("captured_at").cast(pl.Int64), recorded_us=pl.col("recorded_at").cast(pl.Int64)).drop("captured_at", "recorded_at")
        frame = frame.filter(pl.col("captured_us") <= self._as_of)
        epoch_today = datetime.fromtimestamp(0, UTC).date()
        self._kev = {
            row["vulnerability_id"] for row in _rows(self._record["known_exploited"], tables.KNOWN_EXPLOITED) if (row["added_on"] - epoch_today).days * DAY_US <= self._as_of
        }
        self._epss = {row["vulnerability_id"]: row["epss"] for row in _rows(self._record["exploit_prediction"], tables.EXPLOIT_PREDICTION)}
        self._aliases = identity.canonical_ids(row["vulnerability_ids"] for row in _rows(self._record["vulnerability_alias"], tables.VULNERABILITY_ALIAS))
        self._calibrator = Calibrator(self._policy, scanners.calibrations(), self._kev, self._epss)
        rows = self._winners(frame)
        self._bind_targets(sorted({row["target"] for row in rows}))
        environments = {target: environment(self._assets.bind(target, self._as_of).asset, self._policy) for target in self._targets}
        for row in rows:
            row["vulnerability_ids"] = row["vulnerability_ids"] or []
            band = self._calibrator.band(
                scanner=row["scanner"],
                format=row["format"],
                native_severity=row["native_severity"],
                native_score=row["native_score"],
                cvss_vectors=row["cvss_vectors"] or (),
                vulnerability_ids=self._known_ids(row["vulnerability_ids"]),
                known_exploited=bool(row["known_exploited"]),
                epss=row["epss"],
                environment=environments[row["target"]],
            )
            row["band"], row["band_rule"] = band
        rows.sort(key=_observation_order)
        return rows

    def _known_ids(self, ids: Sequence[str]) -> Sequence[str]:
        """The stated ids and what they are known to mean."""
        if not ids or not self._aliases:
            return ids
        return [*ids, *(self._aliases[id_] for id_ in ids if id_ in self._aliases)]

    def _winners(self, frame: pl.DataFrame) -> list[dict[str, Any]]:
        """One row for each observation: of several contents, and of one result re-sent in one scan, the winner of rulings 2, 19, 20."""
        rows = _drop_losers(frame.to_dicts(), lambda row: row["observation_id"], self._observation_rank, lambda *clash: self._lost("observation", *clash))
        resent, once = [], []
        for row in rows:
            (once if row["resend_id"] is None else resent).append(row)
        return once + _drop_losers(resent, lambda row: row["resend_id"], self._observation_rank, lambda *clash: self._lost("resent_observation", *clash))

    def _observation_rank(self, row: dict[str, Any]) -> tuple:
        content = tuple(_text(row[name]).encode() for name in _ITEM_ORDER)
        return row["captured_us"], self._calibrator.native_rank(row["scanner"], row["format"], row["native_severity"]), content, row["claim_id"]

    def _lost(self, kind: str, subject: str, kept: dict[str, Any], lost: dict[str, Any]) -> None:
        if kept["content_id"] == lost["content_id"]:
            return
        differs = [name for name in ("captured_us", *_ITEM_ORDER) if kept[name] != lost[name]]
        detail = "; ".join(f"{name}: {_text(kept[name])!r} kept, {_text(lost[name])!r} lost" for name in differs)
        self._conflict(kind, subject, kept["content_id"], lost["content_id"], detail, max(kept["recorded_us"], lost["recorded_us"]))

    def _bind_targets(self, targets: list[str]) -> None:
        self._targets = targets
        allowed = self._policy.scans.authorized
        for target in targets:
            binding = self._assets.bind(target, self._as_of)
            self._add(
                "target",
                target=target,
                binding_status=binding.status,
                asset_id=binding.asset_id,
                candidates=list(binding.candidates),
                is_authorized=_is_authorized(target, allowed),
            )

    # Findings

    def _findings(self, rows: list[dict[str, Any]]) -> list[_Finding]:
        """Groups observations into findings: one asset or unbound target, one vulnerability, one place (record.md 'Identity')."""
        groups: dict[tuple, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            binding = self._assets.bind(row["target"], self._as_of)
            where = ("asset", binding.asset_id) if binding.asset_id else ("target", row["target"])
            key = row["vulnerability_key"]
            if self._aliases and row["vulnerability_ids"]:
                key = identity.vulnerability_key(row["vulnerability_ids"], row["scanner"], row["rule"] or row["title"], self._aliases)
            row["key"] = key
            groups[(*where, key, row["location_kind"], row["location_key"])].append(row)
        return [self._group(group) for group in groups.values()]

    def _group(self, rows: list[dict[str, Any]]) -> _Finding:
        first: dict[str, Sighting] = {}
        captures = []
        for row in rows:
            captures.append(
                Capture(
                    row["captured_us"],
                    row["scanner"],
                    row["own_id"] or "",
                    row["title"],
                    row["observation_id"],
                    row["sighting_id"],
                    row["band"],
                    row["native_severity"] if row["native_severity"] is not None else _text(row["native_score"]) or None,
                    row["engagement"],
                    row["capture_channel"],
                    row["recorded_us"],
                )
            )
            if row["sighting_id"] not in first:
                first[row["sighting_id"]] = Sighting(row["captured_us"], row["scanner"], row["own_id"] or "", row["title"], row["sighting_id"], row["target"])
        sightings = sorted(first.values())
        finding_id = sightings[0].sighting_id
        for sighting in sightings:
            self._add("sighting", sighting_id=sighting.sighting_id, finding_id=finding_id, target=sighting.target, first_captured_at=sighting.first_us)
        file_path = next((row["file_path"] for row in rows if row["file_path"]), None)
        return _Finding(finding_id, captures, rows, sightings, file_path)

    # Events

    def _events(self) -> list[dict[str, Any]]:
        """The accepted events, one for each event_id, known and occurred by as_of."""
        rows = _rows(self._record["activity"], tables.ACTIVITY)
        kept = _drop_losers([row for row in rows if row["occurred_at"] <= self._as_of], lambda row: row["event_id"], _event_rank, self._lost_event)
        kept.sort(key=lambda row: (row["occurred_at"], EVENT_RANK[row["event"]], row["event_id"]))
        return kept

    def _lost_event(self, subject: str, kept: dict[str, Any], lost: dict[str, Any]) -> None:
        if kept["content_id"] != lost["content_id"]:
            differs = "; ".join(f"{name}: {_text(kept[name])!r} kept, {_text(lost[name])!r} lost" for name in _EVENT_ORDER if kept[name] != lost[name])
            self._conflict("activity", subject, kept["content_id"], lost["content_id"], differs, max(kept["recorded_at"], lost["recorded_at"]))

    def _resolve_events(self, rows: list[dict[str, Any]], findings: list[_Finding]) -> tuple[list[dict[str, Any]], dict[str, list[Event]]]:
        """Which findings each event concerns (rulings 38, 39). An event without one keeps status `no_match` or `ambiguous_ref`, and waits."""
        index = _References(findings)
        for row in rows:
            if row["event"] == "ticket_linked" and row["ticket"]:
                index.link(row["ticket"], index.resolve(row["ref"], with_tickets=False)[0])
        by_finding: dict[str, list[Event]] = defaultdict(list)
        for row in rows:
            row["findings"], row["status"] = index.resolve(row["ref"])
            event = Event(
                row["occurred_at"],
                EVENT_RANK[row["event"]],
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
            for finding_id in row["findings"]:
                by_finding[finding_id].append(event)
            if not row["findings"]:
                self._event(row, event, None, None, row["status"], False)
            row["as_event"] = event
        self._rows_by_event = {row["event_id"]: row for row in rows}
        return rows, by_finding

    def _deliver(self, rows: list[dict[str, Any]], by_finding: dict[str, list[Event]], findings: list[_Finding]) -> None:
        """Moves each notification to when its digest goes out; what that one does not tell of is taken out of the finding's events."""
        places = self._places_of_dispatches(by_finding, findings)
        told: set[tuple] = set()
        for row in rows:
            person = self._directory.person(row["target_person"], row["occurred_at"]) if row["event"] == "notified" else NOBODY
            if person.record is None:
                continue
            about = places.get(row["event_id"], [])
            found = digest.deliver(row["occurred_at"], about, self._waiting_bands or (), self._world.calendar(person.team), self._as_of)
            row["delivery"] = found
            self._add(
                "dispatch",
                event_id=row["event_id"],
                person_id=person.person_id,
                severity=digest.most_severe(about),
                status=found.status,
                dispatched_at=row["occurred_at"],
                delivered_at=found.delivered_us,
                finding_ids=[place.finding_id for place in about],
                cycles=[place.cycle for place in about],
            )
            if found.status != "at_once":
                for place in about:
                    self._move(row, place, found, person.person_id, by_finding[place.finding_id], told)

    def _move(self, row: dict[str, Any], place: digest.Place, found: digest.Delivery, person_id: str | None, events: list[Event], told: set[tuple]) -> None:
        event: Event = row["as_event"]
        events.remove(event)
        status = found.status if (place.finding_id, place.cycle) in found.places else "needless"
        if status == "in_digest":
            once = (person_id, found.delivered_us, place.finding_id, place.cycle)
            if once not in told:  # a digest names a handoff once, however often it was to be told of
                told.add(once)
                events[:] = sort_events([*events, event._replace(occurred_us=found.delivered_us)])  # type: ignore[arg-type]
                return
        self._event(row, event, place.finding_id, None, status, False)

    def _places_of_dispatches(self, by_finding: dict[str, list[Event]], findings: list[_Finding]) -> dict[str, list[digest.Place]]:
        """The handoffs that each notification is about; its being notified turns no cycle, so they can be told before it is moved."""
        places: dict[str, list[digest.Place]] = defaultdict(list)
        for finding in findings:
            events = by_finding.get(finding.finding_id, [])
            if not any(event.kind == "notified" for event in events):
                continue
            for found in self._judge(finding, events)[1]:
                ev = found.evaluation
                settled = min((at for at in (ev.t1, ev.cycle.ended_us) if at is not None), default=None)
                for event in ev.cycle.events:
                    if event.kind == "notified":
                        places[event.event_id].append(digest.Place(finding.finding_id, ev.cycle.number, ev.band(event.occurred_us), settled))
        return places

    def _fill_inbox(self, inbox: Inbox, rows: list[dict[str, Any]]) -> None:
        digests: set[tuple] = set()
        for row in rows:
            if row["event"] != "notified":
                continue
            person = self._directory.person(row["target_person"], row["occurred_at"])
            if person.record is None:
                continue
            delivery: digest.Delivery | None = row.get("delivery")
            at = row["occurred_at"] if delivery is None else delivery.delivered_us
            if delivery is not None and delivery.status == "in_digest":
                if (person.person_id, at) in digests:
                    continue  # one message
                digests.add((person.person_id, at))
            if at is not None:
                inbox.add(person.person_id, at)  # type: ignore[arg-type]
        inbox.freeze()

    def _event(self, row: dict[str, Any], event: Event, finding_id: str | None, cycle: int | None, status: str, is_valid: bool) -> None:
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
            occurred_at=event.occurred_us,
            recorded_at=event.recorded_us,
            is_valid=is_valid,
        )

    # One finding

    def _finding(self, finding: _Finding, events: list[Event]) -> None:
        life, judged = self._judge(finding, events)
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
                target=row["target"],
                band=row["band"],
                rule=row["band_rule"],
                captured_at=row["captured_us"],
            )

    def _judge(self, finding: _Finding, events: list[Event]) -> tuple[History, list[_Judged]]:
        """The cycles of a finding, each judged; one without observations of its own inherits from the one before it."""
        policy = self._policy
        life = history(
            finding.captures, events, as_of_us=self._as_of, grace_us=policy.reopen.grace.wall_us(), attestation_us=policy.controls.attestation.wall_us()
        )
        judged: list[_Judged] = []
        band: str | None = None
        facts = _Facts(None, [], None, "scanner")
        for cycle in life.cycles:
            evaluation = Evaluation(self._world, cycle, finding.sightings, finding.file_path, life.controls, band)
            own = cycle.captures
            if own:
                facts = _Facts(own[0].native_severity, sorted({capture.scanner for capture in own}), own[0].engagement, own[0].capture_channel)
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
            self._rows_by_event[event.event_id] = {**row, "ticket": None}
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
            acknowledged_open_us=before(ev.t1),
            triaged_open_us=before(ev.triaged_us),
            in_progress_open_us=before(in_progress),
            resolved_open_us=before(resolved),
            verified_open_us=before(cycle.verified_us),
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
        if cycle.is_open:
            self._open_cycle(finding, ev)

    def _first_instant(self, ev: Evaluation, holds: Callable[[int], bool]) -> int | None:
        """The first instant of a cycle at which something holds that holds at as_of: only a register's or a naming event's change can begin it."""
        if not holds(self._as_of):
            return None
        start = ev.cycle.started_us
        later = {event.occurred_us for event in ev.cycle.events} | {sighting.first_us for sighting in ev.sightings}
        later |= set(self._changes[bisect_right(self._changes, start) : bisect_right(self._changes, self._as_of)])
        return next(at for at in sorted({start, self._as_of, *(at for at in later if start < at < self._as_of)}) if holds(at))

    def _waited(self, finding_id: str, ev: Evaluation) -> None:
        """Where the cycle stood unrouted when a current reporting period began: the queue depth that 'last period' ended with."""
        cycle = ev.cycle
        for at in {period.starts_us for period in self._periods}:
            if cycle.started_us <= at < (cycle.ended_us or self._as_of) and not (ev.t1 is not None and ev.t1 <= at):
                decision = ev.decision(at)
                if decision.status != "routed":
                    self._add("queue", at=at, finding_id=finding_id, cycle=cycle.number, severity=ev.severity, status=decision.status)

    def _open_cycle(self, finding: _Finding, ev: Evaluation) -> None:
        number, decision = ev.cycle.number, ev.primitive(self._as_of)
        self._add(
            "routing",
            finding_id=finding.finding_id,
            cycle=number,
            status=decision.status,
            candidate=decision.reference,
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
        probabilities += [self._epss[id_] for row in rows for id_ in row["vulnerability_ids"] if id_ in self._epss]
        ids = sorted({id_ for row in rows for id_ in row["vulnerability_ids"]})
        self._add(
            "finding",
            finding_id=finding.finding_id,
            asset_id=binding.asset_id,
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
            first_captured_at=(rated or rows)[0]["captured_us"],
            last_captured_at=rows[-1]["captured_us"],
            cycles=len(cycles),
            is_open=bool(cycles) and cycles[-1].is_open,
            scanners=sorted({row["scanner"] for row in rated or rows}),
            own_ids=own_ids,
            observations=len(rows),
        )

    def _add(self, table: str, **values: Any) -> None:
        columns = self._out[table]
        for name, value in values.items():
            columns[name].append(value)


#: The columns in which two contents of one observation may differ, in the order of their names in the report.
_ITEM_ORDER = ("cvss_vectors", "epss", "known_exploited", "native_score", "native_severity", "own_id", "rule", "source_state", "title", "engagement", "capture_channel")
_EVENT_ORDER = ("event_id", "ref", "event", "actor", "occurred_at", "target_person", "severity", "channel", "ticket", "comment")


class _References:
    """What a `ref` may say: a sighting, `scanner:own id`, a bare own id, a ticket; the first form that is known decides (ruling 38)."""

    def __init__(self, findings: Iterable[_Finding]) -> None:
        self._sightings: dict[str, str] = {}
        self._qualified: dict[str, set[str]] = defaultdict(set)
        self._own: dict[str, set[str]] = defaultdict(set)
        self._tickets: dict[str, dict[str, None]] = defaultdict(dict)
        for finding in findings:
            for sighting in finding.sightings:
                self._sightings[sighting.sighting_id] = finding.finding_id
            for capture in finding.captures:
                if capture.own_id:
                    self._qualified[f"{capture.scanner}:{capture.own_id}"].add(finding.finding_id)
                    self._own[capture.own_id].add(finding.finding_id)

    def link(self, ticket: str, finding_ids: Iterable[str]) -> None:
        for finding_id in finding_ids:
            self._tickets[ticket][finding_id] = None

    def resolve(self, ref: str, *, with_tickets: bool = True) -> tuple[list[str], str]:
        """The findings, and `matched`, `ambiguous_ref` or `no_match`."""
        if ref in self._sightings:
            return [self._sightings[ref]], "matched"
        for known in (self._qualified, self._own):
            if ref in known:
                found = known[ref]
                return (list(found), "matched") if len(found) == 1 else ([], "ambiguous_ref")
        if with_tickets and ref in self._tickets:
            return list(self._tickets[ref]), "matched"
        return [], "no_match"


def _drop_losers(rows: list[dict[str, Any]], key, rank, lost) -> list[dict[str, Any]]:
    """One row for each key, the lowest by `rank`; `lost(key, kept, lost)` is told of each other one."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    if len(groups) == len(rows):
        return rows
    kept = []
    for name, group in groups.items():
        if len(group) > 1:
            group.sort(key=rank)
            for other in group[1:]:
                lost(name, group[0], other)
        kept.append(group[0])
    return kept


def _event_rank(row: dict[str, Any]) -> tuple:
    severity = BAND_RANK[row["severity"]] if row["severity"] else len(BANDS)
    return row["occurred_at"], severity, tuple(_text(row[name]).encode() for name in _EVENT_ORDER), row["claim_id"]


def _observation_order(row: dict[str, Any]) -> tuple:
    return row["captured_us"], row["scanner"], row["own_id"] or "", row["title"], row["observation_id"]


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


def _text(value: Any) -> str:
    """A value as the text that is compared bytewise: absent is empty, lists are joined."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ";".join(map(_text, value))
    if isinstance(value, datetime):
        return str(to_us(value))
    return str(value)
