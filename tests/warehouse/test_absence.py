"""mart.absence and mart.scanner_coverage: what later scans say of an open finding, worked case by case (record.md 'Safe closure', ruling 91)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import decisions, models

DAY = "2026-04-{:02d}T09:00:00Z"
AS_OF = "2026-05-01T00:00:00Z"


def report(*findings: int, **item: Any) -> str:
    """A report of these findings, each with an id of its own."""
    found = [{"title": f"F{number}", "severity": "High", "description": "d", "cve": f"CVE-2026-{number}", "unique_id_from_tool": f"N{number}", **item} for number in findings]
    return json.dumps({"findings": found})


@pytest.fixture
def scan(zone):
    """Adds a scan of findings on a day of April; by scanner one on pay-api unless said otherwise."""

    def add(day: int, *findings: int, scanner: str = "one", target: str = "pay-api", items: dict | None = None, name: str = "", **side: Any) -> None:
        zone.put(f"scans/{name or f'{scanner}-{len(zone.files)}'}.json", report(*findings, **(items or {})), target=target, captured_at=DAY.format(day), scanner=scanner, **side)

    return add


@pytest.fixture
def absence(zone):
    """(reason, path, gone) of finding 1 by scanner and target, without a warehouse."""

    def read(as_of: str = AS_OF, number: int = 1) -> dict[tuple[str, str], tuple]:
        state = zone.state(as_of)
        ids = {row["finding_id"]: row["vulnerability_key"] for row in state.rows("finding")}
        rows = [row for row in state.mart("absence") if ids[row["finding_id"]] == f"CVE-2026-{number}"]
        return {(row["scanner"], row["target"]): (row["reason"], row["path"], row["is_believed_gone"]) for row in rows}

    return read


def test_gone_from_a_later_scan_of_its_scanner(scan, absence, zone):
    scan(1, 1, 2)
    assert absence() == {("one", "pay-api"): ("no_later_scan", None, False)}
    scan(2, 1, 2)
    scan(3, 2, name="third")
    scan(4, 2, name="fourth")
    assert absence() == {("one", "pay-api"): ("not_in_later_scan", "scans/third.json", True)}
    assert absence(number=2) == {("one", "pay-api"): ("no_later_scan", None, False)}
    (row,) = [row for row in zone.state(AS_OF).mart("absence") if row["is_absent"]]
    assert (row["last_seen_at"], row["absent_since_at"], row["gone_since_at"], row["absent_scans"]) == (DAY.format(2), DAY.format(3), DAY.format(3), 2)
    assert (row["scan_status"], row["scan_scanners"], row["targets"]) == ("loaded", ["one"], ["pay-api"])
    # It is evidence: nothing is closed by it.
    assert all(cycle["is_open"] and cycle["resolved_at"] is None for cycle in zone.cycles())


def test_a_scan_without_any_result_proves_it_too(scan, absence):
    scan(1, 1)
    scan(2, name="clean")
    assert absence() == {("one", "pay-api"): ("not_in_later_scan", "scans/clean.json", True)}


def test_seen_again_is_there_again(scan, absence):
    scan(1, 1, 2)
    scan(2, 2)
    scan(3, 1, 2)
    assert absence() == {("one", "pay-api"): ("no_later_scan", None, False)}


def test_known_at_an_instant(scan, absence):
    scan(1, 1)
    scan(20, name="clean")
    assert absence("2026-04-19T00:00:00Z") == {("one", "pay-api"): ("no_later_scan", None, False)}


def test_a_scan_of_the_same_instant_is_no_later_one(scan, absence):
    scan(1, 1)
    scan(1, 2)
    assert absence()["one", "pay-api"][0] == "no_later_scan"


def test_another_scope_proves_nothing(scan, absence):
    scan(1, 1)
    scan(2, 2, target="elsewhere", name="other")
    assert absence() == {("one", "pay-api"): ("other_scope", "scans/other.json", False)}


def test_the_sidecars_scope_counts_and_not_where_the_results_are(scan, absence):
    scan(1, 1)
    scan(2, 2, target="elsewhere", scope=["elsewhere", "pay-api"], name="both")
    assert absence() == {("one", "pay-api"): ("not_in_later_scan", "scans/both.json", True)}


def test_another_scanner_proves_nothing(scan, absence):
    scan(1, 1)
    scan(2, 2, scanner="two", name="two")
    assert absence() == {("one", "pay-api"): ("other_scanner", "scans/two.json", False)}


def test_gone_only_when_every_scanner_that_saw_it_has_looked_again(scan, absence, zone):
    scan(1, 1)
    scan(2, 1, scanner="two")
    scan(3, name="one-clean")
    assert absence() == {("one", "pay-api"): ("not_in_later_scan", "scans/one-clean.json", False), ("two", "pay-api"): ("other_scanner", "scans/one-clean.json", False)}
    scan(5, scanner="two", name="two-clean")
    assert {gone for *_, gone in absence().values()} == {True}
    assert {row["gone_since_at"] for row in zone.state(AS_OF).mart("absence")} == {DAY.format(5)}


def test_a_scan_that_could_not_be_read_whole_proves_nothing(scan, absence, zone):
    scan(1, 1)
    broken = json.loads(report(2))
    broken["findings"].append({"title": "F1"})
    zone.put("scans/broken.json", json.dumps(broken), target="pay-api", captured_at=DAY.format(2), scanner="one")
    assert absence() == {("one", "pay-api"): ("partly_read", "scans/broken.json", False)}


def test_a_scan_dated_by_its_file_alone_proves_nothing(scan, absence, zone):
    """Copying a folder dates all its files anew, in any order."""
    scan(1, 1)
    zone.put("scans/undated.json", report(2), target="pay-api", scanner="one")
    assert absence() == {("one", "pay-api"): ("dated_by_file", "scans/undated.json", False)}


def test_names_of_one_asset_are_one_place(scan, absence, zone):
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "pay.example.com", "owner_team": "payments"})
    scan(1, 1, target="pay.example.com")
    scan(2, 2, target="https://pay.example.com:8443/x", name="url")
    assert absence() == {("one", "pay.example.com"): ("not_in_later_scan", "scans/url.json", True)}


def test_members_of_a_pattern_are_not_one_place(scan, absence, zone):
    """A range of addresses is one asset in the register: the scan of one address says nothing of the next."""
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "cidr:10.0.0.0/8;name:pay/*", "owner_team": "payments"})
    scan(1, 1, target="10.0.0.1")
    scan(2, 2, target="10.0.0.2", name="next")
    assert absence() == {("one", "10.0.0.1"): ("other_scope", "scans/next.json", False)}
    scan(3, 2, target="10.0.0.1", name="same")
    assert absence() == {("one", "10.0.0.1"): ("not_in_later_scan", "scans/same.json", True)}


def test_the_next_version_of_an_image_is_the_same_place(scan, absence, zone):
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "name:registry/pay*", "owner_team": "payments"})
    scan(1, 1, target="registry/pay:1.0")
    scan(2, 2, target="registry/pay:1.1", name="next")
    assert absence() == {("one", "registry/pay:1.0"): ("not_in_later_scan", "scans/next.json", True)}


def test_a_scan_of_the_whole_asset_covers_the_members_of_its_pattern(scan, absence, zone):
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "cidr:10.0.0.0/8", "owner_team": "payments"})
    scan(1, 1, target="10.0.0.1")
    scan(2, 2, target="10.0.0.2", scope=["pay-api"], name="all")
    assert absence() == {("one", "10.0.0.1"): ("not_in_later_scan", "scans/all.json", True)}


def test_without_an_asset_the_target_is_the_place(scan, absence):
    scan(1, 1, target="ghost:1")
    scan(2, 2, target="ghost:2", name="two")
    assert absence() == {("one", "ghost:1"): ("other_scope", "scans/two.json", False)}


def test_one_finding_under_two_sightings_is_seen_by_either(scan, absence, zone):
    """A GHSA that turns out to be the CVE: two sightings, one finding; the scan that has the one has not lost the other."""
    zone.put("reference/aliases.csv", "id,cve,ghsa,other\nPYSEC-2026-1,CVE-2026-1,GHSA-aaaa-bbbb-0001,\n")
    scan(1, 1)
    scan(2, 1, items={"cve": "GHSA-AAAA-BBBB-0001"})
    assert absence() == {("one", "pay-api"): ("no_later_scan", None, False)}
    (row,) = zone.state(AS_OF).mart("absence")
    assert len(row["sighting_ids"]) == 2


def test_a_closed_finding_is_not_asked_for(scan, zone):
    scan(1, 1)
    scan(2)
    zone.event("verified", DAY.format(3), ref="N1")
    assert zone.state(AS_OF).mart("absence") == []


# Through the warehouse: what only landing knows


ABSENCE, COVERAGE = (f"({models.models()[name].query})" for name in ("absence", "scanner_coverage"))


def rows(warehouse: Any, columns: str = "reason, path, scan_status, is_believed_gone", number: int = 1) -> list[tuple]:
    return warehouse.sql(f"SELECT {columns} FROM {ABSENCE} JOIN derived.finding USING (finding_id) WHERE vulnerability_key = 'CVE-2026-{number}' ORDER BY ALL")


def test_a_result_that_another_file_had_already_is_in_this_scan_too(zone, warehouse, tmp_path):
    """Exports that date each result by itself repeat it in every export: the record keeps it once, and knows both files to hold it."""
    zone.put("scans/a.json", report(1, 2, date="2026-04-01T09:00:00Z"), target="pay-api", captured_at=DAY.format(2), scanner="one")
    zone.put("scans/b.json", report(1, 3, date="2026-04-01T09:00:00Z"), target="pay-api", captured_at=DAY.format(3), scanner="one")
    warehouse.run(zone.write(tmp_path / "landing"), AS_OF)
    assert warehouse.files()["scans/b.json"] == ("loaded", 1, 1, 0)
    assert rows(warehouse, "reason, last_seen_at::VARCHAR") == [("no_later_scan", "2026-04-03 09:00:00")]
    assert rows(warehouse, number=2) == [("not_in_later_scan", "scans/b.json", "loaded", True)]


@pytest.fixture
def collapsed(zone, warehouse, tmp_path):
    """A warehouse with a scan of 20 findings and a held one of the last alone."""
    zone.put("scans/one-1.json", report(*range(1, 21)), target="pay-api", captured_at=DAY.format(1), scanner="one")
    landing = zone.write(tmp_path / "landing")
    warehouse.run(landing, "2026-04-02T00:00:00Z")
    zone.put("scans/one-2.json", report(20), target="pay-api", captured_at=DAY.format(2), scanner="one")
    zone.write(landing)
    warehouse.run(landing, "2026-04-03T00:00:00Z")
    return warehouse, landing


def decide(warehouse: Any, decision: str) -> None:
    ((sha,),) = warehouse.sql("SELECT sha256 FROM record.landed_file WHERE path = 'scans/one-2.json'")
    decisions.decide(warehouse.home.folder, decision, sha, "as it was meant", by="tester", at_us=1)


def test_a_held_scan_proves_nothing_until_it_is_released(collapsed):
    warehouse, landing = collapsed
    assert warehouse.files()["scans/one-2.json"][0] == "held"
    assert rows(warehouse) == [("held", "scans/one-2.json", "held", False)]
    assert rows(warehouse, "reason, last_seen_at::VARCHAR", number=20) == [("no_later_scan", "2026-04-02 09:00:00")]  # presence is evidence
    coverage = f"SELECT scans, last_scanned_at::VARCHAR, path, held_scans, last_held_at::VARCHAR FROM {COVERAGE}"
    assert warehouse.sql(coverage) == [(1, "2026-04-01 09:00:00", "scans/one-1.json", 1, "2026-04-02 09:00:00")]
    decide(warehouse, "release")
    warehouse.run(landing, "2026-04-04T00:00:00Z")
    assert rows(warehouse) == [("not_in_later_scan", "scans/one-2.json", "released", True)]
    assert warehouse.sql(coverage) == [(2, "2026-04-02 09:00:00", "scans/one-2.json", 0, None)]


def test_a_discarded_or_retracted_scan_proves_nothing(collapsed):
    warehouse, landing = collapsed
    decide(warehouse, "discard")
    warehouse.run(landing, "2026-04-04T00:00:00Z")
    assert rows(warehouse) == [("discarded", "scans/one-2.json", "discarded", False)]
    decide(warehouse, "retract")
    warehouse.run(landing, "2026-04-05T00:00:00Z")
    assert rows(warehouse) == [("no_later_scan", None, None, False)]
    assert rows(warehouse, "reason, last_seen_at::VARCHAR", number=20) == [("no_later_scan", "2026-04-01 09:00:00")]


def test_a_quarantined_file_proves_nothing(zone, warehouse, tmp_path):
    zone.put("scans/one-1.json", report(1), target="pay-api", captured_at=DAY.format(1), scanner="one")
    zone.put("scans/one-2.json", "{", target="pay-api", captured_at=DAY.format(2), scanner="one")
    warehouse.run(zone.write(tmp_path / "landing"), AS_OF)
    assert rows(warehouse) == [("no_later_scan", None, None, False)]


def _content(warehouse: Any) -> list[tuple]:
    wanted = "finding_id, scanner, target, last_seen_at, reason, absent_since_at, absent_scans, path, scan_status, is_believed_gone, gone_since_at"
    return warehouse.sql(f"SELECT {wanted} FROM {ABSENCE} ORDER BY ALL") + warehouse.sql(f"SELECT * EXCLUDE (claim_id, held_claim_id) FROM {COVERAGE} ORDER BY ALL")


@pytest.fixture(scope="module")
def arrivals(tools, tmp_path_factory):
    """Scans of two scanners and three targets with results in common, and what the marts say when all land at once."""
    folder = tmp_path_factory.mktemp("arrivals")
    zone = tools.Zone()
    for number, (day, scanner, target, found) in enumerate(
        [(1, "one", "pay-api", (1, 2, 3)), (2, "two", "pay-api", (1, 4)), (3, "one", "pay-api", (2,)), (4, "one", "ghost", (5,)), (5, "two", "pay-api", ()), (6, "one", "ghost", (1,)), (7, "one", "pay-api", (2, 3))]
    ):  # fmt: skip
        item = {"date": "2026-04-01T08:00:00Z"} if number in (0, 2) else {}
        zone.put(f"scans/s{number}.json", report(*found, **item), target=target, captured_at=DAY.format(day), scanner=scanner)
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(zone.write(folder / "landing"), AS_OF)
    return zone, _content(warehouse)


def test_the_arrivals_have_every_outcome_that_order_could_touch(arrivals):
    assert {"not_in_later_scan", "other_scope", "no_later_scan"} <= {row[4] for row in arrivals[1]}


@settings(max_examples=5)
@given(order=st.permutations(range(7)), cut=st.integers(1, 6))
def test_whatever_the_order_of_arrival_the_same_is_believed(tools, arrivals, tmp_path_factory, order, cut):
    zone, expected = arrivals
    folder = tmp_path_factory.mktemp("order")
    warehouse = tools.Warehouse(folder / "home")
    for part in (order[:cut], order):
        partial = tools.Zone()
        partial.files = {path: content for path, content in zone.files.items() if not path.startswith("scans/") or int(Path(path).name[1]) in part}
        warehouse.run(partial.write(folder / "landing"), AS_OF)
    assert _content(warehouse) == expected


# Coverage


def test_coverage_of_a_scanner_and_asset(scan, zone):
    scan(1, 1)
    scan(1, 2)
    scan(2, 1)
    scan(8, name="clean", scope=["pay-api", "nobodys"])
    scan(9, 1, scanner="two")
    scan(10, 1, target="ghost")
    found = {row["scanner"]: row for row in zone.state(AS_OF).mart("scanner_coverage")}
    assert found.keys() == {"one", "two"}
    shown = ("asset_id", "scans", "first_scanned_at", "last_scanned_at", "path", "scan_status", "scope", "interval_seconds", "next_expected_at", "is_overdue", "held_scans")
    assert [found["one"][name] for name in shown] == [
        "pay", 3, DAY.format(1), DAY.format(8), "scans/clean.json", "empty", ["pay-api", "nobodys"], 3.5 * 86400, "2026-05-08T09:00:00Z", False, 0
    ]  # fmt: skip
    assert (found["two"]["scans"], found["two"]["interval_seconds"]) == (1, None)
    overdue = zone.state(AS_OF, {"scans": {"cadence": "7d"}}).mart("scanner_coverage")
    assert [(row["scanner"], row["next_expected_at"], row["is_overdue"]) for row in overdue] == [("one", "2026-04-15T09:00:00Z", True), ("two", "2026-04-16T09:00:00Z", True)]
