"""mart.deduplication and mart.scanner_overlap: what several scanners say of one finding, worked by hand (ruling 81)."""

from __future__ import annotations

import pytest

DAY = "2026-04-{:02d}T09:00:00Z"


@pytest.fixture
def several(zone):
    """Finding A (critical): scanner one twice and once under the asset's id, scanner two once; B (low): scanner two. Informational and unrated beside them."""
    zone.scan(DAY.format(1), "Critical").scan(DAY.format(2), "Critical").scan(DAY.format(3), "Critical", target="pay")
    zone.scan(DAY.format(4), "High", scanner="two", own="A2", side={"engagement": "spring"})
    zone.scan(DAY.format(5), "Low", scanner="two", own="B", cve="CVE-2026-2")
    zone.scan(DAY.format(5), "Info", scanner="three", own="A3")
    zone.scan(DAY.format(5), "Info", scanner="three", own="I", cve="CVE-2026-3")
    return zone.scan(DAY.format(5), "Odd", scanner="three", own="U", cve="CVE-2026-4")


def cut(rows: list[dict], dimension: str = "all", value: str = "all", severity: str = "all") -> tuple:
    (row,) = [row for row in rows if (row["dimension"], row["dimension_value"], row["severity"]) == (dimension, value, severity)]
    return row["observations"], row["findings"], row["observations_per_finding"], row["sightings"], row["dispatches_avoided"]


def test_worked_by_hand(several):
    rows = several.state().mart("deduplication")
    # A: 4 observations, seen by (one, pay-api), (one, pay) and (two, pay-api): 3 dispatches for one; B: 1
    assert cut(rows) == (5, 2, 2.5, 4, 2)
    assert cut(rows, severity="critical") == (4, 1, 4.0, 3, 2)
    assert cut(rows, severity="low") == (1, 1, 1.0, 1, 0)
    # a scanner's findings, with all that anyone saw of them
    assert cut(rows, "scanner", "one") == (4, 1, 4.0, 3, 2)
    assert cut(rows, "scanner", "two") == (5, 2, 2.5, 4, 2)
    assert cut(rows, "team", "payments") == cut(rows)
    assert {row["dimension_value"] for row in rows if row["dimension"] == "scanner"} == {"one", "two"}
    assert {row["dimension"] for row in rows} == {"all", "team", "business_unit", "environment", "scanner", "engagement", "capture_channel"}


def test_the_cuts_are_those_of_the_last_cycle(several):
    """Engagement is of a cycle's earliest observation; a scanner counts that saw an earlier cycle only."""
    several.event("verified", DAY.format(6)).scan(DAY.format(20), "Medium", scanner="two", own="A2", side={"engagement": "summer"})
    rows = several.state().mart("deduplication")
    assert cut(rows, "engagement", "summer") == (5, 1, 5.0, 3, 2)
    assert cut(rows, "engagement", "(none)") == (1, 1, 1.0, 1, 0)
    assert cut(rows, severity="medium") == (5, 1, 5.0, 3, 2)
    assert cut(rows, "scanner", "one") == (5, 1, 5.0, 3, 2)


def test_what_is_seen_after_a_withdrawal_is_seen_all_the_same(several):
    several.event("withdrawn", DAY.format(10)).scan(DAY.format(20), "Critical")
    assert cut(several.state().mart("deduplication")) == (6, 2, 3.0, 4, 2)


def test_one_scanner_alone_avoids_nothing(zone):
    zone.scan(DAY.format(1)).scan(DAY.format(2))
    assert cut(zone.state().mart("deduplication")) == (2, 1, 2.0, 1, 0)


def test_overlap(several):
    rows = several.state().mart("scanner_overlap")
    assert [(row["scanner"], row["other_scanner"], row["findings"], row["share"]) for row in rows] == [
        ("one", "one", 1, 1.0),
        ("one", "two", 1, 1.0),
        ("two", "one", 1, 0.5),
        ("two", "two", 2, 1.0),
    ]


def test_scanners_that_never_agree_have_no_row_together(zone):
    zone.scan(DAY.format(1)).scan(DAY.format(1), scanner="two", own="B", cve="CVE-2026-2")
    assert [(row["scanner"], row["other_scanner"]) for row in zone.state().mart("scanner_overlap")] == [("one", "one"), ("two", "two")]
