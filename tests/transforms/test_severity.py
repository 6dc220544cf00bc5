"""Bands: CVSS of four versions with an asset's environment, calibration, KEV and EPSS (rulings 22 to 27)."""

from __future__ import annotations

from pathlib import Path

import pytest

from transforms.domain.policy import Policy, load_policy
from transforms.severity import NO_ENVIRONMENT, Band, Calibrator, Environment, environment, scanner_score

OURS = (Path(__file__).parents[2] / "policy.yaml").read_text(encoding="utf-8")
V2 = "AV:N/AC:L/Au:N/C:P/I:P/A:P"  # 7.5
V30 = "CVSS:3.0/AV:N/AC:H/PR:L/UI:R/S:U/C:L/I:L/A:N"  # 3.7
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"  # 9.8
V4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N"  # 5.1


def policy(text: str = "") -> Policy:
    return load_policy(("policy.yaml", OURS), ("own.yaml", text))


def band(
    text: str = "", *, term: str | None = None, score: float | None = None, vectors: tuple[str, ...] = (), ids: tuple[str, ...] = (), stated: bool = False,
    epss: float | None = None, where: Environment = NO_ENVIRONMENT, scanner: str = "zap", format: str = "generic", catalogue: tuple[str, ...] = (),
) -> Band:  # fmt: skip
    tables = {"generic": {}, "trivy": {"unknown": "low", "moderate": "medium"}}
    return Calibrator(policy(text), tables, set(catalogue), {"CVE-2026-1": 0.7}).band(
        scanner=scanner, format=format, native_severity=term, native_score=score, cvss_vectors=vectors, vulnerability_ids=ids, known_exploited=stated, epss=epss, environment=where
    )


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        (V2, ("high", "cvss 2 base 7.5")),
        ("(AV:N/AC:L/Au:N/C:C/I:C/A:C)", ("critical", "cvss 2 base 10.0")),
        (V30, ("low", "cvss 3.0 base 3.7")),
        (V31, ("critical", "cvss 3.1 base 9.8")),
        (V4, ("medium", "cvss 4.0 score 5.1")),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:U", ("medium", "cvss 3.1 temporal 6.3")),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", ("informational", "cvss 3.1 base 0.0")),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", ("low", "cvss 3.1 base 1.6")),
    ],
)
def test_the_band_of_a_vector(vector, expected):
    assert band(vectors=(vector,), term="Info") == expected


@pytest.mark.parametrize(
    ("vectors", "version"),
    [((V2, V30, V31, V4), "4.0"), ((V2, V30, V31), "3.1"), ((V2, V30), "3.0"), ((V2,), "2"), (("CVSS:4.0/nonsense", V31), "3.1"), (("CVSS:3.1/AV:N", V2), "2")],
)
def test_the_newest_readable_version_counts(vectors, version):
    assert band(vectors=vectors).rule.startswith(f"cvss {version} ")
    assert band(vectors=tuple(reversed(vectors))).rule.startswith(f"cvss {version} ")


def test_of_one_version_the_reports_first_counts():
    assert band(vectors=(V31, "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N")).band == "critical"


@pytest.mark.parametrize("vectors", [("nonsense",), ("",), ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",), ("CVSS:9.9/AV:N",), ("AV:N/AV:N",)])
def test_without_a_readable_vector_the_term_counts(vectors):
    assert band(vectors=vectors, term="Low") == ("low", "calibration *: low")


@pytest.mark.parametrize(
    ("vector", "where", "expected"),
    [
        (V31, Environment("L"), ("high", "environmental 8.0")),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:L/A:N", Environment("H"), ("medium", "environmental 6.4")),
        (V2, Environment("H"), ("high", "environmental 8.8")),
        (V2, Environment("L"), ("medium", "environmental 5.6")),
        (V4, Environment("H"), ("medium", "environmental")),
        (V31, Environment("X", True), ("high", "environmental 8.8")),
        # a v2 vector has no modified access vector
        (V2, Environment("X", True), ("high", "base 7.5")),
        # an attacker who must be near already is not moved further
        ("CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Environment("X", True), ("high", "base 8.4")),
        # the vector's own exploit maturity and remediation level stay
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:U", Environment("L"), ("medium", "environmental 6.4")),
    ],
)
def test_the_environment_of_the_asset(vector, where, expected):
    found = band(vectors=(vector,), where=where)
    assert (found.band, expected[1] in found.rule) == (expected[0], True), found


LOW, HIGH, NEAR = Environment("L"), Environment("H"), Environment("X", True)
V30_CHANGED, V31_CHANGED = (f"CVSS:{version}/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H" for version in ("3.0", "3.1"))
V4_FULL = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


@pytest.mark.parametrize(
    ("vector", "where", "score"),
    [
        # Adjusted impact 10.41 (1 - (1 - 0.275 w)^3), exploitability 20 * 1 * 0.71 * 0.704 = 9.9968; ((0.6 i + 0.4 e) - 1.5) 1.176
        pytest.param(V2, HIGH, 8.8, id="2: w = 1.51, i = 8.3286: 8.815"),
        pytest.param(V2, LOW, 5.6, id="2: w = 0.51, i = 3.7944: 5.616"),
        # Unchanged: 6.42 (1 - (1 - 0.22 w)^2) + 8.22 * 0.85 * 0.44 * 0.62 * 0.62 (adjacent 0.62 * 0.44 * 0.62 * 0.62), rounded up
        pytest.param(V30, HIGH, 4.8, id="3.0: 3.5381 + 1.1817"),
        pytest.param(V30, LOW, 2.6, id="3.0: 1.3347 + 1.1817"),
        pytest.param(V30, NEAR, 3.4, id="3.0: 2.5141 + 0.8620"),
        # Changed: 1.08 (impact + exploitability); m = min(1 - (1 - 0.56 w)^3, 0.915)
        pytest.param(V30_CHANGED, LOW, 9.1, id="3.0: 7.52 (m - 0.029) - 3.25 (m - 0.02)^15 = 4.4933, m = 0.6268; + 3.8870"),
        pytest.param(V30_CHANGED, NEAR, 9.6, id="3.0: 6.0477, m = 0.9148; + 2.8353: 9.594"),
        pytest.param(V31_CHANGED, NEAR, 9.7, id="3.1: 7.52 (m - 0.029) - 3.25 (0.9731 m - 0.02)^13 = 6.1280; + 2.8353: 9.680"),
        # Unchanged, 3.1: 6.42 m + 8.22 * 0.85 * 0.77 * 0.85 * 0.85
        pytest.param(V31, LOW, 8.0, id="3.1: 6.42 * 0.6268 + 3.8870 = 7.911"),
        pytest.param(V31, NEAR, 8.8, id="3.1: 6.42 * 0.9148 + 2.8353 = 8.708"),
        # 4.0 has no formula: the score of the macro vector, less the mean of how far it lies below the most severe vector of each of its sets
        pytest.param(V4_FULL, HIGH, 9.3, id="4.0: 000200, as undefined requirements count as high"),
        pytest.param(V4_FULL, LOW, 8.9, id="4.0: 000201 is 9.0, 001201 is 8.0: 9.0 - (0 + 0 + 0.3 / 0.6 * 1.0 + 0) / 4"),
        pytest.param(V4_FULL, NEAR, 8.7, id="4.0: 100200"),
    ],
)
def test_environmental_scores_worked_by_hand(vector, where, score):
    assert band(vectors=(vector,), where=where).rule.endswith(f" environmental {score}")


def test_the_environment_agrees_with_the_reference(reference):
    """An independent reading of ruling 25, over vectors, criticalities and exposures."""
    sources = [V2, V30, V31, V4, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:P", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/CR:L/MAV:L", "AV:N/AC:L/Au:N/C:P/I:P/A:P/E:U/RL:OF/RC:UC"]
    for text in ("", "severity: {not_internet_facing: adjacent, requirements: {medium: H}}"):
        rules = policy(text)
        world = reference.World(reference.overlay(reference.load_policy(None), reference.yaml.safe_load(text) or {}), 0)
        for criticality in ("", "critical", "high", "medium", "low"):
            for facing in ("", "true", "false"):
                asset = {"criticality": criticality, "internet_facing": facing}
                where = environment({"criticality": criticality or None, "internet_facing": {"": None, "true": True, "false": False}[facing]}, rules)
                for vector in sources:
                    want = reference.score_band(world, reference.vector_score(world, vector, asset))
                    assert band(text, vectors=(vector,), where=where).band == want, (vector, asset, text)


def test_an_unbound_finding_has_no_environment():
    assert environment(None, policy("severity: {not_internet_facing: adjacent}")) == NO_ENVIRONMENT


@pytest.mark.parametrize(
    ("term", "expected"),
    [("Critical", "critical"), (" HIGH ", "high"), ("medium", "medium"), ("Low", "low"), ("Info", "informational"), ("informational", "informational"), ("None", "informational"),
     ("Moderate", "unrated"), ("important", "unrated"), ("", "unrated"), ("P1", "unrated")],
)  # fmt: skip
def test_the_default_calibration(term, expected):
    assert band(term=term).band == expected


def test_calibration_goes_scanner_format_policy_format_own_star():
    text = "severity: {calibration: {zap: {moderate: high}, trivy: {moderate: critical, unknown: medium}}}"
    assert band(text, term="Moderate", scanner="zap", format="trivy").band == "high"
    assert band(text, term="Moderate", scanner="two", format="trivy").band == "critical"
    assert band(term="Moderate", scanner="two", format="trivy").band == "medium"
    assert band(term="unknown", scanner="two", format="trivy") == ("low", "calibration trivy: unknown")
    assert band(text, term="low", scanner="zap", format="trivy") == ("low", "calibration *: low")


def test_a_score_counts_only_without_a_term():
    assert band(term="Low", score=9.9).band == "low"
    assert band(score=9.9) == ("critical", "score 9.9")
    assert band(score=0.05).band == "low"
    assert band(score=0.0).band == "informational"
    assert band() == ("unrated", "no term, score or vector")
    assert band(term=" ", score=5.0).band == "medium"


def test_a_team_can_rate_what_a_scanner_leaves_open():
    assert band('severity: {calibration: {gitleaks: {"(no term)": high}}}', scanner="gitleaks") == ("high", "calibration gitleaks: (no term)")
    assert band('severity: {calibration: {trivy: {"(NO TERM)": low}}}', format="trivy", term=" ") == ("low", "calibration trivy: (no term)")
    rules = 'severity: {calibration: {"*": {"(no term)": medium}}}'
    assert band(rules).band == "medium"
    assert band(rules, term="wat").band == "unrated"  # a term that nobody knows is no missing one
    assert band(rules, score=9.9).band == "critical"  # what the scanner does say goes before
    assert band(rules, vectors=(V31,)).band == "critical"
    assert band(rules, stated=True) == ("high", "known exploited (stated by the report), was medium by calibration *: (no term)")


@pytest.mark.parametrize(("vectors", "score", "expected"), [((V31,), 1.0, 9.8), ((), 1.0, 1.0), (("nonsense",), None, None), ((V2, V4), None, 5.1)])
def test_the_score_beside_a_term_knows_no_asset(vectors, score, expected):
    assert scanner_score(vectors, score) == expected


def test_bands_of_the_policy():
    assert band("severity: {bands: {critical: 9.9}}", vectors=(V31,)).band == "high"


def test_known_exploited_raises_to_at_least_high():
    assert band(term="Low", ids=("CVE-2026-1",), catalogue=("CVE-2026-1",)) == ("high", "known exploited (CVE-2026-1), was low by calibration *: low")
    assert band(term="Low", stated=True).band == "high"
    assert band(term="Critical", stated=True).band == "critical"
    assert band(term="Info", stated=True).band == "informational"
    assert band(term="wat", stated=True).band == "high"
    assert band("severity: {kev: critical}", term="Low", stated=True).band == "critical"
    assert band("severity: {kev: off}", term="Low", stated=True, ids=("CVE-2026-1",), catalogue=("CVE-2026-1",)).band == "low"


def test_epss_is_off_until_the_policy_says():
    rule = "severity: {epss: {at_least: 0.5, to: high}}"
    assert band(term="Low", epss=0.99).band == "low"
    assert band(rule, term="Low", epss=0.5).band == "high"
    assert band(rule, term="Low", epss=0.49).band == "low"
    assert band(rule, term="Low", ids=("CVE-2026-1",)).band == "high"
    assert band(rule, term="Critical", epss=0.9).band == "critical"
    assert band(rule, term="Info", epss=0.9).band == "informational"


def test_native_rank_orders_terms_without_anything_else():
    calibrator = Calibrator(policy(), {}, set(), {})
    ranks = [calibrator.native_rank("zap", "generic", term) for term in ("Critical", "high", "Medium", "LOW", "wat", "Info")]
    assert ranks == sorted(set(ranks))


# The band in a cycle


def test_a_catalogue_counts_from_the_day_it_was_added(zone):
    zone.put("reference/kev.csv", "cveID,dateAdded\nCVE-2026-1,2026-04-20\n").scan("2026-04-01T09:00:00Z", severity="Low")
    assert zone.cycle("2026-04-19T23:59:59Z")["severity"] == "low"
    assert zone.cycle("2026-04-20T00:00:00Z")["severity"] == "high"


def test_the_most_severe_of_a_cycle_counts_from_when_it_was_seen(zone):
    zone.scan("2026-04-01T09:00:00Z", severity="Low").scan("2026-04-03T09:00:00Z", severity="Critical").scan("2026-04-05T09:00:00Z", severity="Medium")
    zone.event("acknowledged", "2026-04-02T09:00:00Z")
    row = zone.cycle()
    assert (row["severity"], row["severity_now"], row["scanner_severity"]) == ("low", "critical", "Low")


def test_an_unrated_cycle_is_in_no_mart_but_finding_until_it_is_rated(zone):
    zone.scan("2026-04-01T09:00:00Z", severity="wat").event("acknowledged", "2026-04-01T10:00:00Z")
    assert zone.cycles() == []
    (finding,) = zone.state().rows("finding")
    assert (finding["severity"], finding["cycles"], finding["is_open"]) == ("unrated", 1, True)
    row = zone.scan("2026-04-02T09:00:00Z", severity="High").cycle()
    assert (row["captured_at"], row["severity"], row["handoff_due_at"], row["window_ends_at"]) == ("2026-04-01T09:00:00Z", "high", "2026-04-02T17:00:00Z", "2026-04-05T09:00:00Z")
    assert row["remediation_due_at"] == "2026-05-02T09:00:00Z"


def test_informational_opens_nothing_and_is_no_handoff(zone):
    zone.scan("2026-04-01T09:00:00Z", severity="Info")
    assert zone.cycles() == []
    (finding,) = zone.state().rows("finding")
    assert (finding["severity"], finding["state"], finding["cycles"], finding["is_open"]) == ("informational", "informational", 0, False)
    assert zone.scan("2026-04-03T09:00:00Z", severity="Low", scanner="two").cycle()["captured_at"] == "2026-04-03T09:00:00Z"
    assert zone.cycle()["scanners"] == ["two"]


def test_the_lists_as_they_are_published(zone, tools):
    """CISA's catalogue with all its columns, and EPSS with its line about the model before the header."""
    catalogue = (tools.PROJECT / "demo/landing/reference/known_exploited_vulnerabilities.csv").read_text(encoding="utf-8")
    listed = catalogue.splitlines()[1].split(",")[0].strip('"')
    zone.put("reference/kev.csv", catalogue)
    zone.put("reference/epss.csv", "#model_version:v2025.03.14,score_date:2026-04-01T12:55:00Z\ncve,epss,percentile\nCVE-2026-7,0.91,0.99\n")
    zone.scan("2026-04-01T09:00:00Z", "Low", own="K", cve=listed).scan("2026-04-01T09:00:00Z", "Low", own="E", cve="CVE-2026-7")
    rules = {row["vulnerability_key"]: row["severity_rule"] for row in zone.state(policy="severity: {epss: {at_least: 0.5, to: medium}}").rows("finding")}
    assert rules == {listed: f"known exploited ({listed}), was low by calibration *: low", "CVE-2026-7": "epss 0.91, was low by calibration *: low"}


@pytest.mark.parametrize(("first", "second"), [("0.2", "0.9"), ("0.9", "0.2")])
def test_of_two_epss_lists_the_same_counts_whatever_their_order(zone, first, second):
    zone.put("reference/a.csv", f"cve,epss\nCVE-2026-1,{first}\n").put("reference/b.csv", f"cve,epss\nCVE-2026-1,{second}\n").scan("2026-04-01T09:00:00Z", severity="Low")
    assert zone.cycle(policy="severity: {epss: {at_least: 0.5, to: high}}")["severity"] == "high"
