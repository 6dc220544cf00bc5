"""Vulnerability keys (ruling 18) and aliases, and what groups sightings into findings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.identity import FAMILIES, canonical_ids, known_aliases, vulnerability_key

ROWS = [
    ["PYSEC-2026-1", "CVE-2026-1", "GHSA-AAAA-BBBB-0001", "SNYK-X-1"],
    ["PYSEC-2026-2", "GHSA-AAAA-BBBB-0002"],
    ["PYSEC-2026-3", "CVE-2026-3", "CVE-2026-4"],
    ["RUSTSEC-5", "ACME-5"],
    ["PYSEC-2026-6", "CVE-2026-6"],
    ["OSV-6", "CVE-2026-7", "SHARED-6"],
    ["OSV-7", "CVE-2026-6", "SHARED-6"],
]
ALIASES = canonical_ids(ROWS)


@pytest.mark.parametrize(
    ("ids", "key"),
    [
        ([], "zap|R"),
        (["CVE-2026-1"], "CVE-2026-1"),
        (["CVE-2026-1", "GHSA-AAAA-BBBB-0009", "ACME-1"], "CVE-2026-1"),
        (["CVE-2026-1", "CVE-2026-2"], "zap|R"),
        (["GHSA-AAAA-BBBB-0009", "ACME-1"], "GHSA-AAAA-BBBB-0009"),
        (["GHSA-AAAA-BBBB-0008", "GHSA-AAAA-BBBB-0009"], "zap|R"),
        (["ACME-1"], "ACME-1"),
        (["ACME-1", "ACME-2"], "zap|R"),
        # two CVEs and one GHSA: more than one CVE is none
        (["CVE-2026-1", "CVE-2026-2", "GHSA-AAAA-BBBB-0009"], "zap|R"),
    ],
)
def test_the_key_of_stated_ids(ids, key):
    assert vulnerability_key(ids, "zap", "R") == key
    assert vulnerability_key(list(reversed(ids)) * 2, "zap", "R") == key


@pytest.mark.parametrize(
    ("ids", "key"),
    [
        (["GHSA-AAAA-BBBB-0001"], "CVE-2026-1"),
        (["PYSEC-2026-1", "SNYK-X-1"], "CVE-2026-1"),
        (["PYSEC-2026-2"], "GHSA-AAAA-BBBB-0002"),
        # An advisory of several CVEs does not say which is meant.
        (["PYSEC-2026-3"], "PYSEC-2026-3"),
        (["RUSTSEC-5"], "RUSTSEC-5"),
        (["SHARED-6"], "SHARED-6"),
        (["PYSEC-2026-6", "CVE-2026-6"], "CVE-2026-6"),
        (["PYSEC-2026-1", "CVE-2026-9"], "zap|R"),
        (["CVE-2026-3"], "CVE-2026-3"),
    ],
)
def test_the_key_through_aliases(ids, key):
    assert vulnerability_key(ids, "zap", "R", ALIASES) == key


@given(st.permutations(ROWS))
def test_aliases_do_not_depend_on_the_order_of_advisories(rows):
    assert canonical_ids(rows) == ALIASES


STATED = [
    ["CVE-2026-20", "GHSA-AAAA-BBBB-0020"],
    ["GHSA-AAAA-BBBB-0020", "SNYK-JS-A-20"],
    # What the table names, reports do not.
    ["CVE-2026-21", "PYSEC-2026-2"],
    ["CVE-2026-21", "SHARED-6", "OSV-6"],
    # Two reports that disagree, and one that states two CVEs, leave an id what it is.
    ["CVE-2026-22", "GHSA-AAAA-BBBB-0022"],
    ["CVE-2026-23", "GHSA-AAAA-BBBB-0022"],
    ["CVE-2026-24", "CVE-2026-25", "PYSEC-2026-24"],
    # An erratum mends more than the one CVE that it was seen with.
    ["CVE-2026-26", "RHSA-2026:26"],
    ["GHSA-AAAA-BBBB-0002", "SNYK-JS-B-2"],
]


@pytest.mark.parametrize(
    ("id_", "key"),
    [
        ("GHSA-AAAA-BBBB-0020", "CVE-2026-20"),
        ("SNYK-JS-A-20", "CVE-2026-20"),
        ("PYSEC-2026-2", "GHSA-AAAA-BBBB-0002"),
        ("SHARED-6", "SHARED-6"),
        ("GHSA-AAAA-BBBB-0022", "GHSA-AAAA-BBBB-0022"),
        ("PYSEC-2026-24", "PYSEC-2026-24"),
        ("RHSA-2026:26", "RHSA-2026:26"),
        ("SNYK-JS-B-2", "SNYK-JS-B-2"),
        ("GHSA-AAAA-BBBB-0001", "CVE-2026-1"),
    ],
)
def test_the_key_through_what_reports_state_together(id_, key):
    for order in (STATED, STATED[::-1], [ids[::-1] for ids in STATED]):
        assert vulnerability_key([id_], "zap", "R", known_aliases(ROWS, order)) == key


@pytest.mark.parametrize(("name", "family"), [*FAMILIES.items(), ("zap", "zap"), ("semgrep", "semgrep"), ("acme", "acme")])
def test_rules_are_of_the_scanners_family(name, family):
    assert vulnerability_key([], name, "R") == vulnerability_key(["CVE-2026-1", "CVE-2026-2"], name, "R") == f"{family}|R"


@given(st.permutations(["CVE-2026-1", "GHSA-AAAA-BBBB-0001", "PYSEC-2026-1", "PYSEC-2026-2"]), st.integers(0, 4))
def test_a_key_does_not_depend_on_the_order_of_ids(ids, count):
    chosen = ids[:count]
    assert vulnerability_key(chosen, "zap", "R", ALIASES) == vulnerability_key(sorted(chosen), "zap", "R", ALIASES)


# Findings


def test_three_scanners_make_one_finding_and_keep_their_evidence(zone):
    zone.put("reference/aliases.csv", "id,cve,ghsa,other\nPYSEC-2026-1,CVE-2026-1,GHSA-aaaa-bbbb-0001,\n")
    zone.scan("2026-04-01T09:00:00Z", scanner="one", own="A", component_name="OpenSSL")
    zone.scan("2026-04-01T08:00:00Z", scanner="two", own="B", component_name="openssl", cve="ghsa-aaaa-bbbb-0001", component_version="3")
    zone.scan("2026-04-02T09:00:00Z", scanner="three", own="C", component_name="openssl", cve="PYSEC-2026-1", target="PAY-API")
    state = zone.state()
    (finding,) = state.rows("finding")
    assert finding["scanners"] == ["one", "three", "two"]
    assert finding["own_ids"] == ["A", "B", "C"]
    assert finding["vulnerability_key"] == "CVE-2026-1"
    assert finding["first_captured_at"] == "2026-04-01T08:00:00Z"
    sightings = state.rows("sighting")
    assert len(sightings) == 3
    # Its id is that of its earliest sighting.
    assert finding["finding_id"] == min(sightings, key=lambda row: row["first_captured_at"])["sighting_id"]


def test_a_report_that_states_two_ids_joins_those_that_state_one_each_and_without_it_they_part(zone):
    zone.scan("2026-04-01T09:00:00Z", scanner="one", own="A", cve="CVE-2026-20")
    zone.scan("2026-04-01T10:00:00Z", scanner="two", own="B", cve="GHSA-aaaa-bbbb-0020")
    zone.event("commented", "2026-04-03T09:00:00Z", ref="A").event("commented", "2026-04-03T10:00:00Z", ref="B")
    assert [row["own_ids"] for row in sorted(zone.state().rows("finding"), key=lambda row: row["own_ids"])] == [["A"], ["B"]]
    zone.scan("2026-04-02T09:00:00Z", scanner="three", own="C", cve="CVE-2026-20", vulnerability_ids=["GHSA-aaaa-bbbb-0020"])
    together = zone.state()
    (finding,) = together.rows("finding")
    assert (finding["own_ids"], finding["vulnerability_key"], finding["first_captured_at"]) == (["A", "B", "C"], "CVE-2026-20", "2026-04-01T09:00:00Z")
    assert {(row["event_id"], row["finding_id"]) for row in together.rows("event")} == {(event, finding["finding_id"]) for event in ("e000", "e001")}
    # What a report says of another asset's finding says it of the advisory.
    zone.scan("2026-04-02T09:00:00Z", scanner="two", own="D", cve="GHSA-aaaa-bbbb-0020", target="elsewhere")
    assert {row["vulnerability_key"] for row in zone.state().rows("finding")} == {"CVE-2026-20"}


@pytest.mark.parametrize("other", [{"component_name": "zlib"}, {"file_path": "a.py"}, {"endpoints": ["https://x.example.com/a"], "service": "pay-api"}, {"cve": "CVE-2026-2"}])
def test_another_place_or_vulnerability_is_another_finding(zone, other):
    zone.scan("2026-04-01T09:00:00Z", own="A").scan("2026-04-01T09:00:00Z", own="B", **other)
    assert len(zone.state().rows("finding")) == 2


def test_a_later_binding_merges_and_an_undone_one_splits_without_losing_an_event(zone):
    zone.assets({"asset_id": "other", "name": "other"})
    zone.scan("2026-04-01T09:00:00Z", target="pay-api", own="A").scan("2026-04-02T09:00:00Z", target="pay.example.com", own="B")
    zone.event("commented", "2026-04-03T09:00:00Z", ref="A").event("commented", "2026-04-03T10:00:00Z", ref="B")
    apart = zone.state()
    assert len(apart.rows("finding")) == 2
    assert {row["event_id"] for row in apart.rows("event") if row["finding_id"]} == {"e000", "e001"}
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "pay.example.com"})
    together = zone.state()
    (finding,) = together.rows("finding")
    assert {(row["event_id"], row["finding_id"]) for row in together.rows("event")} == {("e000", finding["finding_id"]), ("e001", finding["finding_id"])}
    assert {row["sighting_id"] for row in together.rows("sighting")} == {row["sighting_id"] for row in apart.rows("sighting")}


def test_an_event_may_name_any_sighting_of_the_finding(zone):
    zone.scan("2026-04-01T09:00:00Z", target="pay-api").scan("2026-04-02T09:00:00Z", target="PAY-API")
    second = next(row["sighting_id"] for row in zone.state().rows("sighting") if row["target"] == "PAY-API")
    assert zone.event("acknowledged", "2026-04-03T09:00:00Z", ref=second).cycle()["acknowledged_at"] == "2026-04-03T09:00:00Z"
