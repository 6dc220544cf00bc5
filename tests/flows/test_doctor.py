"""What an installation stands on, and whether what it publishes is fresh: homes in every state that a check is about."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import sys
import threading
from email.utils import formatdate
from pathlib import Path

import duckdb
import pytest

from flows import doctor, freshness, settings
from transforms.domain.errors import RunError
from warehouse.home import Home

HOUR_US = 3600 * 1_000_000


@pytest.fixture
def own_home(published_home: Path, tmp_path: Path) -> Path:
    """A copy of the published home, to be damaged."""
    shutil.copytree(published_home, tmp_path / "home")
    (tmp_path / "home").chmod(0o700)
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "HANDOFF_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", "/nonexistent")


@pytest.fixture
def clock(published_home: Path, monkeypatch):
    """Sets the clock to a number of hours after what is published."""
    from warehouse import published

    as_of_us = published.as_of_us(published_home)

    def set_to(hours: float) -> None:
        monkeypatch.setattr(settings, "now_us", lambda: as_of_us + round(hours * HOUR_US))

    set_to(1)
    return set_to


def found(home: Path, landing: str | None = None, policy: Path | None = None) -> dict[str, doctor.Check]:
    return {row.check: row for row in doctor.examine(home, landing, policy)}


def test_a_home_that_is_well_has_nothing_to_mend(own_home, plain_landing, clock):
    rows = found(own_home, str(plain_landing))
    assert [row for row in rows.values() if row.state == doctor.FAIL] == []
    assert {"pins", "policy", "home", "raw store", "landing zone", "disk", "schema version", "freshness", "clock", "raw files", "lock", "connections"} <= set(rows)
    assert rows["freshness"].seen == "as of 2026-05-04T12:00:00Z, 1 h old"
    assert rows["raw files"].seen == "the latest 17 of 17 are whole", "16 landed, one of our own events"
    assert (rows["server"].state, rows["server"].remedy) == (doctor.WARN, "handoff serve scheduler, or set PREFECT_API_URL")
    assert not list(own_home.glob(".doctor-*")), "nothing is left behind"


def test_what_is_wrong_is_said_with_what_to_do(own_home, tmp_path, clock, monkeypatch):
    (own_home / "redaction.key").write_text("x" * 40)
    (own_home / "redaction.key").chmod(0o644)
    own_home.chmod(0o777)
    raw = next(path for path in sorted((own_home / "raw").rglob("*")) if path.is_file())
    raw.chmod(0o600)
    raw.write_bytes(b"changed")
    policy = tmp_path / "policy.yaml"
    policy.write_text("reporting_zon: UTC\n")
    (own_home / "connections.yaml").write_text("jira: {kind: jira, deployment: cloud, url: 'https://jira.example.com', secret: {env: NO_SUCH_SECRET, user: a}, jql: 'project = SEC'}\n")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    clock(30)
    rows = found(own_home, str(tmp_path / "nowhere"), policy)
    failed = {name for name, row in rows.items() if row.state == doctor.FAIL}
    assert {"redaction.key", "home", "raw files", "policy", "landing zone", "freshness", "server"} <= failed
    assert all(rows[name].remedy for name in failed)
    assert rows["redaction.key"].remedy == f"chmod 600 {own_home / 'redaction.key'}"
    assert "reporting_zon" in rows["policy"].seen
    assert "1 d 6 h old" in rows["freshness"].seen
    assert any("NO_SUCH_SECRET" in row.remedy or row.check == "connections" for row in rows.values() if row.state == doctor.FAIL)


def test_a_clock_that_jumped_back_is_noticed(own_home, clock):
    clock(-2)
    assert found(own_home)["clock"].state == doctor.FAIL
    assert "2 h from now" in found(own_home)["clock"].seen
    with pytest.raises(RunError, match="2 h from now"):
        freshness.watch(own_home, 26 * 3600, 3600)


def test_another_version_than_the_lock_is_named(monkeypatch, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("duckdb==0.0.1 \\\n    --hash=sha256:00\nrich==0.0.2 \\\n    --hash=sha256:00\n")
    monkeypatch.setattr(doctor, "_TOP", tmp_path)
    rows = {row.check: row for row in doctor._pins()}
    assert rows["pins"].state == doctor.FAIL
    assert rows["pins"].seen.startswith("duckdb ") and rows["pins"].seen.endswith(" instead of 0.0.1")
    assert (rows["other packages"].state, rows["other packages"].seen.split()[0]) == (doctor.WARN, "rich")


GB = 1_000_000_000


@pytest.mark.parametrize(("free", "state"), [(0.5, doctor.FAIL), (30, doctor.WARN), (60, doctor.OK)])
def test_a_disk_that_is_full_is_said_before_a_run_fails_on_it(own_home, clock, monkeypatch, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(500 * GB, round((500 - free) * GB), round(free * GB)))
    row = found(own_home)["disk"]
    assert row.state == state and row.seen == f"{free:.1f} GB of 500.0 GB free"
    assert row.remedy == ("" if state == doctor.OK else f"free at least 50.0 GB where {own_home} is")


@pytest.mark.parametrize(("share", "state"), [(0.001, doctor.FAIL), (0.05, doctor.WARN), (0.5, doctor.OK)])
def test_a_file_system_without_inodes_is_full_too(own_home, clock, monkeypatch, share, state):
    real = os.statvfs(own_home)
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result((*real[:5], 1_000_000, 0, round(1_000_000 * share), *real[8:])))
    row = found(own_home)["inodes"]
    assert (row.state, bool(row.remedy)) == (state, state != doctor.OK)


def test_what_waits_for_a_person_a_copy_of_other_code_and_a_long_run_are_said(own_home, clock):
    with duckdb.connect(str(own_home / "handoff.duckdb")) as copy:
        copy.execute("UPDATE record.landing_attempt SET status = 'quarantined' WHERE path LIKE 'scans/%'")
        ((scans,),) = copy.execute("SELECT count(*) FROM record.landed_file WHERE status = 'quarantined'").fetchall()
    rows = found(own_home)
    assert (rows["waiting files"].state, rows["waiting files"].seen) == (doctor.WARN, f"{scans} wait for a person")
    with Home(own_home).lock("abcdefgh1234", "2026-05-04T09:30:00Z"):
        row = found(own_home)["lock"]
    assert (row.state, row.seen) == (doctor.WARN, f"run abcdefgh of process {os.getpid()} for 3 h 30 min")
    assert f"ending process {os.getpid()}" in row.remedy
    with duckdb.connect(str(own_home / "handoff.duckdb")) as copy:
        copy.execute("DROP SCHEMA record CASCADE")
    assert found(own_home)["schema version"].state == doctor.FAIL


def test_a_file_system_of_another_time_is_noticed(own_home, monkeypatch):
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda number: os.stat_result((*real(number)[:8], real(number).st_mtime - 60, real(number).st_ctime)))
    (row,) = doctor._clock(Home(own_home))
    assert row.state == doctor.WARN and "60.0 s apart" in row.seen and "NTP" in row.remedy


@pytest.mark.parametrize(("ahead", "state"), [(0, doctor.OK), (60, doctor.WARN), (3600, doctor.FAIL)])
def test_a_server_of_another_time_is_noticed(ahead, state):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            import time

            return formatdate(time.time() + ahead, usegmt=True)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        (row,) = doctor._server_clock(f"http://127.0.0.1:{server.server_address[1]}")
        thread.join()
    assert (row.state, bool(row.remedy)) == (state, state != doctor.OK)


def test_metrics_that_cannot_be_handed_over_are_said(own_home, clock, monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    assert (found(own_home)["metrics"].state, found(own_home)["metrics"].seen) == (doctor.OK, "off: no OTEL_* variable says where they go")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "prometheus")
    assert found(own_home)["metrics"].state == doctor.WARN
    assert "otlp, console, none" in found(own_home)["metrics"].seen


def test_the_watchdog_is_one_line_and_an_exit_code(tools, own_home, tmp_path):
    """As a timer runs it: what is published is of the past, so it is old by today's clock."""
    assert tools.run_handoff("watchdog", "--home", own_home, "--max-age", "9999d").returncode == 0
    for home, said in ((own_home, "expected at most 1 d 2 h old"), (tmp_path / "none", "nothing is published")):
        done = tools.run_handoff("watchdog", "--home", home)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"handoff: {home}: ") and said in line
    (own_home / "handoff.duckdb").write_bytes(b"no database")
    done = tools.run_handoff("watchdog", "--home", own_home)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1


def test_a_run_that_hangs_is_said_and_a_killed_one_is_none(own_home, clock):
    home = Home(own_home)
    assert freshness.watch(own_home, 2 * 3600, 60).line() == "as of 2026-05-04T12:00:00Z, 1 h old"
    with home.lock("abcdefgh1234", "2026-05-04T12:00:00Z"):
        with pytest.raises(RunError, match="run abcdefgh has held the lock for 1 h; expected at most 1 min"):
            freshness.watch(own_home, 2 * 3600, 60)
        assert freshness.watch(own_home, 2 * 3600, 2 * 3600).running == "abcdefgh1234"
        with home.lock("other", "2026-05-04T12:00:00Z", file_name="other.lock"):
            assert home.holder()["run"] == "abcdefgh1234", "of two locks each has its own holder"
        words = home.lock_file.read_text()
    home.lock_file.write_text(words)  # as a process that was killed leaves it
    assert home.holder() is None
    assert freshness.watch(own_home, 2 * 3600, 60).running is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_asking_who_holds_the_home_turns_nobody_away(own_home):
    home = Home(own_home)
    for _ in range(50):
        home.holder()
        with home.lock("run", "2026-05-04T12:00:00Z"):
            assert home.holder()["pid"] == os.getpid()


def test_doctor_says_it_to_machines_too(tools, tmp_path):
    done = tools.run_handoff("doctor", "--home", tmp_path / "none", "--json", env={"PREFECT_HOME": str(tmp_path)})
    assert done.returncode == 1
    rows = json.loads(done.stdout)["rows"]
    assert all(set(row) == {"check", "state", "seen", "remedy"} for row in rows)
    assert {row["check"] for row in rows if row["state"] == "fail"} == {"freshness"}
