"""mart.early_warning and mart.source_cadence: what will hurt soon, worked by hand, at each threshold and on either side of it."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from transforms import forewarning
from warehouse import early_warning

#: Names of the marts that the warnings are made of.
MARTS = (
    "forecast_listing", "breach_forecast", "ingest_capacity", "ownership_currency", "scan_coverage", "responsibility", "source_cadence", "early_warning",
)


# Sources

#: The run's day, a Thursday; 1 May, a Friday, is a holiday of this calendar.
TODAY = date(2026, 5, 7)
HOLIDAYS = {"calendars": {"default": {"holidays": ["2026-05-01"]}}}


def days(first: str, count: int, step: int = 1, *, weekends: bool = False) -> list[date]:
    """The last `count` days up to `first` that are `step` apart, weekends and the holiday left out unless asked for."""
    found, day = [], date.fromisoformat(first)
    while len(found) < count:
        if weekends or (day.weekday() < 5 and day != date(2026, 5, 1)):
            found.append(day)
        day -= timedelta(days=step)
    return found


#: Source → days on which it delivered; expected gap, business days that have passed without a delivery, and whether it is silent.
SOURCES = {
    "daily": (days("2026-05-06", 5), 1, 0, False),  # yesterday
    "missed-two": (days("2026-05-04", 5), 1, 2, False),  # Tuesday and Wednesday: exactly twice its gap; today is not over
    "missed-three": (days("2026-04-30", 5), 1, 3, True),  # Monday to Wednesday; Friday was a holiday
    "over-holiday": (days("2026-05-05", 5), 1, 1, False),
    "every-day": (days("2026-05-03", 12, weekends=True), 1, 3, True),  # Sundays too: a weekend's gap is none
    "weekly": (days("2026-04-24", 5, 7), 5, 7, False),  # a Friday; the week of the holiday has four business days
    "weekly-late": (days("2026-04-21", 5, 7), 5, 10, False),  # a Tuesday: twice five, exactly
    "weekly-silent": (days("2026-04-20", 5, 7), 5, 11, True),
    "once": (days("2026-02-02", 1), None, 66, None),
    "new": (days("2026-04-15", 3), None, 14, None),  # two gaps are no custom yet
    "four": (days("2026-04-15", 4), 1, 14, True),
    "given-up": (days("2026-02-05", 5), 1, 63, None),  # 91 days ago
    "not-given-up": (days("2026-02-06", 5), 1, 62, True),  # 90 days ago, less than a day's hours
    "one-gap-of-ten": ([*days("2026-05-05", 10), date(2026, 4, 1)], 1, 1, False),  # nine gaps of a day, one of eleven
    "several-gaps": (days("2026-05-04", 3) + days("2026-04-20", 3), 7, 2, False),
}


@pytest.fixture(scope="module")
def delivered(tools, tmp_path_factory):
    """A home with every source, all of it landed in one run."""
    zone = tools.Zone()
    zone.files.clear()
    for name, (on, *_) in SOURCES.items():
        for day in on:
            zone.put(f"scans/{name}-{day}.json", '{"findings": []}', target=name, scanner=f"s-{name}", source=name, captured_at=f"{day}T09:00:00Z")
    for name in ("stated", "stated-late"):
        hour = "08:00:00" if name == "stated" else "07:59:59"
        zone.put(f"scans/{name}.json", '{"findings": []}', target=name, scanner=f"s-{name}", source=name, captured_at=f"2026-05-05T{hour}Z")
    for source in ("north", "south"):  # one scanner of two sources, of which one has stopped
        for day in days("2026-05-06" if source == "north" else "2026-04-10", 4):
            zone.put(f"scans/{source}-{day}.json", '{"findings": []}', target=source, scanner="both", source=source, captured_at=f"{day}T09:00:00Z")
    warehouse = tools.Warehouse(tmp_path_factory.mktemp("sources") / "home")
    stated = {name: {"cadence": "2d"} for name in ("stated", "stated-late")}
    policy = {**HOLIDAYS, "sources": stated, "routing": {"escalation_default": "nobody-known"}}
    warehouse.run(zone.write(warehouse.home.folder.parent / "landing"), "2026-05-07T08:00:00Z", policy, published=True)
    return warehouse


def test_every_source_by_its_own_custom(delivered):
    rows = delivered.sql("SELECT source, expected_days, silent_days, is_silent FROM mart.source_cadence WHERE source_kind = 'source' AND stated_seconds IS NULL")
    found = {source: tuple(rest) for source, *rest in rows}
    assert {name: found[name] for name in SOURCES} == {name: tuple(rest) for name, (_, *rest) in SOURCES.items()}


def test_a_stated_cadence_is_held_to_the_second(delivered):
    rows = delivered.sql("SELECT source, silent_seconds, is_silent, silent_since_at::VARCHAR FROM mart.source_cadence WHERE stated_seconds = 172800 ORDER BY source")
    assert rows == [("stated", 172800.0, False, None), ("stated-late", 172801.0, True, "2026-05-07 07:59:59")]


def test_a_source_is_silent_since_it_should_have_come(delivered):
    rows = dict(delivered.sql("SELECT source, silent_since_at::VARCHAR FROM mart.source_cadence WHERE is_silent"))
    assert rows["missed-three"] == "2026-05-07 00:00:00"  # once Wednesday, the third day, was over
    assert rows["weekly-silent"] == "2026-05-07 00:00:00"
    assert rows["four"] == "2026-04-21 00:00:00"  # 16, 17 and 20 April


def test_a_scanner_of_several_sources_is_one_more_source(delivered):
    rows = delivered.sql("SELECT source_kind, source, is_silent FROM mart.source_cadence WHERE source IN ('both', 'north', 'south', 's-daily') ORDER BY ALL")
    assert rows == [("scanner", "both", False), ("source", "north", False), ("source", "south", True)]


def test_silent_sources_are_warnings_and_nobody_is_invented(delivered):
    rows = early_warning.read(delivered.home.folder, ["source_silent"])
    silent = {name for name, (*_, is_silent) in SOURCES.items() if is_silent} | {"stated-late", "south"}
    assert {row["subject_id"] for row in rows} == silent
    assert {tuple(row["call"]) for row in rows} == {()}
    (row,) = (row for row in rows if row["subject_id"] == "missed-three")
    assert (row["figure"], row["threshold"], row["unit"], row["severity"]) == (3.0, 2.0, "business_days", "high")
    assert row["detail"] == "missed-three has brought nothing for 3 business days, and usually comes within 1"
    assert forewarning.summary(rows) == f"{len(silent)} silent sources"


# The rest, without a run: of the zone as it is


@pytest.fixture
def warned(zone):
    """Warnings of one kind by what they are about."""

    def read(kind: str, as_of: str = "2026-05-01T00:00:00Z", policy: dict | None = None) -> dict[str, dict]:
        rows = zone.state(as_of, policy).mart(*MARTS)
        return {row["subject_id"]: row for row in rows if row["kind"] == kind}

    return read


def test_an_empty_record_warns_of_nothing(zone):
    zone.files.clear()
    assert zone.state().mart(*MARTS) == [] and forewarning.summary([]) == "no early warning"


#: Wall time, so that what is due can be read off t0.
WALL = {"handoff_sla": {"high": "10d"}}


@pytest.fixture
def waits(zone, tools):
    """One that waits for anna, whose manager is on leave, and will not be answered in time with a probability of exactly a half: the Kaplan-Meier curve of
    three that took 1, 5 and 9 business days, from 4 to 7."""
    zone.people(
        tools.person("anna", manager_id="mo"), tools.person("mo", status="inactive", manager_id="max"), tools.person("max"), tools.person("lead"),
        tools.person("dan", status="departed", manager_id="max"),
    )  # fmt: skip
    for name, acknowledged in (("two", "03-03"), ("eight", "03-09"), ("twelve", "03-13"), ("waits", None)):
        zone.scan("2026-03-01T00:00:00Z" if acknowledged else "2026-04-26T00:00:00Z", "High", own=name, title=name, cve=f"CVE-2026-{name}")
        if acknowledged:
            zone.event("acknowledged", f"2026-{acknowledged}T00:00:00Z", ref=name)
    return zone


def expecting(probability: float, **routing: str) -> dict:
    return {**WALL, "early_warning": {"breach_probability": probability}, "routing": routing}


def test_a_breach_as_likely_as_the_policy_says_is_expected(waits, warned):
    (row,) = warned("breach_expected", policy=expecting(0.5, escalation_default="lead")).values()
    assert (row["figure"], row["threshold"], row["severity"], row["cycle"], row["due_at"]) == (0.5, 0.5, "high", 1, "2026-05-06T00:00:00Z")
    assert row["call"] == ["anna", "max"]  # her nearest manager who can take it; nobody else while she is there
    assert row["detail"] == "high handoff of payments, not acknowledged by anna: due 2026-05-06 00:00 UTC, and broken by then with a probability of 50 %"
    assert warned("breach_expected", policy=expecting(0.51)) == {}


def test_of_what_leads_to_nobody_the_manager_and_the_escalation_are_called(waits, warned):
    waits.ownership({"match": "asset:pay", "person_id": "dan"})
    (row,) = warned("breach_expected", policy=expecting(0.5, escalation_default="LEAD@example.com")).values()
    assert row["call"] == ["max", "lead"]
    assert "which leads to nobody (departed_person)" in row["detail"] and row["action"].startswith("give it an owner")
    (row,) = warned("breach_expected", policy=expecting(0.5, escalation_default="max")).values()
    assert row["call"] == ["max"]  # once


@pytest.mark.parametrize(
    ("as_of", "weeks", "is_warned"),
    [
        ("2026-04-26T23:59:59.999999Z", 3, False),  # the third week is not over
        ("2026-04-27T00:00:00Z", 3, True),
        ("2026-04-27T00:00:00Z", 4, False),
        ("2026-05-04T00:00:00Z", 1, False),  # nothing came in the fourth
    ],
)
def test_arrivals_above_capacity_for_as_many_whole_weeks(zone, tools, warned, as_of, weeks, is_warned):
    """Three weeks from 6 April in which two come in and one is acknowledged; the others wait for anna."""
    zone.people(tools.person("anna", manager_id="mo"), tools.person("mo"))
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments", "business_unit": "retail"})
    for week in range(3):
        monday = date(2026, 4, 6) + timedelta(days=7 * week)
        for number in range(2):
            zone.scan(f"{monday}T09:00:00Z", "Low", own=f"{week}{number}", cve=f"CVE-2026-{week}{number}")
        zone.event("acknowledged", f"{monday}T10:00:00Z", ref=f"{week}0")
    found = warned("arrivals_above_capacity", as_of, {"early_warning": {"capacity_weeks": weeks}})
    assert set(found) == ({"all", "retail"} if is_warned else set())
    for row in found.values():
        assert (row["figure"], row["threshold"], row["unit"], row["since_at"], row["call"]) == (3.0, 3.0, "weeks", "2026-04-06T00:00:00Z", ["mo"])
        assert json.loads(row["evidence"]) == {"week_start": "2026-04-20", "opened": 2, "throughput": 1.0, "waiting": 3}


@pytest.mark.parametrize(("drop", "minimum", "as_of", "is_warned"), [(0.05, 20, "2026-05-01", True), (0.051, 20, "2026-05-01", False), (0.05, 21, "2026-05-01", False), (0.05, 20, "2026-05-05", False)])
def test_ownership_currency_fell_by_as_much_as_the_policy_says(zone, tools, warned, drop, minimum, as_of, is_warned):
    """dan owned one of twenty open findings, and left on 28 April: 19 of 20 after 20 of 20, until that is seven days ago."""
    zone.people(tools.person("anna"), tools.person("dan", manager_id="anna"), tools.person("dan", status="departed", manager_id="anna", effective_from="2026-04-28T00:00:00Z"))
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments"}, {"asset_id": "cart", "name": "cart-api", "owner_team": "payments"})
    zone.ownership({"match": "asset:pay", "person_id": "anna"}, {"match": "asset:cart", "person_id": "dan"})
    for number in range(20):
        zone.scan("2026-04-01T09:00:00Z", "Low", target="pay-api" if number else "cart-api", own=str(number), cve=f"CVE-2026-{number}")
    found = warned("ownership_currency_fell", f"{as_of}T00:00:00Z", {"early_warning": {"ownership_drop": drop, "minimum": minimum}})
    assert set(found) == ({"all", "payments"} if is_warned else set())
    for row in found.values():
        assert (row["figure"], row["previous"], row["call"]) == (0.95, 1.0, ["anna"])
        assert json.loads(row["evidence"]) == {"active": 19, "open_findings": 20, "active_before": 20, "open_before": 20}


@pytest.mark.parametrize(("as_of", "minimum", "is_warned"), [("2026-05-01T09:00:00Z", 10, False), ("2026-05-01T09:00:01Z", 10, True), ("2026-05-01T09:00:01Z", 11, False), ("2026-05-08T09:00:01Z", 10, False)])
def test_coverage_fell_once_an_asset_was_not_scanned_in_time(zone, warned, as_of, minimum, is_warned):
    """Ten assets scanned within thirty days, one of them last on 1 April at nine; an eleventh is registered since, and not overdue yet."""
    assets = [{"asset_id": f"a{number}", "name": f"host{number}", "business_unit": "retail"} for number in range(10)]
    zone.assets(*assets).assets({"asset_id": "new", "name": "host-new", "effective_from": "2026-04-28T00:00:00Z"}, path="assets/new.csv")
    for number in range(10):
        zone.scan("2026-04-20T09:00:00Z" if number else "2026-04-01T09:00:00Z", "Low", target=f"host{number}", own=str(number), cve=f"CVE-2026-{number}")
    found = warned("coverage_fell", as_of, {"early_warning": {"minimum": minimum}})
    assert set(found) == ({"all", "retail"} if is_warned else set())
    if found:
        assert json.loads(found["retail"]["evidence"]) == {"covered": 9, "assets": 10, "covered_before": 10, "assets_before": 10}
        assert json.loads(found["all"]["evidence"]) == {"covered": 10, "assets": 11, "covered_before": 10, "assets_before": 10}


def test_a_rise_is_no_warning(zone, tools, warned):
    zone.people(tools.person("anna", status="inactive"), tools.person("anna", effective_from="2026-04-28T00:00:00Z"))
    for number in range(10):
        zone.scan("2026-04-01T09:00:00Z", "Low", own=str(number), cve=f"CVE-2026-{number}")
    policy = {"early_warning": {"ownership_drop": 0, "coverage_drop": 0, "minimum": 1}}
    assert warned("ownership_currency_fell", policy=policy) == {} and warned("coverage_fell", policy=policy) == {}
