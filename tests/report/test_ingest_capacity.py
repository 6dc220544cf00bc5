"""The section on ingest capacity: a forecast is shown only where it was the better guess, and why not is said with both errors."""

from __future__ import annotations

import re
from datetime import date, datetime
from html import unescape

import polars
import pytest

from transforms.report.sections import ingest_capacity

STEPS = ("routed", "dispatched", "acknowledged", "triaged", "closed")


def flow(unit: str = "all", **more: object) -> list[dict]:
    week = {"week_start": date(2026, 4, 27), "business_unit": unit, "opened": 7, "completed": 4, "queue": 3, "throughput": 4.5, "utilisation": 7 / 4.5}
    return [{**week, "expected_wait_seconds": 403_200.0, "weeks_above": 2, **more, "step": step} for step in STEPS]


def page(weeks: int = 12, listed_weeks: int = 6, forecast_error: float | None = 1.5, last_week_error: float | None = 4.25, rows: list[dict] | None = None, **forecast: tuple) -> str:
    """The section's text, each table's cell behind a bar; `forecast` gives listed and expected by severity."""
    likeliest = {"finding_id": "abc", "cycle": 1, "title": "<b>T</b>", "severity": "high", "team": None, "handoff_due_at": datetime(2026, 5, 4, 9), "breach_probability": 0.8}
    period = {"period_grain": "week", "period_start": date(2026, 4, 27), "period_end": date(2026, 5, 4), "previous_start": date(2026, 4, 20)}
    frames = {
        "period": polars.DataFrame([{**period, "as_of": datetime(2026, 4, 30), "local_as_of": datetime(2026, 4, 30), "reporting_zone": "UTC"}]),
        "ingest_capacity": polars.DataFrame(flow() + flow("(none)") if rows is None else rows),
        "forecast_error": polars.DataFrame([{"weeks": weeks, "listed_weeks": listed_weeks, "forecast_error": forecast_error, "last_week_error": last_week_error}]),
        "breach_forecast": polars.DataFrame([{"severity": name, "listed": listed, "expected": expected} for name, (listed, expected) in forecast.items()]),
        "breach_likeliest": polars.DataFrame([likeliest] if forecast else []),
        "forecast_calibration": polars.DataFrame([{"probability_from": 0.8, "probability_to": 1.0, "listed": 20, "expected": 18.1, "actual": 15}]),
    }
    text = re.sub("<[^>]+>", "", re.sub("</t[dh]>", "|", f"{ingest_capacity.lede(frames)}\n{ingest_capacity.render(frames)}"))
    return unescape(text).replace("\N{NO-BREAK SPACE}", " ")


def test_a_proven_forecast_is_shown_with_its_errors_and_calibration():
    text = page(medium=(2, 0.86), high=(1, 0.8))
    assert text.startswith(
        "7 handoffs were opened in the week from 27 April 2026, where 4.5 a week are acknowledged in the mean of four, and more came in than that for 2 weeks in a row; "
        "3 open handoffs fall due in the next five business days, with 1.7 breaches expected.\n"
    )
    assert "The forecast was the better guess: over 12 past weeks, 6 of them with something to forecast, it was off by 1.50 breaches in the mean" in text
    assert "a guess of as many as in the week before by 4.25 breaches." in text
    assert re.search(r"high\|1\|0.8\|\s+medium\|2\|0.9\|\s+all\|3\|1.7\|", text)
    assert "<b>T</b> abc|high|no team|4 May 2026, 09:00 UTC|80 %|" in text
    assert "80 % to 100 %|20|18.1|15|" in text
    assert "no business unit|7|4|3|4.5|156 %|4.7 d|2|" in text


@pytest.mark.parametrize(
    ("tested", "reason"),
    [
        ({"forecast_error": 4.25}, "Breaches are not forecast, for the forecast would not have been the better guess: over 12 past weeks"),
        ({"forecast_error": 5.0}, "it was off by 5.00 breaches in the mean, and a guess of as many as in the week before by 4.25 breaches."),
        ({"weeks": 12, "listed_weeks": 3}, "Breaches are not forecast, for fewer than 4 past weeks had something to forecast: over 12 past weeks, 3 of them"),
        ({"weeks": 1, "listed_weeks": 1}, "over 1 past week, 1 of them with something to forecast, it was off by 1.50 breaches"),
        ({"weeks": 0, "listed_weeks": 0, "forecast_error": None, "last_week_error": None}, "Breaches are not forecast: no past week's end lies far enough inside the record"),
    ],
)
def test_a_forecast_that_is_not_proven_is_not_shown(tested, reason):
    text = page(**tested, medium=(2, 0.86), high=(1, 0.8))
    assert reason in text
    assert text.split("\n")[0].endswith("; breaches are not forecast.")
    assert "abc" not in text
    assert "fall due" not in text
    assert "expected of" not in text
    assert "80 % to 100 %|20|18.1|15|" in text


def test_four_weeks_with_something_to_forecast_are_enough():
    assert "1 open handoff falls due in the next five business days, with 1 breach expected." in page(weeks=4, listed_weeks=4, high=(1, 0.99))


def test_a_proven_forecast_of_nothing():
    text = page()
    assert "; no open handoff falls due in the next five business days." in text
    assert "most likely" not in text


def test_no_throughput_is_no_figure():
    rows = flow(opened=1, completed=0, throughput=0.0, utilisation=None, expected_wait_seconds=None, weeks_above=1)
    text = page(rows=rows)
    assert text.startswith("1 handoff was opened in the week from 27 April 2026, where 0 a week are acknowledged in the mean of four, and more came in than that for 1 week in a row;")
    assert "routed|1|0|3|0|–no figure|–no figure|1|" in text


def test_on_a_page_of_the_plain_path(plain_path):
    from transforms import report
    from warehouse import reports

    whole = report.render(reports.frames(plain_path), "week").replace("\N{NO-BREAK SPACE}", " ")
    # Seven past weeks, of which three had one handoff to forecast, with one of three broken.
    assert "for fewer than 4 past weeks had something to forecast: over 7 past weeks, 3 of them with something to forecast, it was off by 0.29 breaches in the mean" in whole
    assert "a guess of as many as in the week before by 0.43 breaches." in whole
