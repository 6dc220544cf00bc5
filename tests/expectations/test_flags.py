"""The flags on real warehouses: a landing zone with every defect, and what independent SQL counts of it; and programmes without defects of ours."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations import data_docs, gate, suites
from warehouse import batches, models

AS_OF = "2026-05-04T12:00:00Z"
EARLIER = "2026-04-20T12:00:00Z"
POLICY = {"scans": {"authorized": ["*pay*", "*box*", "ghost*", "dup*", "orphan*", "twin*", "first*", "second*"]}, "severity": {"drift": {"minimum": 1, "scored": 1}}}
POLICY |= {"early_warning": {"minimum": 1, "capacity_weeks": 1, "period": "40d", "ownership_drop": 0, "coverage_drop": 0}, "sources": {"scans/s": {"cadence": "1d"}}, "routing": {"escalation_default": "gone"}}
#: Under it no word that came by a file counts.
DISTRUST = {**POLICY, "acknowledgement": {"trust": ["cli"]}}

_INVALID = "('nobody', 'unknown_person', 'group_inbox', 'bot', 'departed_person', 'inactive_person', 'no_role', 'no_channel', 'dissolved_team')"


def _acknowledgements(status: str) -> str:
    return f"SELECT count(*) FROM mart.event WHERE event = 'acknowledged' AND status = '{status}'"


def _out_of_sequence(stage: str) -> str:
    return f"SELECT count(*) FROM mart.stage WHERE is_out_of_sequence AND stage = '{stage}'"


def _open(status: str) -> str:
    return f"SELECT count(*) FROM mart.finding WHERE is_open AND binding_status = '{status}'"


def _stamped(condition: str) -> str:
    return f"""
        SELECT count(*) FROM record.landed_file SEMI JOIN (
            SELECT claim_id FROM record.observation WHERE {condition}
            UNION ALL SELECT claim_id FROM (SELECT *, NULL AS captured_at_source FROM record.activity) WHERE {condition} AND method <> 'own'
        ) USING (claim_id) WHERE claim_id NOT IN (SELECT lost FROM record.conflict WHERE kind = 'superseded_claim')"""


#: Observations that count, by the period that they fall into.
_PERIODS = """FROM (
    SELECT scanner, format, coalesce(nullif(lower(trim(native_severity)), ''), '(no term)') AS term, capture.band, observation.captured_at,
        observation.captured_at > as_of - to_microseconds(drift_recent_us) AS is_recent,
        NOT is_recent AND observation.captured_at > as_of - to_microseconds(drift_recent_us + drift_before_us) AS is_before
    FROM record.observation JOIN (SELECT observation_id, content_id, band FROM derived.capture) AS capture USING (observation_id, content_id), derived.parameter)"""


def _drifted(what: str) -> str:
    """Scanners of whose results more than the policy's share are rated otherwise, told by what the two periods have in common."""
    return f"""
        WITH counted AS (SELECT scanner, {what}, count(*) FILTER (WHERE is_recent) AS recent, count(*) FILTER (WHERE is_before) AS before {_PERIODS} GROUP BY ALL),
        shares AS (SELECT scanner, recent / sum(recent) OVER of AS p, before / sum(before) OVER of AS q, sum(recent) OVER of AS n, sum(before) OVER of AS m
            FROM counted WINDOW of AS (PARTITION BY scanner))
        SELECT count(*) FROM (SELECT scanner FROM shares CROSS JOIN derived.parameter WHERE least(n, m) >= drift_minimum
            GROUP BY ALL HAVING 1 - sum(least(p, q)) > any_value(drift_change) + 1e-9)"""


#: What every warning is counted by, apart from the batches' queries.
COUNTED = {
    "captured_at_restated": """SELECT count(DISTINCT (finding_id, cycle)) FROM record.restatement JOIN mart.handoff USING (finding_id, cycle)
        WHERE captured_at_was <> captured_at""",
    "file_quarantined": "SELECT count(*) FROM record.landed_file WHERE status = 'quarantined'",
    "file_held": "SELECT count(*) FROM record.landed_file WHERE status = 'held' AND decision IS NULL",
    "row_rejected": """SELECT sum(rows_rejected) FROM record.landed_file
        WHERE claim_id NOT IN (SELECT lost FROM record.conflict WHERE kind = 'superseded_claim')""",
    "stamps_naive": _stamped("is_naive"),
    "stamps_at_midnight": _stamped("is_midnight"),
    "captures_dated_by_day": _stamped("captured_at_source = 'report_date'"),
    "captures_dated_by_file": _stamped("captured_at_source = 'file'"),
    "observation_conflict": """SELECT count(*) FROM (
        SELECT observation_id FROM record.observation GROUP BY ALL HAVING count(DISTINCT content_id) > 1
        UNION ALL SELECT resend_id FROM record.observation WHERE resend_id IS NOT NULL GROUP BY ALL HAVING count(DISTINCT observation_id) > 1)""",
    "event_conflict": "SELECT count(*) FROM (SELECT event_id FROM record.activity GROUP BY ALL HAVING count(DISTINCT content_id) > 1)",
    "register_conflict": "SELECT count(DISTINCT (kind, subject)) FROM record.conflict WHERE kind IN ('asset', 'person', 'ownership', 'asset_source')",
    "file_superseded": "SELECT count(DISTINCT subject) FROM record.conflict WHERE kind = 'superseded_claim'",
    "target_without_asset": "SELECT count(*) FROM derived.target WHERE target NOT IN (SELECT target FROM derived.target WHERE binding_status = 'bound')",
    "target_not_authorized": "SELECT count(DISTINCT target) FROM mart.finding_alias WHERE target LIKE 'rogue%'",
    "manager_cycle": """SELECT count(DISTINCT one.person_id) FROM record.person AS one JOIN record.person AS other ON one.manager_id = other.person_id
        WHERE list_contains([other.manager_id, lower(other.manager_id)], one.person_id) OR list_contains(one.aliases, lower(other.manager_id))""",
    "shared_reference": """SELECT count(*) FROM (
        SELECT reference FROM (
            SELECT lower(unnest(list_prepend(email, coalesce(aliases, [])))) AS reference, lower(person_id) AS person FROM record.person
        ) GROUP BY reference HAVING count(DISTINCT person) > 1)""",
    "unknown_time_zone": "SELECT count(DISTINCT time_zone) FROM record.person WHERE time_zone NOT IN (SELECT name FROM pg_timezone_names())",
    "source_silent": """SELECT count(*) FROM mart.source_cadence
        WHERE silent_seconds > stated_seconds OR stated_seconds IS NULL AND silent_seconds <= 90 * 86400 AND silent_days > 2 * expected_days""",
    "arrivals_above_capacity": """SELECT count(*) FROM mart.ingest_capacity, derived.parameter, derived.early_warning
        WHERE step = 'acknowledged' AND weeks_above >= capacity_weeks AND timezone(reporting_zone, timezone('UTC', as_of))::DATE - week_start BETWEEN 7 AND 13""",
    "ownership_currency_fell": """SELECT count(*) FROM (
        SELECT team, sum(open_findings * CAST(is_active AS INTEGER)) / sum(open_findings) AS before, sum(open_findings) AS n
        FROM (SELECT 'team ' || coalesce(team, '(none)') AS team, is_active, open_findings FROM derived.ownership_before UNION ALL SELECT 'all all', is_active, open_findings FROM derived.ownership_before)
        GROUP BY team) JOIN mart.ownership_currency ON team = dimension || ' ' || dimension_value AND severity = 'all' AND mapping_age = 'all', derived.early_warning
        WHERE least(n, ownership_currency.open_findings) >= minimum AND currency_rate < before AND before - currency_rate >= ownership_drop - 1e-9""",
    "coverage_fell": """WITH ends AS (SELECT unnest(['now', 'before']) AS word, unnest([as_of, before_at]) AS instant, scan_cadence_us FROM derived.parameter, derived.early_warning),
        scan AS (SELECT asset_id, scanned_at FROM derived.scan JOIN derived.scan_place USING (claim_id) WHERE is_healthy
            UNION ALL SELECT asset_id, captured_at FROM derived.capture JOIN derived.target USING (target) WHERE binding_status = 'bound'),
        judged AS (SELECT word, asset_id, unnest(['all', 'unit ' || coalesce(business_unit, '')]) AS unit,
                coalesce((SELECT max(scanned_at) FROM scan WHERE scan.asset_id = asset.asset_id AND scanned_at <= instant), registered_at) + to_microseconds(scan_cadence_us) >= instant AS good
            FROM derived.asset, ends WHERE registered_at IS NULL OR registered_at <= instant),
        share AS (SELECT unit, word, count(*) AS n, count(*) FILTER (WHERE good) / count(*) AS rate FROM judged GROUP BY ALL)
        SELECT count(*) FROM share AS now JOIN share AS before USING (unit), derived.early_warning
        WHERE now.word = 'now' AND before.word = 'before' AND least(now.n, before.n) >= minimum AND now.rate < before.rate AND before.rate - now.rate >= coverage_drop - 1e-9""",
    "manager_unreachable": """SELECT count(DISTINCT owner.manager_id) FROM mart.responsibility JOIN mart.handoff USING (finding_id, cycle)
        JOIN mart.person AS owner USING (person_id) LEFT JOIN mart.person AS above ON above.person_id = owner.manager_id
        WHERE is_open AND owner.is_in_force AND (above.is_in_force AND above.kind = 'human' AND above.status = 'active' AND above.role <> '' AND above.channel <> '') IS NOT TRUE""",
    "escalation_default_unreachable": """SELECT count(*) FROM (SELECT DISTINCT policy->>'$.routing.escalation_default' AS reference FROM record.policy) WHERE reference IS NOT NULL
        AND reference NOT IN (SELECT person_id FROM mart.person WHERE is_in_force AND standing = 'valid')""",
    "severity_unrated": "SELECT count(*) FROM mart.finding WHERE severity = 'unrated'",
    # A cycle has one mode, on the first of its events; each of them has a flag.
    "severity_understated": "SELECT count(*) FROM mart.flag JOIN derived.mode USING (finding_id, cycle) WHERE expectation = 'severity_understated' AND mode = 'severity_mismatch'",
    "severity_term_contradicted": """SELECT count(*) FROM (
        SELECT scanner, native_term FROM derived.capture, derived.parameter WHERE native_term <> '(no term)' AND scanner_band <> 'unrated'
        GROUP BY ALL HAVING count(scanner_score) >= any_value(drift_scored) AND any_value(scanner_band) <> CASE WHEN median(scanner_score) >= 9 THEN 'critical'
            WHEN median(scanner_score) >= 7 THEN 'high' WHEN median(scanner_score) >= 4 THEN 'medium' WHEN median(scanner_score) > 0 THEN 'low' ELSE 'informational' END)""",
    "severity_term_new": f"""SELECT count(*) FROM (SELECT scanner AS of_scanner, format, term, bool_and(is_recent) AS is_new {_PERIODS} GROUP BY ALL), derived.parameter
        WHERE is_new AND drift_minimum <= (SELECT count(*) {_PERIODS} AS earlier WHERE NOT is_recent AND earlier.scanner = of_scanner)""",
    "severity_terms_drifted": _drifted("format, term"),
    "severity_bands_drifted": _drifted("band"),
    "finding_unbound": _open("unbound"),
    "finding_ambiguous": _open("ambiguous"),
    "finding_retired": _open("retired"),
    "no_valid_person": "SELECT count(*) FROM mart.decayed_routing",
    "mapping_outdated": """SELECT count(*) FROM mart.handoff JOIN record.ownership ON "match" = 'name:held*' AND target LIKE 'held%'
        WHERE is_open AND effective_from < TIMESTAMP '2025-05-04 12:00:00'""",
    "routed_to_invalid_person": f"SELECT count(*) FROM mart.event WHERE event = 'routed' AND status IN {_INVALID}",
    "notified_invalid_person": f"SELECT count(*) FROM mart.event WHERE event = 'notified' AND status IN {_INVALID}",
    "handoff_sla_broken": "SELECT count(*) FROM mart.handoff WHERE handoff_breached",
    "unacknowledged_past_window": "SELECT count(*) FROM mart.handoff WHERE is_unacknowledged",
    "acknowledgement_not_allowed": _acknowledgements("not_allowed"),
    "acknowledgement_untrusted": _acknowledgements("untrusted_method"),
    "acknowledgement_withdrawn": _acknowledgements("withdrawn"),
    "acknowledgement_outside_cycle": _acknowledgements("outside_cycle"),
    "handoff_declined": "SELECT count(*) FROM mart.event WHERE event = 'declined' AND is_valid",
    "acknowledgement_before_capture": _acknowledgements("before_capture"),
    "enrichment_out_of_sequence": _out_of_sequence("enrichment"),
    "routing_out_of_sequence": _out_of_sequence("routing"),
    "dispatch_out_of_sequence": _out_of_sequence("dispatch"),
    "acknowledgement_out_of_sequence": _out_of_sequence("acknowledgement"),
    "triage_out_of_sequence": _out_of_sequence("triage_entry"),
    "event_before_capture": "SELECT count(*) FROM mart.event WHERE event <> 'acknowledged' AND status = 'before_capture'",
    "event_outside_cycle": "SELECT count(*) FROM mart.event WHERE status IN ('outside_cycle', 'reopened_while_open', 'no_running_control')",
    "event_unmatched": "SELECT count(*) FROM mart.event WHERE status = 'no_match' AND method <> 'own'",
    "event_ambiguous": "SELECT count(*) FROM mart.event WHERE status = 'ambiguous_ref' AND method <> 'own'",
    "triage_without_acknowledgement": """SELECT count(*) FROM mart.event
        WHERE event = 'triaged' AND status IN ('not_acknowledged', 'before_acknowledgement')""",
}
#: No order of events can bring these about (ruling 47); the rules are there for the day when one can.
NEVER = {"enrichment_out_of_sequence", "acknowledgement_out_of_sequence", "triage_out_of_sequence"}


def defects(tools: Any, folder: Path) -> tuple[Path, Path]:
    """(what lands first, what lands with the second run): every defect that input can have, once or more."""
    zone = tools.Zone()
    zone.assets(
        {"asset_id": "pay", "name": "pay-api", "owner_team": "payments"},
        {"asset_id": "old", "name": "old-box", "owner_team": "payments", "effective_from": "2026-01-01T00:00:00Z"},
        {"asset_id": "old", "name": "old-box", "owner_team": "payments", "status": "retired", "effective_from": "2026-03-03T00:00:00Z"},
        {"asset_id": "dup-1", "name": "dup-one", "aliases": "dup-svc"},
        {"asset_id": "dup-2", "name": "dup-two", "aliases": "dup-svc"},
        {"asset_id": "lone", "name": "orphan"},
        {"asset_id": "held", "name": "held-box", "owner_team": "payments"},
        {"asset_id": "twins", "name": "twin", "effective_from": "2026-01-01T00:00:00Z"},
        {"asset_id": "twins", "name": "twin", "environment": "test", "effective_from": "2026-01-01T00:00:00Z"},
    )
    directory = [tools.person("anna", manager_id="mute"), tools.person("mute", "leads", channel=""), tools.person("bo"), tools.person("cy", "other"), tools.person("gone", status="departed"), tools.person("inbox", kind="group")]
    directory += [tools.person("ola", "other", manager_id="pia", email="op@example.com"), tools.person("pia", "other", manager_id="OLA-1", email="OP@example.com", time_zone="Mars/Base")]
    directory[-2]["aliases"] = "ola-1"
    zone.people(*directory, path="people/people-1.csv", source="directory", captured_at="2026-02-01T00:00:00Z")
    zone.people(directory[0], path="people/people-2.csv", source="directory", captured_at="2026-02-02T00:00:00Z")
    del zone.files["people/people.csv"]
    zone.ownership(
        {"match": "asset:pay", "person_id": "anna", "team": "payments", "effective_from": ""},
        {"match": "name:held*", "person_id": "bo", "team": "payments", "effective_from": "2025-05-01"},
    )
    targets = {"A": "pay-api", "B": "ghost-1", "C": "old-box", "D": "dup-svc", "F": "orphan", "R": "rogue-1", "H": "held-box"}
    for number, (own, target) in enumerate(targets.items()):
        zone.scan("2026-03-02T09:00:00Z", target=target, own=own, cve=f"CVE-2026-{number}")
    zone.scan("2026-03-02T09:00:00Z", "Whatever", own="U", cve="CVE-2026-77")
    zone.scan("2026-03-02T09:00:00Z", "High", own="V", cve="CVE-2026-78")
    # One result, twice in one capture, with two bands.
    zone.scan("2026-03-02T09:00:00Z", "High", own="K", cve="CVE-2026-79").scan("2026-03-02T09:00:00Z", "Low", own="K", cve="CVE-2026-79")
    # Later it rates otherwise, with a new word, and scores against its own.
    zone.scan("2026-04-10T09:00:00Z", "Severe", own="S", cve="CVE-2026-82")
    zone.scan("2026-04-10T09:00:00Z", "Low", own="W", cve="CVE-2026-83", cvssv3="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
    # One own id on two findings.
    zone.scan("2026-03-02T09:00:00Z", own="TWIN", cve="CVE-2026-80").scan("2026-03-02T09:00:00Z", own="TWIN", cve="CVE-2026-81")
    day = {"title": "day", "severity": "Low", "description": "d", "service": "pay-api", "date": "2026-03-05"}
    zone.put("scans/day.json", json.dumps({"findings": [day]}))
    zone.put("scans/undated.json", json.dumps({"findings": [{**day, "title": "undated", "date": None}]}))
    zone.put("scans/late.json", json.dumps({"findings": [{**day, "title": "late sidecar", "date": "2026-03-06T10:00:00Z"}]}))
    zone.put("scans/broken.json", "{")

    zone.event("routed", "2026-03-02T10:00:00Z", "secops", target_person="anna", severity="low")
    zone.event("notified", "2026-03-02T10:30:00Z", "secops", target_person="gone")
    zone.event("acknowledged", "2026-03-01T11:00:00Z", "anna").event("commented", "2026-03-01T11:30:00Z", "anna")
    zone.event("acknowledged", "2026-03-02T12:00:00Z", "anna").event("acknowledgement_withdrawn", "2026-03-02T13:00:00Z", "anna")
    zone.event("acknowledged", "2026-03-02T14:00:00Z", "cy").event("triaged", "2026-03-03T09:00:00Z", "anna").event("reopened", "2026-03-03T10:00:00Z", "anna")
    zone.event("routed", "2026-03-02T10:00:00Z", "secops", ref="V", target_person="inbox")
    # Stages the wrong way round, then closed, then more.
    zone.event("enriched", "2026-03-02T14:00:00Z", "secops", ref="V").event("routed", "2026-03-02T13:00:00Z", "secops", ref="V", target_person="anna")
    zone.event("notified", "2026-03-02T13:30:00Z", "secops", ref="V", target_person="anna").event("acknowledged", "2026-03-02T15:00:00Z", "anna", ref="V")
    zone.event("verified", "2026-03-04T09:00:00Z", "anna", ref="V").event("acknowledged", "2026-03-04T10:00:00Z", "anna", ref="V")
    zone.event("commented", "2026-03-04T11:00:00Z", "anna", ref="V").event("control_expired", "2026-03-03T11:00:00Z", "anna")
    zone.event("commented", "2026-03-05T10:00:00Z", ref="nothing-1").event("acknowledged", "2026-03-05T11:00:00Z", ref="nothing-2")
    zone.event("commented", "2026-03-05T10:00:00Z", ref="TWIN")
    zone.event("declined", "2026-03-05T10:00:00Z", "anna", comment="not ours").event("declined", "2026-03-05T10:00:00Z", "bo", ref="V", comment="too late")
    zone.event("sneezed", "2026-03-05T10:00:00Z")
    zone.event("commented", "2026-03-05T10:00:00").event("commented", "2026-03-06T00:00:00Z")
    zone.events.append({**zone.events[-1], "actor": "bo"})

    second = tools.Zone()
    second.files.clear()
    second.scan("2026-03-01T23:00:00Z", own="A", cve="CVE-2026-0")
    second.files["scans/earlier.json"] = second.files.pop("scans/s1.json")
    second.files["scans/earlier.json.meta.yaml"] = second.files.pop("scans/s1.json.meta.yaml")
    second.scan("2026-04-28T09:00:00Z", own="Z", cve="CVE-2026-77", target="ghost-late", scanner="three")
    second.files["scans/new.json"] = second.files.pop("scans/s2.json")
    second.files["scans/new.json.meta.yaml"] = second.files.pop("scans/s2.json.meta.yaml")
    second.put("scans/late.json", zone.files["scans/late.json"], target="pay-api")
    first = zone.write(folder / "first")
    os.utime(first / "scans" / "undated.json", (tools.us("2026-03-10T10:00:00Z") / 1e6,) * 2)
    return first, second.write(folder / "second")


class Judged:
    """A built warehouse, its batches, and the verdict on them as its marts show it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        models.build(connection)
        self.connection, self.batches = connection, batches.fetch(connection)
        self.verdict = gate.validate(self.batches)
        batches.write_results(connection, self.verdict)
        models.build_results(connection)

    def count(self, query: str) -> int:
        row = self.connection.execute(query).fetchone()
        return int((row[0] if row else 0) or 0)

    def rows(self, query: str) -> list[tuple]:
        return self.connection.execute(query).fetchall()

    def flags(self, expectation: str, columns: str = "*") -> list[tuple]:
        return self.rows(f"SELECT {columns} FROM mart.flag WHERE expectation = '{expectation}' ORDER BY ALL")


@pytest.fixture(scope="module")
def defective(tools, tmp_path_factory):
    """The zone with every defect, in two runs."""
    folder = tmp_path_factory.mktemp("defects")
    first, second = defects(tools, folder)
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(first, EARLIER, POLICY)
    warehouse.run(second, AS_OF, POLICY)
    with warehouse.open() as connection:
        yield Judged(connection)


@pytest.fixture(scope="module")
def distrusting(tools, tmp_path_factory):
    """The same under a policy that trusts no file."""
    folder = tmp_path_factory.mktemp("distrust")
    first, _ = defects(tools, folder)
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(first, AS_OF, DISTRUST)
    with warehouse.open() as connection:
        yield Judged(connection)


@pytest.fixture(scope="module")
def generated(tools, generated_landing, tmp_path_factory):
    """A generated programme, most of it in a second run at another as_of."""
    landing, policy, as_of = generated_landing
    warehouse = tools.Warehouse(tmp_path_factory.mktemp("generated_flags") / "home")
    warehouse.run(landing, as_of, policy)
    with warehouse.open() as connection:
        yield Judged(connection)


@pytest.fixture(scope="module")
def plain(tools, plain_landing, tmp_path_factory):
    """The plain path."""
    warehouse = tools.Warehouse(tmp_path_factory.mktemp("plain_flags") / "home")
    warehouse.run(plain_landing, tools.PLAIN_AS_OF, (tools.PLAIN_PATH / "policy.yaml").read_text(encoding="utf-8"))
    with warehouse.open() as connection:
        yield Judged(connection)


@pytest.fixture(scope="module")
def untouched(tools, tmp_path_factory):
    """A run with nothing in the landing zone."""
    folder = tmp_path_factory.mktemp("nothing")
    (folder / "landing").mkdir()
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(folder / "landing", AS_OF)
    with warehouse.open() as connection:
        yield Judged(connection)


BUILT = ("defective", "distrusting", "generated", "plain", "untouched")


@pytest.fixture
def judged(request):
    return request.getfixturevalue(request.param)


def test_every_warning_is_counted_independently(plain):
    warnings = {row["expectation"] for row in plain.verdict.results.to_pylist() if row["level"] == "warning"}
    assert warnings == set(COUNTED)


@pytest.mark.parametrize("judged", BUILT, indirect=True)
@pytest.mark.parametrize("expectation", COUNTED)
def test_flags_equal_an_independent_count(judged, expectation):
    counted = judged.count(COUNTED[expectation])
    assert judged.count(f"SELECT count(*) FROM mart.flag WHERE expectation = '{expectation}'") == counted
    assert judged.rows(f"SELECT failed, success FROM mart.expectation_result WHERE expectation = '{expectation}'") == [(counted, counted == 0)]


def test_every_defect_is_in_the_zone_with_every_defect(defective, distrusting):
    found = {row["expectation"] for verdict in (defective.verdict, distrusting.verdict) for row in verdict.results.to_pylist() if row["failed"]}
    assert found == set(COUNTED) - NEVER


@pytest.mark.parametrize("judged", BUILT, indirect=True)
def test_no_input_breaks_a_law(judged):
    assert judged.verdict.laws_broken == []
    assert judged.rows("FROM mart.reconciliation WHERE difference <> 0") == []


@pytest.mark.parametrize("judged", BUILT, indirect=True)
def test_flags_have_their_grain_and_lead_somewhere(judged):
    key = ", ".join(models.models()["flag"].key)
    assert judged.rows(f"SELECT {key} FROM mart.flag GROUP BY ALL HAVING count(*) > 1") == []
    assert judged.rows("FROM mart.flag WHERE subject_id IS NULL OR first_flagged_at IS NULL OR detail = '' OR NOT json_valid(evidence)") == []
    assert judged.rows("FROM mart.flag WHERE finding_id IS NOT NULL AND finding_id NOT IN (SELECT finding_id FROM mart.finding)") == []
    assert judged.rows("FROM mart.flag WHERE first_flagged_at > (SELECT as_of FROM derived.parameter)") == []
    assert judged.rows("FROM mart.flag ANTI JOIN mart.expectation_result USING (suite, expectation)") == []


@pytest.mark.parametrize("judged", BUILT, indirect=True)
def test_every_mart_but_the_results_is_held_to_its_key(judged):
    held = {row[0] for row in judged.rows("SELECT subject FROM mart.reconciliation WHERE law = 'unique_grain'")}
    assert held == {f"mart.{name}" for name in models.models()} - {"mart.reconciliation", "mart.flag", "mart.expectation_result"}


def test_verdict_does_not_hang_on_the_order_of_rows(generated):
    shuffled = {name: rows.sample(frac=1, random_state=1) for name, rows in generated.batches.items()}
    assert gate.validate(shuffled).flags == generated.verdict.flags


# What single flags say


def test_capture_flags_name_file_and_row(defective):
    assert defective.flags("file_quarantined", "subject_kind, evidence->>'path'") == [("file", "scans/broken.json")]
    assert defective.flags("file_held", "evidence->>'path'") == [("people/people-2.csv",)]
    assert defective.flags("captures_dated_by_day", "evidence->>'path'") == [("scans/day.json",)]
    assert defective.flags("captures_dated_by_file", "evidence->>'path'") == [("scans/undated.json",)]
    assert defective.flags("file_superseded", "subject_id") == [("scans/late.json",)]
    ((kind, reason, path),) = defective.flags("row_rejected", "subject_kind, evidence->>'reason', evidence->>'path'")
    assert (kind, reason, path) == ("row", "unknown_event", "activity/events.jsonl")


def test_restated_t0_is_flagged_with_both_instants(defective):
    ((was, is_, since),) = defective.flags("captured_at_restated", "evidence->>'first_published_at', evidence->>'captured_at', first_flagged_at::VARCHAR")
    assert (was, is_, since) == ("2026-03-02T09:00:00Z", "2026-03-01T23:00:00Z", "2026-05-04 12:00:00")


def test_unrated_is_flagged_with_scanner_term_and_the_line_to_add(defective, tools):
    (whatever, severe) = defective.flags("severity_unrated", "detail, evidence->>'policy_line'")[::-1]
    assert severe[1] == 'severity: {calibration: {"one": {"severe": BAND}}}'
    assert whatever[0] == (
        "one calls it whatever, which no calibration knows: it is in no measure until it is rated; to rate it, add to the policy "
        '`severity: {calibration: {"one": {"whatever": BAND}}}` with BAND one of critical, high, medium, low, informational'
    )
    line = whatever[1].replace("BAND", "low")
    assert tools.make_policy(line).severity.calibration["one"] == {"whatever": "low"}


def test_drift_is_flagged_with_what_changed(defective):
    assert defective.flags("severity_term_new", "subject_kind, subject_id, detail") == [
        ("term", f"one:generic:{term}", f"one (generic) did not use {term} before; the calibration takes it for {band}: look whether that is meant")
        for term, band in (("low", "low"), ("severe", "unrated"))
    ]
    ((contradicted,),) = defective.flags("severity_term_contradicted", "detail")
    assert contradicted.startswith("one (generic): low is calibrated to low, but the median of its 1 scores is 9.8, critical;")
    ((kind, terms, since),) = defective.flags("severity_terms_drifted", "subject_kind, detail, first_flagged_at::VARCHAR")
    assert (kind, since) == ("scanner", "2026-04-04 12:00:00") and terms.startswith("one rates otherwise than before: critical 77% -> 0%, low 0% -> 50%, severe 0% -> 50%, high 15% -> 0%")
    ((bands,),) = defective.flags("severity_bands_drifted", "detail")
    assert bands.startswith("results of one come out otherwise than before: unrated ")


def test_target_is_flagged_with_the_file_and_row_that_it_came_in_with(defective):
    found = defective.flags("target_without_asset", "subject_id, failure_mode, evidence->>'path', evidence->>'pointer'")
    assert found[1] == ("ghost-1", "asset_binding_gap", "scans/s2.json", "/findings/0")
    assert [row[0] for row in found] == ["dup-svc", "ghost-1", "ghost-late", "old-box", "rogue-1"]
    assert defective.flags("target_not_authorized", "subject_id") == [("rogue-1",)]


def test_directory_is_flagged_with_the_people(defective):
    found = defective.flags("manager_cycle", "subject_id, failure_mode, evidence->>'people', detail")
    assert found == [
        (
            "manager_cycle: ola → pia → ola",
            "decayed_routing",
            "ola, pia",
            "the managers ola, pia stand above each other in a circle: nothing can be escalated past them; mend manager_id of one",
        )
    ]
    assert defective.flags("shared_reference", "subject_id, evidence->>'people'") == [("shared_reference: email op@example.com", "ola, pia")]
    ((detail,),) = defective.flags("unknown_time_zone", "detail")
    assert detail == "pia is in the time zone Mars/Base, which is none; expected an IANA name, as in Europe/Berlin"


def test_binding_gap_is_dated_by_when_it_began(defective):
    assert defective.flags("finding_retired", "failure_mode, severity, first_flagged_at::VARCHAR") == [("asset_binding_gap", "critical", "2026-03-03 00:00:00")]
    ((detail, since),) = defective.flags("finding_ambiguous", "detail, first_flagged_at::VARCHAR")
    assert (detail, since) == ("dup-svc may be any of dup-1, dup-2", "2026-03-02 09:00:00")


def test_decayed_routing_gives_reason_and_candidate(defective):
    found = defective.flags("no_valid_person", "evidence->>'reason', evidence->>'asset_id', owner_id")
    assert ("nobody", "lone", None) in found
    assert defective.flags("notified_invalid_person", "evidence->>'target_person', evidence->>'status'") == [("gone", "departed_person")]


def test_broken_sla_is_flagged_at_its_due_with_the_primary_mode(plain):
    expected = plain.rows("SELECT finding_id, failure_mode, handoff_due_at, owner_id, team, severity FROM mart.handoff WHERE handoff_breached ORDER BY ALL")
    assert plain.flags("handoff_sla_broken", "finding_id, failure_mode, first_flagged_at, owner_id, team, severity") == expected


# The marts of the results


@pytest.mark.parametrize("judged", BUILT, indirect=True)
def test_results_say_what_follows(judged):
    consequences = judged.rows("SELECT DISTINCT level, consequence FROM mart.expectation_result ORDER BY ALL")
    assert consequences == [("critical", "nothing is published, exit 3"), ("warning", "published and flagged")]
    assert judged.count("SELECT count(*) FROM mart.expectation_result") == sum(len(module.rules()) for module in suites.suites().values())


def test_results_are_built_again_where_they_are_validated_again(untouched):
    before = untouched.rows("FROM mart.expectation_result ORDER BY ALL")
    untouched.connection.execute("UPDATE derived.expectation_result SET message = 'again'")
    models.build_results(untouched.connection)
    assert untouched.rows("SELECT DISTINCT message FROM mart.expectation_result") == [("again",)]
    batches.write_results(untouched.connection, untouched.verdict)
    models.build_results(untouched.connection)
    assert untouched.rows("FROM mart.expectation_result ORDER BY ALL") == before


def test_empty_batches_have_the_types_of_full_ones(untouched, defective):
    def types(found):
        return {name: dict(rows.dtypes) for name, rows in found.batches.items()}

    assert types(untouched) == types(defective)


# Laws, broken on purpose


@pytest.mark.parametrize(
    ("law", "damage"),
    [
        ("row_balance", "UPDATE record.landing_attempt SET rows_new = rows_new + 1 WHERE path = 'scans/a01.json'"),
        ("row_balance", "UPDATE record.landing_attempt SET rows_in = rows_in + 1, rows_rejected = rows_rejected + 1 WHERE path = 'scans/a01.json'"),
        ("rows_kept", "DELETE FROM record.activity WHERE event_id = 'e001'"),
        ("unique_grain", "INSERT INTO derived.sighting FROM derived.sighting LIMIT 1"),
        ("references", "DELETE FROM derived.finding WHERE finding_id IN (SELECT finding_id FROM derived.cycle LIMIT 1)"),
        ("references", "UPDATE derived.capture SET content_id = 'another' WHERE target = 'pay-api'"),
        ("t0_earliest", "UPDATE derived.capture SET captured_at = captured_at - INTERVAL 1 MICROSECOND WHERE target = 'pay-api'"),
        ("restatement_chain", "INSERT INTO record.restatement SELECT finding_id, cycle, captured_at, captured_at, TIMESTAMP '2026-05-01' FROM derived.cycle"),
        ("restatement_chain", "INSERT INTO record.restatement SELECT finding_id, cycle, captured_at, captured_at + INTERVAL 1 DAY, as_of FROM derived.cycle, derived.parameter"),
    ],
)  # fmt: skip
def test_damage_to_our_own_work_breaks_its_law(plain, law, damage, tmp_path):
    with _copy(plain.connection, tmp_path) as connection:
        connection.execute(damage)
        models.build(connection)
        broken = connection.execute("SELECT DISTINCT law FROM mart.reconciliation WHERE difference <> 0").fetchall()
    assert (law,) in broken


def test_a_broken_law_is_said_and_nothing_of_it_is_taken_for_bad_input(plain, tmp_path):
    with _copy(plain.connection, tmp_path) as connection:
        connection.execute("UPDATE derived.cycle SET captured_at = captured_at - INTERVAL 1 MICROSECOND WHERE cycle = 1")
        judged = Judged(connection)
        cycles = judged.count("SELECT count(*) FROM mart.handoff")
        assert [text.split(":")[0] for text in judged.verdict.laws_broken] == ["capture.captured_at_earliest", "reconciliation.t0_earliest"]
        assert f"expected {cycles}, counted 0" in judged.verdict.laws_broken[1]
        assert len(judged.flags("captured_at_earliest")) == cycles and judged.flags("t0_earliest", "subject_kind, level") == [("law", "critical")]


@pytest.mark.parametrize(
    ("law", "damage"),
    [
        ("stage_sums", "UPDATE mart.stage SET span_us = span_us + 1 WHERE stage = 'triage_entry'"),
        ("stage_sums", "UPDATE mart.segment SET ended_at = ended_at + INTERVAL 1 MICROSECOND WHERE segment = 'fix'"),
        ("totals_agree", "UPDATE mart.sla_breach SET sla = 'remediation' WHERE sla = 'handoff'"),
        ("rate_sums", "DELETE FROM mart.no_acknowledgement WHERE period_grain = 'week' AND severity = 'critical'"),
        ("references", "DELETE FROM mart.failure_mode WHERE is_primary"),
        ("evidence_sums", "UPDATE mart.control_evidence SET pending = pending + 1 WHERE control = 'RA-5'"),
        ("evidence_sums", "DELETE FROM mart.obligation WHERE obligation = 'ownership_current'"),
        ("evidence_sums", "UPDATE mart.obligation SET status = 'late' WHERE obligation = 'named_accountability'"),
    ],
)
def test_damage_to_a_mart_breaks_its_law(plain, law, damage, tmp_path):
    with _copy(plain.connection, tmp_path) as connection:
        connection.execute(damage)
        connection.execute(f"CREATE OR REPLACE TABLE mart.reconciliation AS {models.models()['reconciliation'].query}")
        broken = connection.execute("SELECT DISTINCT law FROM mart.reconciliation WHERE difference <> 0").fetchall()
    assert broken == [(law,)]


def _copy(connection: duckdb.DuckDBPyConnection, folder: Path) -> duckdb.DuckDBPyConnection:
    """A warehouse of its own with the same rows."""
    connection.execute(f"ATTACH '{folder / 'copy.duckdb'}' AS copy")
    (name,) = connection.execute("SELECT current_database()").fetchone()
    connection.execute(f"COPY FROM DATABASE {name} TO copy")
    connection.execute("DETACH copy")
    found = duckdb.connect(str(folder / "copy.duckdb"))
    found.execute("SET TimeZone = 'UTC'")
    return found


# Our own page of the results


def test_page_shows_every_expectation_and_flag(defective):
    page = data_docs.render(defective.verdict.results, defective.verdict.flags, 0)
    for row in defective.verdict.results.to_pylist():
        assert f"<code>{row['expectation']}</code>" in page
    assert "Every law of our own work holds" in page and "ghost-1 is in no asset register" in page


def test_page_loads_and_runs_nothing(defective):
    page = data_docs.render(defective.verdict.results, defective.verdict.flags, 0)
    assert "default-src &#x27;none&#x27;" in page
    assert not [word for word in ("<script", "http://", "https://", "src=", "href=", "url(", "@import") if word in page]


def test_page_escapes_every_text():
    hostile = "<img src=x onerror=alert(1)>&\"'"
    texts = {name: hostile for name in gate.FLAG_SCHEMA.names if name not in ("cycle", "first_flagged_at", "evidence")}
    flags = gate.FLAG_SCHEMA.empty_table().from_pylist([{**texts, "evidence": json.dumps({hostile: hostile})}], schema=gate.FLAG_SCHEMA)
    row = {name: hostile for name in gate.RESULT_SCHEMA.names if name not in ("checked", "failed", "success", "is_broken")}
    results = gate.RESULT_SCHEMA.empty_table().from_pylist([{**row, "success": False, "is_broken": False}], schema=gate.RESULT_SCHEMA)
    page = data_docs.render(results, flags, 0)
    assert "<img" not in page and "&lt;img" in page


def test_page_says_that_nothing_was_published():
    row = {"suite": "s", "expectation": "e", "level": "critical", "consequence": "c", "rule": "r", "message": "m", "success": False, "is_broken": False}
    results = gate.RESULT_SCHEMA.empty_table().from_pylist([row], schema=gate.RESULT_SCHEMA)
    assert "nothing was published" in data_docs.render(results, gate.FLAG_SCHEMA.empty_table(), 0)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_page_keeps_nobody_out(defective, browser, browsing, tmp_path, width, scheme):
    path = tmp_path / "expectations.html"
    path.write_text(data_docs.render(defective.verdict.results, defective.verdict.flags, 0), encoding="utf-8")
    browsing.opened(browser, path.as_uri(), width=width, scheme=scheme)
    assert (browsing.complaints(browser), browsing.requests(browser, path.as_uri())) == ([], [])
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
    assert {entry.rule for entry in browsing.assert_accessible(browser)} <= {"color-contrast"}  # of what is scrolled out of a frame


def test_page_of_very_many_flags_is_short_and_its_count_true():
    texts = {name: ["x"] * 100_000 for name in gate.FLAG_SCHEMA.names if name not in ("cycle", "first_flagged_at", "evidence")}
    empty = {name: [None] * 100_000 for name in ("cycle", "first_flagged_at")}
    flags = gate.FLAG_SCHEMA.empty_table().from_pydict({**texts, **empty, "evidence": ["{}"] * 100_000}, schema=gate.FLAG_SCHEMA)
    page = data_docs.render(gate.RESULT_SCHEMA.empty_table(), flags, 0)
    assert "100,000; the first 200, all are in <code>mart.flag</code>" in page
    assert page.count("<tr>") == 1 + 200
    assert len(page) < 100_000
