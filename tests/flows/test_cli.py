"""The command line as a person meets it: exit codes, one sentence an error, machine output, and bad input beside good."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from flows import cli
from warehouse.home import Home

AS_OF = "2026-05-04T12:00:00Z"


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def rows(self):
        return self.json["rows"]


@pytest.fixture
def handoff(monkeypatch, capsys):
    """The command, in this process: what it prints, and how it exits."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["handoff", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Done(exit_.value.code or 0, said.out, said.err)  # type: ignore[arg-type]

    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    return tmp_path / "landing"


# Exit 0


def test_an_empty_landing_zone_is_a_good_run_with_empty_marts(handoff, landing, home):
    done = handoff("run", "--landing", landing, "--home", home, "--as-of", AS_OF, "--no-report")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == f"as of {AS_OF}: 0 open handoffs, 0 unrouted, 0 flags"
    assert "files\t0 new of 0 files\n" in done.out
    assert handoff("sql", "SELECT count(*) FROM mart.handoff", "--home", home).out == "count_star()\n0\n"
    found = handoff("sql", "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mart' AND estimated_size > 0", "--home", home, "--json").rows
    assert {row["table_name"] for row in found} <= {"expectation_result", "reconciliation", "dashboard", "dashboard_trend", "control_evidence"}
    # the same once more: a doubled run changes nothing
    assert handoff("run", "--landing", landing, "--home", home, "--as-of", AS_OF, "--no-report").code == 0


def test_the_published_copy_leaves_as_files_and_as_a_redacted_tier(handoff, landing, home, tmp_path, monkeypatch):
    monkeypatch.setenv("HANDOFF_REDACTION_KEY", "0123456789abcdef0123456789abcdef")
    assert handoff("run", "--landing", landing, "--home", home, "--as-of", AS_OF, "--no-report").code == 0
    done = handoff("export", "--out", tmp_path / "tables", "--tables", "mart.handoff, question.open_for_a_person", "--format", "csv", "--home", home)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"2 tables as of {AS_OF}, described in {tmp_path / 'tables' / 'dictionary.json'}"
    again = handoff("export", "--out", tmp_path / "tables", "--home", home)
    assert (again.code, again.out) == (2, "")
    assert handoff("export", "--out", tmp_path / "other", "--format", "xlsx", "--home", home).code == 2
    assert [table["rows"] for table in handoff("export", "--out", tmp_path / "other", "--tables", "mart.handoff", "--home", home, "--json").json["tables"]] == [0]
    done = handoff("redact", "--out", tmp_path / "redacted.duckdb", "--home", home)
    assert (done.code, done.out) == (0, f"redacted {tmp_path / 'redacted.duckdb'}\n")
    assert "0123456789abcdef" not in done.out + done.err
    assert not (home / "redaction.key").exists()


def test_the_home_is_that_of_the_environment(handoff, landing, home, monkeypatch):
    monkeypatch.setenv("HANDOFF_HOME", str(home))
    assert handoff("run", "--landing", landing, "--as-of", AS_OF, "--no-report").code == 0
    assert (home / "handoff.duckdb").exists()


# Exit 2: wrong usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--landing", "/nowhere/at/all"], ["--landing", "/nowhere/at/all", "no folder"]),
        (["run"], ["--landing"]),
        (["run", "--landing", ".", "--as-of", "yesterday"], ["--as-of", "'yesterday'", "ISO 8601"]),
        (["run", "--landing", ".", "--as-of", "2026-05-04T12:00:00"], ["--as-of", "no zone"]),
        (["run", "--landing", ".", "--as-of", "2026-05-04"], ["--as-of", "no zone"]),
        (["run", "--landing", ".", "--policy", "/nowhere/policy.yaml"], ["--policy", "/nowhere/policy.yaml"]),
        (["run", "--landing", ".", "--wait", "soon"], ["--wait", "'soon'", "10m"]),
        (["run", "--landing", ".", "--colour", "red"], ["--colour"]),
        (["nothing"], ["nothing"]),
        (["sql", "SELECT 1"], ["published copy", "handoff run"]),
        (["status"], ["handoff run"]),
        (["explain", "x"], ["handoff run"]),
        (["export", "--out", "tables"], ["handoff run"]),
        (["redact", "--out", "redacted.duckdb"], ["handoff run"]),
        (["report", "daily"], ["'daily'", "weekly"]),
        (["formats", "--explain", "/nowhere/x.json"], ["--explain", "/nowhere/x.json"]),
        (["release", "abcd", "--reason", "r"], ["abcd"]),
    ],
)
def test_wrong_usage_is_exit_2_and_one_sentence(handoff, home, monkeypatch, arguments, words):
    monkeypatch.setenv("HANDOFF_HOME", str(home))
    done = handoff(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("handoff: ")
    assert len(done.err.splitlines()) <= 2
    for word in words:
        assert word in done.err
    assert not (home / "handoff.duckdb").exists()


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("version: 1\nhandoff_sla:\n  urgent: 1bh\n", [":3", "handoff_sla.urgent", "unknown key"]),
        ("version: 1\n\nacknowledgement_window: {critical: 4bh}\n", [":3", "acknowledgement_window.critical", "wall time"]),
        ("calendars:\n  berlin:\n    time_zone: Europe/Nowhere\n", [":3", "calendars.berlin.time_zone"]),
        ("calendars: {berlin: {holiday_region: XX/YY}}\nteam_calendars: {t: berlin}\n", ["calendars.berlin.holiday_region", "XX/YY"]),
        ("a: [", ["not YAML"]),
    ],
)
def test_a_wrong_policy_names_file_line_and_key(handoff, landing, home, tmp_path, policy, words):
    file = tmp_path / "mine.yaml"
    file.write_text(policy)
    done = handoff("run", "--landing", landing, "--home", home, "--policy", file, "--as-of", AS_OF)
    assert done.code == 2
    for word in words:
        assert word in done.err
    if words[0].startswith(":"):
        assert f"{file}{words[0]}" in done.err
    assert not (home / "handoff.duckdb").exists()


def test_an_as_of_before_the_last_run_is_wrong_usage(handoff, landing, home):
    assert handoff("run", "--landing", landing, "--home", home, "--as-of", AS_OF, "--no-report").code == 0
    done = handoff("run", "--landing", landing, "--home", home, "--as-of", "2026-05-04T11:59:59Z")
    assert done.code == 2
    assert "2026-05-04T11:59:59Z is before the last run's 2026-05-04T12:00:00Z" in done.err
    assert "rebuild --as-of" in done.err


# Exit 1


def test_a_second_run_is_told_which_run_it_would_have_to_wait_for(handoff, landing, home):
    with Home(home).lock("run-one", "2026-05-04T11:00:00Z"):
        done = handoff("run", "--landing", landing, "--home", home, "--as-of", AS_OF)
    assert done.code == 1
    assert "run-one" in done.err and "2026-05-04T11:00:00Z" in done.err


def test_a_home_that_cannot_be_made_is_one_sentence(handoff, landing, tmp_path):
    (tmp_path / "file").write_text("x")
    done = handoff("run", "--landing", landing, "--home", tmp_path / "file" / "home", "--as-of", AS_OF)
    assert done.code == 2
    assert done.err.startswith("handoff: --home: ")


# Bad input: each its own message, and everything else is loaded


class _Locked(MemoryFileSystem):
    """A share of which one folder may not be read."""

    protocol = "locked"
    store: dict = {}  # noqa: RUF012  # as its parent's
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("locked://", "memory://"))

    def ls(self, path, detail=True, **kwargs):
        if path.rstrip("/").endswith("forbidden"):
            raise PermissionError(13, "Permission denied", path)
        return super().ls(path, detail=detail, **kwargs)


def test_each_kind_of_bad_input_has_its_own_message_and_everything_else_is_loaded(handoff, home):
    fsspec.register_implementation("locked", _Locked, clobber=True)
    system = fsspec.filesystem("locked")
    good = {"title": "good", "severity": "High", "description": "d", "unique_id_from_tool": "A", "service": "pay-api", "date": "2026-04-01T09:00:00Z"}
    for path, content in {
        "scans/good.json": json.dumps({"findings": [good, {**good, "title": ""}]}),
        "scans/nobody.json": '{"hello": "world"}',
        "scans/forbidden/hidden.json": "{}",
        "scans/sidecar.json": json.dumps({"findings": [good]}),
        "scans/sidecar.json.meta.yaml": "targte: pay-api",
        "assets/assets.csv": "asset_id,name,status,effective_from\npay,pay-api,active,2026-01-01\npay,other,active,2026-01-01\n",
        "people/people.csv": "person_id,role,channel\nanna,engineer,chat\n",
        "people/ownership.csv": "match,person_id\nasset:pay,anna\n",
        "activity/a.csv": "event_id,event,actor,occurred_at,ref\ne1,acknowledged,anna,2026-02-30T00:00:00Z,A\ne2,acknowledged,anna,2026-04-01T10:00:00Z,A\n",
    }.items():
        system.pipe_file(f"zone/{path}", content.encode())
    done = handoff("run", "--landing", "locked://zone", "--home", home, "--as-of", AS_OF, "--no-report", "--json")
    assert done.code == 0, done.err
    summary = done.json
    assert summary["files_quarantined"] == 2
    assert any("scans/forbidden" in line and "Permission denied" in line for line in summary["problems"])
    quarantined = dict(line.split(": ", 1) for line in summary["quarantined"])
    assert "no scanner format claims JSON with members hello" in quarantined["scans/nobody.json"]
    assert "targte" in quarantined["scans/sidecar.json"]
    for line in (*summary["problems"], *summary["quarantined"]):
        assert line in done.err
    ask = "SELECT pointer, reason, detail FROM record.rejected_row ORDER BY ALL"
    rejected = handoff("sql", ask, "--home", home, "--json").rows
    assert [(row["pointer"], row["reason"]) for row in rejected] == [("/findings/1", "missing_title"), ("row 2", "bad_instant")]
    assert "2026-02-30T00:00:00Z" in rejected[1]["detail"]
    (clash,) = handoff("sql", "SELECT kind, subject, kept, lost FROM record.conflict", "--home", home, "--json").rows
    assert (clash["kind"], clash["subject"]) == ("asset", "pay")
    # of the two rows the bytewise smaller one holds, and the finding is bound, routed and acknowledged by what was good
    (row,) = handoff("sql", "SELECT title, acknowledged_at, binding_status FROM mart.handoff", "--home", home, "--json").rows
    assert row == {"title": "good", "acknowledged_at": "2026-04-01 10:00:00", "binding_status": "unbound"}
    status = handoff("status", "--home", home, "--json").json
    assert {row["path"] for row in status["waiting_files"]} == {"scans/nobody.json", "scans/sidecar.json"}


# What is asked of a finished run


def test_sql_prints_rows_for_machines_when_piped(handoff, published_home):
    done = handoff("sql", "SELECT 1 AS one, NULL AS nothing, 'a\tb' AS text", "--home", published_home)
    assert done.out == "one\tnothing\ttext\n1\t\ta b\n"
    assert "\x1b" not in done.out
    assert handoff("sql", "SELECT DATE '2026-01-02' AS day, [1, 2] AS numbers", "--home", published_home, "--json").rows == [{"day": "2026-01-02", "numbers": [1, 2]}]
    assert handoff("sql", "SELECT 1 WHERE false", "--home", published_home).code == 0
    done = handoff("sql", "SELECT nothing FROM nowhere", "--home", published_home)
    assert (done.code, done.out) == (2, "")
    assert "nowhere" in done.err


def test_status_says_what_the_last_run_did(handoff, published_home):
    found = handoff("status", "--home", published_home, "--json").json
    (run,) = found["last_runs"]
    assert (run["as_of"], run["is_published"], run["files_new"], run["rows_in"]) == ("2026-05-04 12:00:00", True, 16, 48)
    assert found["waiting_files"] == []
    done = handoff("status", "--home", published_home)
    assert done.out.startswith(f"{published_home}: published as of 2026-05-04T12:00:00Z, ")
    assert "2026-05-04 12:00:00   yes             16        48" in done.out
    for row in found["five_numbers"]:
        assert {"number", "unit", "all", "critical", "high", "medium", "low"} <= set(row)
    assert len(found["five_numbers"]) == 5
    (counts,) = handoff("sql", "SELECT count(*) FILTER (WHERE is_open) AS open FROM mart.handoff", "--home", published_home, "--json").rows
    assert found["queue"]["open"] == counts["open"]
    assert f"open {counts['open']}, not acknowledged" in done.out
    for row in found["failed_expectations"]:
        assert f"{row['expectation']} {row['failed']}" in done.out, "each with its count, and not with its message"
        assert row["message"] not in done.out
    assert "\x1b" not in done.out
    from flows.status import screen
    from warehouse import published

    narrow = [line.text for line in screen(published.status(published_home), 0, 80)]
    assert max(map(len, narrow[1:])) <= 80, "only a home's path may be longer than a small terminal"


def test_explain_tells_the_life_of_one_finding(handoff, published_home):
    done = handoff("explain", "A01", "--home", published_home)
    assert done.code == 0, done.err
    assert done.out.startswith("A01 friday afternoon\n")
    assert "acknowledged by anna" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    found = handoff("explain", "A01", "--home", published_home, "--json").json
    assert handoff("explain", found["finding_id"], "--home", published_home, "--json").json == found
    missing = handoff("explain", "no-such-thing", "--home", published_home)
    assert missing.code == 2
    assert "no-such-thing" in missing.err


def test_explain_writes_a_page_and_desk_a_folder_of_them(handoff, published_home, tmp_path, monkeypatch):
    monkeypatch.setenv("HANDOFF_DESK_URL", "https://handoff.example.com/desk")
    page, folder = tmp_path / "a01.html", tmp_path / "desk"
    done = handoff("explain", "A01", "--html", page, "--home", published_home)
    assert (done.code, done.out) == (0, f"page {page}\n"), done.err
    (finding_id,) = re.findall(r'href="https://handoff\.example\.com/desk/finding\.html#([0-9a-f]{32})"', page.read_text(encoding="utf-8"))
    assert handoff("explain", "A01", "--html", tmp_path / "nowhere" / "a.html", "--home", published_home).code == 2
    printed = handoff("report", "weekly", "--format", "text", "--home", published_home).out
    assert printed.endswith("\nhttps://handoff.example.com/desk/index.html\n")
    assert handoff("report", "weekly", "--out", tmp_path / "week.html", "--home", published_home).code == 0
    assert 'href="https://handoff.example.com/desk/finding.html#' in (tmp_path / "week.html").read_text(encoding="utf-8")
    written = handoff("desk", "--out", folder, "--home", published_home, "--json").json
    assert written["rows"]["findings"] == 12
    assert finding_id in "".join(path.read_text(encoding="utf-8") for path in (folder / "data" / "finding").iterdir())
    refused = handoff("desk", "--out", tmp_path, "--home", published_home)
    assert refused.code == 2
    assert "something else than a desk" in refused.err


def test_formats_are_listed_and_explained(handoff, tmp_path):
    names = {row["format"] for row in handoff("formats", "--json").rows}
    assert {"generic", "sarif", "trivy", "assets_csv", "people_csv", "ownership_csv", "activity", "known_exploited"} <= names
    report = tmp_path / "x.json"
    report.write_text('{"findings": []}')
    rows = handoff("formats", "--explain", report, "--json").rows
    assert [row["format"] for row in rows if row["answer"] == "claims it"] == ["generic"]
    report.write_text("hello")
    rows = handoff("formats", "--explain", report, "--json").rows
    assert [row for row in rows if row["answer"] == "claims it"] == []
    assert "\x1b" not in handoff("formats").out


def test_a_report_is_written_beside_the_copy(published_home):
    page = (published_home / "reports" / "report-weekly.html").read_text(encoding="utf-8")
    assert page.startswith(("<!DOCTYPE html>", "<!doctype html>"))


# As a process of its own


def test_help_has_an_example_and_no_colour_when_piped(tools):
    done = tools.run_handoff("run", "--help", env={"FORCE_COLOR": "", "TERM": "xterm-256color"})
    assert done.returncode == 0
    assert "Example: handoff run --landing" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_a_reader_that_stops_listening_is_no_error(tools, published_home):
    import subprocess

    command = f"{sys.executable} -m flows.cli sql 'FROM mart.handoff_latency' --home {published_home} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tools.PROJECT, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("period_grain\t")


# Safe closure, as a person meets it


def test_what_later_scans_say_is_evidence_until_a_person_verifies(handoff, tools, tmp_path, home):
    """Twenty findings, then a scan with one: held, so nothing is believed gone until somebody releases it; and nothing is closed until somebody says so."""

    def scan(day: int, *numbers: int) -> None:
        findings = [{"title": f"F{n}", "severity": "High", "description": "d", "cve": f"CVE-2026-{n}", "unique_id_from_tool": f"N{n}"} for n in numbers]
        zone.put(f"scans/one-{day}.json", json.dumps({"findings": findings}), target="pay-api", captured_at=f"2026-04-0{day}T09:00:00Z", scanner="one")

    def presence(number: int) -> tuple[str, str]:
        found = handoff("explain", f"N{number}", "--home", home, "--json").json["presence"]
        (row,) = found["scanners"]
        assert (row["scanner"], row["targets"]) == ("one", ["pay-api"])
        return found["sentence"], f"{row['last_seen_at']}: {row['sentence']}"

    def run(as_of: str) -> None:
        done = handoff("run", "--landing", zone.write(tmp_path / "landing"), "--home", home, "--as-of", as_of, "--no-report")
        assert done.code == 0, done.err

    zone = tools.Zone()
    scan(1, *range(1, 21))
    scan(2, 20)
    run("2026-04-03T00:00:00Z")
    assert presence(20) == ("believed to be there: no scan says otherwise", "2026-04-02 09:00:00: has not scanned since")
    verdict, why = presence(1)
    (waiting,) = handoff("status", "--home", home, "--json").json["waiting_files"]
    assert verdict == "believed to be there: no scan says otherwise"
    assert why == (
        "2026-04-01 09:00:00: not in scans/one-2.json of 2026-04-02 09:00, but that scan is held as collapsed: "
        f"it proves no absence until somebody releases it (`handoff release {waiting['sha256']}`)"
    )

    assert handoff("release", waiting["sha256"], "--reason", "half the fleet is switched off", "--home", home).code == 0
    run("2026-04-04T00:00:00Z")
    verdict, why = presence(1)
    assert verdict.startswith("believed gone since 2026-04-02 09:00: every scanner that had seen it has looked again") and verdict.endswith("closes nothing")
    assert why.endswith("not in scans/one-2.json of 2026-04-02 09:00, which covered pay-api (released); scans without it: 1")
    found = handoff("explain", "N1", "--home", home, "--json").json
    assert (found["state"], found["is_open"], found["presence"]["scanners"][0]["reason"]) == ("open", True, "not_in_later_scan")


def test_a_verified_finding_is_closed_by_a_persons_word(handoff, published_home):
    query = "SELECT finding_id, verified_at FROM mart.handoff WHERE state = 'verified' AND cycle = (SELECT max(cycle) FROM mart.handoff AS other WHERE other.finding_id = handoff.finding_id) LIMIT 1"
    (row,) = handoff("sql", query, "--home", published_home, "--json").rows
    said = handoff("explain", row["finding_id"], "--home", published_home, "--json").json["presence"]["sentence"]
    assert said.startswith("closed: verified by ")
    assert f" at {row['verified_at'][:16]}" in said and said.endswith(", a person's word; scans are evidence and close nothing")
