"""Every rule, shown to hold on good rows and to fail on a breaking one, and on that alone; and a broken suite told from bad data."""

from __future__ import annotations

import json
import logging
import os
import socket
import tempfile
from datetime import datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from expectations import gate, suites
from expectations.suites import CONSEQUENCES
from transforms.domain.errors import ModuleMalformed

T0 = datetime(2026, 3, 2, 9)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


ABOUT = {"subject_kind": "finding", "finding_id": "f", "cycle": 1, "severity": "high", "owner_id": "anna", "team": "payments", "since_at": T0}
_BEFORE = {f"before_{name}_at": T0 for name in ("enriched", "routed", "notified", "acknowledged", "triaged")}
_STAGES = {f"{name}_at": at(hour) for hour, name in enumerate(("enriched", "routed", "notified", "acknowledged", "triaged"), 1)}
_EVENT = {"event": "commented", "ref": "A", "actor": "anna", "target_person": "bo", "channel": "chat", "ticket": None, "method": "file", "declined_status": "outside_cycle", "comment": "not ours", "withdrawn_by": "anna"}
_STATUSES = dict.fromkeys(("status", "place_status", "routing_status", "dispatch_status", "acknowledgement_status", "triage_status"), "counted")

#: A row of each batch that breaks nothing.
GOOD = {
    "cycle": {
        **ABOUT, "failure_mode": "unexplained", "origin": "first_time", "captured_at": T0, "opened_at": T0, "first_published_at": T0, "restated_at": at(1),
        **_STAGES, **_BEFORE, "handoff_due_at": at(8), "horizon_at": at(90), "answered_at": at(8), "window_ends_at": at(24), "heard_at": at(23),
    },
    "landed_file": {
        **ABOUT, "path": "scans/a.json", "sha256": "ab", "status": "loaded", "reason": None, "stamps": 3, "naive_stamps": 0, "midnight_stamps": 0,
        "day_captures": 0, "file_captures": 0,
    },
    "rejected_row": {**ABOUT, "path": "scans/a.json", "pointer": "/findings/0", "reason": None, "explanation": "no target"},
    "conflict": {
        **ABOUT, "kind": "asset", "subject": "pay", "difference": "name", "observation_contents": 1, "event_contents": 1, "register_contents": 1, "file_contents": 1,
    },
    "target": {
        **ABOUT, "target": "pay-api", "binding_status": "bound", "is_authorized": True, "candidates": "pay", "path": "scans/a.json", "pointer": "/findings/0",
        "source": "scans/a",
    },
    "native_term": {
        **ABOUT, "scanner": "trivy", "format": "trivy", "native_term": "HIGH", "calibrated_band": "high", "observations": 30, "findings": 9, "scored": 25,
        "median_score": 7.5, "score_band": "high", "recent": 12, "is_contradicted": False, "is_new": False,
    },
    "scanner": {
        **ABOUT, "scanner": "trivy", "term_change": 0.1, "band_change": 0.1, "recent": 60, "before": 70, "changed_terms": "HIGH 50% -> 60%",
        "changed_bands": "high 50% -> 60%", "has_drifted_terms": False, "has_drifted_bands": False,
    },
    "directory": {**ABOUT, "issue": "", "subject": "anna → bo → anna", "people": "anna, bo", "standing": "valid"},
    "finding": {**ABOUT, "title": "T", "target": "pay-api", "severity_rule": "native", "scanners": "one", "native_terms": None, "policy_line": None},
    "open_finding": {**ABOUT, "target": "pay-api", "binding_status": "bound", "asset_id": "pay", "state": "open", "candidates": "pay"},
    "open_cycle": {
        **ABOUT, "reason": "routed", "candidate": "anna", "named_by": "asset:pay", "mapping_age_seconds": 3600.0, "mapping_age": "0 days old", "rejected": "",
        "asset_id": "pay", "is_acknowledged": False, "is_mapping_stale": False, "stale_since_at": at(24),
    },
    "event": {
        **ABOUT, **_EVENT, **_STATUSES, "recorded_at": at(90), "withdrawn_at": at(2), "occurred_at": at(1), "first_captured_at": T0, "acknowledgement_at": T0, "event_at": T0,
        "routed_severity": "high", "routed_rank": 1, "band_rank": 1, "band": "high",
    },
    "early_warning": {**ABOUT, "kind": "", "subject": "trivy", "said": "trivy is silent", "figure": 3.0, "threshold": 2.0, "people": "anna", "action": "look"},
    "reconciliation": {**ABOUT, "law": "row_balance", "subject": "run", "expected": 3, "actual": 3, "difference": 0},
}  # fmt: skip

_INVALID = (
    "nobody", "unknown_person", "group_inbox", "bot", "departed_person", "inactive_person", "no_role", "no_channel", "dissolved_team",
)  # fmt: skip
_LAWS = (
    "row_balance", "rows_kept", "unique_grain", "references", "t0_earliest", "stage_sums", "lag_sums", "totals_agree", "rate_sums", "evidence_sums", "share_sums",
    "parts_of_whole", "restatement_chain",
)  # fmt: skip

#: (batch, what makes a good row break exactly this rule); several where it can be broken in several ways.
BREAKING: dict[str, list[tuple[str, dict]]] = {
    "captured_at_present": [("cycle", {"captured_at": None})],
    "captured_at_earliest": [("cycle", {"opened_at": at(-1)}), ("cycle", {"opened_at": at(1)})],
    "captured_at_restated": [("cycle", {"first_published_at": at(5)})],
    "file_quarantined": [("landed_file", {"status": "quarantined"})],
    "file_held": [("landed_file", {"status": "held"})],
    "row_rejected": [("rejected_row", {"reason": "no_target"})],
    "stamps_naive": [("landed_file", {"naive_stamps": 1})],
    "stamps_at_midnight": [("landed_file", {"midnight_stamps": 2})],
    "captures_dated_by_day": [("landed_file", {"day_captures": 3})],
    "captures_dated_by_file": [("landed_file", {"file_captures": 1})],
    "observation_conflict": [("conflict", {"observation_contents": 2})],
    "event_conflict": [("conflict", {"event_contents": 2})],
    "register_conflict": [("conflict", {"register_contents": 3})],
    "file_superseded": [("conflict", {"file_contents": 2})],
    "target_without_asset": [("target", {"binding_status": status}) for status in ("unbound", "ambiguous", "retired")],
    "target_not_authorized": [("target", {"is_authorized": False})],
    "severity_term_contradicted": [("native_term", {"is_contradicted": True})],
    "severity_term_new": [("native_term", {"is_new": True})],
    "severity_terms_drifted": [("scanner", {"has_drifted_terms": True})],
    "severity_bands_drifted": [("scanner", {"has_drifted_bands": True})],
    "manager_cycle": [("directory", {"issue": "manager_cycle"})],
    "shared_reference": [("directory", {"issue": "shared_reference"})],
    "unknown_time_zone": [("directory", {"issue": "unknown_time_zone"})],
    **{kind: [("early_warning", {"kind": kind})] for kind in ("source_silent", "arrivals_above_capacity", "ownership_currency_fell", "coverage_fell")},
    "manager_unreachable": [("directory", {"issue": "unreachable_manager"})],
    "escalation_default_unreachable": [("directory", {"issue": "unreachable_default"})],
    "severity_unrated": [("finding", {"severity": "unrated"})],
    "severity_understated": [("event", {"routed_rank": 2}), ("event", {"routed_rank": 5, "band_rank": 3})],
    "finding_unbound": [("open_finding", {"binding_status": "unbound"})],
    "finding_ambiguous": [("open_finding", {"binding_status": "ambiguous"})],
    "finding_retired": [("open_finding", {"binding_status": "retired"})],
    "no_valid_person": [("open_cycle", {"reason": reason}) for reason in _INVALID],
    "mapping_outdated": [("open_cycle", {"is_mapping_stale": True})],
    "routed_to_invalid_person": [("event", {"routing_status": reason}) for reason in _INVALID],
    "notified_invalid_person": [("event", {"dispatch_status": reason}) for reason in _INVALID],
    "handoff_sla_broken": [("cycle", {"answered_at": at(8) + timedelta(microseconds=1)})],
    "unacknowledged_past_window": [("cycle", {"heard_at": at(24)}), ("cycle", {"heard_at": at(25)})],
    "acknowledgement_not_allowed": [("event", {"acknowledgement_status": "not_allowed"})],
    "acknowledgement_untrusted": [("event", {"acknowledgement_status": "untrusted_method"})],
    "acknowledgement_withdrawn": [("event", {"acknowledgement_status": "withdrawn"})],
    "acknowledgement_outside_cycle": [("event", {"acknowledgement_status": "outside_cycle"})],
    "handoff_declined": [("event", {"declined_status": "counted"})],
    "acknowledgement_before_capture": [("event", {"acknowledgement_at": T0 - timedelta(microseconds=1)})],
    **{f"{stage}_out_of_sequence": [("cycle", {f"before_{column}": at(20)})] for stage, column in (
        ("enrichment", "enriched_at"), ("routing", "routed_at"), ("dispatch", "notified_at"), ("acknowledgement", "acknowledged_at"), ("triage", "triaged_at"),
    )},
    "event_before_capture": [("event", {"event_at": at(-1)})],
    "event_outside_cycle": [("event", {"place_status": status}) for status in ("outside_cycle", "reopened_while_open", "no_running_control")],
    "event_unmatched": [("event", {"place_status": "no_match"})],
    "event_ambiguous": [("event", {"place_status": "ambiguous_ref"})],
    "triage_without_acknowledgement": [("event", {"triage_status": status}) for status in ("not_acknowledged", "before_acknowledgement")],
    **{law: [("reconciliation", {"law": law, "actual": 2, "difference": -1}), ("reconciliation", {"law": law, "actual": 4})] for law in _LAWS},
}  # fmt: skip
#: Rules of a frame as a whole, broken by what is not in it: they have a test of their own.
OF_THE_FRAME = {"laws_counted"}

_TYPES = {bool: pd.BooleanDtype(), int: pd.Int64Dtype(), str: pd.StringDtype(na_value=float("nan")), datetime: "datetime64[us]", float: "float64"}


def frame(batch: str, *rows: dict) -> pd.DataFrame:
    """A batch of good rows but for these values, typed as `warehouse.batches.fetch` types it."""
    good = {"subject_id": "good", **GOOD[batch]}
    whole = [{**good, **row} for row in rows]
    kinds = {name: type(value) if value is not None else str for name, value in good.items()}
    columns = {name: pd.Series([row[name] for row in whole], dtype=_TYPES[kind]) for name, kind in kinds.items()}
    return pd.DataFrame(columns)


def good_batches() -> dict[str, pd.DataFrame]:
    found = {batch: frame(batch, {}, {}) for batch in GOOD if batch != "reconciliation"}
    return {**found, "reconciliation": frame("reconciliation", *({"law": law} for law in _LAWS))}


@pytest.fixture(scope="session")
def silent_network():
    """Great Expectations imported and used for the first time with a network that refuses, and what it tried to reach."""
    reached = []

    def refuse(self, address):
        reached.append(address)
        raise OSError("no network in this test")

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", refuse)
    verdict = gate.validate(good_batches())
    patch.undo()
    return reached, verdict


@pytest.fixture(scope="session")
def good(silent_network):
    """The verdict on rows that break nothing."""
    return silent_network[1]


@pytest.fixture(scope="session")
def broken_by(good):
    """For each breaking row, the rules that it broke, by (rule meant, number of the example)."""
    rows: dict[str, list[dict]] = {batch: [{}] for batch in GOOD}
    for rule, examples in BREAKING.items():
        for number, (batch, values) in enumerate(examples):
            rows[batch].append({"subject_id": f"{rule}/{number}", **values})
    verdict = gate.validate({batch: frame(batch, *found) for batch, found in rows.items()})
    found: dict[str, list[dict]] = {}
    for flag in verdict.flags.to_pylist():
        found.setdefault(flag["subject_id"], []).append(flag)
    return found, verdict


def every_rule():
    return {rule.name: (module, rule) for module in suites.suites().values() for rule in module.rules()}


def test_every_rule_has_a_breaking_row(good):
    assert set(every_rule()) == set(BREAKING) | OF_THE_FRAME


def test_good_rows_break_nothing(good):
    assert good.flags.num_rows == 0
    assert [row for row in good.results.to_pylist() if not row["success"] or row["message"] != "holds"] == []
    assert good.laws_broken == []


def test_every_suite_of_the_contract_is_there():
    wanted = {"capture", "target_validation", "severity", "asset_binding", "decayed_routing", "acknowledgement", "stage_order", "reconciliation"}
    assert set(suites.suites()) >= wanted


@pytest.mark.parametrize("rule", BREAKING)
def test_breaking_row_breaks_exactly_its_rule(rule, broken_by):
    flags, verdict = broken_by
    (result,) = [row for row in verdict.results.to_pylist() if row["expectation"] == rule]
    for number in range(len(BREAKING[rule])):
        assert [flag["expectation"] for flag in flags[f"{rule}/{number}"]] == [rule]
    assert (result["success"], result["is_broken"], result["failed"]) == (False, False, len(BREAKING[rule]))
    assert result["consequence"] == CONSEQUENCES[result["level"]]
    assert any(law.startswith(f"{result['suite']}.{rule}: ") for law in verdict.laws_broken) == (result["level"] == "critical")


@pytest.mark.parametrize("rule", BREAKING)
def test_flag_carries_its_row(rule, broken_by):
    _, stated = every_rule()[rule]
    for flag in broken_by[0][f"{rule}/0"]:
        assert (flag["finding_id"], flag["cycle"], flag["owner_id"], flag["team"]) == ("f", 1, "anna", "payments")
        assert "{" not in flag["detail"] and flag["detail"]
        assert flag["first_flagged_at"] is not None
        assert list(json.loads(flag["evidence"])) == list(stated.evidence)


def test_only_laws_of_our_own_work_are_critical(good):
    levels = {name: rule.level for name, (_, rule) in every_rule().items()}
    critical = {name for name, level in levels.items() if level == "critical"}
    assert critical == {*_LAWS, "laws_counted", "captured_at_present", "captured_at_earliest"}


def test_rules_are_great_expectations_own_and_never_read_a_verdict(good):
    for name, (_, rule) in every_rule().items():
        assert type(rule.expectation).__module__.startswith("great_expectations.expectations.core."), name
        columns = {getattr(rule.expectation, key, None) for key in ("column", "column_A", "column_B")}
        assert not columns & {"handoff_breached", "is_unacknowledged", "is_out_of_sequence", "difference", "success"}, name


# Laws that are not counted, empty frames, slices


def test_a_law_that_is_not_counted_is_a_broken_law(good):
    counted = frame("reconciliation", *({"law": law} for law in _LAWS if law != "stage_sums"))
    verdict = gate.validate({**good_batches(), "reconciliation": counted})
    (result,) = [row for row in verdict.results.to_pylist() if not row["success"]]
    assert (result["expectation"], result["is_broken"], verdict.flags.num_rows) == ("laws_counted", False, 0)
    assert verdict.laws_broken == ["reconciliation.laws_counted: does not hold"]


def test_empty_batches_hold(good):
    empty = {batch: rows.iloc[:0] for batch, rows in good_batches().items() if batch != "reconciliation"}
    verdict = gate.validate({**good_batches(), **empty})
    assert all(row["success"] for row in verdict.results.to_pylist())
    assert verdict.flags.schema == gate.FLAG_SCHEMA


def test_rows_are_judged_in_slices_and_flagged_by_their_own_ids(good, monkeypatch):
    monkeypatch.setattr(gate, "BATCH_ROWS", len(_LAWS))  # a slice holds every law: whether all are counted is a question to the frame
    rows = [{"subject_id": f"f{number}", "finding_id": f"f{number}", "severity": "unrated" if number % 8 == 1 else "low"} for number in range(25)]
    verdict = gate.validate({**good_batches(), "finding": frame("finding", *rows)})
    (result,) = [row for row in verdict.results.to_pylist() if not row["success"]]
    assert (result["checked"], result["failed"]) == (25, 3)
    assert [(flag["subject_id"], flag["finding_id"]) for flag in verdict.flags.to_pylist()] == [("f1", "f1"), ("f17", "f17"), ("f9", "f9")]


def test_the_frame_may_have_any_index(good):
    rows = frame("finding", {}, {"subject_id": "bad", "severity": "unrated"}).set_index(pd.Index([7, 7]))
    verdict = gate.validate({**good_batches(), "finding": rows})
    assert [flag["subject_id"] for flag in verdict.flags.to_pylist()] == ["bad"]


def test_verdict_is_the_same_every_time(broken_by):
    rows = [{"subject_id": name, "severity": "unrated"} for name in ("b", "a", "c")]
    one, other = (gate.validate({**good_batches(), "finding": frame("finding", *order)}) for order in (rows, rows[::-1]))
    assert one.flags == other.flags and one.results.drop_columns("message") == other.results.drop_columns("message")


def test_hostile_text_is_only_text(good):
    rows = frame("open_finding", {"subject_id": "x", "binding_status": "unbound", "target": "{cycle.__class__} {0} %s \u2028"})
    (flag,) = gate.validate({**good_batches(), "open_finding": rows}).flags.to_pylist()
    assert flag["detail"] == "{cycle.__class__} {0} %s \u2028 is in no asset register"


# A broken suite is not bad data


def test_missing_column_is_a_broken_suite_and_hides_no_other_rule(good):
    rows = frame("event", {"subject_id": "late", "acknowledgement_at": at(-1)}).drop(columns="triage_status")
    verdict = gate.validate({**good_batches(), "event": rows})
    broken = [row for row in verdict.results.to_pylist() if row["is_broken"]]
    assert [row["expectation"] for row in broken] == ["triage_without_acknowledgement"]
    assert (broken[0]["success"], broken[0]["failed"], broken[0]["checked"]) == (False, None, None)
    assert broken[0]["consequence"] == CONSEQUENCES["critical"]
    assert verdict.laws_broken == [f"stage_order.triage_without_acknowledgement: {broken[0]['message']}"]
    assert "suite is broken" in broken[0]["message"] and "triage_status" in broken[0]["message"]
    assert [flag["expectation"] for flag in verdict.flags.to_pylist()] == ["acknowledgement_before_capture"]


def test_missing_batch_is_a_broken_suite(good):
    batches = good_batches()
    del batches["target"]
    verdict = gate.validate(batches)
    assert {row["expectation"] for row in verdict.results.to_pylist() if row["is_broken"]} == {"target_without_asset", "target_not_authorized"}
    assert all("sql/batches/target.sql" in law for law in verdict.laws_broken) and len(verdict.laws_broken) == 2


def test_column_of_another_type_is_a_broken_suite(good):
    rows = frame("landed_file", {}).assign(naive_stamps="many")
    verdict = gate.validate({**good_batches(), "landed_file": rows})
    assert {row["expectation"] for row in verdict.results.to_pylist() if row["is_broken"]} == {"stamps_naive"}


def test_suite_that_cannot_state_its_rules_is_broken(good, monkeypatch):
    def rules():
        raise ValueError("no such expectation")

    found = {**suites.suites(), "own": SimpleNamespace(NAME="own", TITLE="Own", BATCH="cycle", rules=rules, __file__="own.py")}
    monkeypatch.setattr(gate, "suites", lambda: found)
    verdict = gate.validate(good_batches())
    (row,) = [row for row in verdict.results.to_pylist() if not row["success"]]
    assert (row["suite"], row["expectation"], row["is_broken"]) == ("own", "own", True)
    assert verdict.laws_broken == ["own.own: the suite is broken, the data are not judged: its rules cannot be stated: no such expectation"]


def test_two_rules_of_one_name_are_a_defect_of_ours(good, monkeypatch):
    severity = suites.suites()["severity"]
    twin = SimpleNamespace(NAME="twin", TITLE="Twin", BATCH="finding", rules=severity.rules, __file__="twin.py")
    monkeypatch.setattr(gate, "suites", lambda: {**suites.suites(), "twin": twin})
    with pytest.raises(ModuleMalformed, match="severity_unrated is in suite severity too"):
        gate.validate(good_batches())


# Quiet


def test_nothing_phones_home(silent_network):
    reached, _ = silent_network
    assert [address for address in reached if not isinstance(address, str)] == []
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_nothing_is_printed_logged_or_left_behind(good, capfd, caplog, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with caplog.at_level(logging.INFO):
        gate.validate(good_batches())
    assert capfd.readouterr() == ("", "")
    assert [record.getMessage() for record in caplog.records] == []
    assert list(tmp_path.iterdir()) == []
