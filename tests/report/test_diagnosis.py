"""The decision table is complete, and each severity's sentence is true to its figures."""

from __future__ import annotations

import re
from datetime import date, datetime
from html import unescape
from itertools import product

import polars
import pytest

from transforms.report import diagnosis
from transforms.report.diagnosis import INPUTS, TABLE, State
from transforms.report.sections import definitions
from transforms.report.sections import diagnosis as section

STATES = [State(*states) for states in product(*INPUTS.values())]


@pytest.mark.parametrize("state", STATES, ids="-".join)
def test_every_combination_has_exactly_one_line(state):
    assert [line.covers(state) for line in TABLE].count(True) == 1
    assert diagnosis.advice(state)


def test_every_line_is_reached_and_names_states_that_there_are():
    for line in TABLE:
        assert any(line.covers(state) for state in STATES), line
        for allowed, words in zip(line[:4], INPUTS.values(), strict=True):
            assert allowed == "*" or set(allowed.split()) <= set(words), line


def test_high_latency_and_low_currency_is_ownership_first():
    for queue, arrivals in product(diagnosis.QUEUE, diagnosis.ARRIVALS):
        assert diagnosis.advice(State("over", "outdated", queue, arrivals)).startswith("remediate ownership first")


FIGURES = {"median": 3_600.0, "ninetieth": 7_200.0, "measured": 4, "waiting": 10, "unrouted": 0, "open": 10, "active": 10, "opened": 3, "acknowledged": 4}


def frames(**more: float | None) -> dict[str, polars.DataFrame]:
    """The figures of severity high, with targets of two and three hours; the other severities have none."""
    found = FIGURES | more
    row = {"severity": "high", "failure_mode": None, "previous_value": None, "previous_population": 0, "eligible": found["measured"], "population": found["measured"]}
    board = [
        {**row, "number": "median_handoff_latency", "clock": "wall", "value": found["median"], "target": 7_200.0},
        {**row, "number": "p90_handoff_latency", "clock": "wall", "value": found["ninetieth"], "target": 10_800.0},
        {**row, "number": "unrouted_queue_depth", "clock": None, "value": float(found["unrouted"]), "target": None, "eligible": found["waiting"]},
    ]
    flow = {"severity": "high", "is_current": True, "opened": found["opened"], "acknowledged": found["acknowledged"], "closed": 0}
    at = datetime(2026, 5, 4, 12)
    return {
        "period": polars.DataFrame([{"period_grain": "week", "period_start": date(2026, 5, 4), "period_end": date(2026, 5, 11), "previous_start": date(2026, 4, 27), "as_of": at, "local_as_of": at, "reporting_zone": "UTC"}]),
        "dashboard": polars.DataFrame(board, infer_schema_length=None),
        "currency": polars.DataFrame([{"severity": "high", "open_findings": found["open"], "active": found["active"]}]),
        "throughput": polars.DataFrame([flow]),
        "threshold": polars.DataFrame([{"high_count": 30, "high_coverage": 0.9, "medium_count": 10, "medium_coverage": 0.5, "currency": 0.9, "queue": 0.1, "smallest_group": 5}]),
    }


def sentence(**more: float | None) -> str:
    """What is said of severity high."""
    page = unescape(re.sub("<[^>]+>", "", str(section.render(frames(**more))).split("<dl")[1].split("</dl>")[0].split("high</span>")[1].split("</dd>")[0]))
    return page.replace("\N{NO-BREAK SPACE}", " ")


WITHIN = (
    "Latency is within target (median 60 min against 2 h, 90th percentile 2 h against 3 h, wall time, of 4), ownership is current (10 of 10 open findings with an owner "
    "who is still there), the queue is not long (0 of 10 not acknowledged wait unrouted), and no more was opened than acknowledged (3 opened, 4 acknowledged): "
    "nothing to remediate by these four figures."
)


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, WITHIN),
        ({"median": 7_200.0}, "Latency is within target"),
        ({"median": 7_200.1}, "Latency is over target"),
        ({"ninetieth": 10_801.0, "active": 8}, "Latency is over target"),
        ({"active": 9}, "ownership is current (9 of 10"),
        ({"active": 8}, "ownership is outdated (8 of 10"),
        ({"unrouted": 1}, "the queue is not long (1 of 10 not acknowledged waits unrouted)"),
        ({"unrouted": 2}, "the queue is long (2 of 10 not acknowledged wait unrouted)"),
        ({"waiting": 0}, "the queue is not long (nothing waits for an acknowledgement)"),
        ({"opened": 4}, "no more was opened than acknowledged (4 opened, 4 acknowledged)"),
        ({"opened": 5}, "more was opened than acknowledged (5 opened, 4 acknowledged): watch what comes in"),
        ({"median": 90_000.0, "active": 1}, ": remediate ownership first."),
        ({"median": None, "ninetieth": None, "measured": 0, "open": 0, "active": 0, "waiting": 0, "opened": 1, "acknowledged": 0}, "Nothing was acknowledged, nothing is open,"),
    ],
)
def test_the_sentence_goes_by_the_thresholds(figures, said):
    assert said in sentence(**figures)


def test_a_severity_without_handoffs_says_so():
    nothing = {"median": None, "ninetieth": None, "measured": 0, "open": 0, "active": 0, "waiting": 0, "opened": 0, "acknowledged": 0}
    assert "No critical handoff was open, opened or acknowledged this week." in str(section.render(frames()))
    assert section.render(frames(**nothing)) == ""
    assert section.lede(frames(**nothing)) == "No handoff was open, opened or acknowledged this week, so there is nothing to diagnose."


def test_the_lede_names_the_severities():
    assert section.lede(frames(median=90_000.0, active=1)) == (
        "Latency is over target for high, and ownership is outdated for high; for high: remediate ownership first."
    )


def test_nothing_acknowledged_is_no_latency_within_target():
    """Else a month that has just begun would read as one that went well."""
    nothing = {"median": None, "ninetieth": None, "measured": 0, "acknowledged": 0}
    assert section.lede(frames(**nothing, active=1)).startswith("Nothing was acknowledged this week, so that no latency can be judged, and ownership is outdated for high; for high: ")
    assert section.lede(frames(active=1)).startswith("Latency is over target for no severity, and ownership is outdated for high; for high: ")


def test_the_whole_table_is_printed_with_its_thresholds(plain_path):
    from warehouse import reports

    found = reports.frames(plain_path)
    found["period"] = found["period"].filter(polars.col("period_grain") == "week")
    text = unescape(re.sub("<[^>]+>", "|", str(definitions.render(found)))).replace("\N{NO-BREAK SPACE}", " ")
    for line in TABLE:
        assert f"|{line.advice}|" in text
    assert "less than 90 % of the open findings" in text
    assert "more than 10 % of the open handoffs" in text
    assert re.search(r"\|high\|+30 and more\|+90 % and more\|", text)
