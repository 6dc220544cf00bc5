"""Landed files to the record: each content once, every row balanced, and what a later sidecar, code, policy or person changes."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from warehouse import decisions, load, raw

DAY = [f"2026-05-{day:02d}T12:00:00Z" for day in range(1, 29)]


def item(number: int = 1, **more: object) -> dict:
    return {"title": f"T{number}", "severity": "High", "description": "d", "unique_id_from_tool": f"A{number}", "cve": f"CVE-2026-{number}", **more}


def report(*items: dict) -> str:
    return json.dumps({"findings": list(items)})


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    (tmp_path / "landing" / "scans").mkdir(parents=True)
    return tmp_path / "landing"


@pytest.fixture
def put(landing: Path):
    def put(path: str, content: str | bytes, **sidecar: object) -> Path:
        whole = landing / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(content.encode() if isinstance(content, str) else content)
        if sidecar:
            whole.with_name(f"{whole.name}.meta.yaml").write_text("\n".join(f"{key}: {json.dumps(value)}" for key, value in sidecar.items()))
        return whole

    return put


WEB = {"target": "web", "captured_at": "2026-04-01T00:00:00Z"}


# Once


def test_a_file_already_loaded_does_nothing(warehouse, landing, put):
    put("scans/a.json", report(item(1), item(2)), **WEB)
    assert warehouse.run(landing, DAY[0]).rows_new == 2
    again = warehouse.run(landing, DAY[1])
    assert (again.files_seen, again.files_new, again.rows_in) == (1, 0, 0)
    assert warehouse.sql("SELECT count(*), max(attempt) FROM record.landing_attempt") == [(1, 1)]


def test_the_same_content_renamed_touched_or_repacked_counts_once(warehouse, landing, put):
    text = report(item(1, service="web", date="2026-04-01T00:00:00Z"))
    path = put("scans/a.json", text)
    warehouse.run(landing, DAY[0])
    digest = warehouse.state_digest()
    path.touch()
    path.rename(landing / "scans" / "renamed.json")
    put("scans/b.json.gz", gzip.compress(text.encode(), mtime=1))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.json", text)
        archive.writestr("y.json", text)
    put("scans/c.zip", packed.getvalue())
    done = warehouse.run(landing, DAY[1])
    assert (done.files_seen, done.files_new) == (4, 0)
    assert warehouse.state_digest() == digest
    assert warehouse.sql("SELECT count(*) FROM record.observation") == [(1,)]


def test_one_content_with_two_sidecars_is_two_claims(warehouse, landing, put):
    put("scans/a.json", report(item(1)), target="web", captured_at="2026-04-01T00:00:00Z")
    put("scans/b.json", report(item(1)), target="db", captured_at="2026-04-01T00:00:00Z")
    assert warehouse.run(landing, DAY[0]).files_new == 2
    assert warehouse.sql("SELECT target FROM record.observation ORDER BY target") == [("db",), ("web",)]
    assert warehouse.sql("SELECT count(*) FROM record.conflict") == [(0,)]
    # one content in the raw store, a meta for each claim
    assert len(list(warehouse.home.raw.glob("*/*.meta"))) == 2
    assert len([path for path in warehouse.home.raw.glob("*/*") if path.suffix != ".meta"]) == 1


def test_rows_balance_within_a_file_and_across_files(warehouse, landing, put):
    put("scans/a.json", report(item(1), item(1), item(2), {"title": "no severity"}), **WEB)
    put("scans/b.json", report(item(2), item(3)), **WEB)
    done = warehouse.run(landing, DAY[0])
    assert (done.rows_in, done.rows_new, done.rows_duplicate, done.rows_rejected) == (6, 3, 2, 1)
    assert warehouse.files() == {"scans/a.json": ("loaded", 2, 1, 1), "scans/b.json": ("loaded", 1, 1, 0)}
    assert warehouse.balances()


def test_an_empty_report_is_empty_and_an_empty_file_quarantined(warehouse, landing, put):
    put("scans/a.json", report(), **WEB)
    put("scans/b.json", "")
    put("scans/c.txt", "hello")
    done = warehouse.run(landing, DAY[0])
    assert {path: status for path, (status, *_) in warehouse.files().items()} == {"scans/a.json": "empty", "scans/b.json": "quarantined", "scans/c.txt": "quarantined"}
    assert (done.files_quarantined, [path for path, _ in done.quarantined]) == (2, ["scans/b.json", "scans/c.txt"])


def test_the_raw_store_keeps_every_content_unchanged_with_how_it_first_came(warehouse, landing, put):
    put("scans/a.json", report(item(1)), **WEB)
    put("scans/b.bin", b"\x00\xff")
    warehouse.run(landing, DAY[0])
    contents = {path.read_bytes() for path in warehouse.home.raw.glob("*/*") if path.suffix != ".meta"}
    assert contents == {report(item(1)).encode(), b"\x00\xff"}
    metas = {meta["path"]: meta for meta in raw.metas(warehouse.home.raw)}
    assert metas["scans/a.json"]["sidecar"] == WEB
    (landing / "scans" / "b.bin").rename(landing / "scans" / "c.bin")
    warehouse.run(landing, DAY[1])
    assert {meta["path"]: meta for meta in raw.metas(warehouse.home.raw)} == metas


# Sidecars that come later


def test_a_sidecar_that_lands_later_supersedes_what_its_file_said_without_it(warehouse, landing, put):
    put("scans/a.json", report(item(1, service="web", date="2026-04-01T00:00:00Z"), item(2)))
    warehouse.run(landing, DAY[0])
    assert warehouse.cycles("title, captured_at::VARCHAR") == [("T1", "2026-04-01 00:00:00")]
    assert warehouse.rejects() == [("scans/a.json", "/findings/1", "no_target")]
    put("scans/a.json", report(item(1, service="web", date="2026-04-01T00:00:00Z"), item(2)), target="db", captured_at="2026-04-02T00:00:00Z")
    warehouse.run(landing, DAY[1])
    assert warehouse.cycles("title, target, captured_at::VARCHAR") == [("T1", "web", "2026-04-01 00:00:00"), ("T2", "db", "2026-04-02 00:00:00")]
    assert warehouse.sql("SELECT kind, subject FROM record.conflict") == [("superseded_claim", "scans/a.json")]
    assert warehouse.run(landing, DAY[2]).files_new == 0


def test_rows_that_a_sidecar_does_not_change_stay_when_it_lands_later(warehouse, landing, put):
    text = report(item(1, service="web", date="2026-04-01T00:00:00Z"))
    put("scans/a.json", text)
    warehouse.run(landing, DAY[0])
    put("scans/a.json", text, source="web-export")
    warehouse.run(landing, DAY[1])
    assert warehouse.cycles("title") == [("T1",)]
    assert warehouse.balances()


def test_a_file_and_its_late_sidecar_come_to_the_same_state_as_both_at_once(warehouse, landing, put, tools, tmp_path):
    text = report(item(1, service="web"), item(2))
    put("scans/a.json", text, **WEB)
    both = tools.Warehouse(tmp_path / "both")
    both.run(landing, DAY[1])
    (landing / "scans/a.json.meta.yaml").unlink()
    warehouse.run(landing, DAY[0])
    put("scans/a.json", text, **WEB)
    warehouse.run(landing, DAY[1])
    columns = "title, target, captured_at, handoff_due_at, owner_id"
    assert warehouse.cycles(columns) == both.cycles(columns)


def test_a_sidecar_with_a_mistake_is_said_and_takes_nothing_away(warehouse, landing, put):
    put("scans/a.json", report(item(1, service="web", date="2026-04-01T00:00:00Z")))
    warehouse.run(landing, DAY[0])
    put("scans/a.json.meta.yaml", "targte: db")
    done = warehouse.run(landing, DAY[1])
    assert len(done.quarantined) == 1
    assert "targte" in done.quarantined[0][1]
    assert warehouse.cycles("title") == [("T1",)]
    put("scans/a.json.meta.yaml", "engagement: audit")
    assert warehouse.run(landing, DAY[2]).files_new == 1
    assert warehouse.cycles("title, engagement") == [("T1", "audit")]
    assert warehouse.run(landing, DAY[3]).files_new == 0


def test_a_sidecar_that_is_gone_takes_nothing_away(warehouse, landing, put):
    put("scans/a.json", report(item(1)), **WEB)
    warehouse.run(landing, DAY[0])
    (landing / "scans/a.json.meta.yaml").unlink()
    warehouse.run(landing, DAY[1])
    assert warehouse.cycles("title, target") == [("T1", "web")]


def test_a_superseded_reading_is_not_read_again(warehouse, landing, put):
    put("scans/a.json", report(item(1, service="web", date="2026-04-01T00:00:00Z"), item(2)))
    warehouse.run(landing, DAY[0])
    put("scans/a.json", report(item(1, service="web", date="2026-04-01T00:00:00Z"), item(2)), target="db", captured_at="2026-04-02T00:00:00Z")
    warehouse.run(landing, DAY[1])
    before = warehouse.cycles("title, target, captured_at")
    warehouse.run(landing, DAY[2], code="newer")
    warehouse.run(landing, DAY[3], code="newest")
    assert warehouse.cycles("title, target, captured_at") == before
    assert warehouse.sql("SELECT count(*), count(DISTINCT (observation_id, content_id, claim_id)) FROM record.observation") == [(3, 3)]


# Read again


def test_rows_of_the_future_are_tried_again_when_their_time_has_come(warehouse, landing, put):
    put("scans/a.json", report(item(1, date="2026-05-03T00:00:00Z"), item(2)), **WEB)
    put("activity/a.csv", "event,occurred_at,ref\ncommented,2026-05-04T00:00:00Z,A2\ncommented,2026-05-01T00:00:00Z,A2\n")
    assert warehouse.run(landing, DAY[0]).rows_rejected == 2
    assert warehouse.run(landing, DAY[1]).rows_in == 0
    done = warehouse.run(landing, DAY[2])
    assert (done.rows_new, done.rows_rejected) == (1, 0)
    assert warehouse.rejects() == [("activity/a.csv", "row 2", "future")]
    warehouse.run(landing, DAY[3])
    assert warehouse.rejects() == []
    assert warehouse.sql("SELECT count(*) FROM record.observation") == [(2,)]
    assert warehouse.files() == {"scans/a.json": ("loaded", 2, 0, 0), "activity/a.csv": ("loaded", 2, 0, 0)}
    assert warehouse.balances()
    # what a later reading accepts is known from then on
    assert warehouse.sql("SELECT title, recorded_at::DATE::VARCHAR FROM record.observation ORDER BY title") == [("T1", "2026-05-03"), ("T2", "2026-05-01")]


def test_a_row_that_contradicts_its_own_recorded_at_is_not_read_for_ever(warehouse, landing, put):
    put("activity/a.csv", "event,occurred_at,ref,recorded_at\ncommented,2026-04-04T00:00:00Z,A,2026-04-01T00:00:00Z\n")
    for day in DAY[:3]:
        warehouse.run(landing, day)
    assert warehouse.sql("SELECT max(attempt) FROM record.landing_attempt") == [(1,)]


@pytest.mark.parametrize("change", [{"code": "newer"}, {"policy": "severity: {kev: critical}"}])
def test_newer_code_or_policy_reads_what_was_rejected_again_and_counts_a_row_once(warehouse, landing, put, change):
    put("scans/good.json", report(item(1)), **WEB)
    put("scans/part.json", report(item(2), {"title": "no severity"}), **WEB)
    put("scans/bad.txt", "hello")
    warehouse.run(landing, DAY[0])
    done = warehouse.run(landing, DAY[1], **change)
    assert (done.files_new, done.rows_new, done.files_quarantined) == (0, 0, 1)
    assert warehouse.sql("SELECT path, max(attempt) FROM record.landing_attempt GROUP BY path ORDER BY path") == [("scans/bad.txt", 2), ("scans/good.json", 1), ("scans/part.json", 2)]
    assert warehouse.files()["scans/part.json"] == ("loaded", 1, 0, 1)
    assert len(warehouse.rejects()) == 1
    assert warehouse.balances()
    assert warehouse.run(landing, DAY[2], **change).rows_in == 0


def test_a_new_reading_loads_what_the_old_one_could_not(warehouse, landing, put):
    put("activity/a.csv", "event,occurred_at,ref\ncommented,2026-05-01T12:07:00Z,A\n")
    warehouse.run(landing, DAY[0])
    assert warehouse.rejects() == [("activity/a.csv", "row 2", "future")]
    warehouse.run(landing, DAY[0], "clock_tolerance: 10m")
    assert warehouse.files()["activity/a.csv"] == ("loaded", 1, 0, 0)


def test_a_person_may_ask_for_a_file_to_be_read_again(warehouse, landing, put):
    path = put("scans/a.json", report(item(1)), **WEB)
    warehouse.run(landing, DAY[0])
    (sha256,) = warehouse.sql("SELECT sha256 FROM record.landed_file")[0]
    path.unlink()
    decisions.decide(warehouse.home.folder, "reprocess", sha256[:8], "new reader", by="me", at_us=1)
    done = warehouse.run(landing, DAY[1])
    assert (done.files_new, done.rows_new) == (0, 0)
    assert warehouse.sql("SELECT max(attempt) FROM record.landing_attempt") == [(2,)]
    assert warehouse.run(landing, DAY[2]).rows_in == 0


def test_a_missing_raw_file_is_an_error_that_says_what_to_do(warehouse, landing, put):
    from transforms.domain.errors import RunError

    put("scans/bad.txt", "hello")
    warehouse.run(landing, DAY[0])
    shutil.rmtree(warehouse.home.raw)
    (landing / "scans" / "bad.txt").unlink()
    with pytest.raises(RunError, match="restore it from a backup"):
        warehouse.run(landing, DAY[1], code="newer")


# Held


def assets(*names: str) -> str:
    return "asset_id,name\n" + "".join(f"{name},{name}\n" for name in names)


def keys(warehouse, day: str) -> set[str]:
    """Assets that the marts can bind to."""
    return {target for target, status in warehouse.sql("SELECT target, binding_status FROM derived.target") if status == "bound"}


@pytest.fixture
def three_assets(put):
    """Two assets seen by a scan, of a register of five."""
    put("assets/assets-2026-04-01.csv", assets("web", "db", "x", "y", "z"), captured_at="2026-04-01T00:00:00Z")
    put("scans/a.json", report(item(1, service="web"), item(2, service="db")), captured_at="2026-04-10T00:00:00Z")


def test_a_register_that_lost_too_much_is_held_and_not_applied(warehouse, landing, put, three_assets):
    warehouse.run(landing, DAY[0])
    put("assets/assets-2026-05-02.csv", assets("web", "x", "y", "z"), captured_at="2026-04-20T00:00:00Z")
    done = warehouse.run(landing, DAY[1])
    assert done.files_held == 0  # one of five is the policy's share, not more
    put("assets/assets-2026-05-03.csv", assets("web", "x", "y"), captured_at="2026-04-30T00:00:00Z")
    assert warehouse.run(landing, DAY[2]).files_held == 1
    assert warehouse.files()["assets/assets-2026-05-03.csv"][0] == "held"
    assert "1 of the 4 keys" in warehouse.reason("assets/assets-2026-05-03.csv")
    assert keys(warehouse, DAY[2]) == {"web"}


@pytest.mark.parametrize(("decision", "bound"), [("release", {"web"}), ("discard", {"web", "db"}), (None, {"web", "db"})])
def test_a_held_register_is_released_or_discarded_by_a_person(warehouse, landing, put, three_assets, decision, bound):
    warehouse.run(landing, DAY[0])
    put("assets/assets-2026-05-02.csv", assets("web"), captured_at="2026-04-20T00:00:00Z")
    warehouse.run(landing, DAY[1])
    assert keys(warehouse, DAY[1]) == {"web", "db"}
    if decision:
        (sha256,) = warehouse.sql("SELECT sha256 FROM record.landed_file WHERE status = 'held'")[0]
        decisions.decide(warehouse.home.folder, decision, sha256, "half the fleet is gone", by="me", at_us=1)
    warehouse.run(landing, DAY[2])
    assert keys(warehouse, DAY[2]) == bound
    assert warehouse.files()["assets/assets-2026-05-02.csv"][0] == ("loaded" if decision == "release" else "held")


def test_an_incomplete_register_is_never_held_and_the_guard_stays_armed(warehouse, landing, put, three_assets):
    warehouse.run(landing, DAY[0])
    put("assets/assets-2026-05-02.csv", assets("web"), captured_at="2026-04-20T00:00:00Z", complete=False)
    assert warehouse.run(landing, DAY[1]).files_held == 0
    assert keys(warehouse, DAY[1]) == {"web", "db"}


def test_a_register_is_compared_with_all_that_is_in_force(warehouse, landing, put, three_assets):
    put("assets/assets-2026-05-02.csv", assets("web"), captured_at="2026-04-20T00:00:00Z", complete=False)
    warehouse.run(landing, DAY[0])
    put("assets/assets-2026-05-03.csv", assets("web", "w"), captured_at="2026-04-30T00:00:00Z")
    assert warehouse.run(landing, DAY[1]).files_held == 1


def scan_of(count: int, start: int = 0) -> str:
    return report(*(item(number) for number in range(start, start + count)))


def test_a_scan_that_collapsed_is_held_and_its_results_count(warehouse, landing, put):
    put("scans/web-2026-04-01.json", scan_of(20), target="web", captured_at="2026-04-01T00:00:00Z")
    warehouse.run(landing, DAY[0])
    put("scans/web-2026-04-02.json", scan_of(9), target="web", captured_at="2026-04-02T00:00:00Z")
    assert warehouse.run(landing, DAY[1]).files_held == 1
    assert warehouse.files()["scans/web-2026-04-02.json"] == ("held", 9, 0, 0)
    assert warehouse.sql("SELECT count(*) FROM derived.finding WHERE last_captured_at = TIMESTAMP '2026-04-02'") == [(9,)]
    (sha256,) = warehouse.sql("SELECT sha256 FROM record.landed_file WHERE status = 'held'")[0]
    decisions.decide(warehouse.home.folder, "release", sha256, "half was switched off", by="me", at_us=1)
    warehouse.run(landing, DAY[2])
    assert warehouse.files()["scans/web-2026-04-02.json"][0] == "loaded"


@pytest.mark.parametrize(("before", "after", "held"), [(20, 10, False), (20, 9, True), (19, 0, False), (20, 0, True), (40, 19, True)])
def test_when_a_scan_has_collapsed(warehouse, landing, put, before, after, held):
    put("scans/web-1.json", scan_of(before), target="web", captured_at="2026-04-01T00:00:00Z")
    put("scans/web-2.json", scan_of(after), target="web", captured_at="2026-04-02T00:00:00Z")
    put("scans/db-3.json", scan_of(1), target="db", captured_at="2026-04-02T00:00:00Z")
    assert warehouse.run(landing, DAY[0]).files_held == int(held)


def test_a_held_scan_stays_held_when_it_is_read_again(warehouse, landing, put):
    put("scans/web-1.json", scan_of(20), target="web", captured_at="2026-04-01T00:00:00Z")
    put("scans/web-2.json", json.dumps({"findings": [item(1), {"title": "no severity"}]}), target="web", captured_at="2026-04-02T00:00:00Z")
    warehouse.run(landing, DAY[0])
    assert warehouse.files()["scans/web-2.json"][0] == "held"
    warehouse.run(landing, DAY[1], code="newer")
    assert warehouse.files()["scans/web-2.json"][0] == "held"


# Taken back


def test_a_retracted_file_counts_no_more_from_then_on(warehouse, landing, put):
    put("scans/a.json", report(item(1)), **WEB)
    put("scans/b.json", report(item(2)), **WEB)
    warehouse.run(landing, DAY[0])
    (sha256,) = warehouse.sql("SELECT sha256 FROM record.landed_file WHERE path = 'scans/a.json'")[0]
    decisions.decide(warehouse.home.folder, "retract", sha256, "the test system", by="me", at_us=1)
    warehouse.run(landing, DAY[1])
    assert warehouse.cycles("title") == [("T2",)]
    assert warehouse.run(landing, DAY[2]).files_new == 0


def test_what_another_file_says_too_stays_when_one_is_retracted(warehouse, landing, put):
    put("scans/a.json", report(item(1), item(2)), **WEB)
    put("activity/week1.csv", "event_id,event,occurred_at,ref\ne1,commented,2026-04-02T00:00:00Z,A2\ne2,commented,2026-04-03T00:00:00Z,A2\n")
    warehouse.run(landing, DAY[0])
    put("scans/b.json", report(item(2), item(3)), **WEB)
    put("activity/week2.csv", "event_id,event,occurred_at,ref\ne2,commented,2026-04-03T00:00:00Z,A2\ne3,commented,2026-04-04T00:00:00Z,A2\n")
    warehouse.run(landing, DAY[1])
    for (sha256,) in warehouse.sql("SELECT sha256 FROM record.landed_file WHERE path IN ('scans/a.json', 'activity/week1.csv')"):
        decisions.decide(warehouse.home.folder, "retract", sha256, "wrong system", by="me", at_us=1)
    warehouse.run(landing, DAY[2])
    assert warehouse.cycles("title") == [("T2",), ("T3",)]
    assert warehouse.sql("SELECT event_id FROM derived.event WHERE method = 'file' ORDER BY event_id") == [("e2",), ("e3",)]
    assert warehouse.balances()
    assert warehouse.run(landing, DAY[3]).rows_in == 0


def test_what_another_file_says_too_stays_when_one_is_superseded(warehouse, landing, put):
    row = item(1, service="web", date="2026-04-01T00:00:00Z")
    put("scans/a.json", report(row))
    warehouse.run(landing, DAY[0])
    put("scans/b.json", report(row, item(2)), target="web", captured_at="2026-04-05T00:00:00Z")
    warehouse.run(landing, DAY[1])
    put("scans/a.json.meta.yaml", "scanner: other")
    warehouse.run(landing, DAY[2])
    assert warehouse.sql("SELECT scanner FROM derived.capture JOIN derived.finding USING (finding_id) WHERE title = 'T1' ORDER BY scanner") == [("generic",), ("other",)]


def test_a_decision_names_one_file(warehouse, landing, put):
    from transforms.domain.errors import UsageError

    put("scans/a.json", report(item(1)), **WEB)
    warehouse.run(landing, DAY[0])
    for prefix in ("", "abc", "zzzz"):
        with pytest.raises(UsageError):
            decisions.decide(warehouse.home.folder, "retract", prefix, "x", by="me", at_us=1)


# Bad input beside good


def test_everything_else_is_loaded(warehouse, landing, put):
    put("scans/good.json", report(item(1)), **WEB)
    put("scans/nobody.json", '{"hello": 1}', **WEB)
    put("scans/nul.json", report(item(2, title="a\x00b", unique_id_from_tool="\x00", description="\u202e")), target="w\x00b", captured_at="2026-04-01T00:00:00Z")
    put("scans/huge.json", report(item(3, date=1e18), item(4, line=10**30)), **WEB)
    put("assets/assets.csv", "asset_id,name,effective_from\nweb,web,2026-01-01\nweb,other,2026-01-01\nx,x,never\n")
    put("people/ownership.csv", "match,person_id,priority\nasset:web,anna,99999999999\n")
    put("people/people.csv", b"person_id,name\nanna,\xff\n")
    put("activity/a.csv", "event_id,event,occurred_at,ref\ne1,acknowledged,2026-02-30T00:00:00Z,A1\ne2,commented,2026-04-02T00:00:00Z,A1\n")
    put("reference/kev.csv", "cveID,dateAdded\nCVE-2026-1,soon\nCVE-2026-2,2026-01-01\n")
    done = warehouse.run(landing, DAY[0])
    files = warehouse.files()
    assert {path for path, (status, *_) in files.items() if status == "quarantined"} == {"scans/nobody.json", "people/people.csv"}
    assert done.files_quarantined == 2
    assert {(path, reason) for path, _, reason in warehouse.rejects()} == {
        ("scans/huge.json", "bad_instant"), ("assets/assets.csv", "bad_instant"), ("activity/a.csv", "bad_instant"), ("reference/kev.csv", "malformed"),
        ("people/ownership.csv", "bad_priority"),
    }  # fmt: skip
    assert {title for (title,) in warehouse.cycles("title")} == {"T1", "a\x00b", "T4"}
    assert warehouse.sql("SELECT kind, subject FROM record.conflict") == [("asset", "web")]
    assert warehouse.balances()


@pytest.mark.parametrize("pack", ["gz", "zip", "tar", "tar.gz"])
def test_packed_reports_of_any_format_load_as_the_plain_ones(warehouse, landing, put, pack):
    reports = {
        "grype.json": _golden("grype/many_vulns4.json.gz"),
        "lines.json": b"\n".join(json.dumps(json.loads(line)).encode() for line in NUCLEI.splitlines()),
        "nessus.csv": _golden("nessus/tenable_many_vuln.csv.gz"),
        "zap.xml": _golden("zap/5_zap_sample_one.xml.gz"),
    }
    for name, content in reports.items():
        put(f"scans/plain-{name}", content, **WEB)
    plain = warehouse.run(landing, DAY[0])
    assert (plain.files_new, plain.files_quarantined) == (len(reports), 0) and plain.rows_new > len(reports)
    if pack == "gz":
        for name, content in reports.items():
            put(f"scans/{name}.gz", gzip.compress(content + b"\n"), **WEB)
    else:
        put(f"scans/all.{pack}", _packed(pack, {name: content + b"\n" for name, content in reports.items()}), **WEB)
    packed = warehouse.run(landing, DAY[1])
    assert (packed.files_new, packed.files_quarantined) == (len(reports), 0)
    assert (packed.rows_in, packed.rows_new, packed.rows_duplicate) == (plain.rows_in, 0, plain.rows_in - plain.rows_rejected)


#: As `nuclei -jsonl` writes it: one object a line.
NUCLEI = """\
{"template-id": "tls-version", "info": {"name": "TLS Version", "severity": "info"}, "type": "ssl", "host": "a.example:443", "matched-at": "a.example:443"}
{"template-id": "git-config", "info": {"name": "Git Config", "severity": "medium"}, "type": "http", "host": "https://a.example", "matched-at": "https://a.example/.git/config"}
"""


def _golden(path: str) -> bytes:
    return gzip.decompress((Path(__file__).parents[1] / "golden" / "scans" / path).read_bytes())


def _packed(pack: str, members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    if pack == "zip":
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=packed, mode="w:gz" if pack == "tar.gz" else "w") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


# The real pool


def test_the_pool_reads_what_this_process_reads(warehouse, generated_landing, built_warehouse):
    landing, policy, as_of = generated_landing
    warehouse.run(landing, as_of, policy, pool=True)
    assert warehouse.state_digest() == built_warehouse.state_digest()
    assert warehouse.files() == built_warehouse.files()


def test_a_parser_that_dies_takes_only_its_own_file(warehouse, landing, put, monkeypatch):
    monkeypatch.setattr(load, "WORKER_MEMORY_BYTES", 900_000_000)
    put("scans/a.json", report(item(1)), **WEB)
    put("scans/deep.json", '{"findings": [' + "[" * 200_000, **WEB)
    # 20 MB of small objects become a hundred times as much
    put("scans/greedy.xml", "<OWASPZAPReport>" + "<a/>" * 5_000_000 + "</OWASPZAPReport>", **WEB)
    put("scans/z.json", report(item(2)), **WEB)
    done = warehouse.run(landing, DAY[0], pool=True)
    files = warehouse.files()
    assert (files["scans/a.json"], files["scans/z.json"]) == (("loaded", 1, 0, 0), ("loaded", 1, 0, 0))
    assert (files["scans/deep.json"][0], files["scans/greedy.xml"][0]) == ("quarantined", "quarantined")
    assert done.files_quarantined == 2
