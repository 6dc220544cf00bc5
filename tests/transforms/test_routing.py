"""Asset to named person: who is valid (32), which mapping fits (33), which one wins (34), whose decision is in force (35), which team (36)."""

from __future__ import annotations

import pytest


@pytest.fixture
def person(tools):
    return tools.person


@pytest.fixture
def routed(zone):
    """Status and owner of the one open cycle, captured on 1 April, at an instant."""
    zone.scan("2026-04-01T09:00:00Z")

    def ask(as_of: str = "2026-04-02T00:00:00Z", policy: str | None = None) -> tuple[str, str | None]:
        row = zone.cycle(as_of, policy)
        assert (row["owner_id"] is None) == (row["routing_status"] != "routed")
        return row["routing_status"], row["owner_id"]

    return ask


# Who is valid (32)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "routed"),
        ({"kind": ""}, "routed"),
        ({"status": ""}, "routed"),
        ({"kind": "group"}, "group_inbox"),
        ({"kind": "bot"}, "bot"),
        ({"kind": "group", "status": "departed"}, "group_inbox"),
        ({"status": "departed", "role": ""}, "departed_person"),
        ({"status": "inactive", "channel": ""}, "inactive_person"),
        ({"role": "", "channel": ""}, "no_role"),
        ({"channel": ""}, "no_channel"),
    ],
)
def test_the_first_reason_against_a_candidate(zone, routed, person, change, reason):
    zone.people(person("anna", **change))
    assert routed() == (reason, "anna" if reason == "routed" else None)


@pytest.mark.parametrize(
    ("reference", "status"),
    [("anna", "routed"), ("ANNA@Example.COM", "routed"), ("Anna", "unknown_person"), ("ANNA", "unknown_person"), ("nobody@example.com", "unknown_person"), ("", "nobody")],
)
def test_a_reference_is_an_id_or_a_mail_address_never_a_name(zone, routed, reference, status):
    zone.ownership({"match": "asset:pay", "person_id": reference})
    assert routed() == (status, "anna" if status == "routed" else None)


def test_an_id_wins_over_another_ones_mail_address(zone, routed, person):
    zone.people(person("anna"), person("bo", email="anna"))
    assert routed() == ("routed", "anna")


def test_validity_is_judged_at_the_instant(zone, routed, person):
    zone.people(person("anna"), person("anna", status="departed", effective_from="2026-04-05T00:00:00Z"))
    assert routed("2026-04-04T23:59:59Z") == ("routed", "anna")
    assert routed("2026-04-05T00:00:00Z") == ("departed_person", None)


# Which mapping fits (33)


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ("asset:pay", True),
        ("asset:pay-api", False),
        ("application:checkout", True),
        ("application:pay", False),
        ("name:pay-*", True),
        ("name:PAY-*", True),
        ("name:old-*", True),
        ("name:pay", False),
        ("cidr:10.1.0.0/16", True),
        ("cidr:10.2.0.0/16", False),
        ("path:src/pay", True),
        ("path:src/shop", False),
        ("path:", False),
        ("pay", True),
        ("checkout", True),
        ("pay-*", True),
        ("old-?", True),
        ("10.1.0.0/16", True),
        ("10.1.2.3", True),
        ("10.2.0.0/16", False),
        ("src/pay", False),
        ("pay-api", False),
        ("*", True),
    ],
)
def test_which_mapping_fits(zone, match, fits):
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "old-1;10.1.2.3;name:zzz-*", "application": "checkout"})
    zone.ownership({"match": match, "person_id": "anna"}).scan("2026-04-01T09:00:00Z", file_path="src/pay/main.py")
    assert zone.cycle()["routing_status"] == ("routed" if fits else "nobody")


def test_a_network_also_fits_the_target_as_scanned(zone, routed):
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "cidr:10.0.0.0/8"}).ownership({"match": "cidr:10.7.0.0/16", "person_id": "bo"})
    zone.scan("2026-04-01T09:00:00Z", target="10.7.1.1", own="B", cve="CVE-2026-2")
    assert {row["target"]: row["routing_status"] for row in zone.cycles()} == {"pay-api": "nobody", "10.7.1.1": "routed"}


# Which one wins (34)


def mapping(match: str, person_id: str, **more: str) -> dict[str, str]:
    return {"match": match, "person_id": person_id, "team": "", "priority": "", "effective_from": "", "effective_to": "", **more}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # smaller priority first; blank is 100
        (mapping("name:*", "bo", priority="5"), mapping("asset:pay", "anna", priority="10")),
        (mapping("name:*", "bo", priority="99"), mapping("asset:pay", "anna")),
        (mapping("asset:pay", "bo"), mapping("name:*", "anna", priority="100")),
        (mapping("name:*", "bo", priority="-1"), mapping("asset:pay", "anna", priority="0")),
        # then the kind in the listed order
        (mapping("asset:pay", "bo"), mapping("application:checkout", "anna")),
        (mapping("application:checkout", "bo"), mapping("name:pay-*", "anna")),
        (mapping("name:pay-*", "bo"), mapping("cidr:10.0.0.0/8", "anna")),
        (mapping("cidr:10.0.0.0/8", "bo"), mapping("path:src/", "anna")),
        (mapping("pay", "bo"), mapping("checkout", "anna")),
        # then the latest effective_from; one that always held comes last
        (mapping("asset:pay", "bo", effective_from="2026-03-02"), mapping("pay", "anna", effective_from="2026-03-01")),
        (mapping("asset:pay", "bo", effective_from="2026-03-02"), mapping("pay", "anna")),
        # then person, match, team
        (mapping("pay", "anna"), mapping("asset:pay", "bo")),
        (mapping("asset:pay", "anna", team="z"), mapping("pay", "anna", team="a")),
        (mapping("asset:pay", "anna", team="a"), mapping("asset:pay", "anna", team="z")),
    ],
)
def test_which_mapping_comes_first(zone, first, second):
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "10.1.2.3", "application": "checkout"}).scan("2026-04-01T09:00:00Z", file_path="src/a.py")
    for rows in ((first, second), (second, first)):
        zone.ownership(*rows)
        (decision,) = zone.state().rows("routing")
        assert (decision["candidate"], decision["primitive"]) == (first["person_id"], first["match"])
        assert zone.cycle()["team"] == (first["team"] or second["team"] or "payments")


def test_the_first_valid_candidate_wins_and_the_rejected_are_kept(zone, person):
    zone.people(person("anna"), person("bo"), person("gus", role=""), person("hal", status="inactive"))
    zone.ownership(mapping("asset:pay", "gus", priority="1"), mapping("asset:pay", "hal", priority="2"), mapping("asset:pay", "bo", priority="3"))
    zone.scan("2026-04-01T09:00:00Z")
    (decision,) = zone.state().rows("routing")
    assert (decision["status"], decision["candidate"]) == ("routed", "bo")
    assert [text.split(" (")[0] for text in decision["rejected"]] == ["gus: no_role", "hal: inactive_person"]


def test_without_a_valid_candidate_the_first_ones_reason_stands(zone, routed, person):
    zone.people(person("gus", role=""), person("hal", status="inactive"))
    zone.ownership(mapping("asset:pay", "hal", priority="2"), mapping("asset:pay", "gus", priority="1"))
    assert routed() == ("no_role", None)


def test_rows_for_other_persons_coexist_and_none_supersedes_another(zone, routed):
    zone.ownership(mapping("asset:pay", "cy", effective_from="2026-03-01"), mapping("asset:pay", "bo", effective_from="2026-03-02"))
    assert routed() == ("routed", "bo")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"match": "asset:pay", "person_id": "", "team": "payments"}, "nobody"),
        ({"match": "asset:pay", "person_id": "", "team": "PAYMENTS"}, "nobody"),
        ({"match": "asset:pay", "person_id": "", "team": "ghosts"}, "dissolved_team"),
        ({"match": "asset:pay", "person_id": "", "team": ""}, "nobody"),
        ({"match": "asset:elsewhere", "person_id": "anna", "team": ""}, "nobody"),
    ],
)
def test_a_row_without_a_person_names_nobody(zone, routed, row, reason):
    zone.ownership(row)
    assert routed() == (reason, None)


def test_a_team_is_dissolved_from_when_its_last_active_human_left(zone, routed, person):
    zone.people(person("anna", "ghosts"), person("anna", "ghosts", status="departed", effective_from="2026-04-05"), person("robo", "ghosts", kind="bot"))
    zone.ownership({"match": "asset:pay", "person_id": "", "team": "ghosts"})
    assert routed("2026-04-04T00:00:00Z") == ("nobody", None)
    assert routed("2026-04-05T00:00:00Z") == ("dissolved_team", None)


def test_effective_from_is_inclusive_and_effective_to_exclusive(zone, routed):
    zone.ownership(mapping("asset:pay", "bo", effective_from="2026-04-02T00:00:00Z", effective_to="2026-04-03T00:00:00Z"))
    assert [routed(at)[0] for at in ("2026-04-01T23:59:59.999999Z", "2026-04-02T00:00:00Z", "2026-04-02T23:59:59.999999Z", "2026-04-03T00:00:00Z")] == [
        "nobody", "routed", "routed", "nobody"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("assets", "status"),
    [
        ([{"asset_id": "x", "name": "x"}], "unbound"),
        ([{"asset_id": "pay", "name": "pay-api"}, {"asset_id": "two", "name": "pay-api"}], "ambiguous"),
        ([{"asset_id": "pay", "name": "pay-api", "status": "retired"}], "retired"),
    ],
)
def test_what_is_not_bound_is_not_routed(zone, routed, assets, status):
    zone.assets(*assets)
    assert routed() == (status, None)


@pytest.mark.parametrize(("default", "escalated"), [("cy", "cy"), ("CY@example.com", "cy"), ("stranger", None)])
def test_notices_go_to_the_escalation_default_and_the_cycle_keeps_its_reason(zone, default, escalated):
    zone.ownership().scan("2026-04-01T09:00:00Z")
    policy = f"routing: {{escalation_default: {default}}}"
    row = zone.cycle(policy=policy)
    assert (row["routing_status"], row["owner_id"], row["escalated_to"]) == ("nobody", None, escalated)
    zone.event("acknowledged", "2026-04-01T10:00:00Z", actor="bo")
    assert zone.cycle(policy=policy)["escalated_to"] == (escalated if zone.cycle(policy=policy)["acknowledged_at"] is None else None)


# Whose decision is in force (35)


@pytest.mark.parametrize("word", ["routed", "assigned", "reassigned"])
def test_the_latest_delivered_naming_event_decides(zone, routed, word):
    zone.event(word, "2026-04-01T10:00:00Z", target_person="bo").event(word, "2026-04-01T12:00:00Z", target_person="cy")
    assert routed("2026-04-01T09:59:59Z") == ("routed", "anna")
    assert routed("2026-04-01T10:00:00Z") == ("routed", "bo")
    assert routed("2026-04-01T12:00:00Z") == ("routed", "cy")


def test_a_naming_event_is_judged_at_the_instant_asked_about(zone, routed, person):
    zone.people(person("anna"), person("bo"), person("bo", status="departed", effective_from="2026-04-05"))
    zone.event("assigned", "2026-04-01T10:00:00Z", target_person="bo")
    assert routed("2026-04-04T00:00:00Z") == ("routed", "bo")
    assert routed("2026-04-05T00:00:00Z") == ("departed_person", None)


def test_a_blank_naming_event_names_nobody(zone, routed):
    zone.event("reassigned", "2026-04-01T10:00:00Z", target_person="")
    assert routed() == ("nobody", None)


def test_an_own_event_names_nobody_so_that_a_corrected_mapping_takes_effect(zone):
    run, later = "2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z"
    first = zone.scan("2026-04-01T09:00:00Z").state(run, completes_stages=True)
    assert [(event["event"], event["target_person"]) for event in first.own_events] == [("enriched", None), ("routed", "anna")]
    zone.lands_own(first).ownership({"match": "asset:pay", "person_id": "bo"})
    row = zone.cycle(later)
    assert (row["owner_id"], row["routed_at"]) == ("bo", run)


def test_owner_and_status_are_those_at_t1_once_there_is_one(zone, routed):
    zone.event("acknowledged", "2026-04-01T10:00:00Z").event("reassigned", "2026-04-01T11:00:00Z", target_person="cy")
    assert routed() == ("routed", "anna")


def test_the_unrouted_queue_asks_at_as_of(zone):
    zone.ownership().scan("2026-04-01T09:00:00Z")
    (row,) = zone.state("2026-04-02T09:00:00Z").mart("unrouted_queue")
    assert (row["reason"], row["age_seconds"], row["target"], row["asset_id"]) == ("nobody", 86400, "pay-api", "pay")
    assert zone.event("assigned", "2026-04-02T08:00:00Z", target_person="bo").state("2026-04-02T09:00:00Z").mart("unrouted_queue") == []
    zone.events.clear()
    assert zone.event("acknowledged", "2026-04-02T08:00:00Z", actor="bo").state("2026-04-02T09:00:00Z").mart("unrouted_queue") == []
    zone.events.clear()
    assert zone.event("withdrawn", "2026-04-02T08:00:00Z").state("2026-04-02T09:00:00Z").mart("unrouted_queue") == []


# Which team (36)


@pytest.mark.parametrize(
    ("owner_team", "mapped", "team"), [("core", "mapping", "core"), ("", "mapping", "mapping"), ("", "", "payments")]
)
def test_the_team_is_the_assets_else_the_mappings_else_the_persons(zone, owner_team, mapped, team):
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": owner_team}).ownership(mapping("asset:pay", "anna", team=mapped))
    assert zone.scan("2026-04-01T09:00:00Z").cycle()["team"] == team


def test_the_first_mapping_that_has_a_team_gives_it_even_where_another_names_the_owner(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api"}).ownership(mapping("asset:pay", "anna", priority="1"), mapping("asset:pay", "bo", team="later", priority="2"))
    row = zone.scan("2026-04-01T09:00:00Z").cycle()
    assert (row["owner_id"], row["team"]) == ("anna", "later")


def test_an_unbound_finding_has_the_team_of_whom_an_event_names(zone):
    row = zone.scan("2026-04-01T09:00:00Z", target="nowhere").event("assigned", "2026-04-01T10:00:00Z", target_person="cy").cycle()
    assert (row["team"], row["owner_id"], row["binding_status"]) == ("other", "cy", "unbound")


def test_the_team_of_a_finished_handoff_stays_and_team_now_stands_beside_it(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments"}, {"asset_id": "pay", "name": "pay-api", "owner_team": "other", "effective_from": "2026-04-10"})
    row = zone.scan("2026-04-01T09:00:00Z").event("acknowledged", "2026-04-01T10:00:00Z").cycle()
    assert (row["team"], row["team_now"]) == ("payments", "other")


def test_the_teams_calendar_dates_its_handoffs(zone):
    policy = "calendars: {night: {windows: ['22:00-30:00'], days: [mon, tue, wed, thu, fri, sat, sun]}}\nteam_calendars: {payments: night}"
    row = zone.scan("2026-04-01T09:00:00Z").cycle(policy=policy)
    assert (row["calendar"], row["handoff_due_at"]) == ("night", "2026-04-02T02:00:00Z")
