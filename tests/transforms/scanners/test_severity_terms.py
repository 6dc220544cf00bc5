"""Every native term of the golden reports, with the band that it gets: rated, or said here to be no rating. A term that is neither fails."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from transforms.domain.policy import load_policy
from transforms.domain.result import Result
from transforms.scanners import calibrations, formats
from transforms.severity import NO_TERM, Calibrator, native_term

HERE = Path(__file__)
POLICY = load_policy(("policy.yaml", (HERE.parents[3] / "policy.yaml").read_text(encoding="utf-8")))
CALIBRATOR = Calibrator(POLICY, calibrations(), set(), {})

if "agreement" not in sys.modules:
    spec = importlib.util.spec_from_file_location("agreement", HERE.with_name("agreement.py"))
    assert spec and spec.loader
    sys.modules["agreement"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["agreement"])
agreement = sys.modules["agreement"]

#: (format, term) that truly means 'no rating': unrated until a team calibrates it, a vector rates it or it is known to be exploited.
NO_RATING = {
    ("aws_inspector2", "untriaged"): "Inspector has not scored the vulnerability yet",
    ("cyclonedx", "unknown"): "the enumeration's own word for a rating that nobody gave",
    ("gitlab", "unknown"): "the analyser's tool gives none, or GitLab did not understand it",
    ("cargo_audit", NO_TERM): "an advisory without a vector; unmaintained and unsound crates have none",
    ("checkov", NO_TERM): "severities are the platform's: null unless the tool was told an API key",
    ("detect_secrets", NO_TERM): "rates nothing",
    ("gitleaks", NO_TERM): "rates nothing",
    ("govulncheck", NO_TERM): "rates nothing: the Go database states no severities",
    ("openvex", NO_TERM): "a statement about a vulnerability, not a rating of it",
    ("osv_scanner", NO_TERM): "advisories without severity (of Go, PyPI, Debian)",
    ("pip_audit", NO_TERM): "rates nothing",
    ("trufflehog", NO_TERM): "rates nothing",
    ("wizcli", NO_TERM): "secrets have no severity",
}
#: Terms that the tools document beside what the reports have, with the band that each must get.
DOCUMENTED = {
    "asff": "INFORMATIONAL:informational LOW:low MEDIUM:medium HIGH:high CRITICAL:critical",
    "aws_inspector2": "INFORMATIONAL:informational LOW:low MEDIUM:medium HIGH:high CRITICAL:critical UNTRIAGED:unrated",
    "bandit": "LOW:low MEDIUM:medium HIGH:high UNDEFINED:unrated",
    "brakeman": "High:high Medium:medium Weak:low",
    "burp": "High:high Medium:medium Low:low Information:informational",
    "checkmarx": "Critical:critical High:high Medium:medium Low:low Information:informational",
    "checkmarx_one": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low INFO:informational",
    "checkov": "CRITICAL:critical HIGH:high IMPORTANT:high MEDIUM:medium MODERATE:medium LOW:low INFO:informational NONE:informational",
    "cyclonedx": "critical:critical high:high medium:medium low:low info:informational none:informational unknown:unrated",
    "dependency_check": "CRITICAL:critical HIGH:high MEDIUM:medium moderate:medium LOW:low INFO:informational",
    "dependency_track": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low INFO:informational UNASSIGNED:unrated",
    "github_vulnerability": "CRITICAL:critical HIGH:high MODERATE:medium LOW:low error:high warning:medium note:low none:informational",
    "gitlab": "Critical:critical High:high Medium:medium Low:low Info:informational Unknown:unrated",
    "gosec": "LOW:low MEDIUM:medium HIGH:high",
    "grype": "Critical:critical High:high Medium:medium Low:low Negligible:informational Unknown:unrated",
    "hadolint": "error:high warning:medium info:informational style:informational",
    "jfrog_xray": "Critical:critical High:high Medium:medium Low:low Information:informational Unknown:unrated",
    "kics": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low INFO:informational TRACE:informational",
    "nessus": "4:critical 3:high 2:medium 1:low 0:informational None:informational",
    "npm_audit": "critical:critical high:high moderate:medium low:low info:informational",
    "nuclei": "critical:critical high:high medium:medium low:low info:informational unknown:unrated",
    "openvas": "Critical:critical High:high Medium:medium Low:low Log:informational Debug:informational",
    "osv_scanner": "CRITICAL:critical HIGH:high IMPORTANT:high MODERATE:medium LOW:low NEGLIGIBLE:informational",
    "prowler": "critical:critical high:high medium:medium low:low informational:informational Fatal:critical Unknown:unrated Other:unrated",
    "qualys": "5:critical 4:high 3:medium 2:low 1:informational",
    "qualys_was": "5:critical 4:high 3:medium 2:low 1:informational",
    "sarif": "error:high warning:medium note:informational none:informational",
    "semgrep": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low ERROR:high WARNING:medium INFO:low EXPERIMENT:informational INVENTORY:informational",
    "snyk": "critical:critical high:high medium:medium low:low",
    "sonarqube": "BLOCKER:critical CRITICAL:high MAJOR:medium MINOR:low INFO:informational HIGH:high MEDIUM:medium LOW:low",
    "terrascan": "HIGH:high MEDIUM:medium LOW:low",
    "testssl": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low INFO:informational WARN:informational",
    "tfsec": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low ERROR:high WARNING:medium INFO:informational",
    "trivy": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low UNKNOWN:unrated",
    "trivy_operator": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low UNKNOWN:unrated",
    "veracode": "5:critical 4:high 3:medium 2:low 1:low 0:informational",
    "veracode_sca": "Very~High:critical High:high Medium:medium Low:low Very~Low:low",
    "wiz": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low INFORMATIONAL:informational NONE:informational",
    "wizcli": "CRITICAL:critical HIGH:high MEDIUM:medium LOW:low INFORMATIONAL:informational",
    "zap": "High:high Medium:medium Low:low Informational:informational 3:high 2:medium 1:low 0:informational",
}


def _band(format: str, term: str | None) -> str:
    return CALIBRATOR.scanner_band(formats()[format].SCANNER, format, term, None)


def _terms(format: str) -> set[str]:
    """The terms of a format's reports; NO_TERM only where there is no score either, as that rates the result."""
    results = [row for report in agreement.reports() if report.format == format for row in agreement.parsed(report) or () if isinstance(row, Result)]
    return {native_term(row.severity) for row in results if native_term(row.severity) != NO_TERM or (row.score is None and not row.cvss_vectors)}


@pytest.mark.parametrize("format", formats())
def test_every_term_of_the_reports_is_rated_or_said_to_be_no_rating(format):
    unrated = {term for term in _terms(format) if _band(format, term if term != NO_TERM else None) == "unrated"}
    assert unrated == {term for name, term in NO_RATING if name == format}


@pytest.mark.parametrize("format", DOCUMENTED)
def test_every_documented_term_has_its_band(format):
    expected = dict(pair.replace("~", " ").rsplit(":", 1) for pair in DOCUMENTED[format].split())
    assert {term: _band(format, term) for term in expected} == expected


def test_no_format_rates_what_states_nothing():
    """Unknown is unrated, never a guess: a team may rate it by policy, a format may not."""
    assert {name for name in formats() if _band(name, None) != "unrated"} == set()
