"""What the reference found wrong: the dashboard of a mode that fired in one period only, a run at a period's first instant, the asset of a decayed routing."""

from __future__ import annotations

import math

import pytest

#: A Monday's first instant: the week, and nothing of it has happened.
AS_OF = "2026-04-20T00:00:00Z"


@pytest.fixture(scope="module")
def decayed(tools, tmp_path_factory):
    """Two findings on an asset that the register has from 10 April and nobody owns: one acknowledged before that, one never."""
    folder = tmp_path_factory.mktemp("decayed")
    zone = tools.Zone()
    zone.assets({"asset_id": "late", "name": "late", "effective_from": "2026-04-10"})
    zone.scan("2026-04-03T09:00:00Z", "High", target="late").event("acknowledged", "2026-04-03T10:00:00Z")
    zone.scan("2026-04-14T09:00:00Z", "High", target="late", own="B", cve="CVE-2026-2")
    built = tools.Warehouse(folder / "home")
    built.run(zone.write(folder / "landing"), AS_OF, marts=True)
    return built


def test_decayed_routing_names_the_asset_at_as_of(decayed):
    assert decayed.sql("SELECT asset_id, reason, is_acknowledged FROM mart.decayed_routing ORDER BY captured_at") == [("late", "nobody", True), ("late", "nobody", False)]


def figures(decayed, number: str) -> list[tuple]:
    columns = "failure_mode, value, population, previous_value, previous_population"
    return decayed.sql(f"SELECT {columns} FROM mart.dashboard WHERE (period_grain, severity, number) = ('week', 'high', ?) ORDER BY failure_mode NULLS FIRST", [number])


def test_the_queue_of_a_run_at_a_week_s_first_instant_is_that_with_which_the_last_week_ended(decayed):
    assert figures(decayed, "unrouted_queue_depth") == [(None, 1, 1, 1, 1)]


def test_a_mode_has_the_population_of_its_band_and_no_rate_where_that_has_none(decayed):
    assert figures(decayed, "no_acknowledgement_rate") == [(None, None, 0, 1, 1), ("decayed_routing", None, 0, 1, 1)]
    assert figures(decayed, "handoff_sla_breaches") == [(None, 0, 0, 1, 1), ("decayed_routing", 0, 0, 1, 1)]


# The trend


def trend(built, number: str, severity: str = "high", clock: str | None = None) -> list[tuple]:
    query = (
        "SELECT strftime(period_start, '%m-%d'), value, population, eligible FROM mart.dashboard_trend WHERE (period_grain, severity, number) = ('week', ?, ?) "
        "AND failure_mode IS NULL AND clock IS NOT DISTINCT FROM ? ORDER BY period_start"
    )
    return built.sql(query, [severity, number, clock])


def test_a_trend_begins_with_the_first_capture_and_ends_with_the_current_period(decayed):
    assert trend(decayed, "unrouted_queue_depth") == [("03-30", 0, 0, None), ("04-06", 0, 0, None), ("04-13", 1, 1, None), ("04-20", 1, 1, 1)]
    assert trend(decayed, "handoff_sla_breaches") == [("03-30", 0, 1, 1), ("04-06", 0, 0, 0), ("04-13", 1, 1, 1), ("04-20", 0, 0, 0)]
    assert trend(decayed, "no_acknowledgement_rate") == [("03-30", None, 0, 0), ("04-06", 0, 1, 1), ("04-13", 1, 1, 1), ("04-20", None, 0, 0)]
    assert trend(decayed, "median_handoff_latency", clock="wall") == [("03-30", 3600, 1, 1), ("04-06", None, 0, 0), ("04-13", None, 0, 0), ("04-20", None, 0, 0)]


def test_the_dashboard_is_the_last_two_points_of_its_trend(decayed):
    query = """
        WITH points AS (
            SELECT *, lag(value) OVER places AS before, lag(population) OVER places AS population_before
            FROM mart.dashboard_trend
            WHERE failure_mode IS NULL
            WINDOW places AS (PARTITION BY period_grain, number, severity, clock ORDER BY period_start)
        )
        SELECT count(*), count(*) FILTER (WHERE (points.value, before, points.population, population_before)
            IS NOT DISTINCT FROM (dashboard.value, previous_value, dashboard.population, previous_population))
        FROM mart.dashboard AS dashboard
        LEFT JOIN points ON is_current AND (points.period_grain, points.number, points.severity) = (dashboard.period_grain, dashboard.number, dashboard.severity)
            AND points.clock IS NOT DISTINCT FROM dashboard.clock
        WHERE dashboard.failure_mode IS NULL
    """
    ((figures, alike),) = decayed.sql(query)
    assert figures == alike == 3 * 7 * 5


def test_what_was_worked_on_unacknowledged_is_taken_up_and_six_have_an_interval(tools, tmp_path):
    zone = tools.Zone()
    for number in range(7):
        zone.scan("2026-04-13T09:00:00Z", "High", own=f"F{number}", cve=f"CVE-2026-{number}")
        zone.event("in_progress" if number == 6 else "acknowledged", f"2026-04-13T1{number}:00:00Z", ref=f"F{number}")
    built = tools.Warehouse(tmp_path / "home")
    built.run(zone.write(tmp_path / "landing"), AS_OF, marts=True)
    assert trend(built, "median_handoff_latency", clock="wall")[0] == ("04-13", 3.5 * 3600, 6, 7)
    interval = built.sql("SELECT DISTINCT low, high FROM mart.dashboard_trend WHERE number = 'median_handoff_latency' AND clock = 'wall' AND severity = 'high' AND low IS NOT NULL")
    assert interval == [(3600, 6 * 3600)], "of six, the least and the greatest"


def test_ranks_of_the_interval_hold_the_median_with_95_percent():
    """The ranks as the mart has them, against the binomial distribution."""
    for count in range(6, 200):
        low, high = max(math.floor(count / 2 - 0.98 * math.sqrt(count)), 1), min(math.ceil(1 + count / 2 + 0.98 * math.sqrt(count)), count)
        assert sum(math.comb(count, below) for below in range(low, high)) / 2**count >= 0.95, count
