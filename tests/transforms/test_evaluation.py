"""One cycle judged: acknowledgement, stages, dues, windows, breaches, failure modes (rulings 46 to 65), one small example each.

The zone's finding is seen on Wednesday 1 April 2026 at 09:00 UTC, critical: due at 13:00, window to the next day 09:00. anna owns it.
"""

from __future__ import annotations

import pytest

T0 = "2026-04-01T09:00:00Z"


def at(clock: str, day: int = 1) -> str:
    return f"2026-04-{day:02d}T{clock}:00Z"


@pytest.fixture
def found(zone):
    """A zone with one critical finding."""
    return zone.scan(T0)


def judged(zone, *arguments, **options) -> list[tuple[str, str]]:
    """(event id, status) of every event."""
    return sorted((row["event_id"], row["status"]) for row in zone.state(*arguments, **options).rows("event"))


# Acknowledgement (46, 50, 53)


@pytest.mark.parametrize(
    ("actor", "counts"),
    [("anna", True), ("ANNA@example.com", True), ("bo", True), ("cy", False), ("stranger", False), ("", False), ("Anna", False), ("inbox", False), ("robo", False), ("gone", False), ("mute", True)],
)
def test_who_may_acknowledge(found, tools, actor, counts):
    person = tools.person
    found.people(
        person("anna"), person("bo", "PAYMENTS"), person("cy", "other"), person("inbox", kind="group"), person("robo", kind="bot"), person("gone", status="departed"),
        person("mute", role="", channel=""),
    )  # fmt: skip
    row = found.event("acknowledged", at("10:00"), actor).cycle()
    assert row["acknowledged_at"] == (at("10:00") if counts else None)
    assert judged(found) == [("e000", "counted" if counts else "not_allowed")]


def test_t1_is_the_earliest_valid_one(found):
    found.event("acknowledged", at("10:00"), "cy").event("acknowledged", at("12:00")).event("acknowledged", at("11:00"), "bo")
    row = found.cycle()
    assert (row["acknowledged_at"], row["acknowledged_by"], row["latency_seconds"], row["latency_business_seconds"]) == (at("11:00"), "bo", 7200, 7200)


def test_whom_an_event_named_may_acknowledge_from_that_instant(found):
    found.event("acknowledged", at("10:00"), "cy").event("assigned", at("11:00"), target_person="cy").event("acknowledged", at("11:00"), "cy")
    assert found.cycle()["acknowledged_at"] == at("11:00")


@pytest.mark.parametrize(("unowned", "counts"), [("anyone", True), ("nobody", False)])
def test_without_team_and_owner_anyone_may_where_the_policy_lets_them(zone, unowned, counts):
    zone.scan(T0, target="nowhere").event("acknowledged", at("10:00"), "cy")
    assert (zone.cycle(policy=f"acknowledgement: {{unowned: {unowned}}}")["acknowledged_at"] is not None) == counts


def test_a_team_without_an_owner_is_not_unowned(zone):
    zone.ownership().scan(T0).event("acknowledged", at("10:00"), "cy")
    assert zone.cycle()["acknowledged_at"] is None


@pytest.mark.parametrize(
    ("policy", "actor", "counts"),
    [
        ("allowed: [owner]", "bo", False),
        ("allowed: [owner]", "anna", True),
        ("allowed: [owning_team]", "bo", True),
        ("roles: [lead]", "anna", False),
        ("roles: [engineer]", "anna", True),
        ("trust: [link, cli]", "anna", False),
        ("trust: [file]", "anna", True),
    ],
)
def test_the_policy_limits_whose_word_counts(found, policy, actor, counts):
    found.event("acknowledged", at("10:00"), actor)
    assert (found.cycle(policy=f"acknowledgement: {{{policy}}}")["acknowledged_at"] is not None) == counts


def test_a_withdrawn_acknowledgement_voids_all_at_or_before_it(found):
    found.event("acknowledged", at("10:00")).event("acknowledged", at("11:00")).event("acknowledgement_withdrawn", at("11:00"))
    assert found.cycle()["acknowledged_at"] is None
    assert judged(found)[:2] == [("e000", "withdrawn"), ("e001", "withdrawn")]
    assert found.event("acknowledged", at("11:01")).cycle()["acknowledged_at"] == at("11:01")


def test_an_acknowledgement_before_t0_is_in_no_cycle_and_at_t0_inside(found):
    found.event("acknowledged", "2026-04-01T08:59:59.999999Z")
    assert found.cycle()["acknowledged_at"] is None
    assert judged(found) == [("e000", "before_capture")]
    assert found.event("acknowledged", T0).cycle()["latency_seconds"] == 0


@pytest.mark.parametrize(
    ("word", "actor", "target", "infers"),
    [
        ("commented", "anna", None, True),
        ("commented", "cy", None, False),
        ("triaged", "bo", None, True),
        ("in_progress", "anna", None, True),
        ("assigned", "anna", "anna", True),
        ("assigned", "anna", "ANNA@example.com", True),
        ("reassigned", "bo", "bo", True),
        ("assigned", "anna", "bo", False),
        ("assigned", "automation", "anna", False),
        ("resolved", "anna", None, False),
        ("enriched", "anna", None, False),
        ("notified", "anna", "anna", False),
    ],
)
def test_what_stands_in_for_an_acknowledgement(found, word, actor, target, infers):
    row = found.event(word, at("10:00"), actor, **({"target_person": target} if target else {})).cycle()
    assert (row["acknowledgement_kind"], row["inferred_at"]) == (("inferred", at("10:00")) if infers else ("none", None))
    assert row["acknowledged_at"] is None


def test_an_inferred_instant_is_kept_beside_the_explicit_one(found):
    row = found.event("commented", at("10:00")).event("acknowledged", at("11:00")).cycle()
    assert (row["acknowledgement_kind"], row["inferred_at"], row["acknowledged_at"]) == ("explicit", at("10:00"), at("11:00"))


# Stages (47 to 52b)


def test_stages_are_the_earliest_valid_events(found):
    for word, clock in (("enriched", "09:10"), ("routed", "09:20"), ("notified", "09:30"), ("acknowledged", "10:00"), ("triaged", "10:30"), ("in_progress", "11:00"), ("resolved", "12:00")):
        found.event(word, at(clock), target_person="anna").event(word, at(clock[:-1] + "5"), target_person="anna")
    row = found.event("verified", at("13:00")).cycle()
    columns = ("enriched_at", "routed_at", "notified_at", "acknowledged_at", "triaged_at", "in_progress_at", "resolved_at", "verified_at")
    assert [row[name] for name in columns] == [at(clock) for clock in ("09:10", "09:20", "09:30", "10:00", "10:30", "11:00", "12:00", "13:00")]


def test_stage_events_after_t1_do_not_count(found):
    found.event("acknowledged", at("10:00"))
    for word in ("enriched", "routed", "notified"):
        found.event(word, at("10:01"), target_person="anna")
    row = found.cycle()
    assert (row["enriched_at"], row["routed_at"], row["notified_at"]) == (None, None, None)
    assert {status for _, status in judged(found)[1:]} == {"after_acknowledgement"}


def test_triaged_counts_from_t1_and_never_without(found):
    found.event("triaged", at("09:30"))
    assert found.cycle()["triaged_at"] is None
    assert judged(found) == [("e000", "not_acknowledged")]
    found.event("acknowledged", at("10:00"))
    assert found.cycle()["triaged_at"] is None
    assert found.event("triaged", at("10:00")).cycle()["triaged_at"] == at("10:00")


def test_in_progress_and_resolved_count_whatever_t1_is(found):
    row = found.event("in_progress", at("09:10")).event("resolved", at("09:20")).event("acknowledged", at("10:00")).cycle()
    assert (row["in_progress_at"], row["resolved_at"]) == (at("09:10"), at("09:20"))


@pytest.mark.parametrize(("status", "counts"), [("active", True), ("retired", True), (None, False)])
def test_enriched_needs_a_binding_at_that_instant(zone, status, counts):
    zone.assets({"asset_id": "pay", "name": "pay-api" if status else "other", "status": status or "active"}).scan(T0).event("enriched", at("10:00"))
    assert (zone.cycle()["enriched_at"] is not None) == counts


def test_an_invalid_stage_event_is_skipped_and_the_next_may_count(found):
    found.event("routed", at("09:10"), target_person="stranger").event("routed", at("09:20"), target_person="anna")
    assert found.cycle()["routed_at"] == at("09:20")
    assert judged(found) == [("e000", "unknown_person"), ("e001", "counted")]


@pytest.mark.parametrize(
    ("target", "acknowledger", "counts"),
    [("anna", None, True), ("anna@example.com", None, True), ("bo", None, False), ("bo", "bo", True), ("", None, False), ("stranger", None, False)],
)
def test_a_notice_counts_to_the_person_in_force_or_of_t1(found, target, acknowledger, counts):
    found.event("notified", at("09:30"), "secops", target_person=target)
    if acknowledger:
        found.event("acknowledged", at("10:00"), acknowledger)
    assert (found.cycle()["notified_at"] is not None) == counts


def test_acknowledging_without_a_notice_is_valid(found):
    row = found.event("acknowledged", at("10:00")).cycle()
    assert (row["notified_at"], row["acknowledged_at"]) == (None, at("10:00"))


def test_own_events_complete_untouched_cycles_at_as_of(found):
    as_of = "2026-04-02T00:00:00Z"
    (row,) = found.cycles(as_of, completes_stages=True)
    assert (row["enriched_at"], row["routed_at"], row["notified_at"]) == (as_of, as_of, None)


@pytest.mark.parametrize(
    ("word", "target", "own"),
    [
        ("enriched", None, ["routed"]),
        ("routed", "anna", []),
        ("routed", "stranger", []),
        ("notified", "anna", []),
        ("assigned", "bo", []),
        ("acknowledged", None, []),
        ("commented", None, []),
        ("resolved", None, []),
        ("ticket_linked", None, ["enriched", "routed"]),
        ("control_accepted", None, ["enriched", "routed"]),
        ("verified", None, []),
        ("withdrawn", None, []),
    ],
)
def test_own_events_only_where_nothing_later_has_happened(found, word, target, own):
    found.event(word, at("10:00"), "secops", **({"target_person": target} if target else {}), ticket="T")
    assert [event["event"] for event in found.state("2026-04-02T00:00:00Z", completes_stages=True).own_events] == own


def test_own_events_need_a_binding_and_a_valid_candidate(zone):
    zone.ownership().scan(T0).scan(T0, target="nowhere", own="B", cve="CVE-2")
    own = zone.state("2026-04-02T00:00:00Z", completes_stages=True).own_events
    assert [event["event"] for event in own] == ["enriched"]


def test_an_own_event_is_ignored_once_an_earlier_later_stage_is_known(found):
    run, later = "2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z"
    found.lands_own(found.state(run, completes_stages=True))
    row = found.cycle(later)
    assert (row["enriched_at"], row["routed_at"]) == (run, run)
    # Landing them changes nothing that the run itself said, and nothing is completed twice.
    assert found.state(run, completes_stages=True).own_events == []
    row = found.event("notified", at("12:00"), target_person="anna").cycle(later)
    assert (row["enriched_at"], row["routed_at"], row["notified_at"]) == (None, None, at("12:00"))
    assert {status for event, status in judged(found, later) if event != "e000"} == {"overtaken"}


def test_an_own_event_stays_when_the_later_stage_came_after_it(found):
    run, later = "2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z"
    found.lands_own(found.state(run, completes_stages=True)).event("notified", at("12:00", 2), target_person="anna")
    row = found.cycle(later)
    assert (row["enriched_at"], row["routed_at"], row["notified_at"]) == (run, run, at("12:00", 2))


def test_spans_add_up_to_the_microsecond_whatever_is_missing_or_reversed(found):
    found.event("routed", "2026-04-01T09:00:00.000001Z", target_person="anna").event("enriched", "2026-04-01T09:00:00.000003Z")
    found.event("acknowledged", "2026-04-01T10:00:00.000007Z").event("triaged", "2026-04-01T11:11:11.111111Z")
    stages = found.state().mart("stage")
    by_stage = {row["stage"]: row for row in stages}
    assert sum(row["span_us"] or 0 for row in stages) == 7_871_111_111
    # routing is earlier than enrichment: out of sequence, no span
    assert by_stage["routing"]["is_out_of_sequence"] is True
    assert by_stage["routing"]["span_us"] is None
    assert by_stage["dispatch"]["instant"] is None
    assert by_stage["acknowledgement"]["covers"] == ["routing", "dispatch", "acknowledgement"]
    assert by_stage["triage_entry"]["covers"] == ["triage_entry"]


def test_segments_walk_with_a_running_instant(found):
    found.event("acknowledged", at("10:00")).event("triaged", at("12:00")).event("in_progress", at("11:00")).event("resolved", at("15:00")).event("verified", at("16:00"))
    segments = {row["segment"]: (row["seconds"], row["covers"]) for row in found.state().mart("segment")}
    assert segments == {"handoff": (10800, ["handoff"]), "fix": (10800, ["triage", "fix"]), "verification": (3600, ["verification"])}


# Dues and windows (54 to 59)


def test_the_default_budgets(zone):
    for number, severity in enumerate(("Critical", "High", "Medium", "Low")):
        zone.scan(T0, severity, own=str(number), cve=f"CVE-{number}", title=severity)
        zone.event("acknowledged", at("10:00"), ref=str(number))
    found = {row["severity"]: row for row in zone.cycles()}
    assert {band: (row["handoff_due_at"], row["window_ends_at"], row["remediation_due_at"]) for band, row in found.items()} == {
        "critical": (at("13:00"), at("09:00", 2), at("10:00", 8)),
        "high": (at("17:00"), at("09:00", 4), "2026-05-01T10:00:00Z"),
        "medium": (at("17:00", 3), at("09:00", 8), "2026-06-30T10:00:00Z"),
        "low": (at("17:00", 14), "2026-05-01T09:00:00Z", "2026-09-28T10:00:00Z"),
    }
    assert found["high"]["single_sla_due_at"] == "2026-05-01T17:00:00Z"


def test_an_sla_is_kept_at_its_due_instant_and_broken_a_microsecond_later(found):
    found.event("acknowledged", at("13:00"))
    assert found.cycle()["handoff_breached"] is False
    found.events.clear()
    assert found.event("acknowledged", "2026-04-01T13:00:00.000001Z").cycle()["handoff_breached"] is True


@pytest.mark.parametrize(("as_of", "breached"), [(at("13:00"), False), ("2026-04-01T13:00:00.000001Z", True)])
def test_a_missing_acknowledgement_breaks_it_strictly_after_due(found, as_of, breached):
    assert found.cycle(as_of)["handoff_breached"] is breached


@pytest.mark.parametrize(
    ("acknowledged", "as_of", "expected"),
    [
        (None, "2026-04-02T08:59:59.999999Z", (False, False)),
        (None, at("09:00", 2), (True, True)),
        ("2026-04-02T08:59:59.999999Z", at("09:00", 2), (True, False)),
        (at("09:00", 2), at("09:00", 2), (True, True)),
    ],
)
def test_the_window_is_half_open(found, acknowledged, as_of, expected):
    if acknowledged:
        found.event("acknowledged", acknowledged)
    row = found.cycle(as_of)
    assert (row["is_mature"], row["is_unacknowledged"]) == expected


@pytest.mark.parametrize(("withdrawn", "mature"), [("2026-04-02T08:59:59Z", False), (at("09:00", 2), True)])
def test_what_was_withdrawn_inside_its_window_never_matures(found, withdrawn, mature):
    assert found.event("withdrawn", withdrawn).cycle()["is_mature"] is mature


@pytest.mark.parametrize("ending", [("resolved", "reopened"), ("verified",)])
def test_what_ended_without_acknowledgement_counts_as_unacknowledged(found, ending):
    for number, word in enumerate(ending):
        found.event(word, at(f"1{number}:00"))
    row = found.cycles()[0]
    assert (row["is_mature"], row["is_unacknowledged"], row["handoff_breached"]) == (True, True, False)


def test_an_ended_cycle_is_judged_up_to_its_end(found):
    assert found.event("withdrawn", at("13:00")).cycle()["handoff_breached"] is False
    found.events.clear()
    assert found.event("withdrawn", at("13:01")).cycle()["handoff_breached"] is True


@pytest.mark.parametrize(
    ("acknowledged", "verified", "attribution", "misattributed"),
    [
        (at("10:00"), at("10:00", 8), "none", False),
        (at("10:00"), at("10:01", 8), "remediation", False),
        (at("09:00", 3), at("09:00", 10), "handoff", True),
        (at("09:00", 3), at("13:00", 8), "handoff", False),
        (at("09:00", 3), at("09:01", 10), "both", False),
    ],
)
def test_attribution_and_what_one_single_sla_would_have_blamed(found, acknowledged, verified, attribution, misattributed):
    row = found.event("acknowledged", acknowledged).event("verified", verified).cycle()
    assert (row["breach_attribution"], row["misattributed"]) == (attribution, misattributed)


def test_remediation_has_no_clock_before_t1(found):
    row = found.cycle()
    assert (row["remediation_due_at"], row["remediation_breached"], row["breach_attribution"]) == (None, None, "handoff")


def test_a_raise_shortens_and_a_lowering_moves_nothing(zone):
    zone.scan(T0, "Low").scan(at("10:00"), "High").scan(at("11:00"), "Low")
    row = zone.cycle("2026-04-01T12:00:00Z")
    assert (row["severity"], row["handoff_due_at"], row["window_ends_at"]) == ("high", at("10:00", 2), at("10:00", 4))
    zone.scan(at("16:00"), "Critical")
    row = zone.cycle("2026-04-01T17:00:00Z")
    assert (row["severity"], row["handoff_due_at"], row["window_ends_at"]) == ("critical", at("10:00", 2), at("16:00", 2))


def test_a_raise_after_t1_moves_only_remediation(zone):
    zone.scan(T0, "Low").event("acknowledged", at("10:00")).scan(at("09:00", 3), "Critical")
    row = zone.cycle()
    assert (row["severity"], row["severity_now"], row["handoff_due_at"]) == ("low", "critical", at("17:00", 14))
    assert row["remediation_due_at"] == at("09:00", 10)


def test_wall_and_business_budgets_may_be_mixed(found):
    assert found.cycle(policy="handoff_sla: {critical: 36h}")["handoff_due_at"] == at("21:00", 2)


def test_a_due_never_lies_before_t0(zone):
    row = zone.scan("2026-04-04T12:00:00Z").cycle(policy="handoff_sla: {critical: 0bh}")
    assert row["handoff_due_at"] == "2026-04-04T12:00:00Z"


def test_remediation_waits_while_a_control_holds(found):
    policy = "controls: {attestation: 3d}"
    found.event("acknowledged", at("10:00")).event("control_accepted", at("10:00", 2)).event("control_attested", at("10:00", 5))
    first, second = found.cycles(policy=policy)
    assert (first["control_seconds"], first["remediation_due_at"]) == (6 * 86400, at("10:00", 14))
    assert (second["origin"], second["captured_at"]) == ("revalidation", at("10:00", 8))
    # the single SLA's due is not moved
    assert first["single_sla_due_at"] == at("13:00", 8)


def test_a_control_after_the_due_moves_nothing(found):
    found.event("acknowledged", at("10:00")).event("control_accepted", at("10:01", 8))
    row = found.cycle(at("00:00", 20))
    assert (row["remediation_due_at"], row["control_seconds"]) == (at("10:00", 8), 0)


def test_a_control_at_the_due_itself_moves_nothing(found):
    assert found.event("acknowledged", at("10:00")).event("control_accepted", at("10:00", 8)).cycle(at("00:00", 20))["remediation_due_at"] == at("10:00", 8)


# Failure modes (60 to 65)


def modes(zone, *arguments, **options) -> list[str]:
    return zone.cycles(*arguments, **options)[0]["failure_modes"]


def test_a_cycle_that_is_not_gated_has_none(found):
    row = found.event("acknowledged", at("12:00")).event("routed", at("09:10"), target_person="stranger").cycle()
    assert (row["failure_mode"], row["failure_modes"]) == (None, [])


def test_a_gated_cycle_without_a_reason_is_unexplained(found):
    row = found.cycle()
    assert (row["failure_mode"], row["failure_modes"]) == ("unexplained", [])
    (shown,) = found.state().mart("failure_mode")
    assert (shown["mode"], shown["is_primary"]) == ("unexplained", True)


def test_modes_stand_in_stage_order_and_the_first_is_primary(found):
    found.event("commented", at("10:00")).event("routed", at("09:10"), target_person="anna", severity="low")
    row = found.cycle()
    assert (row["failure_mode"], row["failure_modes"]) == ("severity_mismatch", ["severity_mismatch", "acknowledgement_ambiguity"])
    assert [(mode["mode"], mode["is_primary"]) for mode in found.state().mart("failure_mode")] == [("acknowledgement_ambiguity", False), ("severity_mismatch", True)]


@pytest.mark.parametrize(
    ("effective_from", "gap"), [("2026-04-01T11:00:00Z", False), ("2026-04-01T11:00:00.000001Z", True), ("2026-03-01", False)]
)
def test_a_binding_gap_is_judged_when_half_the_budget_is_gone(zone, effective_from, gap):
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments", "effective_from": effective_from}).scan(T0)
    assert ("asset_binding_gap" in modes(zone)) is gap


@pytest.mark.parametrize("assets", [[{"asset_id": "x"}], [{"asset_id": "pay", "name": "pay-api", "status": "retired"}], [{"asset_id": "a", "name": "pay-api"}, {"asset_id": "b", "name": "pay-api"}]])
def test_unbound_retired_and_ambiguous_are_gaps(zone, assets):
    assert modes(zone.assets(*assets).scan(T0)) == ["asset_binding_gap"]


def test_a_binding_gap_is_judged_at_t1_or_the_end_when_that_is_earlier(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api", "effective_from": at("10:30")}).scan(T0)
    assert modes(zone.event("withdrawn", at("10:00")), policy="acknowledgement_window: {critical: 30m}") == ["asset_binding_gap"]


def test_the_share_of_the_policy_decides_when(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api", "effective_from": at("10:30")}).scan(T0)
    assert modes(zone, policy="binding_due_share: 0.25") == ["asset_binding_gap"]
    assert modes(zone, policy="binding_due_share: 0.75") == []


@pytest.mark.parametrize(
    ("word", "clock", "target", "fires"),
    [
        ("routed", "10:00", "stranger", True),
        ("assigned", "10:00", "", True),
        ("reassigned", "14:00", "gone", True),
        ("routed", "10:00", "anna", False),
        # a notification to a stranger names nobody: the decision in force is what counts
        ("notified", "10:00", "stranger", False),
    ],
)
def test_a_naming_event_of_an_invalid_person_is_decay(found, tools, word, clock, target, fires):
    found.people(tools.person("anna"), tools.person("gone", status="departed"))
    assert ("decayed_routing" in modes(found.event(word, at(clock), "secops", target_person=target))) is fires


def test_decay_is_judged_at_the_instant_of_the_event(found, tools):
    found.people(tools.person("anna"), tools.person("bo"), tools.person("bo", status="departed", effective_from=at("10:30")))
    found.event("routed", at("10:00"), "secops", target_person="bo").event("reassigned", at("10:40"), "secops", target_person="anna")
    assert modes(found) == []


def test_the_primitive_that_names_nobody_at_half_the_budget_is_decay(zone):
    assert modes(zone.ownership().scan(T0)) == ["decayed_routing"]
    # only while there is an asset to own
    assert modes(zone.assets({"asset_id": "x"})) == ["asset_binding_gap"]


def test_the_primitive_that_names_nobody_at_a_notification_is_decay(zone):
    zone.ownership({"match": "asset:pay", "person_id": "anna", "effective_to": at("12:00")}).scan(T0)
    assert modes(zone) == []
    assert modes(zone.event("notified", at("12:30"), "secops", target_person="anna")) == ["decayed_routing"]


def test_nothing_after_t1_explains_a_late_handoff(found):
    found.event("acknowledged", at("15:00")).event("reassigned", at("15:01"), target_person="stranger").event("routed", at("15:02"), target_person="anna", severity="low")
    row = found.cycle()
    assert (row["handoff_breached"], row["failure_mode"], row["failure_modes"]) == (True, "unexplained", [])


@pytest.mark.parametrize(
    ("severity", "fires"), [("high", True), ("low", True), ("info", True), ("critical", False), (None, False)]
)
def test_routed_as_less_severe_than_the_workspace_band(found, severity, fires):
    assert ("severity_mismatch" in modes(found.event("routed", at("10:00"), "secops", target_person="anna", **({"severity": severity} if severity else {})))) is fires


def test_the_band_of_the_instant_of_routing_counts(zone):
    zone.scan(T0, "High").event("routed", at("10:00"), target_person="anna", severity="high").scan(at("11:00"), "Critical")
    assert modes(zone) == []


def test_nothing_is_judged_against_unrated(zone):
    zone.scan(T0, "wat").event("routed", at("10:00"), target_person="anna", severity="low").scan(at("11:00"), "Critical")
    assert modes(zone) == []


@pytest.mark.parametrize(("count", "fires"), [(19, False), (20, True)])
def test_noise_counts_all_notices_to_the_person_in_the_last_day(found, count, fires):
    for number in range(count - 1):
        found.event("notified", f"2026-04-01T09:{number:02d}:00Z", ref="elsewhere", target_person="anna@example.com")
    assert ("notification_noise" in modes(found.event("notified", at("10:00"), target_person="anna"))) is fires


@pytest.mark.parametrize(("batches", "fires"), [(2, False), (20, True)])
def test_a_digest_is_one_message_however_many_findings_it_names(found, batches, fires):
    for number in range(40):
        found.event("notified", f"2026-04-01T09:{number:02d}:00Z", ref="elsewhere", target_person="anna", batch_id=f"digest {number % batches}")
    assert ("notification_noise" in modes(found.event("notified", at("10:00"), target_person="anna", batch_id="digest 0"))) is fires


def test_the_last_day_is_half_open(found):
    for number in range(19):
        found.event("notified", at("10:00", 1), ref="elsewhere", target_person="anna", comment=str(number))
    assert modes(found.event("notified", at("10:00", 2), target_person="anna")) == []
    found.events.pop()
    assert modes(found.event("notified", "2026-04-02T09:59:59Z", target_person="anna")) == ["notification_noise"]


@pytest.mark.parametrize(("targets", "fires"), [(["anna"] * 2, False), (["anna"] * 3, True), (["anna", "anna@example.com", "anna"], True), (["anna", "bo", "anna"], False), (["stranger"] * 3, False)])
def test_three_notices_of_one_cycle_to_one_person_are_noise(found, targets, fires):
    for number, target in enumerate(targets):
        found.event("notified", at("10:00", number + 2), target_person=target)
    assert ("notification_noise" in modes(found)) is fires


@pytest.mark.parametrize(
    ("word", "actor", "fires"),
    [("commented", "anna", True), ("commented", "cy", False), ("in_progress", "bo", True), ("resolved", "stranger", True), ("resolved", "", True), ("acknowledged", "cy", False)],
)
def test_work_without_an_acknowledgement_is_ambiguous(found, word, actor, fires):
    assert ("acknowledgement_ambiguity" in modes(found.event(word, at("10:00"), actor))) is fires


def test_work_at_or_after_the_acknowledgement_is_not_ambiguous(found):
    found.event("acknowledged", at("15:00")).event("commented", at("15:00")).event("resolved", at("16:00"))
    assert modes(found) == []
    assert modes(found.event("commented", at("14:59"))) == ["acknowledgement_ambiguity"]


def test_evidence_says_what_fired_it(found):
    import json

    found.event("routed", at("09:10"), target_person="gone").event("routed", at("09:20"), target_person="anna", severity="low")
    evidence = {row["mode"]: json.loads(row["evidence"]) for row in found.state().mart("failure_mode")}
    assert evidence["decayed_routing"]["candidate"] == "gone"
    assert evidence["decayed_routing"]["reason"] == "unknown_person"
    assert (evidence["severity_mismatch"]["routed_as"], evidence["severity_mismatch"]["workspace_band"]) == ("low", "critical")


# Breaches as rows (58, 85)


def test_each_broken_sla_is_a_row_dated_by_its_due_instant(found):
    found.event("acknowledged", at("14:00")).event("verified", at("15:00", 8))
    rows = {row["sla"]: (row["due_at"], row["breached_at"], row["overdue_seconds"]) for row in found.state().mart("sla_breach")}
    assert rows == {
        "handoff": (at("13:00"), at("13:00"), 3600),
        "remediation": (at("14:00", 8), at("14:00", 8), 3600),
        "single": (at("13:00", 8), at("13:00", 8), 7200),
    }


# References (38, 39)


@pytest.mark.parametrize(("ref", "status"), [("A", "counted"), ("one:A", "counted"), ("two:A", "no_match"), ("a", "no_match"), ("A ", "counted"), ("B", "no_match")])
def test_a_ref_is_exact_and_may_name_the_scanner(found, ref, status):
    assert judged(found.event("acknowledged", at("10:00"), ref=ref)) == [("e000", status)]


def test_an_own_id_on_two_findings_waits_unless_the_scanner_says_which(zone):
    zone.scan(T0).scan(T0, cve="CVE-2", scanner="two", title="U")
    zone.event("acknowledged", at("10:00")).event("commented", at("11:00"), ref="two:A")
    assert judged(zone) == [("e000", "ambiguous_ref"), ("e001", "counted")]


def test_a_ticket_carries_to_every_finding_it_is_linked_to_in_any_order(zone):
    zone.scan(T0).scan(T0, own="B", cve="CVE-2", title="U").event("acknowledged", at("10:00"), ref="SEC-1")
    assert judged(zone) == [("e000", "no_match")]
    zone.event("ticket_linked", at("12:00"), ref="A", ticket="SEC-1").event("ticket_linked", at("12:00"), ref="B", ticket="SEC-1")
    assert [row["acknowledged_at"] for row in zone.cycles()] == [at("10:00")] * 2


def test_the_same_event_twice_counts_once_and_another_content_is_a_contradiction(found):
    found.event("acknowledged", at("11:00")).event("acknowledged", at("10:00"))
    found.events[1]["event_id"] = found.events[0]["event_id"]
    state = found.state()
    assert [row["occurred_at"] for row in state.rows("event")] == [at("10:00")]
    (clash,) = state.rows("conflict")
    assert (clash["kind"], clash["subject"]) == ("activity", "e000")


@pytest.mark.parametrize("scan_id", [None, "run-7"])
def test_a_result_sent_again_is_a_contradiction_only_within_one_scan(zone, scan_id):
    side = {"scan_id": scan_id} if scan_id else {}
    zone.scan(T0, side=side).scan(at("08:00"), side=side)
    state = zone.state()
    assert len(state.rows("capture")) == (1 if scan_id else 2)
    assert state.rows("finding")[0]["first_captured_at"] == at("08:00")
    assert [row["kind"] for row in state.rows("conflict")] == (["resent_observation"] if scan_id else [])


def test_of_one_result_with_two_severities_the_most_severe_stays(zone):
    zone.scan(T0, "Low").scan(T0, "High")
    state = zone.state()
    assert [row["band"] for row in state.rows("capture")] == ["high"]
    assert [row["kind"] for row in state.rows("conflict")] == ["observation"]
