"""What the reference found wrong: the dashboard of a mode that fired in one period only, a run at a period's first instant, the asset of a decayed routing."""

from __future__ import annotations

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
