"""mart.time_quality: instants that the latencies should not lean on, worked by hand (rulings 3, 41, 44, 83, 95)."""

from __future__ import annotations

import json
import os

import pytest

from warehouse import models

AS_OF = "2026-05-01T00:00:00Z"
FIGURES = ("anomalies", "population")


@pytest.fixture
def quality(zone, warehouse, tools, tmp_path):
    """A run over the zone as it is; its doubtful instants as (anomaly, subject, source, detail) → (how many, of how many)."""

    def read(as_of: str = AS_OF, policy: dict | None = None, *, columns: tuple[str, ...] = FIGURES) -> dict[tuple, tuple]:
        warehouse.run(zone.write(tmp_path / "landing"), as_of, policy)
        with warehouse.open() as connection:
            connection.execute("DROP SCHEMA IF EXISTS mart CASCADE")
            connection.execute("CREATE SCHEMA mart")
            for name in ("handoff", "time_quality"):
                connection.execute(f"CREATE TABLE mart.{name} AS {models.models()[name].query}")
            rows = tools.mart_rows(connection, "time_quality")
        return {(row["anomaly"], row["subject"], row["source"], row["detail"]): tuple(row[name] for name in columns) for row in rows}

    return read


def report(*items: dict) -> str:
    base = {"title": "T", "severity": "High", "description": "d", "service": "pay-api"}
    return json.dumps({"findings": [{**base, "title": f"T{number}", "unique_id_from_tool": f"T{number}", **item} for number, item in enumerate(items)]})


def acknowledged(zone, seconds: list[float], actor: str = "anna", **more: object) -> None:
    for second in seconds:
        zone.event("acknowledged", f"2026-04-02T10:{int(second) // 60:02d}:{second % 60:09.6f}Z", actor, **more)


def bulk(found: dict[tuple, tuple]) -> dict[str, tuple]:
    return {detail: figures for (anomaly, subject, _, detail), figures in found.items() if (anomaly, subject) == ("bulk_acknowledgement", "event")}


# How a stamp was written


def test_a_clean_record_has_no_rows(zone, quality):
    zone.scan("2026-04-01T09:00:00Z").event("notified", "2026-04-01T09:30:00Z", "soc", target_person="anna").event("acknowledged", "2026-04-01T10:00:00Z")
    assert quality() == {}


def test_naive_stamps_are_counted_by_source(zone, quality):
    zone.scan("2026-04-01T09:00:00").scan("2026-04-02T09:00:00Z", own="B", cve="CVE-2026-2")
    zone.put("scans/night-2026-04-03.json", report({"date": "2026-04-03T09:00:00Z"}, {"date": "2026-04-03T10:00:00"}), captured_at="2026-04-03T11:00:00", target="pay-api")
    zone.event("acknowledged", "2026-04-01T10:00:00").event("commented", "2026-04-01T11:00:00").event("commented", "2026-04-01T12:00:00Z")
    assert quality() == {
        ("naive_stamp", "observation", "one", "sidecar"): (1, 2),
        ("naive_stamp", "observation", "generic", "sidecar"): (1, 2),  # the item without a zone gives way to the sidecar, which has none either
        ("naive_stamp", "event", "activity", "acknowledged"): (1, 3),
        ("naive_stamp", "event", "activity", "commented"): (1, 3),
    }


def test_midnight_is_of_the_sources_zone(zone, quality):
    zone.scan("2026-04-01T00:00:00+02:00").scan("2026-04-02T00:00:00Z", own="B", cve="CVE-2026-2")
    zone.event("acknowledged", "2026-04-02T22:00:00Z").event("commented", "2026-04-03T00:00:00Z").event("commented", "2026-04-02T22:00:00.000001Z")
    found = quality(policy={"sources": {"*": {"time_zone": "Europe/Berlin"}}}, columns=("anomalies", "population", "rate", "first_at", "last_at"))
    assert found == {
        ("midnight", "observation", "one", "sidecar"): (1, 2, 0.5, "2026-03-31T22:00:00Z", "2026-03-31T22:00:00Z"),
        ("midnight", "event", "activity", "acknowledged"): (1, 3, 1 / 3, "2026-04-02T22:00:00Z", "2026-04-02T22:00:00Z"),
    }


def test_a_day_is_naive_and_midnight_too_and_a_files_time_is_none_of_them(zone, quality, tmp_path):
    zone.put("scans/day.json", report({"date": "2026-04-03"}, {"date": "2026-04-04T09:00:00Z"})).put("scans/undated.json", report({}))
    path = zone.write(tmp_path / "landing") / "scans" / "undated.json"
    os.utime(path, (1_775_000_000, 1_775_000_000))  # 2026-03-31T23:33:20Z
    zone.files.pop("scans/undated.json")  # not to be written again, which would date it anew
    assert quality() == {
        ("day_only", "observation", "generic", "report_date"): (1, 3),
        ("midnight", "observation", "generic", "report_date"): (1, 3),
        ("naive_stamp", "observation", "generic", "report_date"): (1, 3),
        ("file_time", "observation", "generic", "file"): (1, 3),
    }


def test_future_rows_are_counted_until_their_time_has_come(zone, quality):
    zone.scan("2026-04-01T09:00:00Z").put("scans/ahead.json", report({"date": "2026-05-03T09:00:00Z"}, {"date": "2026-04-03T09:00:00Z"}, {"date": "2026-05-04T09:00:00Z"}))
    zone.event("commented", "2026-05-01T00:04:00Z").event("commented", "2026-05-01T00:05:01Z").event("commented", "2026-04-02T09:00:00Z")
    found = quality(columns=("anomalies", "population", "first_at", "last_at"))
    assert found == {  # every report here is a generic one
        # tried again from five minutes before it on, the clock's tolerance
        ("future", "observation", "generic", "(none)"): (2, 4, "2026-05-03T08:55:00Z", "2026-05-04T08:55:00Z"),
        ("future", "event", "activity", "(none)"): (1, 3, "2026-05-01T00:00:01Z", "2026-05-01T00:00:01Z"),
    }
    assert quality("2026-05-03T12:00:00Z") == {("future", "observation", "generic", "(none)"): (1, 4)}
    assert quality("2026-05-05T00:00:00Z") == {}


def test_only_what_counts_is_counted(zone, quality, warehouse, tmp_path):
    """Of two contents of one event the winner is counted, and own stamps never; another export of the same adds nothing."""
    zone.scan("2026-04-01T09:00:00").event("commented", "2026-04-01T10:00:00", event_id="x")
    assert quality() == {("naive_stamp", "observation", "one", "sidecar"): (1, 1), ("naive_stamp", "event", "activity", "commented"): (1, 1)}
    zone.put("activity/other.csv", [{"event_id": "x", "ref": "A", "event": "commented", "actor": "bo", "occurred_at": "2026-04-01T09:30:00Z"}])
    zone.put("scans/s2.json", zone.files["scans/s1.json"], target="pay-api", captured_at="2026-04-01T09:00:00", scanner="one", scan_id="again")
    assert quality() == {("naive_stamp", "observation", "one", "sidecar"): (1, 1)}
    assert warehouse.sql("SELECT kind FROM record.conflict WHERE kind = 'activity'") == [("activity",)]


# Where it stands


def test_pairs_of_stages_out_of_sequence(zone, quality):
    """A: told before it was routed and enriched, B: routed before it was enriched, C: in order."""
    for own in "ABC":
        zone.scan("2026-04-01T09:00:00Z", own=own, cve=f"CVE-2026-{own}")
    zone.event("enriched", "2026-04-01T11:00:00Z", "soc").event("routed", "2026-04-01T11:00:00Z", "soc", target_person="anna")
    zone.event("notified", "2026-04-01T10:00:00Z", "soc", target_person="anna").event("acknowledged", "2026-04-01T12:00:00Z")
    zone.event("enriched", "2026-04-01T11:00:00Z", "soc", ref="B").event("routed", "2026-04-01T10:59:59.999999Z", "soc", ref="B", target_person="anna")
    zone.event("enriched", "2026-04-01T10:00:00Z", "soc", ref="C").event("routed", "2026-04-01T10:30:00Z", "soc", ref="C", target_person="anna")
    found = quality(columns=("anomalies", "population", "first_at", "last_at"))
    assert found == {
        ("out_of_sequence", "cycle", "(none)", "dispatch before enrichment"): (1, 1, "2026-04-01T10:00:00Z", "2026-04-01T10:00:00Z"),
        ("out_of_sequence", "cycle", "(none)", "dispatch before routing"): (1, 1, "2026-04-01T10:00:00Z", "2026-04-01T10:00:00Z"),
        ("out_of_sequence", "cycle", "(none)", "routing before enrichment"): (1, 3, "2026-04-01T10:59:59.999999Z", "2026-04-01T10:59:59.999999Z"),
    }


def test_events_before_t0(zone, quality):
    """An acknowledgement before t0 is out of sequence; a comment is only early. At t0 itself, or about nothing known, is neither."""
    zone.scan("2026-04-01T09:00:00Z").event("acknowledged", "2026-04-01T08:59:59Z").event("commented", "2026-03-01T09:00:00Z")
    zone.event("acknowledged", "2026-04-01T09:00:00Z").event("acknowledged", "2026-03-01T09:00:00Z", ref="nothing")
    assert quality() == {
        ("before_t0", "event", "activity", "acknowledged"): (1, 3),
        ("before_t0", "event", "activity", "commented"): (1, 3),
        ("out_of_sequence", "event", "activity", "acknowledgement before capture"): (1, 2),
    }


def test_events_outside_every_cycle(zone, quality):
    zone.scan("2026-04-01T09:00:00Z").scan("2026-04-01T09:00:00Z", "Info", own="I", cve="CVE-2026-2")
    zone.event("reopened", "2026-04-01T10:00:00Z").event("control_expired", "2026-04-01T11:00:00Z").event("verified", "2026-04-02T09:00:00Z")
    zone.event("commented", "2026-04-03T09:00:00Z").event("triaged", "2026-04-04T09:00:00Z").event("commented", "2026-04-03T09:00:00Z", ref="I")
    zone.event("reopened", "2026-04-05T09:00:00Z").event("commented", "2026-04-06T09:00:00Z")
    assert quality() == {
        ("outside_cycle", "event", "activity", "outside_cycle"): (2, 8),
        ("outside_cycle", "event", "activity", "reopened_while_open"): (1, 8),
        ("outside_cycle", "event", "activity", "no_running_control"): (1, 8),
        ("outside_cycle", "event", "activity", "no_cycle"): (1, 8),
    }


# Many at once


def test_many_acknowledgements_at_once(zone, quality):
    """Seven people, each on their own: when they acknowledged (seconds), and how many of those are bulk."""
    heaps = {
        "ten": ([*range(10)], 10),
        "nine": ([*range(9)], 0),
        "at one instant": ([0] * 10, 10),
        "in a minute": ([*range(9), 60], 10),  # from the first to the last
        "in more than a minute": ([*range(9), 60.000001], 0),
        "in a row": ([*range(0, 95, 5)], 19),  # thirteen in any minute; each is counted once
        "in two heaps": ([*range(10), 70, 200, *range(300, 310)], 20),  # what lies between them is in neither
    }
    zone.scan("2026-04-01T09:00:00Z")
    for actor, (seconds, _) in heaps.items():
        acknowledged(zone, seconds, actor)
    total = sum(len(seconds) for seconds, _ in heaps.values())
    assert bulk(quality()) == {actor: (expected, total) for actor, (_, expected) in heaps.items() if expected}


def test_bulk_is_of_one_person_by_whichever_name(zone, quality):
    """Five of anna's by id and five by mail address are ten of one; bo's nine, and nobody's thirty, are none of hers."""
    zone.scan("2026-04-01T09:00:00Z")
    acknowledged(zone, [*range(5)])
    acknowledged(zone, [*range(5, 10)], "Anna@example.com")
    acknowledged(zone, [*range(9)], "bo")
    acknowledged(zone, [*range(30)], "")
    assert bulk(quality()) == {"anna": (10, 49)}


def test_what_one_act_acknowledged_is_no_anomaly(zone, quality):
    """Ruling 95: a shared batch id. One that is each event's own shares nothing."""
    zone.scan("2026-04-01T09:00:00Z")
    acknowledged(zone, [*range(10)], batch_id="digest-1")
    acknowledged(zone, [*range(9)])
    assert bulk(quality()) == {}
    for second in range(10):
        acknowledged(zone, [second], "bo", batch_id=f"own-{second}")
    assert bulk(quality("2026-05-02T00:00:00Z")) == {"bo": (10, 29)}


def test_a_ticket_of_many_findings_is_one_event(zone, quality):
    for number in range(12):
        zone.scan("2026-04-01T09:00:00Z", own=f"T{number}", cve=f"CVE-2026-{number}").event("ticket_linked", "2026-04-01T10:00:00Z", "soc", ref=f"T{number}", ticket="X-1")
    acknowledged(zone, [1], ref="X-1")
    assert bulk(quality()) == {}


def test_the_policy_says_how_many_and_how_soon(zone, quality):
    zone.scan("2026-04-01T09:00:00Z")
    acknowledged(zone, [0, 5, 10])
    assert bulk(quality(policy={"time_quality": {"bulk_count": 3, "bulk_window": "10s"}})) == {"anna": (3, 3)}
    assert bulk(quality("2026-05-02T00:00:00Z", policy={"time_quality": {"bulk_count": 3, "bulk_window": "9s"}})) == {}
