"""mart.single_sla: whom one SLA from t0 to closure would have blamed (ruling 57), worked by hand and held to mart.handoff."""

from __future__ import annotations

from datetime import date

import pytest

#: One day to acknowledge and ten to fix, in wall time: the single SLA asks for eleven.
POLICY = {"handoff_sla": {"high": "1d", "critical": "1d"}, "remediation_sla": {"high": "10d", "critical": "10d"}}
COUNTS = ("cycles", "single_breaches", "handoff_breaches", "remediation_breaches", "both", "misattributed", "blamed_rightly")


def add(zone, name: str, captured: str, acknowledged: str | None = None, verified: str | None = None, severity: str = "High", **item) -> None:
    zone.scan(captured, severity, own=name, title=name, cve=f"CVE-2026-{len(zone.files)}", **item)
    for word, at in (("acknowledged", acknowledged), ("verified", verified)):
        if at:
            zone.event(word, at, ref=name)


def rows(zone, as_of: str, policy=POLICY, grain: str = "all", dimension: str = "all", severity: str = "all") -> list[dict]:
    found = zone.state(as_of, policy).mart("single_sla")
    return [row for row in found if (row["period_grain"], row["dimension"], row["severity"]) == (grain, dimension, severity)]


def counts(row: dict) -> tuple:
    return tuple(row[name] for name in COUNTS)


def test_whom_it_blames(zone):
    day = "2026-03-{:02d}T00:00:00Z".format
    add(zone, "kept", day(1), day(2), day(12))
    # Acknowledged eight days late, fixed within ten of that: security operations', but engineering is blamed, for five days.
    add(zone, "late handoff", day(1), day(9), day(17))
    add(zone, "late fix", day(1), day(2), day(20))
    add(zone, "both late", day(1), day(5), day(25))
    # Late by an hour at the handoff, in time all in all.
    add(zone, "caught up", day(1), "2026-03-02T01:00:00Z", day(3))
    # Never acknowledged, so that engineering's clock never began; as_of is nine days after its single due.
    add(zone, "never", day(10))
    # Its single SLA is not due before the end of the month.
    add(zone, "not yet due", day(25))
    (row,) = rows(zone, day(30))
    assert counts(row) == (6, 4, 4, 2, 1, 2, 2)
    assert row["misattributed_seconds"] == (5 + 9) * 86_400
    assert row["period_start"] is None


@pytest.mark.parametrize(("as_of", "expected"), [("2026-03-11T23:59:59Z", []), ("2026-03-12T00:00:00Z", [(1, 0, 1, 0, 0, 0, 0)]), ("2026-03-12T00:00:01Z", [(1, 1, 1, 0, 0, 1, 0)])])
def test_it_counts_from_its_due_instant_on_and_breaks_after_it(zone, as_of, expected):
    add(zone, "never", "2026-03-01T00:00:00Z")
    assert [counts(row) for row in rows(zone, as_of)] == expected


@pytest.mark.parametrize(("reporting_zone", "day", "week", "month"), [
    ("UTC", date(2025, 12, 31), date(2025, 12, 29), date(2025, 12, 1)),
    ("Asia/Tokyo", date(2026, 1, 1), date(2025, 12, 29), date(2026, 1, 1)),
])  # fmt: skip
def test_periods_are_those_of_the_due_instant_in_the_reporting_zone(zone, reporting_zone, day, week, month):
    add(zone, "a", "2025-12-20T20:00:00Z")
    found = {grain: rows(zone, "2026-02-01T00:00:00Z", POLICY | {"reporting_zone": reporting_zone}, grain) for grain in ("all", "day", "week", "month", "quarter")}
    assert {grain: [row["period_start"] for row in periods] for grain, periods in found.items()} == {
        "all": [None], "day": [day], "week": [week], "month": [month], "quarter": [date(month.year, (month.month - 1) // 3 * 3 + 1, 1)],
    }  # fmt: skip


def test_a_cycle_that_was_withdrawn_or_superseded_is_held_to_its_end(zone):
    for name, word in (("withdrawn", "withdrawn"), ("reopened", "reopened")):
        add(zone, name, "2026-03-01T00:00:00Z")
        zone.event("resolved", "2026-03-09T00:00:00Z", ref=name).event(word, "2026-03-14T00:00:00Z", ref=name, comment="duplicate")
    add(zone, "withdrawn in time", "2026-03-01T00:00:00Z")
    zone.event("withdrawn", "2026-03-12T00:00:00Z", ref="withdrawn in time", comment="duplicate")
    (row,) = rows(zone, "2026-03-20T00:00:00Z")
    assert (row["cycles"], row["misattributed"], row["misattributed_seconds"]) == (3, 2, 2 * 2 * 86_400)


def test_cuts(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments", "business_unit": "retail", "environment": "production"})
    add(zone, "a", "2026-03-01T00:00:00Z", scanner="one")
    zone.scan("2026-03-02T00:00:00Z", "High", own="a2", title="a", cve="CVE-2026-3", scanner="two")
    add(zone, "b", "2026-03-01T00:00:00Z", "2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z", target="nowhere", severity="Critical")
    found = zone.state("2026-03-20T00:00:00Z", POLICY).mart("single_sla")
    whole = {(row["dimension"], row["dimension_value"]): (row["cycles"], row["misattributed"]) for row in found if row["period_grain"] == row["severity"] == "all"}
    assert whole == {
        ("all", "all"): (2, 1), ("team", "payments"): (1, 1), ("team", "(none)"): (1, 0), ("business_unit", "retail"): (1, 1), ("business_unit", "(none)"): (1, 0),
        ("environment", "production"): (1, 1), ("environment", "(none)"): (1, 0), ("scanner", "one"): (2, 1), ("scanner", "two"): (1, 1),
        ("origin", "first_time"): (2, 1), ("engagement", "(none)"): (2, 1), ("capture_channel", "scanner"): (2, 1), ("failure_mode", "unexplained"): (1, 1),
    }  # fmt: skip
    assert {row["severity"]: counts(row) for row in found if (row["period_grain"], row["dimension"]) == ("all", "all")} == {
        "all": (2, 1, 1, 0, 0, 1, 0), "high": (1, 1, 1, 0, 0, 1, 0), "critical": (1, 0, 0, 0, 0, 0, 0),
    }  # fmt: skip


def test_laws_of_a_generated_programme(built_warehouse):
    totals = "FROM mart.single_sla WHERE period_grain = 'all' AND dimension = 'all' AND severity = 'all'"
    due = "FROM mart.handoff WHERE single_sla_due_at <= (SELECT as_of FROM derived.parameter)"
    laws = {
        "totals": f"SELECT cycles, single_breaches, handoff_breaches, remediation_breaches, \"both\", misattributed, blamed_rightly {totals} EXCEPT "
        "SELECT count(*), (SELECT count(*) FROM mart.handoff WHERE single_sla_breached), count(*) FILTER (WHERE handoff_breached), "
        "count(*) FILTER (WHERE remediation_breached), count(*) FILTER (WHERE breach_attribution = 'both'), (SELECT count(*) FROM mart.handoff WHERE misattributed), "
        f"count(*) FILTER (WHERE single_sla_breached AND remediation_breached) {due}",
        "seconds": f"SELECT misattributed_seconds {totals} AND abs(misattributed_seconds - (SELECT sum(overdue_seconds) FROM mart.sla_breach "
        "JOIN mart.handoff USING (finding_id, cycle) WHERE sla = 'single' AND misattributed)) > 1e-3",
        "grains": "SELECT period_grain FROM mart.single_sla WHERE dimension = 'all' AND severity <> 'all' GROUP BY period_grain "
        f"HAVING sum(cycles) <> (SELECT cycles {totals}) OR sum(misattributed) <> (SELECT misattributed {totals})",
        "cuts": "SELECT dimension FROM mart.single_sla WHERE period_grain = 'all' AND severity = 'all' AND dimension NOT IN ('scanner', 'failure_mode') "
        f"GROUP BY dimension HAVING sum(cycles) <> (SELECT cycles {totals})",
        "whom it blames": "SELECT cycles FROM mart.single_sla WHERE misattributed + blamed_rightly > single_breaches OR \"both\" > least(handoff_breaches, remediation_breaches) "
        "OR greatest(single_breaches, handoff_breaches, remediation_breaches) > cycles OR (misattributed_seconds > 0) <> (misattributed > 0)",
    }
    with built_warehouse.open() as connection:
        assert connection.execute(f"SELECT misattributed > 0 AND blamed_rightly > 0 {totals}").fetchone() == (True,)
        broken = {name: found for name, query in laws.items() if (found := connection.execute(query).fetchall())}
    assert broken == {}
