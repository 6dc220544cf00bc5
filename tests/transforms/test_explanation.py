"""A finding's life in words: steps to a band, reasons, entries; and whatever a source wrote comes out as text, in a terminal and on a page."""

from __future__ import annotations

from datetime import datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import explaining
from transforms import explanation, severity
from transforms.explanation import Entry, Grid, Life, Part
from transforms.report import finding

AT = datetime(2026, 4, 1, 9)


@pytest.mark.parametrize(
    ("band", "rule", "expected"),
    [
        ("high", "cvss 3.1 base 7.5", [("high", "CVSS 3.1 base 7.5", "severity.bands.high: 7")]),
        ("critical", "cvss 3.0 environmental 9.8", [("critical", "CVSS 3.0 environmental 9.8", "severity.bands.critical: 9; severity.requirements")]),
        ("medium", "score 5", [("medium", "score 5", "severity.bands.medium: 4")]),
        ("low", "calibration *: low", [("low", "the term 'low'", "severity.calibration['*']['low']")]),
        ("high", "calibration semgrep: error", [("high", "the term 'error'", "the shipped table of format semgrep")]),
        (
            "high",
            "known exploited (CVE-2026-1), was low by calibration *: low",
            [("low", "the term 'low'", "severity.calibration['*']['low']"), ("high", "known exploited (CVE-2026-1)", "severity.kev: high")],
        ),
        (
            "critical",
            "epss 0.9, was high by known exploited (CVE-2026-1), was medium by score 5",
            [
                ("medium", "score 5", "severity.bands.medium: 4"),
                ("high", "known exploited (CVE-2026-1)", "severity.kev: high"),
                ("critical", "epss 0.9", "severity.epss: at least 0.5 raises to critical"),
            ],
        ),
        ("unrated", "no calibration for pentest: 'urgent'", [("unrated", "the term 'urgent', which no calibration knows", "severity.calibration['pentest']['urgent'] would rate it")]),
        ("unrated", "no term, score or vector", [("unrated", "no term, score or vector", "")]),
        ("high", "inherited from the cycle before", [("high", "inherited from the cycle before", "")]),
    ],
)
def test_the_rule_behind_a_band_is_told_step_by_step_with_its_key(tools, band, rule, expected):
    policy = tools.make_policy({"severity": {"epss": {"at_least": 0.5, "to": "critical"}}})
    assert [tuple(step) for step in severity.steps(band, rule, policy)] == expected


def test_every_rule_that_a_calibrator_gives_ends_in_its_band(tools):
    """What severity.py writes, it can read: a rule of each kind, raised and not."""
    policy = tools.make_policy({"severity": {"epss": {"at_least": 0.5, "to": "critical"}}})
    calibrator = severity.Calibrator(policy, {"semgrep": {"error": "high"}}, {"CVE-2026-1"}, {"CVE-2026-1": 0.9})
    vectors = ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N",)
    for term, score, given_vectors in (("low", None, ()), ("error", None, ()), (None, 5.0, ()), ("x", None, vectors), ("strange: odd", None, ()), (None, None, ())):
        for ids in ((), ("CVE-2026-1",)):
            found = calibrator.band(
                scanner="s", format="semgrep", native_severity=term, native_score=score, cvss_vectors=given_vectors, vulnerability_ids=ids, known_exploited=False,
                epss=None, environment=severity.NO_ENVIRONMENT,
            )  # fmt: skip
            steps = severity.steps(found.band, found.rule, policy)
            assert steps[-1].band == found.band
            assert len(steps) == 1 + found.rule.count(", was ")
            assert all(", was " not in step.words for step in steps)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ("hugo: departed_person (asset:logsrv)", "hugo: the named person has departed (asset:logsrv)"),
        (": nobody (name:*)", "nobody: no mapping names anybody (name:*)"),
        ("a: b: unknown_person (path:x (y))", "a: b: the named person is unknown (path:x (y))"),
        ("of another shape", "of another shape"),
    ],
)
def test_a_rejected_candidate_is_told_with_why(kept, expected):
    assert explanation.rejected_words(kept) == expected


@pytest.mark.parametrize(
    ("breached", "acknowledged", "is_open", "expected"),
    [(True, False, True, "broken"), (True, True, True, "broken"), (False, True, True, "kept"), (False, False, True, "not yet over"), (False, False, False, "ended before that")],
)
def test_what_nobody_acknowledged_has_not_kept_its_sla(breached, acknowledged, is_open, expected):
    at = datetime(2026, 5, 4, 9)
    cycle = {
        "severity": "high", "handoff_due_at": at, "handoff_breached": breached, "acknowledged_at": at if acknowledged else None, "acknowledged_by": "anna", "latency_business_seconds": 3_600.0,
        "is_open": is_open, "routing_status": "routed", "owner_id": "anna", "failure_mode": None, "evidence": None,
    }  # fmt: skip
    assert explanation.sentence(cycle).endswith(f"; due 2026-05-04 09:00, {expected}")


def observed(hours: float, scanner: str = "trivy", rule: str = "score 5", is_t0: bool = False) -> dict:
    return {
        "finding_id": "f", "cycle": 1, "captured_at": AT + timedelta(hours=hours), "scanner": scanner, "target": "pay", "native_term": "x", "score": None,
        "severity": "medium", "severity_rule": rule, "is_t0": is_t0, "observation_id": f"{hours}",
    }  # fmt: skip


def test_what_is_seen_again_and_again_stands_once_between_two_events():
    events = [Entry(AT + timedelta(hours=2.5), "event", "acknowledged", "anna", "", True)]
    seen = [observed(0, is_t0=True), observed(1), observed(1, "grype"), observed(2), observed(3), observed(4)]
    found = explanation._with_observations(events, seen)
    assert [(entry.what, entry.who) for entry in found] == [("seen", "trivy"), ("seen", "grype"), ("acknowledged", "anna"), ("seen", "trivy")]
    assert found[0].detail == "x at pay: medium by score 5, sets t0, 3 times until 2026-04-01 11:00"
    assert found[3].detail == "x at pay: medium by score 5, 2 times until 2026-04-01 13:00"


@pytest.mark.parametrize(
    ("mode", "evidence", "expected"),
    [
        (
            "asset_binding_gap",
            '{"at": "2026-03-30T11:00:00Z", "candidates": ["a", "b"], "status": "ambiguous", "target": "x"}',
            "x was ambiguous (a, b) when half of the budget was gone at 2026-03-30 11:00",
        ),
        (
            "decayed_routing",
            '{"at": "2026-03-28T10:05:00Z", "candidate": "dirk", "mapping": "asset:i", "mapping_age_seconds": 172800, "reason": "departed_person", "state": null}',
            "routing named dirk, by asset:i (2 days old): the named person has departed at 2026-03-28 10:05",
        ),
        (
            "decayed_routing",
            '{"at": "2026-03-28T10:05:00Z", "candidate": null, "event": "e1", "reason": "nobody", "state": null}',
            "routing named nobody: no mapping names anybody at 2026-03-28 10:05",
        ),
        (
            "severity_mismatch",
            '{"at": "2026-04-01T08:01:00Z", "event": "e182", "routed_as": "low", "workspace_band": "medium"}',
            "routed as low while the workspace band was medium at 2026-04-01 08:01 (event e182)",
        ),
        (
            "notification_noise",
            '{"at": "2026-03-31T13:30:00Z", "channel": null, "notifications_in_window": 1, "of_this_cycle": 3, "person": "nia"}',
            "nia had 1 notification in the window by no channel, 3 of this handoff at 2026-03-31 13:30",
        ),
        (
            "acknowledgement_ambiguity",
            '{"actor": "ben", "at": "2026-04-02T09:00:00Z", "event": "e184", "kind": "in_progress"}',
            "ben: in progress at 2026-04-02 09:00, with no explicit acknowledgement before it (event e184)",
        ),
        ("unexplained", "{}", "it broke its SLA or its window, and no rule explains why"),
    ],
)
def test_why_a_failure_mode_fired(mode, evidence, expected):
    assert explanation.evidence_words(mode, evidence) == expected


HOSTILE = st.one_of(
    st.text(max_size=300),
    st.sampled_from(["<script>x</script>", "'\"><img src=x onerror=alert(1)>", "\x1b[31mred\x1b[0m", "\u202etxt.exe", "</style><svg onload=x>", "{{ 7*7 }}", "=HYPERLINK(1)", "a" * 500, "&amp;&lt;"]),
)


class Tags(HTMLParser):
    """The tags and attributes that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def life_of(text: str) -> Life:
    grid = Grid("What", ("one", "two", "three", "four"), [(text, text, text, text)], (3,))
    part = Part("cycle-1", "Cycle 1 of 1: first time, open", text, [grid], [Entry(AT, "event", "acknowledged", text, text, False)])
    return Life("f" * 32, text, [("On", text)], [part])


@given(HOSTILE)
def test_whatever_a_source_wrote_stays_text_on_the_page(text):
    plain, found = Tags(), Tags()
    plain.feed(finding.render(life_of("plain")))
    found.feed(finding.render(life_of(text)))
    assert found.tags - {"span"} <= plain.tags, "a span stands where there is no text"
    assert found.attributes <= plain.attributes
    assert "script" not in found.tags


@given(HOSTILE)
def test_whatever_a_source_wrote_neither_steers_the_terminal_nor_widens_it(text):
    shown = explaining.text(life_of(text))
    assert all(character == "\n" or character.isprintable() or character.isspace() or ord(character) > 159 for character in shown)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert max(len(line) for line in shown.split("\n")) <= explaining.WIDTH
