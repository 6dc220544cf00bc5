"""Marts over whole cycles, by hand: shares of cycle time, lost seconds by stage, instrumentation, reopening, compensating controls."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import models

ALL = {"period_grain": "all", "dimension": "all", "severity": "all"}
HOUR, DAY = 3600.0, 86400.0


def of(rows: list[dict], **wanted: object) -> list[dict]:
    """The rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def one(rows: list[dict], **wanted: object) -> dict:
    (row,) = of(rows, **wanted)
    return row


def at(day: int, hour: float = 9) -> str:
    """An instant of April 2026; the 1st is a Wednesday."""
    return (datetime(2026, 4, 1) + timedelta(days=day - 1, hours=hour)).isoformat() + "Z"


def through(zone, ref: str, triaged: tuple, in_progress: tuple, resolved: tuple, verified: tuple):
    """A finding acknowledged in the hour that it enters triage, and worked to the end."""
    zone.event("acknowledged", at(*triaged), ref=ref)
    for word, when in (("triaged", triaged), ("in_progress", in_progress), ("resolved", resolved), ("verified", verified)):
        zone.event(word, at(*when), ref=ref)
    return zone


# Shares of cycle time (ruling 78)


@pytest.fixture
def shared(zone):
    """Two complete cycles, of 10 and of 20 hours; one verified without triage entry; one open."""
    for own in "ABCD":
        zone.scan(at(1), "Critical" if own == "A" else "High", own=own, title=own, vuln_id_from_tool=own, cve=f"CVE-2026-{ord(own)}")
    through(zone, "A", (1, 10), (1, 12), (1, 17), (1, 19))  # 1, 2, 5 and 2 of 10 hours
    through(zone, "B", (1, 19), (1, 19), (2, 0), (2, 5))  # 10, 0, 5 and 5 of 20 hours
    return zone.event("verified", at(3), ref="C")


def test_the_shares_of_complete_cycles(shared):
    rows = of(shared.state().mart("cycle_share"), **ALL)
    assert {row["segment"]: (row["seconds"] / HOUR, row["mean_share"], row["summed_share"]) for row in rows} == {
        "handoff": (11, pytest.approx((0.1 + 0.5) / 2), pytest.approx(11 / 30)),
        "triage": (2, pytest.approx((0.2 + 0) / 2), pytest.approx(2 / 30)),
        "fix": (10, pytest.approx((0.5 + 0.25) / 2), pytest.approx(10 / 30)),
        "verification": (7, pytest.approx((0.2 + 0.25) / 2), pytest.approx(7 / 30)),
    }
    assert {(row["cycles"], row["incomplete"], row["unverified"]) for row in rows} == {(2, 1, 1)}


def test_every_cut_and_period_has_the_four_segments(shared):
    rows = shared.state().mart("cycle_share")
    assert len(of(rows, dimension="all", severity="critical")) == 5 * 4
    assert {row["period_grain"]: str(row["period_start"]) for row in of(rows, dimension="all", severity="all", segment="fix")} == {
        "all": "None", "day": "2026-04-01", "week": "2026-03-30", "month": "2026-04-01", "quarter": "2026-04-01",
    }  # fmt: skip
    assert one(rows, **{**ALL, "dimension": "team"}, segment="handoff")["dimension_value"] == "payments"
    assert one(rows, **{**ALL, "dimension": "business_unit"}, segment="handoff")["dimension_value"] == "(none)"


def test_a_group_without_a_complete_cycle_has_no_shares(zone):
    rows = of(zone.scan(at(1)).state().mart("cycle_share"), **ALL)
    assert len(rows) == 4
    assert {(row["cycles"], row["incomplete"], row["unverified"], row["seconds"], row["mean_share"], row["summed_share"]) for row in rows} == {(0, 0, 1, 0, None, None)}


@pytest.mark.parametrize(
    ("triaged", "in_progress", "resolved", "verified", "is_complete"),
    [
        ((1, 10), (1, 12), (1, 17), (1, 19), True),
        ((1, 9), (1, 9), (1, 9), (1, 10), True),  # segments of nothing are shares of 0
        ((1, 9), (1, 9), (1, 9), (1, 9), False),  # a cycle of nothing has none
        ((1, 12), (1, 10), (1, 17), (1, 19), False),  # work before triage entry
        ((1, 10), (1, 17), (1, 12), (1, 19), False),  # resolved before work began
    ],
)
def test_which_verified_cycles_are_complete(zone, triaged, in_progress, resolved, verified, is_complete):
    row = of(through(zone.scan(at(1)), "A", triaged, in_progress, resolved, verified).state().mart("cycle_share"), **ALL)[0]
    assert (row["cycles"], row["incomplete"], row["unverified"]) == (int(is_complete), int(not is_complete), 0)


# Lost seconds (rulings 52, 58). Critical: due four open hours after t0, at 13:00.


def lost(zone, as_of: str = "2026-05-01T00:00:00Z") -> dict[str, float]:
    return {row["stage"]: row["seconds"] / HOUR for row in zone.state(as_of).mart("stage", "lag_attribution")}


def test_lost_seconds_go_to_the_stage_that_ends_each_span(zone):
    zone.scan(at(1)).event("enriched", at(1, 12)).event("routed", at(1, 15), target_person="anna")
    zone.event("notified", at(1, 16), target_person="anna").event("acknowledged", at(2, 9)).event("triaged", at(2, 12))
    assert lost(zone) == {"routing": 2, "dispatch": 1, "acknowledgement": 17}
    row = zone.state().mart("stage", "lag_attribution")[0]
    assert (row["failure_mode"], row["team"]) == ("unexplained", "payments")


def test_a_stage_that_was_not_observed_is_part_of_the_next_ones_span(zone):
    assert lost(zone.scan(at(1)).event("notified", at(1, 16), target_person="anna").event("acknowledged", at(1, 18))) == {"dispatch": 3, "acknowledgement": 2}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], {"enrichment": 24}),
        ([("enriched", 10)], {"routing": 24}),
        ([("enriched", 14)], {"enrichment": 1, "routing": 23}),
        ([("routed", 12)], {"dispatch": 24}),
        ([("notified", 12)], {"acknowledgement": 24}),
        # out of sequence: dispatch has happened, so that what is waited for after routing is the acknowledgement
        ([("notified", 10), ("routed", 14)], {"routing": 1, "acknowledgement": 23}),
        ([("routed", 10), ("enriched", 14)], {"enrichment": 1, "dispatch": 23}),
    ],
)
def test_what_an_unacknowledged_handoff_waits_for(zone, events, expected):
    zone.scan(at(1))
    for word, hour in events:
        zone.event(word, at(1, hour), **({} if word == "enriched" else {"target_person": "anna"}))
    assert lost(zone, at(2, 13)) == expected


@pytest.mark.parametrize(
    ("acknowledged", "expected"),
    [
        (at(1, 13), {}),  # kept at its due instant
        ("2026-04-01T13:00:00.000001Z", {"acknowledgement": 1e-6 / HOUR}),
        (at(1, 14), {"acknowledgement": 1}),
    ],
)
def test_only_what_is_beyond_the_due_instant_is_lost(zone, acknowledged, expected):
    assert lost(zone.scan(at(1)).event("acknowledged", acknowledged)) == expected


def test_nothing_is_lost_after_a_cycle_has_ended(zone):
    assert lost(zone.scan(at(1)).event("withdrawn", at(1, 15))) == {"enrichment": 2}
    assert lost(zone.event("reopened", at(1, 20)), at(1, 21)) == {"enrichment": 2}


STAGE_COLUMNS = ("enriched_at", "routed_at", "notified_at", "acknowledged_at", "triaged_at")


@st.composite
def generated_cycles(draw) -> list[dict]:
    """Cycles as mart.handoff may hold them, instants in microseconds: what precedes t1 is in [t0, t1], triage entry follows it."""
    cycles = []
    for number in range(draw(st.integers(1, 12))):
        start = draw(st.integers(0, 50))
        horizon = start + draw(st.integers(0, 200))
        inside = st.none() | st.integers(start, horizon)
        t1 = draw(inside)
        before = st.none() | st.integers(start, horizon if t1 is None else t1)
        due = start + draw(st.integers(0, 120))
        cycles.append({
            "finding_id": f"f{number}", "cycle": 1, "captured_at": start, **{name: draw(before) for name in STAGE_COLUMNS[:3]}, "acknowledged_at": t1,
            "triaged_at": None if t1 is None else draw(st.none() | st.integers(t1, horizon)), "horizon_at": horizon, "handoff_due_at": due,
            "handoff_breached": (horizon if t1 is None else t1) > due,
        })  # fmt: skip
    return cycles


@pytest.fixture(scope="module")
def empty_marts():
    """A database with schema mart and nothing in it."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET threads = 1; CREATE SCHEMA mart")
        yield connection


@given(generated_cycles())
def test_lost_seconds_add_up_to_the_time_beyond_the_due_instant(empty_marts, cycles):
    instants = ("captured_at", *STAGE_COLUMNS, "horizon_at", "handoff_due_at")
    empty_marts.execute(
        f"CREATE OR REPLACE TABLE mart.handoff (finding_id VARCHAR, cycle INTEGER, {', '.join(f'{name} TIMESTAMP' for name in instants)}, "
        "handoff_breached BOOLEAN, failure_mode VARCHAR, team VARCHAR)"
    )
    open_times = ", ".join(f"{name}_open_us BIGINT" for name in ("captured", "enriched", "routed", "notified", "acknowledged", "triaged"))
    empty_marts.execute("CREATE SCHEMA IF NOT EXISTS derived")
    empty_marts.execute(f"CREATE OR REPLACE TABLE derived.cycle (finding_id VARCHAR, cycle INTEGER, {open_times})")
    for cycle in cycles:
        values = [cycle["finding_id"], 1, *(cycle[name] for name in instants), cycle["handoff_breached"]]
        empty_marts.execute(
            f"INSERT INTO mart.handoff VALUES (?, ?, {', '.join(['make_timestamp(?::BIGINT)'] * len(instants))}, ?, 'unexplained', NULL)", values
        )
    for name in ("stage", "lag_attribution"):
        empty_marts.execute(f"CREATE OR REPLACE TABLE mart.{name} AS {models.models()[name].query}")
    found = dict(empty_marts.execute("SELECT finding_id, sum(lost_us)::BIGINT FROM mart.lag_attribution GROUP BY ALL").fetchall())
    assert found == {
        cycle["finding_id"]: (cycle["horizon_at"] if cycle["acknowledged_at"] is None else cycle["acknowledged_at"]) - cycle["handoff_due_at"]
        for cycle in cycles if cycle["handoff_breached"]
    }  # fmt: skip
    assert empty_marts.execute("FROM mart.lag_attribution WHERE lost_us <= 0 OR seconds <> lost_us / 1e6").fetchall() == []
    # what is charged to a stage that was observed was spent before it was
    late = "FROM mart.lag_attribution JOIN mart.stage USING (finding_id, cycle, stage) JOIN mart.handoff USING (finding_id, cycle) WHERE instant < handoff_due_at"
    assert empty_marts.execute(late).fetchall() == []


# Instrumentation (ruling 77)


def test_coverage_is_of_the_cycles_that_went_past(zone):
    for own in "ABCD":
        zone.scan(at(1), own=own, title=own, vuln_id_from_tool=own, cve=f"CVE-2026-{ord(own)}")
    for own in "AB":
        zone.event("enriched", at(1, 10), ref=own)
    zone.event("routed", at(1, 11), target_person="anna", ref="A").event("acknowledged", at(1, 13), ref="A")
    zone.event("acknowledged", at(1, 12), ref="B").event("resolved", at(1, 15), ref="C")
    rows = of(zone.state().mart("stage", "instrumentation"), **ALL)
    assert {row["stage"]: (row["past"], row["observed"], row["coverage_rate"]) for row in rows} == {
        "capture": (3, 3, 1.0),
        "enrichment": (3, 2, pytest.approx(2 / 3)),
        "routing": (3, 1, pytest.approx(1 / 3)),
        "dispatch": (3, 0, 0.0),
        "acknowledgement": (1, 0, 0.0),  # only the resolved one is past it
        "triage_entry": (1, 0, 0.0),
    }
    # spans that cover one stage alone: A and B from capture to enrichment, A from there to routing; an acknowledgement without dispatch covers more
    assert {row["stage"]: (row["spans"], row["median_seconds"], row["p90_seconds"]) for row in rows} == {
        "capture": (4, 0, 0), "enrichment": (2, HOUR, HOUR), "routing": (1, HOUR, HOUR), "dispatch": (0, None, None), "acknowledgement": (0, None, None),
        "triage_entry": (0, None, None),
    }  # fmt: skip


def test_a_stage_that_nobody_went_past_has_no_coverage(zone):
    rows = of(zone.scan(at(1)).state().mart("stage", "instrumentation"), **ALL)
    assert {(row["past"], row["observed"], row["coverage_rate"]) for row in rows} == {(0, 0, None)}
    assert one(zone.event("enriched", at(1, 10)).state().mart("stage", "instrumentation"), **ALL, stage="capture")["coverage_rate"] == 1


def test_a_stage_out_of_sequence_was_observed_and_has_no_span(zone):
    zone.scan(at(1)).event("routed", at(1, 10), target_person="anna").event("enriched", at(1, 11)).event("acknowledged", at(1, 12))
    rows = of(zone.state().mart("stage", "instrumentation"), **ALL)
    assert {row["stage"]: (row["observed"], row["spans"]) for row in rows if row["stage"] in ("enrichment", "routing", "dispatch")} == {
        "enrichment": (1, 1), "routing": (1, 0), "dispatch": (0, 0),
    }  # fmt: skip


# Reopening (ruling 79)


def test_reopened_of_those_completed(zone):
    for own in "ABC":
        zone.scan(at(1), own=own, title=own, vuln_id_from_tool=own, cve=f"CVE-2026-{ord(own)}")
    zone.event("resolved", at(2), ref="A").event("verified", at(3), ref="A").event("reopened", at(5), ref="A")
    zone.event("verified", at(8), ref="B").event("withdrawn", at(2), ref="C").event("reopened", at(4), ref="C")
    rows = zone.state().mart("reopen")
    row = one(rows, **ALL)
    assert (row["completed"], row["reopened"], row["reopen_rate"], row["median_seconds_to_reopen"]) == (2, 1, 0.5, 3 * DAY)
    # dated by the resolution, else by the verification
    assert [(str(row["period_start"]), row["completed"], row["reopened"]) for row in of(rows, **{**ALL, "period_grain": "day"})] == [("2026-04-02", 1, 1), ("2026-04-08", 1, 0)]
    assert one(rows, **{**ALL, "period_grain": "day", "dimension": "origin"}, reopened=0)["median_seconds_to_reopen"] is None


def test_a_programme_that_completed_nothing_has_no_row(zone):
    assert zone.scan(at(1)).event("withdrawn", at(2)).state().mart("reopen") == []


def test_a_completion_belongs_to_its_local_day(zone):
    rows = zone.scan(at(1)).event("verified", at(2, 23)).state(policy={"reporting_zone": "Europe/Berlin"}).mart("reopen")
    assert str(one(rows, **{**ALL, "period_grain": "day"})["period_start"]) == "2026-04-03"


# Compensating controls (rulings 45, 84); attested every 30 days here


def controls(zone, as_of: str) -> list[dict]:
    return zone.state(as_of, {"controls": {"attestation": "30d"}}).mart("compensating_control")


@pytest.mark.parametrize(("as_of", "state"), [(at(17), "current"), (at(18), "due_soon"), (at(31, 8), "due_soon"), (at(32), "lapsed")])
def test_a_control_is_due_soon_a_fortnight_before_it_lapses(zone, as_of, state):
    (row,) = controls(zone.scan(at(1)).event("control_accepted", at(2)), as_of)
    assert (row["state"], row["started_at"], row["attested_at"], row["due_at"], row["attestations"]) == (state, at(2), at(2), at(32), 0)
    assert (row["cycle"], row["severity"], row["team"], row["owner_id"], row["title"]) == (1, "critical", "payments", "anna", "T")


def test_an_attestation_renews_and_may_stand_for_the_acceptance(zone):
    zone.scan(at(1)).event("control_attested", at(2)).event("control_attested", at(20))
    (row,) = controls(zone, at(30))
    assert (row["started_at"], row["attested_at"], row["due_at"], row["attestations"], row["ended_at"], row["age_seconds"]) == (at(2), at(20), at(50), 2, None, 28 * DAY)


def test_a_lapse_starts_a_cycle_whose_latency_is_the_re_handoff(zone):
    zone.scan(at(1)).event("control_accepted", at(2)).event("acknowledged", at(32, 11))
    (row,) = controls(zone, at(40))
    assert (row["ended_at"], row["ended_by"], row["state"], row["revalidation_cycle"], row["revalidation_started_at"]) == (at(32), "due", "lapsed", 2, at(32))
    # 2 May 2026 is a Saturday: none of the two hours is open
    assert (row["revalidation_latency_seconds"], row["revalidation_latency_business_seconds"]) == (2 * HOUR, 0)


def test_an_expired_control_lapses_at_once(zone):
    (row,) = controls(zone.scan(at(1)).event("control_accepted", at(2)).event("control_expired", at(6)), at(7))
    assert (row["ended_at"], row["ended_by"], row["due_at"], row["state"]) == (at(6), "control_expired", at(6), "lapsed")
    assert (row["revalidation_cycle"], row["revalidation_latency_seconds"]) == (2, None)


def test_a_control_runs_across_a_reopening_of_a_cycle(zone):
    zone.scan(at(1)).event("control_accepted", at(2)).event("resolved", at(4)).event("reopened", at(6))
    (row,) = controls(zone, at(10))
    assert (row["cycle"], row["started_at"], row["ended_at"], row["state"]) == (1, at(2), None, "current")
    (row,) = controls(zone, at(33))
    assert (row["ended_by"], row["revalidation_cycle"]) == ("due", 3)


def test_a_lapse_of_a_resolved_finding_starts_no_cycle(zone):
    (row,) = controls(zone.scan(at(1)).event("control_accepted", at(2)).event("resolved", at(4)), at(33))
    assert (row["ended_by"], row["state"], row["revalidation_cycle"], row["revalidation_started_at"]) == ("due", "lapsed", None, None)


@pytest.mark.parametrize("word", ["verified", "withdrawn"])
def test_closure_closes_a_control_whether_it_runs_or_has_lapsed(zone, word):
    (row,) = controls(zone.scan(at(1)).event("control_accepted", at(2)).event(word, at(6)), at(7))
    assert (row["ended_at"], row["ended_by"], row["state"]) == (at(6), word, "closed")
    zone.events = zone.events[:1]
    (row,) = controls(zone.event(word, at(34)), at(35))
    assert (row["ended_at"], row["ended_by"], row["state"]) == (at(32), "due", "closed")


def test_a_control_attested_after_its_lapse_is_another_one(zone):
    zone.scan(at(1)).event("control_accepted", at(2)).event("control_attested", at(34))
    rows = controls(zone, at(66))
    assert [(row["started_at"], row["ended_by"], row["state"], row["revalidation_cycle"]) for row in rows] == [(at(2), "due", "closed", 2), (at(34), "due", "lapsed", 3)]


def test_a_revalidation_that_nobody_acknowledged_before_the_next_one_has_no_latency(zone):
    zone.scan(at(1)).event("control_accepted", at(2)).event("control_attested", at(34)).event("acknowledged", at(65))
    first, second = controls(zone, at(66))
    assert (first["revalidation_cycle"], first["revalidation_latency_seconds"]) == (2, None)
    assert (second["revalidation_cycle"], second["revalidation_latency_seconds"]) == (3, DAY)


def test_a_control_that_began_while_its_cycle_was_unrated_is_in_no_mart(zone):
    zone.scan(at(1), "Odd").event("control_accepted", at(2)).scan(at(40), "High")
    assert controls(zone, at(41)) == []
    assert [(row["cycle"], row["origin"]) for row in zone.state(at(41), {"controls": {"attestation": "30d"}}).mart("handoff")] == [(2, "revalidation")]


# The laws of them


@pytest.mark.parametrize(
    ("law", "damage"),
    [
        ("lag_sums", "UPDATE mart.lag_attribution SET lost_us = lost_us + 1"),
        ("lag_sums", "DELETE FROM mart.lag_attribution WHERE finding_id = (SELECT min(finding_id) FROM mart.lag_attribution)"),
        ("parts_of_whole", "UPDATE mart.lag_attribution SET lost_us = 0"),
        ("share_sums", "UPDATE mart.cycle_share SET mean_share = mean_share * 1.01"),
        ("share_sums", "UPDATE mart.cycle_share SET summed_share = 0.3"),
        ("share_sums", "UPDATE mart.cycle_share SET unverified = unverified + 1"),
        ("share_sums", "DELETE FROM mart.cycle_share WHERE dimension = 'scanner'"),
        ("totals_agree", "UPDATE mart.cycle_share SET incomplete = incomplete + 1"),
        ("totals_agree", "UPDATE mart.instrumentation SET spans = spans + 1"),
        ("totals_agree", "UPDATE mart.reopen SET completed = completed + 1"),
        ("parts_of_whole", "UPDATE mart.instrumentation SET observed = past + 1"),
        ("parts_of_whole", "UPDATE mart.instrumentation SET coverage_rate = 1.1 WHERE past > 0"),
        ("parts_of_whole", "UPDATE mart.reopen SET reopened = completed + 1"),
        ("references", "UPDATE derived.compensating_control SET revalidation_cycle = NULL"),
        ("references", "UPDATE mart.compensating_control SET ended_at = ended_at + INTERVAL 1 SECOND"),
    ],
)
def test_a_mart_that_is_wrong_breaks_its_law(built_warehouse, law, damage):
    laws = f"SELECT law, sum(abs(difference)) FROM ({models.models()['reconciliation'].query}) GROUP BY law"
    with built_warehouse.open() as connection:
        assert set(dict(connection.execute(laws).fetchall()).values()) == {0}
        connection.execute("BEGIN")
        connection.execute(damage)
        assert dict(connection.execute(laws).fetchall())[law] > 0
        connection.execute("ROLLBACK")
