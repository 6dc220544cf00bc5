"""An excerpt of a real log through the converter and the job: every figure must be that of a slow computation from the log itself.

The whole log, and the oracle that others computed from it, is `python tests/real_logs/reproduce.py`: it takes about a minute, so it is no test.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import datetime
from itertools import pairwise

import pytest


@pytest.fixture(scope="module")
def servicenow(tools):
    return tools.sibling("servicenow", "real_logs/servicenow.py")


@pytest.fixture(scope="module")
def reproduce(tools, servicenow):
    return tools.sibling("handoff_reproduce", "real_logs/reproduce.py")


@pytest.fixture(scope="module")
def incidents(tools, servicenow):
    """The rows of 200 incidents, by number."""
    return servicenow.read_incidents(tools.TESTS / "golden" / "real_logs" / "servicenow_excerpt.csv.gz")


def built(tools, servicenow, incidents, folder, **options):
    """A warehouse in which the converted log was run."""
    servicenow.write_landing(incidents, folder, **options)
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(folder / "landing", servicenow.AS_OF, (folder / "policy.yaml").read_text(encoding="utf-8"), marts=True)
    return warehouse


@pytest.fixture(scope="module")
def warehouse(tools, servicenow, incidents, tmp_path_factory):
    return built(tools, servicenow, incidents, tmp_path_factory.mktemp("log"))


@pytest.fixture
def marts(warehouse):
    with warehouse.open() as connection:
        yield connection


def cycles(warehouse, number):
    """(t0, t1, reason of the state) of each cycle of an incident."""
    return warehouse.sql("SELECT captured_at, acknowledged_at, state FROM mart.handoff WHERE own_ids[1] = ? ORDER BY cycle", [number])


# The figures


def test_every_figure_is_that_of_the_slow_computation(reproduce, incidents, marts):
    found = reproduce.bridge(incidents)
    assert reproduce.differences(found.steps[-1].figures, reproduce.mart_figures(marts)) == []
    assert reproduce.wrong_instants(marts, found.ruled) == []


def test_the_excerpt_has_every_kind_of_difference(reproduce, incidents):
    """Else the agreement above would say little."""
    found = reproduce.bridge(incidents)
    assert set(found.reasons) == {"before t0", "after the reopening", "taken away within the minute"}
    for earlier, later in pairwise(found.steps):
        assert reproduce.differences(earlier.figures, later.figures), later.what


def test_a_wrong_figure_and_a_wrong_instant_are_seen(reproduce, incidents, marts):
    found = reproduce.bridge(incidents)
    number, case = next((number, case) for number, case in found.ruled.items() if case.t1 is not None)
    assert reproduce.wrong_instants(marts, {**found.ruled, number: case._replace(t1=case.t1 + 60)}) == [number]
    mart = reproduce.mart_figures(marts)
    mart["all"]["p90"] += 1e-3
    assert len(reproduce.differences(found.steps[-1].figures, mart)) == 1


def test_the_page_is_rendered(reproduce, incidents, marts):
    """Every count of it is a number; the oracle's side stands in for itself, as there is none of the excerpt."""
    found = reproduce.bridge(incidents)
    page = reproduce.render_comparison(incidents, found.steps[0].figures, found, reproduce.mart_figures(marts), marts)
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Figures", "## Differences to the oracle", "## The bridge", "## What becomes of the log's defects",
    ]  # fmt: skip
    assert "| 1 | 3 | t1 before t0: out of sequence, excluded. 1 of them names" in page
    assert "{" not in page


# Incidents read by hand


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        # Named before it was opened, and nobody after.
        ("0000131", [("2016-02-29T09:41", None, "verified")]),
        # Named before it was opened; another person the day after counts.
        ("0000134", [("2016-02-29T09:44", "2016-03-01T14:13", "verified")]),
        # Nobody until it had been resolved and reopened: the second cycle's acknowledgement.
        ("0004348", [("2016-03-08T14:26", None, "superseded"), ("2016-03-09T09:57", "2016-03-19T06:47", "verified")]),
        # Its state is -100 for a while, which says nothing.
        ("0028089", [("2016-05-10T22:09", "2016-05-10T22:09", "verified")]),
    ],
)
def test_incident(warehouse, number, expected):
    def instant(text):
        return None if text is None else datetime.fromisoformat(text)

    assert cycles(warehouse, number) == [(instant(t0), instant(t1), state) for t0, t1, state in expected]


def test_severity_is_the_first_priority(warehouse, incidents):
    bands = {"1": "critical", "2": "high", "3": "medium", "4": "low"}
    found = dict(warehouse.sql("SELECT own_ids[1], severity FROM mart.handoff WHERE origin = 'first_time'"))
    assert found == {number: bands[rows[0]["priority"]] for number, rows in incidents.items()}


def test_every_reopening_is_a_cycle(warehouse, incidents):
    (count,) = warehouse.sql("SELECT count(*) FROM mart.handoff WHERE origin = 'reopened'")[0]
    assert count == sum(int(rows[-1]["reopen_count"]) for rows in incidents.values()) > 20


# The converter


def test_nothing_is_lost(servicenow, warehouse, incidents):
    assert warehouse.balances()
    assert warehouse.rejects() == []
    events = [event for rows in incidents.values() for event in servicenow.events(rows)]
    assert len({event["event_id"] for event in events}) == len(events)
    found = dict(warehouse.sql("SELECT event, count(*) FROM mart.event WHERE method <> 'own' GROUP BY event"))
    assert found == Counter(event["event"] for event in events)


def test_what_is_no_stage_is_a_comment(servicenow, incidents):
    comments = {event["comment"] for rows in incidents.values() for event in servicenow.events(rows) if event["event"] == "commented"}
    assert {"state -100", "state Awaiting User Info", "priority 3 to 2"} <= comments


def test_whoever_becomes_the_holder_acknowledges(servicenow, incidents):
    for rows in incidents.values():
        events = list(servicenow.events(rows))
        given = [(event["occurred_at"], event["target_person"]) for event in events if event["target_person"].startswith("resolver-")]
        assert given == [(event["occurred_at"], event["actor"]) for event in events if event["event"] == "acknowledged"]


def test_severity_can_follow_the_priority(tools, servicenow, incidents, tmp_path):
    """The band at t1, or at as_of, is then the most urgent priority that the incident had had by then while it was worked on."""
    changed = {number: rows for number, rows in incidents.items() if len({row["priority"] for row in rows}) > 1}
    warehouse = built(tools, servicenow, changed, tmp_path, follows_priority=True)
    bands = {"1": "critical", "2": "high", "3": "medium", "4": "low"}
    found = warehouse.sql("SELECT own_ids[1], severity, strftime(coalesce(acknowledged_at, closed_at, horizon_at), '%Y-%m-%dT%H:%M:%S') FROM mart.handoff WHERE cycle = 1")
    expected = {}
    for number, _, until in found:
        first, *rest = incidents[number]
        had = [row["priority"] for row in rest if row["sys_updated_at"] <= until and row["incident_state"] not in ("Resolved", "Closed")]
        expected[number] = bands[min([first["priority"], *had])]
    assert {number: band for number, band, _ in found} == expected
    assert expected != {number: bands[rows[0]["priority"]] for number, rows in changed.items()}


def test_the_log_is_converted_from_the_command_line(tools, servicenow, tmp_path, monkeypatch, capsys):
    log = tools.TESTS / "golden" / "real_logs" / "servicenow_excerpt.csv.gz"
    monkeypatch.setattr("sys.argv", ["servicenow.py", str(log), "--out", str(tmp_path)])
    servicenow.main()
    assert capsys.readouterr().out.startswith("200 incidents, ")
    items = json.loads((tmp_path / "landing" / "scans" / "incidents.json").read_text(encoding="utf-8"))["findings"]
    assert len(items) == 200
    with (tmp_path / "landing" / "people" / "people.csv").open(encoding="utf-8") as file:
        assert Counter(row["kind"] for row in csv.DictReader(file)).keys() == {"human", "group"}


def test_the_excerpt_can_be_written_again(tools, reproduce, incidents, tmp_path):
    log = tools.TESTS / "golden" / "real_logs" / "servicenow_excerpt.csv.gz"
    reproduce.write_excerpt(log, list(incidents), tmp_path / "again.csv.gz")
    assert (tmp_path / "again.csv.gz").read_bytes() == log.read_bytes()

