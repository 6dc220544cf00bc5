"""The report's own queries on marts of a few rows, where a real programme of them would be large."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest

from warehouse.schema import sql_file

AS_OF = datetime(2026, 5, 20, 12)
T0 = datetime(2026, 5, 11, 9)


def hours(amount: float) -> timedelta:
    return timedelta(hours=amount)


def handoff(finding_id: str, **more: object) -> dict:
    row = {"finding_id": finding_id, "cycle": 1, "severity": "high", "team": "a", "captured_at": T0, "handoff_due_at": T0 + hours(8), "horizon_at": AS_OF}
    unset = dict.fromkeys(("acknowledged_at", "triaged_at", "in_progress_at", "resolved_at", "verified_at", "latency_business_seconds", "failure_mode"))
    return {**row, **unset, "handoff_breached": False, "is_open": True, **more}


@pytest.fixture
def asked():
    """A query of the report over these handoffs, and whatever other marts it reads; rows as dictionaries."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA mart")
    connection.execute(
        "CREATE VIEW report_period AS SELECT 'month' AS period_grain, DATE '2026-05-01' AS period_start, TIMESTAMP '2026-05-01' AS starts_at, "
        "TIMESTAMP '2026-05-20 12:00' AS as_of"
    )
    connection.execute(
        "CREATE TABLE mart.handoff (finding_id VARCHAR, cycle INTEGER, severity VARCHAR, team VARCHAR, captured_at TIMESTAMP, handoff_due_at TIMESTAMP, "
        "horizon_at TIMESTAMP, acknowledged_at TIMESTAMP, triaged_at TIMESTAMP, in_progress_at TIMESTAMP, resolved_at TIMESTAMP, verified_at TIMESTAMP, "
        "latency_business_seconds DOUBLE, failure_mode VARCHAR, handoff_breached BOOLEAN, is_open BOOLEAN)"
    )
    connection.execute("CREATE TABLE mart.failure_mode (finding_id VARCHAR, cycle INTEGER, mode VARCHAR, is_primary BOOLEAN, evidence VARCHAR)")
    connection.execute("CREATE TABLE mart.segment (finding_id VARCHAR, cycle INTEGER, segment VARCHAR, started_at TIMESTAMP, ended_at TIMESTAMP, covers VARCHAR[])")
    connection.execute(
        "CREATE TABLE mart.single_sla (period_grain VARCHAR, period_start DATE, dimension VARCHAR, dimension_value VARCHAR, severity VARCHAR, misattributed BIGINT)"
    )

    def answer(query: str, *handoffs: dict, **others: list[tuple]) -> list[dict]:
        connection.executemany("INSERT INTO mart.handoff VALUES (" + ", ".join("?" * 16) + ")", [list(row.values()) for row in handoffs])
        for table, rows in others.items():
            connection.executemany(f"INSERT INTO mart.{table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        return connection.execute(sql_file(f"report/{query}.sql")).pl().rows(named=True)

    yield answer
    connection.close()


def test_a_bin_holds_its_upper_end_and_the_first_one_nothing_at_all(asked):
    latencies = [0, 900, 900.000001, 1_800, 14_400, 14_400.000001, 921_600, 9_999_999]
    rows = asked("latency_bin", *(handoff(f"f{n}", acknowledged_at=T0 + hours(1), latency_business_seconds=seconds) for n, seconds in enumerate(latencies)))
    assert {row["from_seconds"]: row["handoffs"] for row in rows if row["handoffs"]} == {0: 2, 900: 2, 7_200: 1, 14_400: 1, 460_800: 1, 921_600: 1}
    assert sum(row["handoffs"] for row in rows) == len(latencies)


def test_why_a_handoff_was_late_is_what_its_primary_mode_keeps(asked):
    late = {"acknowledged_at": T0 + hours(30), "handoff_breached": True}
    rows = asked(
        "late_reason",
        *(handoff(f"f{n}", failure_mode="decayed_routing", **late) for n in range(3)),
        handoff("g", failure_mode="asset_binding_gap", **late),
        handoff("h", failure_mode="unexplained", **late),
        handoff("kept", acknowledged_at=T0 + hours(1)),
        handoff("earlier", failure_mode="unexplained", handoff_breached=True, acknowledged_at=datetime(2026, 4, 30, 23)),
        failure_mode=[
            ("f0", 1, "decayed_routing", True, '{"reason": "departed_person"}'),
            ("f1", 1, "decayed_routing", True, '{"reason": "departed_person"}'),
            # A published copy for those who may not see names has no evidence.
            ("f2", 1, "decayed_routing", True, None),
            ("f2", 1, "notification_noise", False, '{"reason": "not the primary one"}'),
            ("g", 1, "asset_binding_gap", True, '{"status": "unbound"}'),
        ],
    )
    assert [(row["failure_mode"], row["reason"], row["handoffs"]) for row in rows] == [
        ("decayed_routing", "departed_person", 2), ("asset_binding_gap", None, 1), ("decayed_routing", None, 1), ("unexplained", None, 1),
    ]  # fmt: skip


def test_a_team_is_of_what_was_under_way_in_the_period(asked):
    rows = asked(
        "team_handoff",
        handoff("open"),
        handoff("late", acknowledged_at=T0 + hours(20), latency_business_seconds=7_200, handoff_breached=True),
        handoff("ended before it fell due", is_open=False, horizon_at=T0 + hours(1)),
        handoff("over before the period", is_open=False, captured_at=datetime(2026, 4, 1), horizon_at=datetime(2026, 4, 30)),
        handoff("of nobody", team=None),
        single_sla=[("month", T0.date().replace(day=1), "team", "a", "all", 2), ("month", T0.date().replace(day=1), "team", "a", "high", 2)],
    )
    assert [tuple(row.values()) for row in rows] == [("month", "(none)", 1, 0, None, 1, 0, 1, 0), ("month", "a", 3, 1, 7_200, 2, 1, 1, 2)]


def test_what_was_verified_out_of_order_is_counted_apart(asked):
    closed = {"verified_at": T0 + hours(10), "is_open": False}
    rows = asked(
        "closed_segment",
        handoff("whole", triaged_at=T0 + hours(1), resolved_at=T0 + hours(4), **closed),
        handoff("reversed", resolved_at=T0 + hours(11), **closed),
        segment=[
            ("whole", 1, "handoff", T0, T0 + hours(1), ["handoff"]),
            ("whole", 1, "fix", T0 + hours(1), T0 + hours(4), ["triage", "fix"]),
            ("whole", 1, "verification", T0 + hours(4), T0 + hours(10), ["verification"]),
            ("whole", 1, "control", T0 + hours(2), T0 + hours(3), ["control"]),
            ("reversed", 1, "fix", T0, T0 + hours(11), ["handoff", "triage", "fix"]),
        ],
    )
    assert [(row["segment"], row["segment_us"] / 3.6e9, row["merged"]) for row in rows] == [("handoff", 1, 0), ("triage", 0, 0), ("fix", 3, 1), ("verification", 6, 0)]
    assert {(row["handoffs"], row["out_of_order"], row["cycle_us"] / 3.6e9) for row in rows} == {(1, 1, 10)}
