"""mart.severity_matrix: a scanner's own word beside the workspace band, worked by hand (rulings 22 to 27, 62)."""

from __future__ import annotations

import pytest

DAY = "2026-04-{:02d}T09:00:00Z"
HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"  # 7.5


@pytest.fixture
def matrix(zone):
    def read(policy: dict | None = None) -> dict[tuple, tuple]:
        rows = zone.state(policy=policy).mart("stage", "lag_attribution", "severity_matrix")
        return {
            (row["scanner"], row["scanner_band"], row["severity"]): (row["mismatch"], row["observations"], row["findings"], row["handoffs"], row["lost_seconds"])
            for row in rows
        }

    return read


@pytest.mark.parametrize(
    ("severity", "item", "bands", "mismatch"),
    [
        ("High", {}, ("high", "high"), "equal"),
        ("Critical", {"cvssv3": HIGH}, ("critical", "high"), "lower"),
        ("Low", {"known_exploited": True}, ("low", "high"), "higher"),
        ("Low", {"cvssv3": HIGH}, ("low", "high"), "higher"),
        ("Info", {"cvssv3": HIGH}, ("informational", "high"), "higher"),
        ("Odd", {"cvssv3": HIGH}, ("unrated", "high"), None),
    ],
)
def test_the_scanners_word_alone(zone, matrix, severity, item, bands, mismatch):
    zone.scan(DAY.format(1), severity, **item)
    assert matrix() == {("one", *bands): (mismatch, 1, 1, 1, 0.0)}


def test_the_policys_calibration_is_the_scanners_word(zone, matrix):
    zone.scan(DAY.format(1), "Urgent", cvssv3=HIGH)
    assert list(matrix({"severity": {"calibration": {"one": {"urgent": "critical"}}}})) == [("one", "critical", "high")]


def test_what_is_never_handed_off_is_in_the_matrix(zone, matrix):
    zone.scan(DAY.format(1), "Info", own="I").scan(DAY.format(1), "Odd", own="U", cve="CVE-2026-2").scan(DAY.format(1), "High", own="Z", cve="CVE-2026-3", cvssv3=HIGH.replace("A:H", "A:N"))
    assert matrix() == {
        ("one", "high", "informational"): ("lower", 1, 1, 0, 0.0),
        ("one", "informational", "informational"): ("equal", 1, 1, 0, 0.0),
        ("one", "unrated", "unrated"): (None, 1, 1, 0, 0.0),
    }


def test_a_handoff_is_where_its_earliest_observation_and_its_own_band_meet(zone, matrix):
    """Scanner one says low, scanner two says high the day after: the cycle is high, and was first called low."""
    zone.scan(DAY.format(1), "Low").scan(DAY.format(2), "Low").scan(DAY.format(2), "High", scanner="two", own="B")
    assert matrix() == {
        ("one", "low", "high"): ("higher", 0, 0, 1, 0.0),
        ("one", "low", "low"): ("equal", 2, 1, 0, 0.0),
        ("two", "high", "high"): ("equal", 1, 1, 0, 0.0),
    }


def test_a_cycle_without_observations_takes_over_the_word_of_the_one_before(zone, matrix):
    zone.scan(DAY.format(1), "Low", cvssv3=HIGH).event("verified", DAY.format(2)).event("reopened", DAY.format(3))
    assert matrix() == {("one", "low", "high"): ("higher", 1, 1, 2, 0.0)}


def test_lost_seconds_are_those_of_mismatched_cycles(zone, matrix):
    """High, due one business day after Wednesday 1 April 09:00: A is routed as low and acknowledged 3 h late, B as high and as late, C as low but in time."""
    for own in "ABC":
        zone.scan(DAY.format(1), "Low", own=own, cve=f"CVE-2026-{own}", cvssv3=HIGH)
    for own, band in zip("ABC", ("low", "high", "low"), strict=True):
        zone.event("routed", "2026-04-01T10:00:00Z", "soc", ref=own, target_person="anna", severity=band)
        zone.event("acknowledged", "2026-04-01T20:00:00Z" if own != "C" else "2026-04-01T12:00:00Z", ref=own)
    assert matrix() == {("one", "low", "high"): ("higher", 3, 3, 3, 3 * 3600.0)}
