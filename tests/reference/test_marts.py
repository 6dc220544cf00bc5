"""The comparison of whole rows finds what differs, and the reference's marts obey their own laws, whatever the product says."""

import importlib.util
import sys
from pathlib import Path

import duckdb
import pytest


def _sibling(file):
    name = f"handoff_{file}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{file}.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


R, M, G, C = (_sibling(file) for file in ("reference", "marts", "generate", "compare_marts"))


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """(world, cycles, rows) of three generated programmes."""
    found = []
    for seed in (1, 8, 16):
        folder = tmp_path_factory.mktemp("marts")
        as_of = G.write_landing(seed, folder, 16)
        world, cycles, _ = R.evaluated(folder / "landing", folder / "policy.yaml", as_of)
        found.append((world, cycles, M.rows_of(world, cycles)))
    return found


@pytest.fixture(params=range(3))
def generated(several, request):
    return several[request.param]


def test_what_is_generated_reaches_every_mart(several):
    rows = {mart: [row for _, _, rows in several for row in rows[mart]] for mart in C.KEYS}
    assert [mart for mart, found in rows.items() if not found] == []
    assert any(row["cycles"] for row in rows["cycle_share"])
    assert any(row["reopened"] for row in rows["reopen"])
    assert any(row["listed"] for row in rows["forecast_backtest"])
    assert {row["state"] for row in rows["compensating_control"]} == {"current", "due_soon", "lapsed", "closed"}
    assert {row["mapping_age"] for row in rows["ownership_currency"]} > {"all", "up to 30 d", "always valid", "no owner"}
    assert {row["anomaly"] for row in rows["time_quality"]} == {
        "naive_stamp",
        "midnight",
        "day_only",
        "future",
        "out_of_sequence",
        "before_t0",
        "bulk_acknowledgement",
        "outside_cycle",
        "file_time",
    }


def test_every_open_cycle_waits_in_one_queue(generated):
    _, cycles, rows = generated
    last = max(row["week_start"] for row in rows["ingest_capacity"])
    queued = sum(row["queue"] for row in rows["ingest_capacity"] if row["week_start"] == last and row["business_unit"] == "all")
    assert queued == sum(row["is_open"] for row, _ in cycles)


def test_lost_seconds_are_the_time_beyond_due(generated):
    _, cycles, rows = generated
    lost = {}
    for row in rows["lag_attribution"]:
        lost[row["title"], row["cycle"]] = lost.get((row["title"], row["cycle"]), 0) + round(row["seconds"] * 1e6)
    for row, h in cycles:
        end = h["horizon"] if row["acknowledged_at"] is None else min(row["acknowledged_at"], h["horizon"])
        assert lost.get((row["title"], row["cycle"]), 0) == (end - row["handoff_due_at"] if row["handoff_breached"] else 0)


def test_shares_are_of_one_whole(generated):
    _, _, rows = generated
    groups = {}
    for row in rows["cycle_share"]:
        groups.setdefault(tuple(row[c] for c in M.CUT), []).append(row)
    for found in groups.values():
        assert [row["segment"] for row in found] == ["handoff", "triage", "fix", "verification"]
        if found[0]["cycles"]:
            assert abs(sum(row["mean_share"] for row in found) - 1) < 1e-12
            assert abs(sum(row["summed_share"] for row in found) - 1) < 1e-12


WANT = [
    {"title": "a", "cycle": 1, "stage": "routing", "failure_mode": "unexplained", "team": None, "seconds": 0.1},
    {"title": "b", "cycle": 1, "stage": "routing", "failure_mode": "unexplained", "team": "data", "seconds": 1e7},
]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("SELECT 1", []),
        (
            "UPDATE mart.lag_attribution SET seconds = seconds + 2e-6 WHERE finding_id = 'fa'",
            ["('a', 1, 'routing') seconds: expected 0.1, got 0.100002"],
        ),
        ("UPDATE mart.lag_attribution SET seconds = seconds + 1e-4 WHERE finding_id = 'fb'", ["('b', 1, 'routing') seconds"]),
        ("UPDATE mart.lag_attribution SET team = 'data'", ["('a', 1, 'routing') team: expected None, got 'data'"]),
        ("DELETE FROM mart.lag_attribution WHERE finding_id = 'fb'", ["('b', 1, 'routing'): missing"]),
        ("INSERT INTO mart.lag_attribution VALUES ('fa', 2, 'routing', 'unexplained', NULL, 1)", ["('a', 2, 'routing'): surplus"]),
        ("INSERT INTO mart.lag_attribution VALUES ('fa', 1, 'routing', 'unexplained', NULL, 0.1)", ["more than one row"]),
        ("ALTER TABLE mart.lag_attribution DROP COLUMN team", ["no column team"]),
        ("DROP TABLE mart.lag_attribution", ["no such mart"]),
    ],
)
def test_the_comparison_finds_what_differs(change, said):
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            "CREATE SCHEMA mart; CREATE TABLE mart.finding AS FROM (VALUES ('fa', 'a'), ('fb', 'b')) AS t (finding_id, title)"
        )
        connection.execute(
            "CREATE TABLE mart.lag_attribution (finding_id VARCHAR, cycle INTEGER, stage VARCHAR, failure_mode VARCHAR, team VARCHAR, seconds DOUBLE)"
        )
        connection.execute(
            "INSERT INTO mart.lag_attribution VALUES ('fa', 1, 'routing', 'unexplained', NULL, 0.1), ('fb', 1, 'routing', 'unexplained', 'data', 1e7)"
        )
        connection.execute(change)
        lines = C.differences(connection, "lag_attribution", WANT)
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))
