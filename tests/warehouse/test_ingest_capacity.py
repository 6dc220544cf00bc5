"""mart.ingest_capacity (ruling 82): weeks, steps, queues and throughput, worked by hand and counted again over a generated programme."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

STEPS = ("routed", "dispatched", "acknowledged", "triaged", "closed")


def capacity(zone, as_of: str, policy=None) -> dict[tuple[str, str], dict]:
    """Rows of all business units by week and step."""
    rows = zone.state(as_of, policy).mart("ingest_capacity")
    return {(row["week_start"].isoformat(), row["step"]): row for row in rows if row["business_unit"] == "all"}


def column(found: dict, name: str, step: str) -> list:
    return [row[name] for (_, its_step), row in sorted(found.items()) if its_step == step]


def queues(found: dict, week: str) -> dict[str, int]:
    return {step: found[week, step]["queue"] for step in STEPS if found[week, step]["queue"]}


def several(zone, *instants: str, severity: str = "High") -> None:
    """One finding for each instant, named by its number."""
    for number, at in enumerate(instants):
        zone.scan(at, severity, own=f"F{number}", cve=f"CVE-2026-{number}")


def test_nothing_ever_opened_has_no_week(zone):
    assert zone.state().mart("ingest_capacity") == []


def test_every_week_from_the_first_t0_to_as_of_over_new_year(zone):
    several(zone, "2025-12-24T09:00:00Z", "2025-12-29T00:00:00Z", "2026-01-04T23:59:59Z", "2026-01-05T00:00:00Z")
    found = capacity(zone, "2026-01-20T12:00:00Z")
    assert len(found) == 5 * 5
    weeks = ["2025-12-22", "2025-12-29", "2026-01-05", "2026-01-12", "2026-01-19"]
    assert sorted({week for week, _ in found}) == weeks
    for step in STEPS:
        assert column(found, "opened", step) == [1, 2, 1, 0, 0]


@pytest.mark.parametrize(("reporting_zone", "weeks"), [("UTC", ["2025-12-22", "2025-12-29"]), ("Pacific/Auckland", ["2025-12-29", "2026-01-05"]), ("America/Lima", ["2025-12-22", "2025-12-29"])])
def test_weeks_are_those_of_the_reporting_zone(zone, reporting_zone, weeks):
    # Sunday noon in UTC is Monday one o'clock in Auckland; so is as_of, a week later.
    several(zone, "2025-12-28T12:00:00Z")
    found = capacity(zone, "2026-01-04T12:00:00Z", {"reporting_zone": reporting_zone})
    assert [week for week, step in sorted(found) if step == "routed"] == weeks
    assert column(found, "opened", "routed") == [1, 0]


def test_a_cycle_waits_in_one_queue_at_a_time(zone):
    zone.scan("2026-01-05T09:00:00Z")
    zone.event("routed", "2026-01-12T09:00:00Z", target_person="anna").event("notified", "2026-01-19T00:00:00Z", target_person="anna")
    zone.event("acknowledged", "2026-01-26T09:00:00Z").event("triaged", "2026-02-02T09:00:00Z").event("verified", "2026-02-09T09:00:00Z")
    found = capacity(zone, "2026-02-16T09:00:00Z")
    weeks = sorted({week for week, _ in found})
    assert [queues(found, week) for week in weeks] == [{"routed": 1}, {"dispatched": 1}, {"acknowledged": 1}, {"triaged": 1}, {"closed": 1}, {}, {}]
    assert [column(found, "completed", step).index(1) for step in STEPS] == [1, 2, 3, 4, 5]
    # In the week before its end it is, at as_of, where it is at as_of: a step at as_of itself is done.
    assert queues(capacity(zone, "2026-01-19T00:00:00Z"), "2026-01-19") == {"acknowledged": 1}
    assert queues(capacity(zone, "2026-01-18T23:59:59Z"), "2026-01-12") == {"dispatched": 1}


def test_a_step_that_was_not_observed_is_passed_with_a_later_one(zone):
    zone.scan("2026-01-05T09:00:00Z").event("acknowledged", "2026-01-13T09:00:00Z").event("in_progress", "2026-01-20T09:00:00Z")
    found = capacity(zone, "2026-01-26T09:00:00Z")
    assert [queues(found, week) for week in ("2026-01-05", "2026-01-12", "2026-01-19")] == [{"routed": 1}, {"triaged": 1}, {"closed": 1}]
    assert sum(column(found, "completed", "routed") + column(found, "completed", "dispatched") + column(found, "completed", "triaged")) == 0


def test_work_without_an_acknowledgement_still_waits_for_one(zone):
    zone.scan("2026-01-05T09:00:00Z").event("in_progress", "2026-01-13T09:00:00Z")
    found = capacity(zone, "2026-01-26T09:00:00Z")
    assert queues(found, "2026-01-19") == {"acknowledged": 1}


def test_withdrawn_is_closed_and_superseded_only_leaves(zone):
    several(zone, "2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z")
    zone.event("withdrawn", "2026-01-13T09:00:00Z", ref="F0", comment="false positive")
    zone.event("resolved", "2026-01-13T09:00:00Z", ref="F1").event("reopened", "2026-01-20T09:00:00Z", ref="F1")
    found = capacity(zone, "2026-01-26T09:00:00Z")
    assert column(found, "opened", "closed") == [2, 0, 1, 0]
    assert column(found, "completed", "closed") == [0, 1, 0, 0]
    assert [queues(found, week) for week in ("2026-01-05", "2026-01-12", "2026-01-19")] == [{"routed": 2}, {"acknowledged": 1}, {"routed": 1}]


def test_throughput_utilisation_wait_and_weeks_above(zone):
    # Six opened in the first week, two a week after that; acknowledged: 0, 4, 2, 0, 0, 2.
    several(zone, *["2026-01-05T09:00:00Z"] * 6, "2026-01-13T09:00:00Z", "2026-01-13T09:00:00Z", "2026-01-27T09:00:00Z")
    for number, at in enumerate(["2026-01-12T09:00:00Z"] * 4 + ["2026-01-20T09:00:00Z"] * 2 + ["2026-02-09T09:00:00Z"] * 2):
        zone.event("acknowledged", at, ref=f"F{number}")
    found = capacity(zone, "2026-02-15T09:00:00Z")
    assert column(found, "opened", "acknowledged") == [6, 2, 0, 1, 0, 0]
    assert column(found, "completed", "acknowledged") == [0, 4, 2, 0, 0, 2]
    assert column(found, "throughput", "acknowledged") == [0, 2, 2, 1.5, 1.5, 1]
    assert column(found, "utilisation", "acknowledged") == [None, 1, 0, pytest.approx(2 / 3), 0, 0]
    assert column(found, "weeks_above", "acknowledged") == [1, 0, 0, 0, 0, 0]
    # Nothing is ever triaged: no throughput, so no utilisation and no expected wait, whatever waits.
    assert column(found, "queue", "triaged") == [0, 4, 6, 6, 6, 8]
    assert column(found, "utilisation", "triaged") == column(found, "expected_wait_seconds", "triaged") == [None] * 6
    assert column(found, "weeks_above", "triaged") == [1, 2, 0, 1, 0, 0]


def test_expected_wait_is_what_waits_by_what_gets_through(zone):
    several(zone, *["2026-01-05T09:00:00Z"] * 5)
    for number in range(5):
        zone.event("notified", "2026-01-06T09:00:00Z", ref=f"F{number}", target_person="anna")
    for number in range(2):
        zone.event("acknowledged", "2026-01-07T09:00:00Z", ref=f"F{number}")
    (row,) = (row for (_, step), row in capacity(zone, "2026-01-08T09:00:00Z").items() if step == "acknowledged")
    assert (row["queue"], row["throughput"], row["utilisation"], row["expected_wait_seconds"]) == (3, 2, 2.5, 1.5 * 7 * 86_400)


def test_business_units_stand_beside_the_whole(zone):
    zone.assets(
        {"asset_id": "pay", "name": "pay-api", "owner_team": "payments", "business_unit": "retail"},
        {"asset_id": "ops", "name": "ops-api", "owner_team": "payments", "business_unit": "all"},
        {"asset_id": "lab", "name": "lab-api", "owner_team": "payments", "business_unit": ""},
    )
    for number, target in enumerate(("pay-api", "pay-api", "ops-api", "lab-api", "nowhere")):
        zone.scan("2026-01-05T09:00:00Z", "High", own=f"F{number}", cve=f"CVE-2026-{number}", target=target)
    rows = zone.state("2026-01-13T09:00:00Z").mart("ingest_capacity")
    opened = {row["business_unit"]: row["opened"] for row in rows if row["step"] == "routed" and row["week_start"] == date(2026, 1, 5)}
    assert opened == {"all": 5, "retail": 2, "(all)": 1, "(none)": 2}
    assert len(rows) == 2 * 4 * 5


# A generated programme


@pytest.fixture(scope="module")
def programme(built_warehouse):
    with built_warehouse.open() as connection:
        columns = "business_unit, captured_at, routed_at, notified_at, acknowledged_at, triaged_at, closed_at, in_progress_at, resolved_at, is_open, horizon_at"
        cycles = [dict(zip(columns.split(", "), row, strict=True)) for row in connection.execute(f"SELECT {columns} FROM mart.handoff").fetchall()]
        names = [name for (name,) in connection.execute("SELECT column_name FROM duckdb_columns() WHERE schema_name = 'mart' AND table_name = 'ingest_capacity' ORDER BY column_index").fetchall()]
        rows = [dict(zip(names, row, strict=True)) for row in connection.execute("FROM mart.ingest_capacity").fetchall()]
        (zone_name, as_of) = connection.execute("SELECT reporting_zone, as_of FROM derived.parameter").fetchone()
        bounds = dict(connection.execute("SELECT DISTINCT week_start, timezone('UTC', timezone(?, (week_start + 7)::TIMESTAMP)) FROM mart.ingest_capacity", [zone_name]).fetchall())
    return cycles, rows, bounds, as_of


def waits_for(cycle: dict, at: datetime) -> str | None:
    """Told from the cycle alone: the first step that it had not passed before that instant."""

    def before(*names: str) -> bool:
        return any(cycle[name] is not None and cycle[name] < at for name in names)

    if cycle["captured_at"] >= at or (not cycle["is_open"] and cycle["horizon_at"] < at):
        return None
    if before("acknowledged_at"):
        return "closed" if before("triaged_at", "in_progress_at", "resolved_at") else "triaged"
    if before("notified_at", "in_progress_at", "resolved_at"):
        return "acknowledged"
    return "dispatched" if before("routed_at") else "routed"


def test_queues_of_a_generated_programme_are_what_a_count_cycle_by_cycle_gives(programme):
    cycles, rows, bounds, as_of = programme
    last = max(bounds)
    ends = {week: end if week < last else as_of + timedelta(microseconds=1) for week, end in bounds.items()}
    found, counted = {}, {}
    for row in rows:
        found[row["week_start"], row["business_unit"], row["step"]] = row["queue"]
        inside = [c for c in cycles if row["business_unit"] in ("all", c["business_unit"] or "(none)")]
        counted[row["week_start"], row["business_unit"], row["step"]] = sum(waits_for(c, ends[row["week_start"]]) == row["step"] for c in inside)
    assert found == counted
    assert sum(found.values()) > 100


def test_laws_of_a_generated_programme(programme):
    cycles, rows, _, _ = programme
    whole = [row for row in rows if row["business_unit"] == "all"]
    for name, instants in (("routed", "routed_at"), ("dispatched", "notified_at"), ("acknowledged", "acknowledged_at"), ("triaged", "triaged_at"), ("closed", "closed_at")):
        of_step = sorted((row for row in whole if row["step"] == name), key=lambda row: row["week_start"])
        assert sum(row["opened"] for row in of_step) == len(cycles)
        assert sum(row["completed"] for row in of_step) == sum(cycle[instants] is not None for cycle in cycles)
        for number, row in enumerate(of_step):
            recent = of_step[max(0, number - 3) : number + 1]
            assert row["throughput"] == pytest.approx(sum(other["completed"] for other in recent) / len(recent))
            before = of_step[number - 1]["weeks_above"] if number else 0
            assert row["weeks_above"] == (before + 1 if row["opened"] > row["throughput"] else 0)
    assert {row["week_start"].weekday() for row in rows} == {0}
    for row in rows:
        assert row["queue"] >= 0
        assert (row["utilisation"] is None) == (row["expected_wait_seconds"] is None) == (row["throughput"] == 0)
