"""The five numbers over time: one sentence that goes by the figures, and a line of figures for each period of the sparklines."""

from __future__ import annotations

import re
from html import unescape

import polars
import pytest

from transforms.report.headlines import BREACHES, DEPTH, headlines
from transforms.report.sections import over_time
from warehouse import reports


def of_grain(found: dict[str, polars.DataFrame], grain: str) -> dict[str, polars.DataFrame]:
    return {name: frame.filter(polars.col("period_grain") == grain) if "period_grain" in frame.columns else frame for name, frame in found.items()}


@pytest.mark.parametrize(
    ("breaches", "queue", "sentence"),
    [
        ([0, 0, 0], [0, 0, 0], "No handoff broke its SLA in the 3 months shown, and the unrouted queue was empty at the end of each month."),
        ([1, 21, 3], [1, 4, 2], "Of the 3 months shown Mar 2026 had the most SLA breaches, 21, and the unrouted queue was at its longest, 4, at the end of Mar 2026."),
        ([3, 1, 3], [5, 4, 5], "Of the 3 months shown 2 had the most SLA breaches, 3 each, and the unrouted queue was at its longest, 5, at the end of Feb 2026 and is so now."),
        ([1, 1, 2], [0, 0, 1_234], "Of the 3 months shown Apr 2026 had the most SLA breaches, 2, and the unrouted queue is at its longest now, 1,234."),
    ],
)
def test_the_sentence_goes_by_the_points(breaches, queue, sentence):
    assert over_time.sentence("month", ["Feb 2026", "Mar 2026", "Apr 2026"], breaches, queue) == sentence


@pytest.mark.parametrize("record", ["plain_path", "nothing_landed", "one_finding"])
@pytest.mark.parametrize("grain", ["week", "month", "quarter"])
def test_every_point_of_a_sparkline_stands_in_figures(request, record, grain):
    found = of_grain(reports.frames(request.getfixturevalue(record)), grain)
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", unescape(str(over_time.render(found))))
    five = headlines(found)
    assert [start for start, _ in rows] == list(five[0].starts)
    assert [re.findall(r">([^<]*)</td>", cells) for _, cells in rows] == [list(line) for line in zip(*(headline.said_points for headline in five), strict=True)]
    assert over_time.lede(found).endswith(".")


def test_periods_are_named_as_people_do_and_never_broken(plain_path):
    found = reports.frames(plain_path)
    named = {grain: headlines(of_grain(found, grain))[0].starts[-1] for grain in ("week", "month", "quarter")}
    assert named == {"week": "4\N{NO-BREAK SPACE}May\N{NO-BREAK SPACE}2026", "month": "May\N{NO-BREAK SPACE}2026", "quarter": "Q2\N{NO-BREAK SPACE}2026"}
    assert "Week from" in str(over_time.render(of_grain(found, "week")))


@pytest.mark.parametrize("record", ["nothing_landed", "one_finding"])
def test_before_the_first_capture_nothing_was_counted(request, record):
    """One finding of Monday 4 May: the week before it did not have zero breaches, it was not there."""
    found = of_grain(reports.frames(request.getfixturevalue(record)), "week")
    five = {headline.number: headline for headline in headlines(found)}
    assert [five[number].previous for number in (BREACHES, DEPTH)] == ["", ""]
    assert [five[number].points[:-1] for number in (BREACHES, DEPTH)] == [[None], [None]]
    assert five[BREACHES].value == {"nothing_landed": "0", "one_finding": "1"}[record]
    assert over_time.lede(found) == "No week before this one is on record, so there is no trend to show."
