"""mart.reattribution and the sweep: who could own next what leads to nobody, worked by hand; and what comes of delivering the proposals."""

from __future__ import annotations

import csv
import shutil

import pytest
import yaml

from transforms.domain.errors import UsageError
from warehouse import sweep

AS_OF = "2026-05-01T00:00:00Z"


@pytest.fixture
def proposed(zone):
    """(proposed_id, proposed_by, reason, remedy) of the zone's only finding, the first to look at first."""

    def read(as_of: str = AS_OF, policy: dict | None = None) -> list[tuple]:
        rows = sorted(zone.state(as_of, policy).mart("reattribution"), key=lambda row: row["rank"])
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        return [tuple(row[name] for name in ("proposed_id", "proposed_by", "reason", "remedy")) for row in rows]

    return read


def test_a_route_that_leads_somewhere_has_no_proposal(zone, proposed):
    zone.scan("2026-04-01T09:00:00Z")
    assert proposed() == []


def test_the_nearest_manager_who_can_take_it(zone, tools, proposed):
    """dan has left, his manager mo is on leave, mo's manager max is there: and max's own manager is not asked."""
    zone.people(
        tools.person("dan", status="departed", manager_id="mo"), tools.person("mo", status="inactive", manager_id="max"),
        tools.person("max", manager_id="eve"), tools.person("eve"),
    )  # fmt: skip
    zone.ownership({"match": "asset:pay", "person_id": "dan"}).scan("2026-04-01T09:00:00Z")
    assert proposed() == [("max", "manager", "departed_person", "ownership")]
    (row,) = zone.state(AS_OF).mart("reattribution")
    assert row["why"] == "manages dan over 1 others who cannot take it"


def test_who_is_in_the_directory_no_more_still_had_a_manager(zone, tools, proposed):
    del zone.files["people/people.csv"]
    zone.people(tools.person("dan", manager_id="anna"), tools.person("anna"), path="people/p1.csv", source="hr", captured_at="2026-01-01T00:00:00Z")
    zone.people(tools.person("anna"), path="people/p2.csv", source="hr", captured_at="2026-04-20T00:00:00Z")
    zone.ownership({"match": "asset:pay", "person_id": "dan"}).scan("2026-04-01T09:00:00Z")
    assert proposed("2026-04-19T00:00:00Z") == []
    assert proposed() == [("anna", "manager", "unknown_person", "ownership")]


def test_a_chain_of_managers_that_comes_back_ends(zone, tools, proposed):
    zone.people(tools.person("dan", status="departed", manager_id="mo"), tools.person("mo", status="departed", manager_id="dan"))
    zone.ownership({"match": "asset:pay", "person_id": "dan"}).scan("2026-04-01T09:00:00Z")
    assert proposed() == []


def test_managers_before_those_who_took_the_like_and_each_once(zone, tools, proposed):
    """bo took two handoffs of the asset, cy one of the application on another asset, mo manages dan and took one of the team."""
    zone.people(
        tools.person("dan", manager_id="mo"), tools.person("dan", status="departed", manager_id="mo", effective_from="2026-04-15"),
        tools.person("bo"), tools.person("cy"), tools.person("mo"), tools.person("gone", status="departed"),
    )  # fmt: skip
    zone.assets(
        {"asset_id": "pay", "name": "pay-api", "owner_team": "payments", "application": "shop"},
        {"asset_id": "cart", "name": "cart-api", "owner_team": "payments", "application": "shop"},
        {"asset_id": "till", "name": "till-api", "owner_team": "payments"},
    )
    zone.ownership({"match": "application:shop", "person_id": "dan"})
    zone.scan("2026-04-20T09:00:00Z", own="OPEN", cve="CVE-2026-50")
    for number, (own, target, actor) in enumerate([("B1", "pay-api", "bo"), ("B2", "pay-api", "bo"), ("C1", "cart-api", "cy"), ("M1", "till-api", "mo")]):
        zone.scan("2026-04-01T09:00:00Z", target=target, own=own, cve=f"CVE-2026-{number}")
        zone.event("acknowledged", "2026-04-01T10:00:00Z", actor, ref=own).event("verified", "2026-04-02T09:00:00Z", ref=own)
    expected = [("mo", "manager"), ("bo", "acknowledger"), ("cy", "acknowledger")]
    assert [row[:2] for row in proposed()] == expected
    why = {row["proposed_id"]: row["why"] for row in zone.state(AS_OF).mart("reattribution")}
    assert why == {"mo": "manages dan", "bo": "took 2 handoffs of asset pay, last on 2026-04-01", "cy": "took a handoff of application shop, last on 2026-04-01"}
    # Who took one long ago is remembered no longer than the policy says: 30 days less nine hours have passed.
    assert [row[0] for row in proposed(policy={"routing": {"acknowledged_within": "29d"}})] == ["mo"]


def test_a_valid_mapping_behind_an_event_that_names_somebody_who_has_left(zone, tools, proposed):
    zone.people(tools.person("anna"), tools.person("dan", status="departed")).scan("2026-04-01T09:00:00Z").event("assigned", "2026-04-02T09:00:00Z", "bo", target_person="dan")
    assert proposed() == [("anna", "mapping", "departed_person", "reassigned")]


def test_an_outdated_mapping_asks_for_confirmation(zone, proposed):
    zone.ownership({"match": "asset:pay", "person_id": "anna", "effective_from": "2025-05-01T00:00:00Z"}).scan("2026-04-01T09:00:00Z")
    assert proposed() == []  # 365 days to the microsecond
    assert proposed("2026-05-01T00:00:00.000001Z") == [("anna", "confirmation", "mapping_outdated", "ownership")]
    assert proposed(policy={"routing": {"mapping_age": "400d"}}) == []


def test_findings_without_an_asset_are_not_for_reattribution(zone, proposed):
    zone.scan("2026-04-01T09:00:00Z", target="ghost-1")
    assert proposed() == []


def test_what_is_proposed_can_be_delivered(zone, tools, warehouse, tmp_path):
    """Two assets of someone who has left, an event that names them, an outdated mapping: after delivery all lead to somebody, and nothing is left to propose."""
    zone.people(tools.person("anna"), tools.person("mo"), tools.person("dan", status="departed", manager_id="mo"))
    zone.assets(*({"asset_id": name, "name": f"{name}-api", "owner_team": "payments"} for name in ("pay", "cart", "till")))
    zone.ownership(
        {"match": "asset:pay", "person_id": "dan", "priority": "", "team": "", "effective_from": ""},
        {"match": "asset:cart", "person_id": "anna", "priority": "", "team": "", "effective_from": ""},
        {"match": "name:till*", "person_id": "anna", "priority": "7", "team": "payments", "effective_from": "2024-01-01"},
    )
    for own, target in (("P", "pay-api"), ("C", "cart-api"), ("T", "till-api")):
        zone.scan("2026-04-01T09:00:00Z", target=target, own=own, cve=f"CVE-{own}")
    zone.event("assigned", "2026-04-02T09:00:00Z", "mo", ref="C", target_person="dan")
    landing = zone.write(tmp_path / "landing")
    warehouse.run(landing, AS_OF, published=True)

    found = sweep.propose(warehouse.home.folder)
    assert [(row["match"], row["person_id"], row["priority"], row["proposed_by"]) for row in found.ownership] == [
        ("asset:pay", "mo", 1000, "manager"), ("name:till*", "anna", 7, "confirmation"),
    ]  # fmt: skip
    assert [(row["event"], row["target_person"], row["proposed_by"]) for row in found.reassignments] == [("reassigned", "anna", "mapping")]
    files = sweep.write(found, tmp_path / "proposals", "mo")
    assert [path.relative_to(tmp_path / "proposals").as_posix() for path in files] == [
        "people/reattribution-2026-05-01.csv", "people/reattribution-2026-05-01.csv.meta.yaml", "activity/reattribution-2026-05-01.csv",
    ]  # fmt: skip
    assert yaml.safe_load(files[1].read_text()) == {"complete": False, "source": "reattribution"}
    assert [row["actor"] for row in csv.DictReader(files[2].read_text().splitlines())] == ["mo"]

    shutil.copytree(tmp_path / "proposals", landing, dirs_exist_ok=True)
    warehouse.run(landing, "2026-05-02T00:00:00Z", published=True)
    after = sweep.propose(warehouse.home.folder)
    assert (after.ownership, after.reassignments, after.without_proposal) == ([], [], 0)
    assert warehouse.sql("SELECT asset_id, owner_id FROM mart.handoff ORDER BY ALL") == [("cart", "anna"), ("pay", "mo"), ("till", "anna")]


def test_proposals_are_not_written_over_anything(zone, warehouse, tmp_path):
    warehouse.run(zone.write(tmp_path / "landing"), AS_OF, published=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.csv").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        sweep.write(sweep.propose(warehouse.home.folder), tmp_path / "out", None)
