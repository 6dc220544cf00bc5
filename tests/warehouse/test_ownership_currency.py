"""mart.ownership_currency: open findings by who is named for them, worked by hand (ruling 80)."""

from __future__ import annotations

import pytest

AS_OF = "2026-05-01T00:00:00Z"
FIGURES = ("open_findings", "owned", "active")


@pytest.fixture(scope="session")
def person(tools):
    return tools.person


@pytest.fixture
def currency(zone):
    """The rows of one cut and band, by age of the mapping."""

    def read(dimension: str = "all", value: str = "all", severity: str = "all", as_of: str = AS_OF) -> dict[str, dict]:
        rows = zone.state(as_of).mart("ownership_currency")
        return {row["mapping_age"]: row for row in rows if (row["dimension"], row["dimension_value"], row["severity"]) == (dimension, value, severity)}

    return read


def figures(row: dict) -> tuple:
    return tuple(row[name] for name in FIGURES)


def asset(name: str, **more: str) -> dict[str, str]:
    return {"asset_id": name, "name": f"{name}-host", "owner_team": "payments", **more}


def found(zone, *names: str, severity: str = "High") -> None:
    for name in names:
        zone.scan("2026-04-01T09:00:00Z", severity, target=f"{name}-host", own=name)


def test_worked_by_hand(zone, person, currency):
    """Seven open findings: two owners active, one departed, one unknown; a row without a person, no row, no asset."""
    zone.people(person("anna"), person("dan", status="departed"), person("gus", role=""))
    zone.assets(*(asset(name) for name in ("a", "b", "c", "d", "e", "f")))
    zone.ownership(
        {"match": "asset:a", "person_id": "anna", "team": "", "effective_from": "2026-04-21"},
        {"match": "asset:b", "person_id": "gus", "team": "", "effective_from": "2026-01-01"},
        {"match": "asset:c", "person_id": "dan", "team": "", "effective_from": "2026-04-11"},
        {"match": "asset:d", "person_id": "ghost", "team": "", "effective_from": ""},
        {"match": "asset:e", "person_id": "", "team": "payments", "effective_from": "2026-04-01"},
    )
    found(zone, "a", "b", "c", "d", "e", "f", "nowhere")
    found_rows = currency()
    assert {age: figures(row) for age, row in found_rows.items()} == {
        "all": (7, 4, 2),
        "up to 30 d": (2, 2, 1),  # anna 10 days, dan 20
        "up to 180 d": (1, 1, 1),  # gus 120 days: no role makes no valid candidate, but he is there
        "always valid": (1, 1, 0),
        "no owner": (3, 0, 0),
    }
    total = found_rows["all"]
    assert total["currency_rate"] == 2 / 7
    assert total["owned_currency_rate"] == 2 / 4
    assert total["median_mapping_age_seconds"] == 20 * 86400  # of 10, 20 and 120 days; the always valid one has none
    assert found_rows["up to 30 d"]["median_mapping_age_seconds"] == 15 * 86400
    assert found_rows["always valid"]["median_mapping_age_seconds"] is None
    assert found_rows["no owner"]["owned_currency_rate"] is None
    assert found_rows["no owner"]["median_mapping_age_seconds"] is None


@pytest.mark.parametrize(
    ("since", "bucket"),
    [
        ("2026-05-01T00:00:00Z", "up to 30 d"),
        ("2026-04-01T00:00:00Z", "up to 30 d"),
        ("2026-03-31T23:59:59.999999Z", "up to 90 d"),
        ("2026-01-31T00:00:00Z", "up to 90 d"),
        ("2026-01-30T23:59:59Z", "up to 180 d"),
        ("2025-11-02T00:00:00Z", "up to 180 d"),
        ("2025-11-01T23:59:59Z", "up to 365 d"),
        ("2025-05-01T00:00:00Z", "up to 365 d"),
        ("2025-04-30T23:59:59Z", "over 365 d"),
        ("", "always valid"),
    ],
)
def test_the_age_of_a_mapping(zone, currency, since, bucket):
    zone.ownership({"match": "asset:pay", "person_id": "anna", "effective_from": since}).scan("2026-04-01T09:00:00Z")
    assert currency().keys() == {"all", bucket}


def test_an_event_names_the_owner_and_dates_the_naming(zone, person, currency):
    zone.people(person("anna"), person("bo"), person("dan", status="departed"))
    zone.scan("2026-04-01T09:00:00Z").event("assigned", "2026-04-29T00:00:00Z", target_person="bo")
    row = currency()["up to 30 d"]
    assert (figures(row), row["median_mapping_age_seconds"]) == ((1, 1, 1), 2 * 86400)
    zone.event("reassigned", "2026-04-30T00:00:00Z", target_person="dan")
    row = currency()["up to 30 d"]
    assert (figures(row), row["median_mapping_age_seconds"]) == ((1, 1, 0), 86400)
    zone.event("reassigned", "2026-04-30T12:00:00Z", target_person="")
    assert {age: figures(row) for age, row in currency().items()} == {"all": (1, 0, 0), "no owner": (1, 0, 0)}


@pytest.mark.parametrize("kind", ["group", "bot"])
def test_an_inbox_or_a_bot_owns_and_is_nobody_active(zone, person, currency, kind):
    zone.people(person("soc", kind=kind)).ownership({"match": "asset:pay", "person_id": "soc"}).scan("2026-04-01T09:00:00Z")
    assert figures(currency()["all"]) == (1, 1, 0)


def test_an_owner_who_leaves_is_no_owner_from_then_on(zone, person, currency):
    zone.people(person("anna"), person("anna", status="departed", effective_from="2026-04-20"))
    zone.scan("2026-04-01T09:00:00Z").event("acknowledged", "2026-04-01T10:00:00Z")
    assert figures(currency(as_of="2026-04-19T00:00:00Z")["all"]) == (1, 1, 1)
    # acknowledged in time, and nobody is there any more: the mart is of as_of, not of t1
    assert figures(currency()["all"]) == (1, 1, 0)


def test_only_what_is_open_counts_and_a_reopened_finding_once(zone, currency):
    zone.scan("2026-04-01T09:00:00Z").scan("2026-04-01T09:00:00Z", "Info", own="I", cve="CVE-2026-2").scan("2026-04-01T09:00:00Z", "Odd", own="U", cve="CVE-2026-3")
    assert figures(currency()["all"]) == (1, 1, 1)
    zone.event("verified", "2026-04-05T09:00:00Z")
    assert currency() == {}
    zone.event("reopened", "2026-04-06T09:00:00Z")
    assert figures(currency()["all"]) == (1, 1, 1)
    assert figures(currency("origin", "reopened")["all"]) == (1, 1, 1)
    assert currency("origin", "first_time") == {}


def test_cuts_and_bands(zone, person, currency):
    """The team is the one of as_of: its mapping is what has to be mended."""
    zone.people(person("anna"), person("cy", "other"))
    zone.assets(asset("pay", business_unit="retail"), asset("pay", business_unit="retail", owner_team="other", effective_from="2026-04-20"), asset("lone", owner_team=""))
    zone.ownership({"match": "asset:pay", "person_id": "cy"})
    zone.scan("2026-04-01T09:00:00Z", "Critical", target="pay-host").scan("2026-04-02T09:00:00Z", "Critical", target="pay-host", scanner="two", own="B")
    zone.scan("2026-04-01T09:00:00Z", "Low", target="lone-host", own="L", cve="CVE-2026-9")
    zone.event("acknowledged", "2026-04-02T10:00:00Z", "anna")
    assert figures(currency("team", "other")["all"]) == (1, 1, 1)
    assert currency("team", "payments") == {}
    assert figures(currency("team", "(none)")["all"]) == (1, 0, 0)
    assert figures(currency("business_unit", "retail")["all"]) == (1, 1, 1)
    assert [figures(currency("scanner", name)["all"]) for name in ("one", "two")] == [(2, 1, 1), (1, 1, 1)]
    assert figures(currency(severity="critical")["all"]) == (1, 1, 1)
    assert figures(currency(severity="low")["no owner"]) == (1, 0, 0)
    assert currency(severity="high") == {}
