"""Sections of the report on small worked cases: the opening sentence word for word, singular and plural, and figures of charts that are those of their tables."""

from __future__ import annotations

import re
from datetime import date, datetime
from html import unescape

import polars
import pytest

from transforms import report
from transforms.report import charts, fragments
from transforms.report.groups import LONGEST_NAME, NONE, Group, large_enough, parted
from transforms.report.period import Period
from transforms.report.sections import (
    changes,
    dual_sla,
    failure_modes,
    latency_distribution,
    open_and_closed,
    ownership_currency,
    reopening,
    severity_matrix,
    teams,
    time_to_acknowledgement,
)
from transforms.report.thresholds import Thresholds
from warehouse import reports

H = 3_600
HOUR_US = 3_600_000_000
FRAMES = {
    "dashboard": {"number": str, "severity": str, "failure_mode": str, "clock": str, "value": float, "target": float, "population": int},
    "latency_bin": {"severity": str, "from_seconds": int, "to_seconds": int, "handoffs": int, "breaches": int},
    "late_reason": {"severity": str, "failure_mode": str, "reason": str, "handoffs": int},
    "broken_sla": {"severity": str, "sla": str, "breaches": int},
    "single_sla": {"severity": str, "cycles": int, "single_breaches": int, "blamed_rightly": int, "misattributed": int, "misattributed_seconds": float},
    "closed_segment": {"severity": str, "handoffs": int, "out_of_order": int, "cycle_us": int, "segment": str, "segment_us": int, "merged": int},
    "ownership_currency": {"dimension": str, "dimension_value": str, "severity": str, "mapping_age": str, "open_findings": int, "owned": int, "active": int},
    "reopened": {"dimension": str, "dimension_value": str, "severity": str, "is_current": bool, "completed": int, "reopened": int, "median_seconds_to_reopen": float},
    "origin_latency": {"origin": str, "acknowledged": int, "breaches": int, "median_seconds": float, "p90_seconds": float, "median_business_seconds": float},
    "control_state": {"severity": str, "state": str, "controls": int, "oldest_seconds": float, "rehandoffs": int, "rehandoffs_acknowledged": int},
    "severity_matrix": {"scanner_band": str, "severity": str, "mismatch": str, "observations": int, "handoffs": int, "lost_us": int},
    "team_handoff": {
        "team": str, "handoffs": int, "acknowledged": int, "median_business_seconds": float, "fell_due": int, "breaches": int, "waiting": int, "misattributed": int,
    },
    "survival": {"severity": str, "seconds": float, "at_risk": int, "acknowledged": int, "surviving": float, "low": float, "high": float},
    "survival_at_risk": {"severity": str, "seconds": int, "at_risk": int, "longest_seconds": float},
    "survival_cohort": {
        "severity": str, "cohort": str, "handoffs": int, "acknowledged": int, "waiting": int, "km_median_seconds": float, "km_median_low_seconds": float,
        "km_median_high_seconds": float, "km_p90_seconds": float,
    },
    "failed_handoff": {
        "failure_mode": str, "position": int, "handoffs": int, "breaches": int, "unacknowledged": int, "fired": int, "late": int, "lost_us": int, "failed": int,
    },
    "change_breach": {"severity": str, "failure_mode": str, "team": str, "is_current": bool, "due": int, "breaches": int},
    "change_latency": {"severity": str, "is_current": bool, "acknowledged": int, "business_seconds": float},
    "open_handoff": {"severity": str, "age_bucket": str, "handoffs": int, "acknowledged": int, "oldest_seconds": float},
    "throughput": {"severity": str, "is_current": bool, "opened": int, "acknowledged": int, "closed": int},
}  # fmt: skip
_TYPES = {str: polars.String, int: polars.Int64, float: polars.Float64, bool: polars.Boolean}


def given(grain: str = "month", minimum: int = 10, **rows: list[tuple]) -> dict[str, polars.DataFrame]:
    """Every frame, empty but for the rows that are given by the frame's name, in the order of its columns."""
    period = {"period_grain": grain, "period_start": date(2026, 5, 1), "period_end": date(2026, 6, 1), "previous_start": date(2026, 4, 1)}
    as_of = datetime(2026, 5, 20, 12)
    frames = {
        "period": polars.DataFrame([{**period, "as_of": as_of, "local_as_of": as_of, "reporting_zone": "UTC"}]),
        "threshold": polars.DataFrame([{**dict.fromkeys(Thresholds._fields, 1), "smallest_group": minimum}]),
    }
    for name, columns in FRAMES.items():
        schema = {column: _TYPES[kind] for column, kind in columns.items()}
        frames[name] = polars.DataFrame(rows.get(name, []), schema=schema, orient="row")
    return frames


def said(section, **rows) -> str:
    return section.lede(given(**rows)).replace("\N{NO-BREAK SPACE}", " ")


def shown(section, frames) -> str:
    """A section's text, each cell and each label of a chart behind a bar."""
    text = re.sub("<[^>]+>", "", re.sub("</(t[dh]|text|desc|caption|figcaption)>", "|", str(section.render(frames))))
    return unescape(text).replace("\N{NO-BREAK SPACE}", " ")


def bins(severity: str, *, fast: tuple[int, int] = (0, 0), slow: tuple[int, int] = (0, 0)) -> list[tuple]:
    """(handoffs, of them broken) up to 15 minutes and over 30."""
    return [(severity, 0, 900, *fast), (severity, 900, 1_800, 0, 0), (severity, 1_800, None, *slow)]


def median(severity: str, hours: float, sla: float | None = None) -> list[tuple]:
    return [
        (f"{name}_handoff_latency", severity, None, clock, hours * H, sla * H if sla else None, 1) for name in ("median", "p90") for clock in ("business", "wall")
    ]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({}, "No handoff was acknowledged this month, so there is no latency to show."),
        (
            {"latency_bin": bins("critical", fast=(1, 0)), "dashboard": median("critical", 2)},
            "The one critical handoff acknowledged this month took 2 business hours and kept the SLA.",
        ),
        (
            {"latency_bin": bins("high", slow=(1, 1)), "dashboard": median("high", 9), "late_reason": [("high", "decayed_routing", "departed_person", 1)]},
            "The one high handoff acknowledged this month took 9 business hours and broke the SLA, because the owner had left.",
        ),
        (
            {"latency_bin": bins("high", slow=(1, 1)), "dashboard": median("high", 9), "late_reason": [("high", "unexplained", None, 1)]},
            "The one high handoff acknowledged this month took 9 business hours and broke the SLA, which no failure mode explains.",
        ),
        (
            {
                "latency_bin": bins("critical", fast=(32, 0), slow=(9, 9)),
                "dashboard": median("critical", 5.2),
                "late_reason": [("critical", "decayed_routing", "departed_person", 6), ("critical", "unexplained", None, 3)],
            },
            "The 41 critical handoffs acknowledged this month took 5.2 business hours at the median; 9 of 41 broke the SLA, 6 of them because the owner had left.",
        ),
        (
            {
                "latency_bin": bins("critical", fast=(2, 0)) + bins("low", slow=(3, 2)),
                "dashboard": median("critical", 0.5),
                "late_reason": [("low", "notification_noise", None, 2)],
            },
            "The 2 critical handoffs acknowledged this month took 30 business minutes at the median; none broke the SLA; of all 5 acknowledged, 2 broke it.",
        ),
        (
            {
                "latency_bin": bins("high", slow=(4, 4)),
                "dashboard": median("high", 20),
                "late_reason": [("high", "severity_mismatch", None, 1), ("high", "asset_binding_gap", None, 1), ("high", "unexplained", None, 2)],
            },
            ("The 4 high handoffs acknowledged this month took 20 business hours at the median; 4 of 4 broke the SLA, "
            "1 of them because the target was not bound to one active asset in time."),
        ),
        (
            {"latency_bin": bins("high", slow=(4, 2)), "dashboard": median("high", 20), "late_reason": [("high", "unexplained", None, 2)]},
            "The 4 high handoffs acknowledged this month took 20 business hours at the median; 2 of 4 broke the SLA, none of them explained by a failure mode.",
        ),
    ],
)
def test_latency_distribution(rows, sentence):
    assert said(latency_distribution, **rows) == sentence


def test_a_histogram_shows_what_its_table_says():
    frames = given(latency_bin=bins("critical", fast=(3, 1), slow=(1, 1)), dashboard=median("critical", 2, 4))
    text = shown(latency_distribution, frames)
    assert "critical|\n4 handoffs, 2 broke the SLA|" in text.replace("|4", "|\n4")
    assert "up to 15 min|3 (1)|" in text
    assert "15 min to 30 min|0|" in text
    assert "over 30 min|1 (1)|" in text
    assert "all|4 (2)|" in text
    heights = re.findall(r'<rect class="mark (fill-\w+)" x="([\d.]+)%" y="[\d.]+" width="33.333%" height="([\d.]+)"', str(latency_distribution.render(frames)))
    assert heights == [("fill-within", "0", "56.00"), ("fill-over", "0", "28.00"), ("fill-over", "66.667", "28.00")]


def cohort(severity: str, handoffs: int, acknowledged: int, waiting: int, *quantiles: float | None, name: str = "all") -> tuple:
    """Median, lower and upper end of its interval, p90."""
    return (severity, name, handoffs, acknowledged, waiting, *quantiles)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (cohort("critical", 1, 1, 0, 5 * H, 5 * H, None, 5 * H), "The one critical handoff on record was acknowledged after 5 hours: too few for an interval."),
        (cohort("critical", 1, 0, 1, None, None, None, None), "The one critical handoff on record still waits: too few for an interval."),
        (cohort("low", 1, 0, 0, None, None, None, None), "The one low handoff on record ended unacknowledged: too few for an interval."),
        (
            cohort("critical", 41, 40, 1, 5 * H, 3 * H, 9 * H, 20 * H),
            ("Counting those without an acknowledgement, half of the 41 critical handoffs on record were acknowledged within 5 hours "
            "(95 % interval 3 hours to 9 hours); 1 still waits."),
        ),
        (
            cohort("critical", 10, 6, 3, 5 * H, 3 * H, None, None),
            ("Counting those without an acknowledgement, half of the 10 critical handoffs on record were acknowledged within 5 hours "
            "(95 % interval from 3 hours, its upper end not reached); 3 still wait and 1 ended unacknowledged."),
        ),
        (
            cohort("high", 5, 1, 2, None, 7 * H, None, None),
            ("Counting those without an acknowledgement, the 5 high handoffs on record have not reached their median: "
            "1 is acknowledged, 2 still wait and 2 ended unacknowledged."),
        ),
        (
            cohort("high", 2, 0, 2, None, None, None, None),
            "Counting those without an acknowledgement, the 2 high handoffs on record have not reached their median: none is acknowledged, 2 still wait.",
        ),
    ],
)
def test_time_to_acknowledgement(row, sentence):
    assert said(time_to_acknowledgement, survival_cohort=[row]) == sentence


def test_a_curve_without_an_acknowledgement_is_a_line_at_all_until_the_last_is_out_of_sight():
    frames = given(
        survival_cohort=[cohort("low", 2, 0, 2, None, None, None, None)],
        survival_at_risk=[("low", tick, at_risk, 4_000.0) for tick, at_risk in ((0, 2), (60, 2), (600, 1), (H, 1), (4 * H, 0))],
    )
    text = shown(time_to_acknowledgement, frames)
    assert "1 h|100 %|1|" in text
    assert "4 h|–no figure|0|" in text
    assert "low|" in text
    assert "median not reached|" in text


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            {"broken_sla": [("high", "handoff", 1)]},
            ("This month the handoff SLA, security operations' own, broke for 1 handoff and the remediation SLA, engineering's, for none; "
            "a single SLA would have blamed nobody."),
        ),
        (
            {"broken_sla": [("high", "handoff", 2), ("low", "handoff", 1), ("low", "remediation", 1)], "single_sla": [("all", 9, 1, 0, 1, 60.0)]},
            ("This month the handoff SLA, security operations' own, broke for 3 handoffs and the remediation SLA, engineering's, for 1; "
            "a single SLA would have blamed engineering for 1 handoff, wrongly, for only the handoff was late."),
        ),
        (
            {"single_sla": [("all", 9, 4, 0, 4, 60.0)]},
            ("This month the handoff SLA, security operations' own, broke for no handoff and the remediation SLA, engineering's, for none; "
            "a single SLA would have blamed engineering for 4 handoffs, wrongly for all 4, for only the handoff was late."),
        ),
        (
            {"single_sla": [("all", 9, 4, 2, 1, 60.0)]},
            ("This month the handoff SLA, security operations' own, broke for no handoff and the remediation SLA, engineering's, for none; "
            "a single SLA would have blamed engineering for 4 handoffs, wrongly for 1 of them, in which only the handoff was late."),
        ),
        (
            {"single_sla": [("all", 9, 2, 2, 0, 0.0)]},
            ("This month the handoff SLA, security operations' own, broke for no handoff and the remediation SLA, engineering's, for none; "
            "a single SLA would have blamed engineering for 2 handoffs, rightly for all 2, for the remediation was late too."),
        ),
        (
            {"single_sla": [("all", 9, 2, 0, 0, 0.0)]},
            ("This month the handoff SLA, security operations' own, broke for no handoff and the remediation SLA, engineering's, for none; "
            "a single SLA would have blamed engineering for 2 handoffs, of which the remediation was late in none."),
        ),
    ],
)
def test_dual_sla(rows, sentence):
    assert said(dual_sla, **rows) == sentence


def test_segments_add_up_to_the_microsecond():
    parts = {"handoff": 1, "triage": HOUR_US, "fix": 2 * HOUR_US, "verification": 0}
    whole = sum(parts.values())
    text = shown(dual_sla, given(closed_segment=[("high", 1, 0, whole, name, part, 0) for name, part in parts.items()]))
    assert "10,800.000001|" in text
    assert "under 0.1 s (under 0.1 %)|" in text


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ((1, 1, 1), "The one open finding has an active owner."),
        ((1, 1, 0), "The one open finding names an owner who is not active."),
        ((1, 0, 0), "The one open finding names no owner."),
        ((214, 214, 214), "All 214 open findings have an active owner."),
        ((4, 4, 3), "Of 4 open findings 3 (75 %) have an active owner; 1 names an owner who is not active."),
        ((4, 3, 1), "Of 4 open findings 1 (25 %) has an active owner; 2 name an owner who is not active and 1 names nobody."),
        ((4, 2, 0), "Of 4 open findings none (0 %) has an active owner; 2 name an owner who is not active and 2 name nobody."),
    ],
)
def test_ownership_currency(row, sentence):
    assert said(ownership_currency, ownership_currency=[("all", "all", "all", "all", *row)]) == sentence


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([(1, 0, None)], "The one handoff resolved or verified this month was not opened again;"),
        ([(1, 1, 2 * 86_400.0)], "The one handoff resolved or verified this month was opened again, 2 days after it was done;"),
        ([(7, 0, None)], "None of 7 handoffs resolved or verified this month was opened again;"),
        ([(8, 1, 86_400.0)], "1 of 8 handoffs resolved or verified this month (12.5 %) was opened again, 24 hours after it was done;"),
        ([(4, 2, 3 * 86_400.0)], "2 of 4 handoffs resolved or verified this month (50 %) were opened again, at the median 3 days after they were done;"),
        ([], "No handoff was resolved or verified this month;"),
    ],
)
def test_reopened(rows, sentence):
    found = said(reopening, reopened=[("all", "all", "all", True, *row) for row in rows])
    assert found == f"{sentence} no compensating control runs, and none has lapsed."


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        ({"current": 1}, "1 compensating control runs, and none has lapsed."),
        ({"due_soon": 1, "lapsed": 1}, "1 compensating control runs, due for attestation within 14 days, and 1 has lapsed."),
        ({"current": 2, "due_soon": 1, "lapsed": 2, "closed": 9}, "3 compensating controls run, 1 of them due for attestation within 14 days, and 2 have lapsed."),
        ({"closed": 1}, "no compensating control runs, and none has lapsed."),
    ],
)
def test_controls(states, sentence):
    found = said(reopening, control_state=[("high", state, controls, 60.0, 0, 0) for state, controls in states.items()])
    assert found == f"No handoff was resolved or verified this month; {sentence}"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("high", "high", "equal", 1, 1, 0)], "The workspace rates the one observation as its scanner does; no handoff ran past due for having been routed with a less severe band."),
        ([("low", "high", "higher", 1, 1, HOUR_US)], "The workspace rates the one observation higher than its scanner does; handoffs routed with a less severe band ran 1 hour past due."),
        (
            [("unrated", "unrated", None, 1, 0, 0)],
            "The one observation is rated by the scanner, the workspace or both not at all; no handoff ran past due for having been routed with a less severe band.",
        ),
        (
            [("low", "high", "higher", 3, 1, 90 * HOUR_US), ("high", "low", "lower", 1, 1, 0), ("high", "high", "equal", 1_230, 9, 0)],
            "Of 1,234 observations the workspace rates 3 higher than the scanner does and 1 lower; handoffs routed with a less severe band ran 90 hours past due.",
        ),
    ],
)
def test_severity_matrix(rows, sentence):
    assert said(severity_matrix, severity_matrix=rows) == sentence


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("a", 1, 0, None, 0, 0, 1, 0)], "1 team had 1 handoff under way this month; none fell due."),
        ([("a", 5, 0, None, 1, 1, 1, 0), ("(none)", 2, 0, None, 0, 0, 2, 0)], "1 team had 5 handoffs under way this month, and 2 were of no team; the one that fell due broke the SLA."),
        ([("a", 5, 0, None, 1, 0, 1, 0), ("b", 2, 0, None, 3, 2, 2, 0)], "2 teams had 7 handoffs under way this month; 2 of the 4 that fell due broke the SLA."),
        ([("(none)", 1, 0, None, 1, 0, 2, 0)], "1 handoff was under way this month, of no team; the one that fell due kept the SLA."),
        ([("(none)", 3, 0, None, 2, 0, 2, 0)], "3 handoffs were under way this month, of no team; none of the 2 that fell due broke the SLA."),
    ],
)
def test_teams(rows, sentence):
    assert said(teams, team_handoff=rows) == sentence


MODES = ("asset_binding_gap", "decayed_routing", "severity_mismatch", "notification_noise", "acknowledgement_ambiguity", "unexplained")


def failed(**modes: tuple[int, float]) -> list[tuple]:
    """(handoffs, hours past due) by mode."""
    total = sum(handoffs for handoffs, _ in modes.values())
    return [
        (name, place, handoffs, handoffs, 0, handoffs, handoffs if hours else 0, round(hours * HOUR_US), total)
        for place, name in enumerate(MODES, 1)
        for handoffs, hours in (modes.get(name, (0, 0)),)
    ]


@pytest.mark.parametrize(
    ("modes", "sentence"),
    [
        ({}, "No handoff broke its SLA or its acknowledgement window this month, so there is no failure mode to name."),
        ({"unexplained": (1, 1)}, "1 handoff broke its SLA or acknowledgement window this month and ran 1 hour past due; no failure mode explains it."),
        ({"decayed_routing": (1, 0)}, "1 handoff broke its SLA or acknowledgement window this month; decayed routing explains it."),
        (
            {"decayed_routing": (6, 400.5), "severity_mismatch": (2, 11), "unexplained": (1, 0)},
            ("9 handoffs broke their SLA or acknowledgement window this month and ran 412 hours past due; "
            "decayed routing explains the most (6 of 9), and 1 stays unexplained."),
        ),
    ],
)
def test_failure_modes(modes, sentence):
    assert said(failure_modes, failed_handoff=failed(**modes)) == sentence


def test_the_dearest_mode_stands_first_though_another_is_commoner():
    text = shown(failure_modes, given(failed_handoff=failed(decayed_routing=(6, 25), severity_mismatch=(2, 75))))
    costs = text[text.index("What each mode cost") :]
    assert "severity mismatch|75 h|75 %|75 %|2|" in costs
    assert "decayed routing|25 h|25 %|100 %|6|" in costs
    assert "all|100 h|100 %|–no figure|8|" in costs
    assert costs.index("severity mismatch") < costs.index("decayed routing")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("high", "under 7 days", 1, 0, 60.0)], "1 handoff is open (high), not acknowledged; this month none was opened, none acknowledged and none closed."),
        (
            [("low", "7 to 30 days", 3, 1, 60.0), ("critical", "under 7 days", 2, 2, 60.0), ("critical", "7 to 30 days", 1, 0, 60.0)],
            "6 handoffs are open (3 critical, 3 low), 3 of them not acknowledged; this month none was opened, none acknowledged and none closed.",
        ),
    ],
)
def test_open_by_severity(rows, sentence):
    assert said(open_and_closed, open_handoff=rows) == sentence


# Small groups


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ({}, ""),
        ({"a": 10, "b": 12}, "ab"),
        ({"a": 9, "b": 3, "c": 40}, "c"),
        # One alone would be had by subtraction: the next smallest stands with it.
        ({"a": 9, "b": 30, "c": 40}, "c"),
        ({"a": 9, "b": 30, "c": 30}, "b"),
        # Two that are still too few together take a third.
        ({"a": 2, "b": 3, "c": 40, "d": 50}, "d"),
        ({"a": 4, "b": 5}, ""),
        ({"a": 4}, ""),
        ({"a": 4, "b": 11}, ""),
        # What nobody owns hides nobody: it is no second group.
        ({"a": 9, NONE: 3, "c": 40, "d": 20}, "c"),
    ],
)
def test_whom_a_report_names(sizes, named):
    groups = [Group(name, size, {}) for name, size in sizes.items()]
    assert large_enough(groups, 10) == set(named)
    assert large_enough(groups[::-1], 10) == set(named)


def test_who_is_not_named_stands_together():
    groups = [Group(name, size, {"open": size}) for name, size in {"a": 2, NONE: 9, "b": 3, "c": 40, "d": 40}.items()]
    shown, pool = parted(groups, {"c", "d"})
    assert [group.name for group in shown] == ["c", "d", NONE]
    assert (pool.label, pool.figures) == ("2 others, together", {"open": 5})
    assert parted(groups[2:], {"b", "c", "d"})[1] is None
    assert parted(groups[:1], set())[1].label == "1 other"


def test_a_team_is_named_everywhere_or_nowhere():
    """Five handoffs are too few here for `two`, whatever other table would show of it; `three` hides it."""
    counts = (10, 0, 0, 0)
    frames = given(
        minimum=6,
        team_handoff=[("one", 30, 20, 60.0, *counts), ("two", 5, 5, 60.0, *counts), ("three", 9, 9, 60.0, *counts)],
        ownership_currency=[("all", "all", "all", "all", 44, 44, 44)] + [("team", team, "all", "all", 14, 14, 14) for team in ("one", "two", "three", "now only")],
        change_breach=[("high", "unexplained", team, is_current, 9, 9) for team in ("one", "two", "three") for is_current in (True, False)],
    )
    for section, others in ((teams, "2 others, together|14|14|"), (ownership_currency, "3 others, together|42|42|"), (changes, "other teams|18|18|")):
        text = shown(section, frames)
        assert "one|" in text
        assert "two|" not in text
        assert "three|" not in text
        assert others in text


HOSTILE = ("<script>alert(1)</script>", "\u202egnp.exe", "\u0641\u0631\u064a\u0642 \u0627\u0644\u0623\u0645\u0646", "W" * 400, '=HYPERLINK("https://evil.example")')


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_team_name_is_a_name(name):
    frames = given(
        team_handoff=[(name, 20, 12, 60.0, 4, 1, 2, 0), ("small", 3, 3, 60.0, 1, 1, 0, 0), ("other", 11, 3, 60.0, 1, 1, 0, 0)],
        ownership_currency=[("all", "all", "all", "all", 12, 12, 12), ("team", name, "all", "all", 12, 12, 12)],
    )
    for section in (teams, ownership_currency):
        text = str(section.render(frames))
        assert "<script>" not in text
        assert "\u202e" not in text
        assert "W" * 81 not in text
        assert unescape(fragments.foreign(name, longest=LONGEST_NAME)) in unescape(text)
    assert "small" not in str(teams.render(frames)).replace("next smallest", "").replace("smaller", "")
    assert len(fragments.line(name)) <= 30


def test_a_label_beside_a_figure_is_cut_by_the_room_that_it_takes():
    cut = {name: fragments.line(name)[1:-1] for name in ("x" * 26, "x" * 27, "W" * 13, "W" * 14, "\u5b89" * 14, "")}
    assert cut == {
        "x" * 26: "x" * 26, "x" * 27: "x" * 25 + "…", "W" * 13: "W" * 13, "W" * 14: "W" * 12 + "…", "\u5b89" * 14: "\u5b89" * 12 + "…", "": "",
    }  # fmt: skip


# Charts


def test_a_curve_keeps_each_height_until_the_next_and_ends_where_it_is_told():
    drawn = charts.curves("x", "t", "d", [charts.Curve("high", "m", [(0.25, 0.5), (0.5, 0.0)], [(0.25, 0.5, 0.1, 0.9)], 0.75, 0.3)], [(0, "1 h"), (1, "1 d")])
    assert '<path class="curve" d="M0 0H250V500H500V1000H750"/>' in drawn
    assert '<path class="spread" d="M250 100H500L500 900H250Z"/>' in drawn
    assert 'x1="30%"' in drawn


def test_marks_of_an_axis_that_would_meet_are_left_out():
    drawn = charts.histograms("x", "t", "d", [charts.Histogram("high", "n", [])], {}, [(0, "first"), (0.1, "meets"), (0.5, "middle"), (1, "last")])
    assert [word for word in ("first", "meets", "middle", "last") if word in drawn] == ["first", "middle", "last"]


def test_a_histogram_of_nothing_divides_by_nothing():
    assert "rect" not in charts.histograms("x", "t", "d", [charts.Histogram("high", "n", [{"kept": 0}])], {"kept": "fill-within"}, [])


# Charts, tables and marts of one warehouse


@pytest.fixture(scope="module")
def all_grains(plain_path):
    return reports.frames(plain_path)


@pytest.fixture(scope="module")
def quarter(all_grains):
    return {name: frame.filter(polars.col("period_grain") == "quarter") if "period_grain" in frame.columns else frame for name, frame in all_grains.items()}


def one(connection, query: str, *values: object) -> object:
    return connection.execute(query, list(values)).fetchone()[0]


def test_figures_are_those_of_the_marts(plain_path, quarter):
    since = Period.of(quarter).start
    bins_ = quarter["latency_bin"]
    assert bins_["handoffs"].sum() == one(plain_path, "SELECT count(*) FROM mart.handoff WHERE acknowledged_at >= ?", since) == 4
    for severity, rows in bins_.group_by("severity"):
        assert rows["handoffs"].sum() == one(
            plain_path, "SELECT population FROM mart.dashboard WHERE period_grain = 'quarter' AND number = 'median_handoff_latency' AND clock = 'wall' AND severity = ?", severity[0]
        )
    for row in quarter["survival_cohort"].filter(polars.col("cohort") == "all").iter_rows(named=True):
        curve = quarter["survival"].filter(polars.col("severity") == row["severity"], polars.col("surviving") <= 0.5 + 1e-12)
        assert row["km_median_seconds"] == (curve["seconds"][0] if len(curve) else None)
    lost = "SELECT sum(lost_us)::BIGINT FROM mart.lag_attribution JOIN mart.handoff USING (finding_id, cycle) WHERE handoff_due_at >= ?"
    assert quarter["failed_handoff"]["lost_us"].sum() == one(plain_path, lost, since) > 0
    for row in quarter["closed_segment"].group_by("severity", "cycle_us").agg(polars.col("segment_us").sum()).iter_rows(named=True):
        assert row["segment_us"] == row["cycle_us"] > 0
    assert quarter["team_handoff"]["fell_due"].sum() == one(
        plain_path, "SELECT population FROM mart.dashboard WHERE period_grain = 'quarter' AND number = 'handoff_sla_breaches' AND severity = 'all' AND failure_mode IS NULL"
    )
    assert quarter["team_handoff"]["breaches"].sum() == quarter["broken_sla"].filter(polars.col("sla") == "handoff")["breaches"].sum()


@pytest.mark.parametrize("grain", ["week", "month", "quarter"])
def test_under_every_chart_stands_a_table(all_grains, grain):
    page = report.render(all_grains, grain)
    for section in re.findall(r"<section .*?</section>", page, re.DOTALL):
        after_last_chart = section.rpartition('<svg class="chart"')[2]
        assert '<svg class="chart"' not in section or "<table" in after_last_chart


def test_one_finding(one_finding):
    """Nothing else on record: each section says what there is of it and divides by nothing."""
    for grain in ("week", "month", "quarter"):
        page = report.render(reports.frames(one_finding), grain)
        assert not re.search(r"\b(None|NaN|nan|inf)\b", re.sub("<[^>]+>", " ", page))
    found = dict(re.findall(r'<section id="([a-z-]+)".*?<p class="lede">(.*?)</p>', unescape(page.replace("\N{NO-BREAK SPACE}", " ")), re.DOTALL))
    expected = {
        "open-and-closed": "1 handoff is open (critical), not acknowledged; this quarter 1 was opened, none acknowledged and none closed.",
        "latency-distribution": "No handoff was acknowledged this quarter, so there is no latency to show.",
        "time-to-acknowledgement": "The one critical handoff on record still waits: too few for an interval.",
        "failure-modes": "1 handoff broke its SLA or acknowledgement window this quarter and ran 47 hours past due; asset-binding gap explains it.",
        "dual-sla": (
            "This quarter the handoff SLA, security operations' own, broke for 1 handoff and the remediation SLA, engineering's, for none; "
            "a single SLA would have blamed nobody."
        ),
        "ownership-currency": "The one open finding names no owner.",
        "reopening": "No handoff was resolved or verified this quarter; no compensating control runs, and none has lapsed.",
        "severity-matrix": "The workspace rates the one observation as its scanner does; no handoff ran past due for having been routed with a less severe band.",
        "teams": "1 handoff was under way this quarter, of no team; the one that fell due broke the SLA.",
    }
    assert {name: found[name] for name in expected} == expected
