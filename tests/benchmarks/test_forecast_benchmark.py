"""The study of the forecast reads a published copy as well as a working warehouse, and says so where there is nothing to study."""

from __future__ import annotations

import duckdb
import pytest


@pytest.fixture(scope="module")
def study(tools):
    return tools.sibling("handoff_forecast", "benchmarks/forecast.py")


def test_the_tables_of_the_plain_path(study, published_home):
    with duckdb.connect(str(published_home / "handoff.duckdb"), read_only=True) as connection:
        lines = list(study.report(connection))
    # Seven weeks; three had one handoff to forecast each, of which one was broken.
    assert lines[5].split() == ["2026-04-06", "1", "1.0", "1", "0", "0.0", "1.0"]
    assert lines[8].split() == ["mean", "0.29", "0.43"]
    assert lines[-1] == "Brier score 0.6667, of the share of breaches 0.2222; 3.0 expected, 1 of 3 broken"


def test_a_record_without_a_past(study, zone, warehouse, tmp_path):
    warehouse.run(zone.scan("2026-05-01T00:00:00Z").write(tmp_path / "landing"), "2026-05-02T00:00:00Z", marts=True)
    with warehouse.open() as connection:
        assert list(study.report(connection)) == ["No past week's end lies far enough inside the record to hold a forecast to what happened."]
