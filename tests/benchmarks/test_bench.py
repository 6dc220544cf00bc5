"""The benchmark still fits the job that it times: nothing timed is asserted, only that it can be run and measures what it says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pytest

from expectations.suites import suites


@pytest.fixture
def bench(tools, monkeypatch):
    """The program, with reports of twenty findings instead of two thousand."""
    module = tools.sibling("handoff_bench", "benchmarks/bench.py")
    monkeypatch.setattr(module, "PER_FILE", 20)
    return module


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(path.relative_to(folder)).encode() + path.read_bytes() for path in files)).hexdigest()


def test_the_programme_is_the_same_each_time(bench, tmp_path):
    shape = bench.Shape(files=15)
    assert bench.write_programme(tmp_path / "one", shape) == bench.write_programme(tmp_path / "two", shape)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_every_step_is_timed_and_every_observation_lands(bench, tmp_path):
    shape, steps = bench.Shape(files=10), bench.Steps()
    as_of = bench.write_programme(tmp_path / "landing", shape)
    bench.run_job(tmp_path / "landing", tmp_path / "home", as_of, steps)
    assert set(bench.INGEST) <= set(steps.took)
    assert set(steps.took) == set(bench.WORDS), "a step of the job that the page has no words for"
    bench.parse_alone(tmp_path / "landing")
    with duckdb.connect(str(tmp_path / "home" / "handoff.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM record.observation").fetchone() == (10 * 20,)
        assert connection.execute("SELECT count(*) > 0 FROM mart.handoff WHERE acknowledged_at IS NOT NULL").fetchone() == (True,)


def test_a_large_record_is_counted_and_its_marts_are_rebuilt_in_a_process_of_their_own(bench, tmp_path):
    found = bench.measure_at_scale(tmp_path, bench.Shape(files=10))
    observations, events, findings, handoffs = found.counts
    assert observations == 10 * 20 < events
    assert 0 < findings <= handoffs
    assert found.rebuild.peak_mib > 0
    assert "all marts rebuilt" in bench.scale_section(found)


def test_rules_as_queries_find_what_the_expectations_find(bench, published_home):
    with duckdb.connect(str(published_home / "warehouse.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert bench.judge_in_sql(connection) == bench.judge(connection)


def test_only_rules_about_a_whole_table_have_no_query(bench):
    without = [rule.name for module in suites().values() for rule in module.rules() if bench.failing(rule.expectation) is None]
    assert without == ["laws_counted"]


def test_every_scanner_format_is_timed_and_a_large_report_is_one(tools, tmp_path, monkeypatch):
    scanners = tools.sibling("handoff_bench_scanners", "benchmarks/scanner_formats.py")
    monkeypatch.setattr(scanners, "LEAST_SECONDS", 0)
    monkeypatch.setattr(scanners, "_reports", lambda name, every=scanners._reports: [content for content in every(name) if len(content) < 100_000][:2])
    found = scanners.ratios()
    assert [ratio.format for ratio in found] == [ratio.format for ratio in sorted(found, key=lambda ratio: -ratio.bytes)]
    # The one report of the first is larger; those of the second are streams of objects that no plain reader reads.
    assert {ratio.format for ratio in found} == set(scanners.formats()) - {"burp_suite_dast", "govulncheck"}
    assert len(list(scanners.ratio_section(found))) == 6 + len(found)
    for name in scanners.LARGE_FORMATS:
        items = scanners.write_large(name, tmp_path / "large.json", 1)
        read = scanners.read_one(tmp_path / "large.json")
        assert read["rows"] >= items / 5 and (tmp_path / "large.json").stat().st_size > 1_000_000
