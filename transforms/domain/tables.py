"""The record's tables, declared once: grain, key, columns, types, units, meanings. DDL, comments, frames and the data dictionary come
from here. Marts declare theirs in the header of their SQL file, and take the meaning of a shared column from `GLOSSARY`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pyarrow as pa

Type = Literal["VARCHAR", "INTEGER", "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMP", "DATE", "VARCHAR[]", "INTEGER[]"]

#: Of every table of the record and the marts; a newer one migrates or rebuilds, an older code refuses (ruling 97).
SCHEMA_VERSION = 3

ARROW_TYPES: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us"),
    "DATE": pa.date32(),
    "VARCHAR[]": pa.list_(pa.string()),
    "INTEGER[]": pa.list_(pa.int32()),
}


class Column(NamedTuple):
    name: str
    type: Type
    meaning: str


class Table(NamedTuple):
    """One table of schema `record`. `row` is the sentence 'one row per …'; `key` its grain."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in self.columns])

    def frame(self, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
        """An Arrow table of these columns; instants given as microseconds. Columns left out are null."""
        length = len(next(iter(columns.values()), ()))
        unknown = columns.keys() - {column.name for column in self.columns}
        if unknown:
            raise KeyError(f"{self.name} has no column {', '.join(sorted(unknown))}")
        arrays = []
        for column in self.columns:
            type_ = ARROW_TYPES[column.type]
            values = columns.get(column.name)
            if values is None:
                arrays.append(pa.nulls(length, type_))
            elif column.type == "TIMESTAMP":
                arrays.append(pa.array(values, pa.int64()).cast(type_))
            else:
                arrays.append(pa.array(values, type_))
        return pa.table(arrays, schema=self.arrow_schema)


_CLAIM = Column("claim_id", "VARCHAR", "The claim (content and sidecar) of the landed file that this row came with.")
_RECORDED = Column("recorded_at", "TIMESTAMP", "When handoff learnt of it (UTC): the as_of of the run that landed it.")

LANDING_ATTEMPT = Table(
    "landing_attempt",
    "one row per reading of a claimed file; the latest one of each claim is `record.landed_file`",
    ("claim_id", "attempt"),
    (
        Column("claim_id", "VARCHAR", "Hash of the content's sha256 and the canonical sidecar values: what is loaded once."),
        Column("attempt", "INTEGER", "1 for the first reading, more for one under newer code or policy, or by `handoff reprocess`."),
        Column("sha256", "VARCHAR", "Hash of the decompressed content."),
        Column("sidecar_sha256", "VARCHAR", "Hash of the canonical sidecar values; null without a sidecar."),
        Column("path", "VARCHAR", "Where it was found in the landing zone, `archive.zip!member` inside an archive."),
        Column("kind", "VARCHAR", "scan, assets, people, ownership, activity or reference; several registers joined by +; null where it was not recognised."),
        Column("format", "VARCHAR", "The format that claimed it; null where none did."),
        Column("source", "VARCHAR", "What dated exports of one origin have in common: sidecar `source`, else folder and name without digits."),
        Column("bytes", "BIGINT", "Size of the decompressed content."),
        Column("status", "VARCHAR", "loaded, empty, quarantined or held."),
        Column("reason", "VARCHAR", "Why it is quarantined or held: what was seen and what to do."),
        Column("rows_in", "BIGINT", "Rows the parser yielded: new + duplicate + rejected."),
        Column("rows_new", "BIGINT", "Rows that this file brought into the record."),
        Column("rows_duplicate", "BIGINT", "Rows that the record, or the file above them, already had."),
        Column("rows_rejected", "BIGINT", "Rows that could not be used; each is in rejected_row."),
        Column("snapshot_at", "TIMESTAMP", "Instant of a register snapshot: sidecar captured_at, else recorded_at."),
        Column("is_complete", "BOOLEAN", "Whether a register snapshot holds every row of its source, so that an absent row is closed."),
        Column("scope", "VARCHAR[]", "Targets that the scan covered (sidecar `scope`, else the targets of its results)."),
        Column("scanners", "VARCHAR[]", "Scanners of its results, sorted; of a scan without any the sidecar's, else the format's. Null for what is no scan."),
        Column("landed_at", "TIMESTAMP", "When handoff read it (UTC): the as_of of that run."),
        Column("run_id", "VARCHAR", "The run that read it."),
        Column("code_version", "VARCHAR", "Digest of the code that read it."),
        Column("policy_digest", "VARCHAR", "Digest of the policy that it was read under."),
    ),
)

REJECTED_ROW = Table(
    "rejected_row",
    "one row per row of a landed file that could not be used, at each reading",
    ("claim_id", "attempt", "pointer"),
    (
        Column("claim_id", "VARCHAR", "The claim of the file."),
        Column("attempt", "INTEGER", "The reading that rejected it."),
        Column("path", "VARCHAR", "The file."),
        Column("pointer", "VARCHAR", "Where in the file: a JSON pointer, an XML path, `row 12`."),
        Column("reason", "VARCHAR", "Why, as a short stable word: no_target, future, unknown_event …"),
        Column("detail", "VARCHAR", "What was seen and what was expected."),
        Column("raw", "VARCHAR", "The row's raw text, cut at 2,000 characters; left out of the published copy."),
        Column("retry_at", "TIMESTAMP", "For `future`: the earliest as_of at which it is tried again."),
    ),
)

OBSERVATION = Table(
    "observation",
    "one row per distinct result of a scan; of several with one observation_id the marts use one (ruling 2)",
    ("observation_id", "content_id"),
    (
        Column("observation_id", "VARCHAR", "Hash of scanner, target, the format's identity fields and captured_at."),
        Column("content_id", "VARCHAR", "Hash of everything kept of it: two contents under one observation_id are a conflict."),
        _CLAIM,
        Column("pointer", "VARCHAR", "Where it stands in its file."),
        Column("sighting_id", "VARCHAR", "Hash of target as scanned, vulnerability key and location: never changes."),
        Column("resend_id", "VARCHAR", "With a scan_id: hash of scanner, scan_id, target and identity, so that a re-sent result is known."),
        Column("scanner", "VARCHAR", "Scanner, lower case."),
        Column("format", "VARCHAR", "Report format."),
        Column("target", "VARCHAR", "The asset as scanned."),
        Column("title", "VARCHAR", "Title as the report has it."),
        Column("rule", "VARCHAR", "The scanner's own rule, check or plugin."),
        Column("vulnerability_ids", "VARCHAR[]", "Identifiers the report states (CVE, GHSA …), upper case, sorted."),
        Column("vulnerability_key", "VARCHAR", "Canonical id of the stated identifiers, else scanner|rule; before aliases."),
        Column("cwe", "INTEGER[]", "CWE numbers."),
        Column("native_severity", "VARCHAR", "The scanner's own term, verbatim."),
        Column("native_score", "DOUBLE", "The scanner's own score, 0 to 10."),
        Column("cvss_vectors", "VARCHAR[]", "CVSS vectors, the report's best source first."),
        Column("known_exploited", "BOOLEAN", "Whether the report says that it is exploited."),
        Column("epss", "DOUBLE", "EPSS probability that the report states, 0 to 1."),
        Column("component_name", "VARCHAR", "Affected component."),
        Column("component_version", "VARCHAR", "Its version."),
        Column("location_kind", "VARCHAR", "package, web, host, code, cloud or none."),
        Column("location_key", "VARCHAR", "The place, without what drifts (version, line)."),
        Column("file_path", "VARCHAR", "File in the repository or image."),
        Column("line", "INTEGER", "Line in the file."),
        Column("endpoint", "VARCHAR", "Host or URL as the report has it."),
        Column("own_id", "VARCHAR", "The scanner's own id of the finding."),
        Column("source_state", "VARCHAR", "What the report says of the finding's state: evidence, never an event."),
        Column("engagement", "VARCHAR", "Engagement the scan belongs to (sidecar)."),
        Column("capture_channel", "VARCHAR", "scanner, manual, third_party or code_scan."),
        Column("captured_at", "TIMESTAMP", "When the scan saw it (UTC)."),
        Column("captured_at_source", "VARCHAR", "report, sidecar, report_date (only a day) or file (the file's time)."),
        Column("is_naive", "BOOLEAN", "Whether captured_at was written without a zone."),
        Column("is_midnight", "BOOLEAN", "Whether captured_at is midnight in its source's zone."),
        _RECORDED,
    ),
)

_REGISTER = (
    _CLAIM,
    Column("pointer", "VARCHAR", "Where it stands in its file."),
    Column("effective_from", "TIMESTAMP", "From when it holds, as the row states; null where it does not."),
    Column("content_id", "VARCHAR", "Hash of the row's values: two under one key and instant are a conflict."),
    _RECORDED,
)

ASSET = Table(
    "asset",
    "one row per distinct row of the asset register snapshots",
    ("content_id",),
    (
        Column("asset_id", "VARCHAR", "The register's key."),
        Column("name", "VARCHAR", "Name; a target may be it."),
        Column("aliases", "VARCHAR[]", "Other names; with name:, cidr: or path: a pattern."),
        Column("kind", "VARCHAR", "Free text: service, host, repository …"),
        Column("application", "VARCHAR", "Application."),
        Column("business_unit", "VARCHAR", "Business unit."),
        Column("environment", "VARCHAR", "Environment."),
        Column("criticality", "VARCHAR", "critical, high, medium, low or blank: sets the CVSS requirements."),
        Column("internet_facing", "BOOLEAN", "Whether it can be reached from the internet; null where not said."),
        Column("owner_team", "VARCHAR", "Team that owns it."),
        Column("status", "VARCHAR", "active or retired."),
        *_REGISTER,
    ),
)

PERSON = Table(
    "person",
    "one row per distinct row of the directory snapshots",
    ("content_id",),
    (
        Column("person_id", "VARCHAR", "The directory's key."),
        Column("name", "VARCHAR", "Name."),
        Column("email", "VARCHAR", "Mail address; a reference may be it, in any case."),
        Column("team", "VARCHAR", "Team."),
        Column("role", "VARCHAR", "Role; a candidate owner needs one."),
        Column("manager_id", "VARCHAR", "Manager."),
        Column("channel", "VARCHAR", "Where notifications reach them; a candidate owner needs one."),
        Column("status", "VARCHAR", "active, inactive or departed."),
        Column("kind", "VARCHAR", "human, group or bot."),
        Column("time_zone", "VARCHAR", "Zone of quiet hours."),
        Column("aliases", "VARCHAR[]", "Other ids they go by (an opaque id, a login elsewhere); a reference may be one, in any case."),
        *_REGISTER,
    ),
)

OWNERSHIP = Table(
    "ownership",
    "one row per distinct row of the ownership mapping snapshots",
    ("content_id",),
    (
        Column("match", "VARCHAR", "What it maps: asset:, application:, name: glob, cidr:, codeowners: rule, path: prefix, team:, or without a prefix the first of the first four that fits."),
        Column("person_id", "VARCHAR", "Person (id or mail address); blank names nobody."),
        Column("team", "VARCHAR", "Team."),
        Column("priority", "INTEGER", "Smaller first; null counts as 100."),
        Column("effective_to", "TIMESTAMP", "Until when it holds (exclusive)."),
        Column("position", "INTEGER", "Place among the mappings of its file: the last CODEOWNERS rule that fits decides, of shifts at one time the smallest is first."),
        *_REGISTER,
    ),
)

ACTIVITY = Table(
    "activity",
    "one row per distinct event, as it came; of several with one event_id the marts use one (ruling 6)",
    ("event_id", "content_id"),
    (
        Column("event_id", "VARCHAR", "The source's id, else the hash of the other columns."),
        Column("content_id", "VARCHAR", "Hash of the row's values."),
        _CLAIM,
        Column("pointer", "VARCHAR", "Where it stands in its file."),
        Column("ref", "VARCHAR", "What it is about: a finding or sighting id, a scanner's own id, or a ticket."),
        Column("event", "VARCHAR", "What happened: a word of the closed list."),
        Column("actor", "VARCHAR", "Who did it, as the source names them."),
        Column("occurred_at", "TIMESTAMP", "When the world did it (UTC)."),
        Column("target_person", "VARCHAR", "Whom it names."),
        Column("severity", "VARCHAR", "Band that it was routed with."),
        Column("channel", "VARCHAR", "Channel it went through."),
        Column("ticket", "VARCHAR", "Ticket."),
        Column("comment", "VARCHAR", "Text; the reason of a withdrawal."),
        Column("batch_id", "VARCHAR", "What events made by one act have in common."),
        Column("method", "VARCHAR", "Whose word it is: file, tracker, cli, link, or own (this program's stage events)."),
        Column("asserted_by", "VARCHAR", "The OS or link identity behind an event that handoff itself wrote."),
        Column("is_naive", "BOOLEAN", "Whether occurred_at was written without a zone."),
        Column("is_midnight", "BOOLEAN", "Whether occurred_at is midnight in its source's zone."),
        _RECORDED,
    ),
)

TICKET = Table(
    "ticket",
    "one row per distinct state of a ticket, as an export or a call of its tracker showed it",
    ("content_id",),
    (
        _CLAIM,
        Column("pointer", "VARCHAR", "Where it stands in its file."),
        _RECORDED,
        Column("ticket", "VARCHAR", "The ticket's key, as events refer to it."),
        Column("tracker", "VARCHAR", "Which tracker: sidecar `source`, else the format's name."),
        Column("title", "VARCHAR", "Title."),
        Column("state", "VARCHAR", "open, in_progress, resolved or closed, by the tracker's mapping; null where it maps the native state to none."),
        Column("native_state", "VARCHAR", "The tracker's own word for the state, verbatim."),
        Column("assignee", "VARCHAR", "Who has it, as the tracker names them: mail address, else login, else id."),
        Column("severity", "VARCHAR", "Band, by the tracker's mapping; null where it maps the native term to none."),
        Column("native_priority", "VARCHAR", "The tracker's own word for severity or priority, verbatim."),
        Column("due_at", "TIMESTAMP", "When it is due by the tracker (UTC); a day alone ends with that day in the source's zone."),
        Column("labels", "VARCHAR[]", "Labels, sorted."),
        Column("refs", "VARCHAR[]", "Findings that it names itself (marker line `handoff-finding: ID`), sorted."),
        Column("url", "VARCHAR", "Where a person opens it."),
        Column("updated_at", "TIMESTAMP", "When the tracker last changed it (UTC)."),
        Column("content_id", "VARCHAR", "Hash of the row's values."),
    ),
)

REGISTER_MEMBER = Table(
    "register_member",
    "one row per reading of a register snapshot and distinct row in it, so that a row's absence from a later one is known; the last reading counts",
    ("claim_id", "attempt", "content_id"),
    (
        _CLAIM,
        Column("attempt", "INTEGER", "The reading of the file."),
        Column("register", "VARCHAR", "asset, person or ownership."),
        Column("content_id", "VARCHAR", "The row, in the table of that name."),
        _RECORDED,
    ),
)

SCAN_MEMBER = Table(
    "scan_member",
    "one row per scan and result in it that the record had from another file already, so that its absence from a later scan is known",
    ("claim_id", "observation_id"),
    (
        _CLAIM,
        Column("observation_id", "VARCHAR", "The result, in observation."),
        _RECORDED,
    ),
)

KNOWN_EXPLOITED = Table(
    "known_exploited",
    "one row per vulnerability of a known-exploited catalogue",
    ("vulnerability_id", "added_on"),
    (
        Column("vulnerability_id", "VARCHAR", "CVE."),
        Column("added_on", "DATE", "Day it was added to the catalogue."),
        _CLAIM,
        _RECORDED,
    ),
)

VULNERABILITY_ALIAS = Table(
    "vulnerability_alias",
    "one row per advisory and the identifiers that mean the same",
    ("advisory_id", "vulnerability_ids"),
    (
        Column("advisory_id", "VARCHAR", "The advisory's own id."),
        Column("vulnerability_ids", "VARCHAR[]", "Its id and aliases, upper case, sorted."),
        _CLAIM,
        _RECORDED,
    ),
)

EXPLOIT_PREDICTION = Table(
    "exploit_prediction",
    "one row per vulnerability and EPSS file",
    ("vulnerability_id", "claim_id"),
    (
        Column("vulnerability_id", "VARCHAR", "CVE."),
        Column("epss", "DOUBLE", "Probability of exploitation in the next 30 days, 0 to 1."),
        _CLAIM,
        _RECORDED,
    ),
)

ROUTING = Table(
    "routing",
    "one row per routing decision of the ownership primitive, written only when it differs from the last one of that cycle",
    ("finding_id", "cycle", "decided_at"),
    (
        Column("finding_id", "VARCHAR", "Finding."),
        Column("cycle", "INTEGER", "Handoff cycle."),
        Column("decided_at", "TIMESTAMP", "The as_of of the run that decided."),
        Column("status", "VARCHAR", "routed, or why not."),
        Column("candidate", "VARCHAR", "The person it names."),
        Column("primitive", "VARCHAR", "The mapping row that named them."),
        Column("mapping_effective_from", "TIMESTAMP", "Since when that mapping holds; null where it always did."),
        Column("rejected", "VARCHAR[]", "Candidates before them, each with the reason against it."),
        _RECORDED,
    ),
)

RESTATEMENT = Table(
    "restatement",
    "one row per correction of a t0: an observation that arrived late was earlier",
    ("finding_id", "cycle", "captured_at_was", "recorded_at"),
    (
        Column("finding_id", "VARCHAR", "Finding as it was published."),
        Column("cycle", "INTEGER", "Handoff cycle."),
        Column("captured_at_was", "TIMESTAMP", "The t0 published before."),
        Column("captured_at_is", "TIMESTAMP", "The t0 from now on."),
        _RECORDED,
    ),
)

CONFLICT = Table(
    "conflict",
    "one row per contradiction between sources: what was kept and what was left out of every mart",
    ("kind", "subject", "kept", "lost"),
    (
        Column("kind", "VARCHAR", "observation, resent_observation, activity, asset, person, ownership, asset_source or superseded_claim."),
        Column("subject", "VARCHAR", "The id that two contents share."),
        Column("kept", "VARCHAR", "Content that the marts use."),
        Column("lost", "VARCHAR", "Content that they leave out."),
        Column("detail", "VARCHAR", "What differs, in words."),
        _RECORDED,
    ),
)

DECISION = Table(
    "decision",
    "one row per decision of a person about a landed file",
    ("decision_id",),
    (
        Column("decision_id", "VARCHAR", "Hash of the rest."),
        Column("sha256", "VARCHAR", "The file."),
        Column("decision", "VARCHAR", "release, discard, retract or reprocess."),
        Column("reason", "VARCHAR", "Why, in the person's words."),
        Column("asserted_by", "VARCHAR", "The OS identity that decided."),
        Column("decided_at", "TIMESTAMP", "When (UTC)."),
        _CLAIM,
        _RECORDED,
    ),
)

POLICY = Table(
    "policy",
    "one row per policy that a run used",
    ("policy_digest",),
    (
        Column("policy_digest", "VARCHAR", "sha256 of the canonical policy."),
        Column("policy", "VARCHAR", "The whole policy, defaults included, as canonical JSON."),
        _RECORDED,
    ),
)

RUN = Table(
    "run",
    "one row per run that reached its end, published or not",
    ("run_id",),
    (
        Column("run_id", "VARCHAR", "The run."),
        Column("number", "BIGINT", "1 for the first run, one more for each that follows: of several at one as_of, which was the last."),
        Column("as_of", "TIMESTAMP", "The instant that it computed for."),
        Column("policy_digest", "VARCHAR", "The policy."),
        Column("code_version", "VARCHAR", "Digest of the code."),
        Column("calendar_digest", "VARCHAR", "Digest of the calendars and of the zone and holiday data behind them."),
        Column("state_digest", "VARCHAR", "Digest of what the record knows, without when and how it arrived."),
        Column("own_digest", "VARCHAR", "Digest of the events that handoff itself originated."),
        Column("mart_digest", "VARCHAR", "Digest of the published marts."),
        Column("merkle_root", "VARCHAR", "Merkle root over the claims."),
        Column("files_new", "BIGINT", "Files claimed by it."),
        Column("rows_in", "BIGINT", "Rows read by it: new + duplicate + rejected."),
        Column("rows_new", "BIGINT", "Rows that it added."),
        Column("rows_duplicate", "BIGINT", "Rows already there."),
        Column("rows_rejected", "BIGINT", "Rows that it rejected."),
        Column("is_published", "BOOLEAN", "Whether its result was published: false when one of our own laws failed."),
        _RECORDED,
    ),
)

RECORD_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        LANDING_ATTEMPT,
        REJECTED_ROW,
        OBSERVATION,
        ASSET,
        PERSON,
        OWNERSHIP,
        REGISTER_MEMBER,
        SCAN_MEMBER,
        ACTIVITY,
        TICKET,
        KNOWN_EXPLOITED,
        VULNERABILITY_ALIAS,
        EXPLOIT_PREDICTION,
        ROUTING,
        RESTATEMENT,
        CONFLICT,
        DECISION,
        POLICY,
        RUN,
    )
}


# What the transforms derive from the record at one as_of: the marts' only input besides it. Rebuilt whole by every run.

_FINDING = Column("finding_id", "VARCHAR", "Finding.")
_CYCLE = Column("cycle", "INTEGER", "Handoff cycle, from 1.")


def _instants(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "TIMESTAMP", "") for name in names)


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "VARCHAR", "") for name in names)


DERIVED_FINDING = Table(
    "finding",
    "one row per finding",
    ("finding_id",),
    (
        _FINDING,
        *_texts("asset_id", "asset_criticality", "binding_status", "target", "vulnerability_key"),
        Column("is_internet_facing", "BOOLEAN", ""),
        Column("vulnerability_ids", "VARCHAR[]", ""),
        Column("cwe", "INTEGER[]", ""),
        Column("cvss_vector", "VARCHAR", ""),
        Column("known_exploited", "BOOLEAN", ""),
        Column("epss", "DOUBLE", ""),
        *_texts("location_kind", "location_key", "file_path", "title", "severity", "severity_rule", "state"),
        *_instants("first_captured_at", "last_captured_at"),
        Column("cycles", "INTEGER", ""),
        Column("is_open", "BOOLEAN", ""),
        Column("scanners", "VARCHAR[]", ""),
        Column("own_ids", "VARCHAR[]", ""),
        Column("observations", "INTEGER", ""),
        Column("first_recorded_at", "TIMESTAMP", "When the first of its observations was known."),
    ),
)

DERIVED_SIGHTING = Table("sighting", "one row per sighting", ("sighting_id",), (*_texts("sighting_id", "finding_id", "target"), *_instants("first_captured_at")))

DERIVED_CAPTURE = Table(
    "capture",
    "one row per observation that counts",
    ("observation_id",),
    (
        *_texts("observation_id", "content_id", "claim_id", "sighting_id", "finding_id"),
        Column("cycle", "INTEGER", ""),
        *_texts("scanner", "format", "target", "native_term", "band", "rule", "scanner_band"),
        Column("scanner_score", "DOUBLE", ""),
        *_instants("captured_at"),
    ),
)

DERIVED_CYCLE = Table(
    "cycle",
    "one row per handoff cycle",
    ("finding_id", "cycle"),
    (
        _FINDING,
        _CYCLE,
        *_texts("origin", "state", "severity", "severity_now", "scanner_severity", "first_scanner", "scanner_band"),
        Column("scanners", "VARCHAR[]", ""),
        *_texts("title", "target", "asset_id", "application", "business_unit", "environment", "team", "team_now", "calendar", "owner_id"),
        Column("own_ids", "VARCHAR[]", ""),
        *_texts("engagement", "capture_channel", "binding_status", "routing_status", "escalated_to", "acknowledged_by", "withdrawal_reason"),
        *_texts("capture_id"),
        *_instants(
            "captured_at", "enriched_at", "routed_at", "notified_at", "acknowledged_at", "triaged_at", "in_progress_at", "resolved_at",
            "verified_at", "withdrawn_at", "inferred_at", "ended_at", "horizon_at", "handoff_due_at", "remediation_due_at", "single_sla_due_at",
            "window_ends_at", "binding_due_at",
        ),
        Column("is_open", "BOOLEAN", ""),
        Column("control_us", "BIGINT", ""),
        *(Column(f"{name}_open_us", "BIGINT", "Open microseconds of the cycle's calendar before that instant.")
          for name in ("captured", "enriched", "routed", "notified", "acknowledged", "triaged", "in_progress", "resolved", "verified", "horizon", "handoff_due", "as_of")),
        *_texts("current_status", "current_person", "current_reference", "current_mapping"),
        Column("current_is_active", "BOOLEAN", ""),
        *_instants("current_since", "unbound_since_at", "decayed_since_at"),
        Column("rejected", "VARCHAR[]", ""),
    ),
)

DERIVED_MODE = Table(
    "mode",
    "one row per cycle and failure mode whose rule holds, gated or not",
    ("finding_id", "cycle", "mode"),
    (_FINDING, _CYCLE, Column("mode", "VARCHAR", ""), Column("rank", "INTEGER", ""), Column("evidence", "VARCHAR", "")),
)

DERIVED_CONTROL = Table(
    "control",
    "one row per compensating control and cycle in which it held",
    ("finding_id", "cycle", "started_at"),
    (_FINDING, _CYCLE, *_instants("started_at", "ended_at"), Column("business_us", "BIGINT", "")),
)

DERIVED_COMPENSATING_CONTROL = Table(
    "compensating_control",
    "one row per compensating control, from its acceptance to its end, across the cycles",
    ("finding_id", "started_at"),
    (
        _FINDING,
        Column("cycle", "INTEGER", "The cycle in which it began."),
        *_instants("started_at", "attested_at", "due_at", "ended_at"),
        Column("attestations", "INTEGER", ""),
        *_texts("ended_by"),
        Column("revalidation_cycle", "INTEGER", "The cycle that it started when it fell due."),
    ),
)

DERIVED_EVENT = Table(
    "event",
    "one row per accepted event and finding that it concerns; finding null while it matches nothing",
    ("event_id", "finding_id"),
    (
        *_texts("event_id", "finding_id"),
        _CYCLE,
        *_texts("ref", "event", "actor", "target_person", "severity", "channel", "ticket", "comment", "method", "status"),
        *_texts("actor_id", "actor_role", "actor_team", "actor_standing"),
        *_instants("occurred_at", "recorded_at"),
        Column("is_valid", "BOOLEAN", ""),
        *_texts("claim_id", "batch_id", "asserted_by"),
        *(Column(name, "BOOLEAN", "") for name in ("is_naive", "is_midnight")),
    ),
)

DERIVED_ROUTING = Table(
    "routing",
    "one row per open cycle: what the ownership primitive names at as_of",
    ("finding_id", "cycle"),
    (
        _FINDING,
        _CYCLE,
        *_texts("status", "candidate", "person_id", "primitive"),
        *_instants("mapping_effective_from"),
        Column("rejected", "VARCHAR[]", ""),
    ),
)

DERIVED_QUEUE = Table(
    "queue",
    "one row per cycle and stretch of past periods' ends, one behind the other, at each of which it waited unrouted for the same reason",
    ("first_at", "finding_id", "cycle"),
    (*_instants("first_at", "last_at"), _FINDING, _CYCLE, *_texts("severity", "status")),
)

DERIVED_OWNERSHIP_BEFORE = Table(
    "ownership_before",
    "one row per team and standing of the named owner: open findings as they were the policy's early_warning.period before as_of",
    ("team", "is_owned", "is_active"),
    (*_texts("team"), Column("is_owned", "BOOLEAN", ""), Column("is_active", "BOOLEAN", ""), Column("open_findings", "BIGINT", "")),
)

DERIVED_TARGET = Table(
    "target",
    "one row per scanned target: what it binds to at as_of",
    ("target",),
    (
        *_texts("target", "binding_status", "asset_id"),
        Column("candidates", "VARCHAR[]", ""),
        Column("is_authorized", "BOOLEAN", ""),
        Column("place", "VARCHAR", "What a scan of it covers."),
        Column("places", "VARCHAR[]", "Places of which a scan must cover one to see what is at it."),
    ),
)

DERIVED_SCAN = Table(
    "scan",
    "one row per dated scan known at as_of",
    ("claim_id",),
    (
        *_texts("claim_id", "sha256", "path", "format", "status"),
        Column("scanners", "VARCHAR[]", ""),
        Column("scope", "VARCHAR[]", ""),
        *_instants("scanned_at"),
        Column("rows_rejected", "BIGINT", ""),
        Column("is_dated_by_file", "BOOLEAN", "Whether nothing but its file's time says when it was."),
        Column("is_healthy", "BOOLEAN", "Whether its coverage counts: loaded, empty or released, not held or discarded."),
    ),
)

DERIVED_SCAN_PLACE = Table(
    "scan_place",
    "one row per dated scan and place that its scope covers",
    ("claim_id", "place"),
    (*_texts("claim_id", "place", "asset_id"),),
)

DERIVED_REPEAT = Table(
    "repeat",
    "one row per scan and sighting that it holds beside what capture has of it: repeated from another file, or lost to another content",
    ("claim_id", "sighting_id", "scanner"),
    (*_texts("claim_id", "sighting_id", "scanner"),),
)

DERIVED_ASSET = Table(
    "asset",
    "one row per active asset at as_of, with the latest dated scan whose stated scope held it",
    ("asset_id",),
    (
        *_texts("asset_id", "name", "kind", "application", "business_unit", "environment", "criticality", "owner_team"),
        Column("aliases", "VARCHAR[]", ""),
        Column("internet_facing", "BOOLEAN", ""),
        *_instants("registered_at", "covered_at"),
        *_texts("covered_by"),
    ),
)

DERIVED_TICKET = Table(
    "ticket",
    "one row per distinct state of a ticket that its tracker showed by as_of; its assignee as the directory has them at as_of",
    ("content_id",),
    (
        *_texts("content_id", "ticket", "tracker", "title", "state", "native_state", "assignee", "assignee_id", "severity", "native_priority", "url"),
        Column("labels", "VARCHAR[]", ""),
        *_instants("due_at", "updated_at"),
    ),
)

DERIVED_PERSON = Table(
    "person",
    "one row per person who was ever in the directory: as of as_of, or as last known of who is in it no more",
    ("person_id",),
    (
        *_texts("person_id", "name", "email", "team", "role", "manager_id", "channel", "time_zone", "kind", "status"),
        Column("is_in_force", "BOOLEAN", "Whether the directory still has them at as_of."),
        *_texts("standing"),
    ),
)

DERIVED_DISPATCH = Table(
    "dispatch",
    "one row per notification to a known person: when it reaches them under a digest window; only where that is asked for",
    ("event_id",),
    (
        *_texts("event_id", "person_id", "severity", "status"),
        *_instants("dispatched_at", "delivered_at"),
        Column("finding_ids", "VARCHAR[]", ""),
        Column("cycles", "INTEGER[]", ""),
    ),
)

DERIVED_DIRECTORY_ISSUE = Table(
    "directory_issue",
    "one row per thing that the directory says at as_of and that cannot be followed",
    ("issue", "subject"),
    (*_texts("issue", "subject"), Column("person_ids", "VARCHAR[]", ""), *_instants("since_at")),
)

DERIVED_CONFLICT = Table(
    "conflict", "one row per contradiction", ("kind", "subject", "kept", "lost"), (*_texts("kind", "subject", "kept", "lost", "detail"), *_instants("recorded_at"))
)

DERIVED_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        DERIVED_FINDING,
        DERIVED_SIGHTING,
        DERIVED_CAPTURE,
        DERIVED_CYCLE,
        DERIVED_MODE,
        DERIVED_CONTROL,
        DERIVED_COMPENSATING_CONTROL,
        DERIVED_EVENT,
        DERIVED_ROUTING,
        DERIVED_QUEUE,
        DERIVED_OWNERSHIP_BEFORE,
        DERIVED_TARGET,
        DERIVED_SCAN,
        DERIVED_SCAN_PLACE,
        DERIVED_REPEAT,
        DERIVED_ASSET,
        DERIVED_PERSON,
        DERIVED_TICKET,
        DERIVED_DISPATCH,
        DERIVED_DIRECTORY_ISSUE,
        DERIVED_CONFLICT,
    )
}
