"""mart.breach_forecast, its back-test and its calibration (ruling 82): worked by hand, and computed again over a generated programme."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import date

import pytest

from transforms.domain.calendar import Calendar
from transforms.domain.horizons import horizons
from transforms.domain.instants import iso

#: Wall time, so that what is due can be read off t0: ten days for high.
WALL = {"handoff_sla": {"high": "10d"}}
#: Friday midnight; five business days of the default calendar end on Thursday 7 May, 17:00.
AS_OF = "2026-05-01T00:00:00Z"


def add(zone, name: str, captured: str, acknowledged: str | None = None, severity: str = "High", **item) -> None:
    zone.scan(captured, severity, own=name, title=name, cve=f"CVE-2026-{len(zone.files)}", **item)
    if acknowledged:
        zone.event("acknowledged", acknowledged, ref=name)


def forecast(zone, as_of: str = AS_OF, policy=WALL) -> dict[str, float]:
    """Probability by title."""
    return {row["title"]: row["breach_probability"] for row in zone.state(as_of, policy).mart("forecast_listing", "breach_forecast")}


def backtest(zone, as_of: str, policy=WALL) -> list[dict]:
    return zone.state(as_of, policy).mart("forecast_listing", "forecast_backtest")


def test_probability_worked_by_hand(zone):
    # Acknowledged after 1, 5 and 9 business days; one waits for 4 and is due after 7: S(4) = 3/4, S(7) = 3/4 x 1/2.
    add(zone, "two", "2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z")
    add(zone, "eight", "2026-03-01T00:00:00Z", "2026-03-09T00:00:00Z")
    add(zone, "twelve", "2026-03-01T00:00:00Z", "2026-03-13T00:00:00Z")
    add(zone, "waits", "2026-04-26T00:00:00Z")
    # Another band's cycles do not count.
    add(zone, "other", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", severity="Low")
    assert forecast(zone) == {"waits": pytest.approx(1 / 2)}
    (row,) = zone.state(AS_OF, WALL).mart("forecast_listing", "breach_forecast")
    assert (row["severity"], row["team"], row["owner_id"], row["waited_seconds"], row["handoff_due_at"]) == ("high", "payments", "anna", 5 * 86_400, "2026-05-06T00:00:00Z")


def test_a_weekend_waited_says_nothing(zone):
    # One business day for high, 8 h. Open hours until acknowledged: 1, 2, 4 and, over a weekend, 10; the last one waits for 2, or 65 of the clock.
    add(zone, "one", "2026-04-06T09:00:00Z", "2026-04-06T10:00:00Z")
    add(zone, "two", "2026-04-06T16:00:00Z", "2026-04-07T10:00:00Z")
    add(zone, "four", "2026-04-10T15:00:00Z", "2026-04-13T11:00:00Z")
    add(zone, "ten", "2026-04-10T09:00:00Z", "2026-04-13T11:00:00Z")
    add(zone, "waits", "2026-05-01T15:00:00Z")
    # S(2 h) = 4/5 x 3/4, S(8 h) = S(4 h) = that x 1/2.
    assert forecast(zone, "2026-05-04T08:00:00Z", {}) == {"waits": pytest.approx(1 / 2)}


def test_without_a_past_everything_listed_is_expected_to_break(zone):
    add(zone, "waits", "2026-04-26T00:00:00Z")
    assert forecast(zone) == {"waits": 1}


def test_the_horizon_is_open_at_as_of_and_closed_at_its_end(zone):
    add(zone, "due at as_of", "2026-04-21T00:00:00Z")
    add(zone, "due just after", "2026-04-21T00:00:01Z")
    add(zone, "due at the end", "2026-04-27T17:00:00Z")
    add(zone, "due just after the end", "2026-04-27T17:00:01Z")
    assert set(forecast(zone)) == {"due just after", "due at the end"}


def test_only_what_is_open_and_unacknowledged_is_listed(zone):
    for name in ("acknowledged", "withdrawn", "verified", "in progress", "reopened"):
        add(zone, name, "2026-04-26T00:00:00Z")
    at = "2026-04-29T00:00:00Z"
    zone.event("acknowledged", at, ref="acknowledged").event("withdrawn", at, ref="withdrawn", comment="false positive").event("verified", at, ref="verified")
    zone.event("in_progress", at, ref="in progress").event("resolved", at, ref="reopened").event("reopened", AS_OF, ref="reopened")
    rows = zone.state(AS_OF, {"handoff_sla": {"high": "6d"}}).mart("forecast_listing", "breach_forecast")
    # The reopened one is listed by its second cycle, whose t0 is as_of.
    assert [(row["title"], row["cycle"]) for row in sorted(rows, key=lambda row: row["title"])] == [("in progress", 1), ("reopened", 2)]


def test_acknowledged_at_as_of_is_acknowledged(zone):
    add(zone, "waits", "2026-04-26T00:00:00Z", AS_OF)
    assert forecast(zone) == {}


def test_a_past_week_forecast_from_what_had_happened_by_then(zone):
    # Forecast at Monday 27 April for what falls due up to Friday 1 May, 17:00.
    add(zone, "start", "2026-04-15T00:00:00Z", "2026-04-17T00:00:00Z")
    add(zone, "last week", "2026-04-11T00:00:00Z")
    add(zone, "kept", "2026-04-18T00:00:00Z", "2026-04-28T00:00:00Z")
    add(zone, "broken", "2026-04-19T00:00:00Z", "2026-04-30T00:00:00Z")
    add(zone, "withdrawn", "2026-04-20T00:00:00Z")
    zone.event("withdrawn", "2026-04-28T00:00:00Z", ref="withdrawn", comment="duplicate")
    add(zone, "due too late", "2026-04-22T00:00:00Z")
    rows = {row["severity"]: row for row in backtest(zone, "2026-05-04T00:00:00Z") if row["week_start"] == date(2026, 4, 20)}
    assert set(rows) == {"all", "critical", "high", "medium", "low"}
    # By then one of six was acknowledged, after two days: S falls once, before where any of the three stands, so that each is expected to break.
    high = rows["high"]
    assert (high["listed"], high["expected"], high["actual"], high["last_week"], high["forecast_error"], high["last_week_error"]) == (3, 3, 1, 1, 2, 0)
    assert rows["all"] == {**high, "severity": "all"}
    assert (rows["low"]["listed"], rows["low"]["expected"], rows["low"]["forecast_error"]) == (0, 0, 0)


def test_nothing_that_happened_later_changes_a_past_forecast(zone):
    add(zone, "start", "2026-03-30T00:00:00Z", "2026-04-04T00:00:00Z")
    add(zone, "fast", "2026-04-16T00:00:00Z", "2026-04-17T00:00:00Z")
    add(zone, "listed", "2026-04-19T00:00:00Z", "2026-04-28T00:00:00Z")
    before = backtest(zone, "2026-05-02T00:00:00Z")
    add(zone, "later", "2026-04-27T00:00:01Z", "2026-04-27T00:00:02Z")
    zone.event("verified", "2026-05-01T00:00:00Z", ref="fast")
    assert backtest(zone, "2026-05-02T00:00:00Z") == before
    (row,) = (row for row in before if (row["week_start"], row["severity"]) == (date(2026, 4, 20), "all"))
    assert row["listed"] == 1


def test_breaches_of_what_came_in_during_the_days_before_are_not_last_weeks(zone):
    # Both broke in the week before 27 April; one of them came in during it, and so could never have been listed.
    policy = {"handoff_sla": {"high": "2d"}}
    add(zone, "start", "2026-04-01T00:00:00Z", "2026-04-01T01:00:00Z")
    add(zone, "open before", "2026-04-19T00:00:00Z")
    add(zone, "came in", "2026-04-21T00:00:00Z")
    (row,) = (row for row in backtest(zone, "2026-05-04T00:00:00Z", policy) if (row["week_start"], row["severity"]) == (date(2026, 4, 20), "all"))
    assert row["last_week"] == 1


def test_weeks_whose_days_before_lie_outside_the_record_are_left_out(zone):
    add(zone, "first", "2026-04-06T10:00:00Z")
    # The five days before 13 April began at 9:00 on the 6th; those before the 20th lie inside.
    assert sorted({row["week_start"] for row in backtest(zone, "2026-05-04T00:00:00Z")}) == [date(2026, 4, 13), date(2026, 4, 20)]


def test_no_handoff_at_all(zone):
    for name in ("breach_forecast", "forecast_backtest", "forecast_calibration"):
        assert zone.state(AS_OF).mart("forecast_listing", name) == []


def test_calibration_counts_each_band_of_probability(zone):
    add(zone, "start", "2026-03-01T00:00:00Z")
    for number in range(4):
        add(zone, f"slow{number}", "2026-04-01T00:00:00Z", "2026-04-13T00:00:00Z")
    for number in range(4):
        add(zone, f"mid{number}", "2026-04-01T00:00:00Z", "2026-04-10T00:00:00Z")
    for name in ("kept", "broken"):
        add(zone, name, "2026-04-19T00:00:00Z", "2026-04-28T00:00:00Z" if name == "kept" else "2026-05-02T00:00:00Z")
    rows = zone.state("2026-05-02T00:00:00Z", WALL).mart("forecast_listing", "forecast_calibration")
    # At 27 April both that are listed have waited for 5 business days, and are due after 7, when four of the nine then at risk went: S = 5/9.
    # The other bands are those of the weeks before, where nothing had been acknowledged yet.
    (row,) = (row for row in rows if row["severity"] == "high" and row["probability_from"] == 0.4)
    assert (row["probability_to"], row["listed"], row["expected"], row["actual"]) == (pytest.approx(0.6), 2, pytest.approx(10 / 9), 1)
    assert [{**other, "severity": "all"} for other in rows if other["severity"] == "high"] == [other for other in rows if other["severity"] == "all"]


# Many cycles


def surviving(members: list[tuple[int, bool]], at: int) -> float:
    """Kaplan-Meier at one duration, step by step."""
    share = 1.0
    for step in sorted({duration for duration, is_event in members if is_event and duration <= at}):
        share *= 1 - sum(is_event for duration, is_event in members if duration == step) / sum(duration >= step for duration, _ in members)
    return share


@pytest.fixture
def many(zone, tools):
    """800 findings of half a year: some acknowledged at once, some late, some withdrawn or verified without an acknowledgement; two teams, two calendars."""
    chance = random.Random(82)
    zone.assets(*({"asset_id": name, "name": name, "owner_team": team} for name, team in (("pay-api", "payments"), ("ops-api", "other"))))
    zone.ownership({"match": "pay-api", "person_id": "anna"}, {"match": "ops-api", "person_id": "cy"})
    first, hour = tools.us("2025-11-01T00:00:00Z"), 3_600_000_000
    findings = []
    for number in range(800):
        captured, target = first + chance.randrange(24 * 180) * hour, chance.choice(("pay-api", "ops-api"))
        found = {"title": f"F{number}", "severity": chance.choice(("Critical", "High", "Medium", "Medium", "Low")), "description": "d", "service": target}
        findings.append({**found, "date": iso(captured), "vuln_id_from_tool": f"R{number}", "unique_id_from_tool": f"F{number}"})
        ends = captured + round(chance.expovariate(1 / (24 * chance.choice((1, 6, 20)))) * hour)
        kind = chance.choice(("acknowledged", "acknowledged", "acknowledged", "withdrawn", "verified", None))
        if kind and ends < tools.us(AS_OF):
            zone.event(kind, iso(ends), {"pay-api": "anna", "ops-api": "cy"}[target], ref=f"F{number}", comment="duplicate")
    zone.put("scans/many.json", json.dumps({"findings": findings}))
    calendars = {"default": {}, "lima": {"time_zone": "America/Lima", "days": ["mon", "tue", "wed", "thu", "fri", "sat"], "windows": ["07:00-19:00"], "business_day": "12h"}}
    policy = tools.make_policy({"calendars": calendars, "team_calendars": {"other": "lima"}, "handoff_sla": {"low": "9d"}, "reporting_zone": "America/New_York"})
    return zone.state(AS_OF, policy), policy


def test_every_forecast_computed_cycle_by_cycle(many, tools):
    state, policy = many
    calendars = {name: Calendar(name, calendar) for name, calendar in policy.calendars.items()}
    cycles = state.mart("handoff")
    for row in cycles:
        row["t0"], row["due"] = tools.us(row["captured_at"]), tools.us(row["handoff_due_at"])
        row["t1"] = tools.us(row["acknowledged_at"]) if row["acknowledged_at"] else None
        row["ended"] = None if row["is_open"] else tools.us(row["horizon_at"])
    listed, totals = {}, {}
    for horizon in horizons(tools.us(AS_OF), policy.reporting_zone, calendars["default"]):
        at, members, waiting = horizon.starts_us, defaultdict(list), []
        for row in (row for row in cycles if row["t0"] <= at):
            length = calendars[row["calendar"]].business_us
            is_event, is_over = row["t1"] is not None and row["t1"] <= at, row["ended"] is not None and row["ended"] <= at
            until = min(instant for instant in (row["t1"], row["ended"], at) if instant is not None)
            members[row["severity"]].append((length(row["t0"], until), is_event))
            if not is_event and not is_over and at < row["due"] <= horizon.ends_us:
                waiting.append((row, length(row["t0"], at), length(row["t0"], row["due"])))
        chances = {row["title"]: surviving(members[row["severity"]], due) / surviving(members[row["severity"]], waited) for row, waited, due in waiting}
        listed |= {(iso(at), title): pytest.approx(probability) for title, probability in chances.items()}
        if horizon.week_start is None:
            continue
        for severity in ("all", "critical", "high", "medium", "low"):
            those = [row for row, *_ in waiting if severity in ("all", row["severity"])]
            before = [
                row for row in cycles
                if row["handoff_breached"] and row["t0"] <= horizon.previous_from_us < row["due"] <= horizon.previous_to_us and severity in ("all", row["severity"])
            ]  # fmt: skip
            expected = pytest.approx(sum(chances[row["title"]] for row in those))
            totals[horizon.week_start, severity] = (len(those), expected, sum(row["handoff_breached"] for row in those), len(before))
    titles = {row["finding_id"]: row["title"] for row in cycles}
    found = {(row["forecast_at"], titles[row["finding_id"]]): row["breach_probability"] for row in state.mart("forecast_listing")}
    assert found == listed
    assert len(found) > 100
    assert sum(0.05 < probability < 0.95 for probability in found.values()) > 50
    rows = state.mart("forecast_listing", "forecast_backtest")
    assert {(row["week_start"], row["severity"]): tuple(row[name] for name in ("listed", "expected", "actual", "last_week")) for row in rows} == totals
    assert len(rows) == 12 * 5
    bands = state.mart("forecast_listing", "forecast_calibration")
    for name in ("listed", "expected", "actual"):
        tested = sum(row[name] for row in rows if row["severity"] == "all")
        assert sum(row[name] for row in bands if row["severity"] == "all") == pytest.approx(tested) == sum(row[name] for row in bands if row["severity"] != "all")


def test_laws_of_a_generated_programme(built_warehouse):
    laws = {
        "probability": "SELECT finding_id FROM mart.forecast_listing WHERE breach_probability IS NULL OR breach_probability NOT BETWEEN 0 AND 1",
        "more expected than listed": "SELECT week_start FROM mart.forecast_backtest WHERE expected NOT BETWEEN 0 AND listed + 1e-9 OR actual > listed",
        "errors": "SELECT week_start FROM mart.forecast_backtest WHERE abs(abs(expected - actual) - forecast_error) > 1e-9 OR abs(last_week - actual) <> last_week_error",
        "bands do not add up": "SELECT week_start FROM mart.forecast_backtest GROUP BY week_start HAVING sum(listed) <> 2 * max(listed) OR sum(actual) <> 2 * max(actual)",
        "outside its band": "SELECT severity FROM mart.forecast_calibration WHERE expected / listed NOT BETWEEN probability_from - 1e-9 AND probability_to + 1e-9 OR actual > listed",
        "more than twelve weeks": "SELECT severity FROM mart.forecast_backtest GROUP BY severity HAVING count(*) > 12",
    }
    with built_warehouse.open() as connection:
        broken = {name: rows for name, query in laws.items() if (rows := connection.execute(query).fetchall())}
    assert broken == {}
