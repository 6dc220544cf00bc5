"""What changed: parts that add up to the change, teams of few people without a figure, and words that go by the figures."""

from __future__ import annotations

import re
from datetime import date, datetime
from html import unescape

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.domain.vocabulary import RATED_BANDS
from transforms.report.sections import changes

HOUR = 3_600
SCHEMA = {"severity": polars.String, "failure_mode": polars.String, "team": polars.String, "is_current": polars.Boolean, "due": polars.Int64, "breaches": polars.Int64}
LATENCIES = {"severity": polars.String, "is_current": polars.Boolean, "acknowledged": polars.Int64, "business_seconds": polars.Float64}
#: web and shop are large enough for a line of their own, duo and trio are not.
TEAMS = [{"team": team, "handoffs": handoffs, "acknowledged": 0, "fell_due": 0, "breaches": 0, "waiting": 0, "misattributed": 0} for team, handoffs in (("web", 20), ("shop", 9), ("duo", 2), ("trio", 4))]


def breach(is_current: bool, breaches: int, *, due: int = 10, severity: str = "high", team: str | None = "web", mode: str | None = "decayed_routing") -> dict:
    return {"severity": severity, "failure_mode": mode, "team": team, "is_current": is_current, "due": due, "breaches": breaches}


def latency(is_current: bool, acknowledged: int, hours: float, severity: str = "high") -> dict:
    return {"severity": severity, "is_current": is_current, "acknowledged": acknowledged, "business_seconds": acknowledged * hours * HOUR}


def frames(breaches: list[dict], latencies: list[dict]) -> dict[str, polars.DataFrame]:
    at = datetime(2026, 5, 4, 12)
    return {
        "period": polars.DataFrame([{"period_grain": "week", "period_start": date(2026, 5, 4), "period_end": date(2026, 5, 11), "previous_start": date(2026, 4, 27), "as_of": at, "local_as_of": at, "reporting_zone": "UTC"}]),
        "change_breach": polars.DataFrame(breaches, schema=SCHEMA),
        "change_latency": polars.DataFrame(latencies, schema=LATENCIES),
        "team_handoff": polars.DataFrame(TEAMS),
        "threshold": polars.DataFrame([{"high_count": 30, "high_coverage": 0.9, "medium_count": 10, "medium_coverage": 0.5, "currency": 0.9, "queue": 0.1, "smallest_group": 5}]),
    }


def said(breaches: list[dict], latencies: list[dict]) -> str:
    return changes.lede(frames(breaches, latencies)).replace("\N{NO-BREAK SPACE}", " ")


def shown(breaches: list[dict], latencies: list[dict]) -> str:
    return unescape(re.sub("<[^>]+>", "", re.sub("</t[dh]>", "|", str(changes.render(frames(breaches, latencies)))))).replace("\N{NO-BREAK SPACE}", " ")


def test_nothing_in_either_period():
    assert said([], []) == "No handoff broke its SLA this week or last week; nothing was acknowledged last week, so that a mean latency cannot be compared."
    assert changes.render(frames([], [])) == ""


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (5, 2, "SLA breaches fell from 5 last week to 2 (largest by mode: decayed routing −3);"),
        (0, 1, "SLA breaches rose from 0 last week to 1 (largest by mode: decayed routing +1);"),
        (2, 2, "SLA breaches stayed at 2;"),
    ],
)
def test_counts_in_words(before, now, words):
    assert said([breach(False, before), breach(True, now)], []).startswith(words)


def test_modes_that_changed_alike_are_all_named():
    rows = [breach(False, 3), breach(True, 1), breach(True, 2, mode="unexplained")]
    assert "SLA breaches stayed at 3 (largest by mode: decayed routing −2 and unexplained +2);" in said(rows, [])


def test_the_mean_is_parted_by_hand():
    """Before: 1 high at 10 h, 1 low at 20 h, mean 15 h. Now: 3 high at 6 h, 1 low at 20 h, mean 9.5 h. Shares of high 1/2 and 3/4.

    Within: (1/2 + 3/4) / 2 * (6 - 10) = -2.5 h. By share: (3/4 - 1/2) * 8 + (1/4 - 1/2) * 20 = -3 h. Together -5.5 h.
    """
    rows = [latency(False, 1, 10), latency(False, 1, 20, "low"), latency(True, 3, 6), latency(True, 1, 20, "low")]
    assert said([], rows).endswith(
        "the mean business time to acknowledgement fell from 15 h to 9.5 h, −2.5 h within severities and −3 h by which severities were acknowledged."
    )
    assert "all|2|15 h|4|9.5 h|−2.5 h|−3 h|" in shown([], rows)


severities = st.dictionaries(st.sampled_from(RATED_BANDS), st.tuples(st.integers(1, 50), st.floats(0, 500)), min_size=1)


@given(severities, severities)
def test_the_two_effects_add_up_to_the_change(before, now):
    rows = [latency(is_current, count, hours, severity) for is_current, found in ((False, before), (True, now)) for severity, (count, hours) in found.items()]
    shares = changes._shares(frames([], rows)["change_latency"])
    means = [sum(count * hours for count, hours in found.values()) / sum(count for count, _ in found.values()) * HOUR for found in (before, now)]
    assert sum(share.within + share.mix for share in shares) == pytest.approx(means[1] - means[0], abs=1e-6 * max(1, *means))


def test_a_severity_of_one_period_only_is_no_quicker_than_itself():
    shares = {share.severity: share for share in changes._shares(frames([], [latency(False, 2, 10), latency(True, 2, 10), latency(True, 2, 90, "low")])["change_latency"])}
    assert shares["low"].within == shares["high"].within == 0


def test_a_team_of_few_handoffs_has_no_line_of_its_own():
    rows = [breach(False, 4, team="web"), breach(True, 1, team="web"), breach(True, 1, due=2, team="duo"), breach(False, 2, due=2, team="trio"), breach(True, 3, team=None)]
    text = shown(rows, [])
    assert re.search(r"web\|4\|1\|.*3\|\s+other teams\|2\|1\|.*1\|\s+no team\|0\|3\|.*3\|\s+all\|6\|5\|", text)
    assert "duo" not in text
    assert "trio" not in text


def test_a_hostile_team_is_text():
    team = "<script>x</script>"
    found = frames([breach(True, 1, team=team)], [])
    page = str(changes.render(found | {"team_handoff": polars.DataFrame([{**row, "team": team} for row in TEAMS[:1]])}))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("grain", ["week", "month", "quarter"])
def test_what_is_parted_is_the_dashboards_number(plain_path, grain):
    from warehouse import reports

    found = reports.frames(plain_path)
    board = found["dashboard"].filter((polars.col("period_grain") == grain) & (polars.col("severity") == "all") & polars.col("failure_mode").is_null())
    breaches = board.filter(polars.col("number") == "handoff_sla_breaches").row(0, named=True)
    medians = board.filter((polars.col("number") == "median_handoff_latency") & (polars.col("clock") == "wall")).row(0, named=True)
    for is_current, prefix in ((True, ""), (False, "previous_")):
        of = (polars.col("period_grain") == grain) & (polars.col("is_current") == is_current)
        parted = found["change_breach"].filter(of)
        assert (parted["due"].sum(), parted["breaches"].sum()) == (breaches[f"{prefix}population"], breaches["value" if is_current else "previous_value"])
        assert found["change_latency"].filter(of)["acknowledged"].sum() == medians[f"{prefix}population"]
