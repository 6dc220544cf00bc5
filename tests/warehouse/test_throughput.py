"""mart.throughput and mart.open_aging: what came in, went out and is left, worked by hand (ruling 87)."""

from __future__ import annotations

import pytest

BERLIN = {"reporting_zone": "Europe/Berlin"}


def flow(rows: list[dict], grain: str, severity: str = "all") -> dict[str | None, tuple]:
    """Period → opened, acknowledged, closed."""
    return {
        row["period_start"] and row["period_start"].isoformat(): (row["opened"], row["acknowledged"], row["closed"])
        for row in rows
        if (row["period_grain"], row["severity"]) == (grain, severity)
    }


def test_each_by_its_own_instant(zone):
    """A is opened on the last day of March, in Berlin on the first of April; acknowledged and verified in April. B is withdrawn in May, C is left open."""
    zone.scan("2026-03-31T22:00:00Z", "Critical", own="A").scan("2026-03-31T21:59:59Z", "Low", own="B", cve="CVE-2026-2").scan("2026-04-06T09:00:00Z", "Low", own="C", cve="CVE-2026-3")
    zone.event("acknowledged", "2026-04-01T09:00:00Z").event("verified", "2026-04-06T09:00:00Z").event("withdrawn", "2026-05-01T09:00:00Z", ref="B")
    rows = zone.state("2026-05-02T00:00:00Z", BERLIN).mart("throughput")
    assert flow(rows, "all") == {None: (3, 1, 2)}
    assert flow(rows, "quarter") == {"2026-01-01": (1, 0, 0), "2026-04-01": (2, 1, 2)}
    assert flow(rows, "month") == {"2026-03-01": (1, 0, 0), "2026-04-01": (2, 1, 1), "2026-05-01": (0, 0, 1)}
    assert flow(rows, "week") == {"2026-03-30": (2, 1, 0), "2026-04-06": (1, 0, 1), "2026-04-27": (0, 0, 1)}
    assert flow(rows, "day") == {"2026-03-31": (1, 0, 0), "2026-04-01": (1, 1, 0), "2026-04-06": (1, 0, 1), "2026-05-01": (0, 0, 1)}
    assert flow(rows, "month", "critical") == {"2026-04-01": (1, 1, 1)}
    assert flow(rows, "month", "low") == {"2026-03-01": (1, 0, 0), "2026-04-01": (1, 0, 0), "2026-05-01": (0, 0, 1)}
    assert flow(rows, "month", "high") == {}
    assert flow(zone.state("2026-05-02T00:00:00Z").mart("throughput"), "month") == {"2026-03-01": (2, 0, 0), "2026-04-01": (1, 1, 1), "2026-05-01": (0, 0, 1)}


def test_a_reopened_finding_is_opened_twice_and_a_superseded_cycle_is_not_closed(zone):
    zone.scan("2026-04-01T09:00:00Z").event("resolved", "2026-04-02T09:00:00Z").event("reopened", "2026-04-03T09:00:00Z")
    assert flow(zone.state().mart("throughput"), "all") == {None: (2, 0, 0)}


def test_open_by_band_age_and_team(zone):
    """As of 1 May: A 6 days old and B 8 days old, both high and of payments; C of no team; D verified; E was low and is critical since its acknowledgement."""
    zone.scan("2026-04-25T00:00:00Z", "High", own="A").scan("2026-04-23T00:00:00Z", "High", own="B", cve="CVE-2026-2")
    zone.scan("2026-04-22T00:00:00Z", "High", target="nowhere", own="C", cve="CVE-2026-3").scan("2026-04-22T00:00:00Z", "High", own="D", cve="CVE-2026-4")
    zone.scan("2026-03-22T00:00:00Z", "Low", own="E", cve="CVE-2026-5").scan("2026-04-22T00:00:00Z", "Critical", own="E", cve="CVE-2026-5")
    zone.event("acknowledged", "2026-04-25T09:00:00Z").event("verified", "2026-04-24T00:00:00Z", ref="D").event("acknowledged", "2026-03-23T00:00:00Z", ref="E")
    rows = zone.state("2026-05-01T00:00:00Z").mart("open_aging")
    assert {(row["severity"], row["age_bucket"], row["team"]): (row["open"], row["acknowledged"], row["oldest_seconds"] / 86400) for row in rows} == {
        ("critical", "30 to 90 days", "payments"): (1, 1, 40.0),
        ("high", "under 7 days", "payments"): (1, 1, 6.0),
        ("high", "7 to 30 days", "payments"): (1, 0, 8.0),
        ("high", "7 to 30 days", "(none)"): (1, 0, 9.0),
    }


@pytest.mark.parametrize(
    ("as_of", "bucket"),
    [
        ("2026-01-01T00:00:00Z", "under 7 days"),
        ("2026-01-07T23:59:59.999999Z", "under 7 days"),
        ("2026-01-08T00:00:00Z", "7 to 30 days"),
        ("2026-01-30T23:59:59Z", "7 to 30 days"),
        ("2026-01-31T00:00:00Z", "30 to 90 days"),
        ("2026-03-31T23:59:59Z", "30 to 90 days"),
        ("2026-04-01T00:00:00Z", "90 days and more"),
    ],
)
def test_ages_are_half_open(zone, as_of, bucket):
    zone.scan("2026-01-01T00:00:00Z")
    (row,) = zone.state(as_of).mart("open_aging")
    assert row["age_bucket"] == bucket


def test_the_team_is_the_one_of_now(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments"}, {"asset_id": "pay", "name": "pay-api", "owner_team": "other", "effective_from": "2026-04-20"})
    zone.scan("2026-04-01T09:00:00Z").event("acknowledged", "2026-04-02T10:00:00Z")
    assert [row["team"] for row in zone.state().mart("open_aging")] == ["other"]
