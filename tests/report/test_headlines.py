"""The five numbers first: the trend ends in the figure itself, confidence goes by the policy's rule, the line breaks where nothing was measured."""

from __future__ import annotations

import re

import polars
import pytest

from transforms.report import charts
from transforms.report.headlines import headlines
from transforms.report.thresholds import Thresholds
from warehouse import reports

RULES = Thresholds(high_count=30, high_coverage=0.9, medium_count=10, medium_coverage=0.5, currency=0.9, queue=0.1, smallest_group=5)


@pytest.mark.parametrize(
    ("behind", "coverage", "word"),
    [
        (30, 0.9, "high"), (29, 0.9, "medium"), (30, 0.89, "medium"), (10, 0.5, "medium"), (9, 1.0, "low"), (1_000, 0.49, "low"),
        (None, 1.0, "high"), (None, 0.6, "medium"), (None, 0.1, "low"),
    ],
)  # fmt: skip
def test_confidence_goes_by_count_and_coverage(behind, coverage, word):
    assert RULES.confidence(behind, coverage) == word


@pytest.mark.parametrize("grain", ["week", "month", "quarter"])
@pytest.mark.parametrize("record", ["plain_path", "nothing_landed", "hostile_texts"])
def test_a_trend_ends_in_last_period_and_the_figure_itself(request, record, grain):
    found = reports.frames(request.getfixturevalue(record))
    own = {name: frame.filter(polars.col("period_grain") == grain) if "period_grain" in frame.columns else frame for name, frame in found.items()}
    five = headlines(own)
    assert len(five) == 5
    for headline in five:
        assert headline.said_points[-1] == headline.value
        assert headline.said_points[-2] == (headline.previous or "–")
        assert len(headline.starts) == len(headline.points)
        assert (headline.is_within is None) == (not headline.target or headline.value == "–")
        assert (headline.confidence == "") == (headline.coverage is None)


def marks(drawn: str) -> list[str]:
    return re.findall(r'class="(spark-[a-z]+)"', drawn)


def test_a_line_breaks_where_nothing_was_measured():
    assert marks(charts.sparkline("x", "t", "d", [1, 2, None, 4, None, 3, 3])) == ["spark-line", "spark-line", "spark-dot", "spark-now"]
    assert marks(charts.sparkline("x", "t", "d", [None, None])) == []
    assert marks(charts.sparkline("x", "t", "d", [1, None])) == ["spark-dot"]
    assert marks(charts.sparkline("x", "t", "d", [5])) == ["spark-now"]


def test_a_spark_stays_in_its_picture():
    drawn = charts.sparkline("x", "t", "d", [0, 10, 5], target=20)
    heights = [float(y) for y in re.findall(r' (?:y1|y2|cy)="([0-9.]+)"', drawn)]
    assert heights[0] == heights[1] == 4, "the target is the highest"
    assert max(heights) == 30
    assert "spark-target" in drawn
    assert "cy=\"30.0\"" in charts.sparkline("x", "t", "d", [0, 0]), "nothing but zeros divides by nothing"
