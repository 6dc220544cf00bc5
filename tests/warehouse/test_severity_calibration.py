"""mart.severity_calibration: terms of scanners, what the calibration takes them for and whether their use drifts, worked by hand."""

from __future__ import annotations

import pytest

HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"  # 7.5
AS_OF = "2026-05-01T00:00:00Z"
#: As of 1 May: recent is after 1 April, before is after 1 January.
RECENT, BEFORE, LONG_AGO = "2026-04-10T09:00:00Z", "2026-02-10T09:00:00Z", "2025-06-01T09:00:00Z"
FEW = {"severity": {"drift": {"minimum": 4, "scored": 2}}}


@pytest.fixture
def results(zone):
    """Adds results of one scanner, each a finding of its own."""

    def add(at: str, *terms: str, **item: object) -> None:
        for term in terms:
            number = len(zone.files)
            zone.scan(at, term, own=f"N{number}", cve=f"CVE-2026-{number}", **item)

    return add


@pytest.fixture
def calibration(zone):
    def read(policy: dict = FEW, as_of: str = AS_OF) -> dict[str, dict]:
        return {row["native_term"]: row for row in zone.state(as_of, policy).mart("severity_calibration")}

    return read


def test_a_term_with_its_band_its_scores_and_its_shares(results, calibration):
    results(BEFORE, "High", " HIGH", "Low", "wat")
    results(RECENT, "high", cvssv3=HIGH)
    results(RECENT, "high", cvssv3=HIGH.replace("/I:N", "/I:H"))  # 9.1
    rows = calibration()
    assert list(rows) == ["high", "low", "wat"]
    shown = ("scanner", "format", "calibrated_band", "observations", "findings", "scored", "median_score", "score_band", "recent", "before", "share_recent", "share_before")
    assert [rows["high"][name] for name in shown] == ["one", "generic", "high", 4, 4, 2, 8.3, "high", 2, 2, 1.0, 0.5]
    assert (rows["high"]["first_captured_at"], rows["high"]["last_captured_at"]) == (BEFORE, RECENT)
    assert [rows["wat"][name] for name in shown[2:]] == ["unrated", 1, 1, 0, None, None, 0, 1, 0.0, 0.25]
    assert not any(row["is_contradicted"] for row in rows.values())


@pytest.mark.parametrize(
    ("term", "vectors", "policy", "contradicted"),
    [
        ("Low", [HIGH, HIGH], FEW, True),
        ("Critical", [HIGH, HIGH], FEW, True),
        ("High", [HIGH, HIGH], FEW, False),
        ("Low", [HIGH], FEW, False),  # one score is no median
        ("Low", [HIGH, HIGH], {}, False),  # by default 20 are asked for
        ("wat", [HIGH, HIGH], FEW, False),  # no band to contradict
        ("wat", [HIGH, HIGH], {"severity": {"calibration": {"one": {"wat": "medium"}}, **FEW["severity"]}}, True),
        ("Low", [HIGH, HIGH], {"severity": {"bands": {"high": 8, "medium": 7.9, "low": 7.6}, **FEW["severity"]}}, False),
        ("Info", [HIGH.replace("A:H", "A:N")] * 2, FEW, False),
    ],
)
def test_scores_that_contradict_their_term(results, calibration, term, vectors, policy, contradicted):
    for vector in vectors:
        results(RECENT, term, cvssv3=vector)
    assert calibration(policy)[term.lower()]["is_contradicted"] is contradicted


def test_the_assets_environment_contradicts_nobody(zone, results, calibration):
    """On an asset of low criticality the workspace band of a 9.8 is high: the scanner's critical still fits its own score."""
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments", "criticality": "low"})
    results(RECENT, "Critical", "Critical", cvssv3="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
    row = calibration()["critical"]
    assert (row["score_band"], row["is_contradicted"]) == ("critical", False)
    assert zone.cycles()[0]["severity"] == "high"


def test_change_is_the_share_of_results_that_another_term_took(results, calibration):
    """Before: 3 high, 1 low. Recent: 1 high, 2 low, 1 severe. |3/4 - 1/4| + |1/4 - 2/4| + |0 - 1/4|, halved, is 1/2; of the bands too, severe being unrated."""
    results(LONG_AGO, "Low")
    results(BEFORE, "High", "High", "High", "Low")
    results(RECENT, "High", "Low", "Low", "Severe")
    for row in calibration().values():
        assert (row["scanner_recent"], row["scanner_before"], row["term_change"], row["band_change"]) == (4, 4, 0.5, 0.5)
    # The policy takes severe for high: now only one in four moved between the bands.
    known = {"severity": {**FEW["severity"], "calibration": {"one": {"severe": "high"}}}}
    assert {(row["term_change"], row["band_change"]) for row in calibration(known).values()} == {(0.5, 0.25)}


def test_below_the_minimum_nothing_is_said_of_change(results, calibration):
    results(BEFORE, "High", "High", "High", "High")
    results(RECENT, "Low", "Low", "Low")
    assert {(row["term_change"], row["band_change"], row["is_new"]) for row in calibration().values()} == {(None, None, False), (None, None, True)}


def test_a_term_is_new_once_the_scanner_is_known(results, calibration):
    results(LONG_AGO, "High", "Odd", "High")
    results(RECENT, "Severe", "Odd")
    assert [term for term, row in calibration().items() if row["is_new"]] == []
    results(BEFORE, "High")
    assert [term for term, row in calibration().items() if row["is_new"]] == ["severe"]
    assert [term for term, row in calibration(as_of="2026-06-10T00:00:00Z").items() if row["is_new"]] == []


def test_periods_are_half_open_by_the_instant(results, calibration):
    """Recent is the 30 days until as_of, its first instant left out, so that each result is in one period."""
    results("2026-04-01T00:00:00Z", "High")
    results("2026-04-01T00:00:00.000001Z", "High")
    results("2026-01-01T00:00:00Z", "High")
    row = calibration()["high"]
    assert (row["recent"], row["before"], row["observations"]) == (1, 1, 3)


def test_a_term_is_one_of_its_scanner_and_format(zone, calibration):
    zone.scan(RECENT, "High").scan(RECENT, "High", scanner="two", own="B")
    assert len(zone.state(AS_OF).mart("severity_calibration")) == 2


def test_what_states_nothing_has_a_row_of_its_own(zone, calibration):
    zone.put("scans/leaks.json", '[{"RuleID":"aws-key","Secret":"x","Match":"x","File":"a.py","StartLine":1,"Commit":"","Fingerprint":"a:1"}]', target="pay-api", captured_at=RECENT)
    assert calibration()["(no term)"]["calibrated_band"] == "unrated"
    (finding,) = zone.state(AS_OF).rows("finding")
    assert finding["severity"] == "unrated"
    rated = calibration({"severity": {"calibration": {"gitleaks": {"(no term)": "high"}}}})
    assert rated["(no term)"]["calibrated_band"] == "high"
