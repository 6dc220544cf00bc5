"""The published copy: replaced in one step, read without ever waiting, never half of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from transforms.domain.errors import RunError, UsageError
from warehouse import models, published

#: Keeps the copy open and asks it again and again until told to stop: it must always say the same.
READER = """
import sys, duckdb, select
path = sys.argv[1]
with duckdb.connect(path, read_only=True) as first:
    question = "SELECT (SELECT count(*) FROM record.run), (SELECT count(*) FROM record.observation), (SELECT count(*) FROM mart.handoff), (SELECT count(*) FROM mart.finding)"
    before = first.execute(question).fetchone()
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        assert first.execute(question).fetchone() == before
    print("kept", *before, flush=True)
"""

#: Opens the copy again and again until told to stop; says what it saw.
FRESH = """
import sys, duckdb, select
path, seen = sys.argv[1], set()
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.02)[0]:
    with duckdb.connect(path, read_only=True) as now:
        seen.add(now.execute("SELECT (SELECT count(*) FROM record.run), (SELECT count(*) FROM record.observation), (SELECT count(*) FROM mart.handoff)").fetchone())
print(*sorted(seen), flush=True)
"""


@pytest.fixture
def landing(zone, tmp_path: Path) -> Path:
    return zone.scan("2026-04-01T09:00:00Z", own="A0").write(tmp_path / "landing")


def start(code: str, path: Path) -> subprocess.Popen[str]:
    reader = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert reader.stdout and reader.stdout.readline() == "ready\n"
    return reader


def test_readers_see_whole_runs_only_during_ten_of_them(warehouse, zone, landing, tmp_path):
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    copy = warehouse.home.published
    keeping, fresh = start(READER, copy), start(FRESH, copy)
    for number in range(1, 11):
        zone.scan("2026-04-01T09:00:00Z", own=f"A{number}", cve=f"CVE-2026-{number + 1}").write(landing)
        warehouse.run(landing, f"2026-05-{number + 1:02d}T00:00:00Z", published=True)
    kept, fault = keeping.communicate("stop\n", timeout=60)
    assert (keeping.returncode, fault) == (0, "")
    assert kept == "kept 1 1 1 1\n"
    seen, fault = fresh.communicate("stop\n", timeout=60)
    assert (fresh.returncode, fault) == (0, "")
    counts = [tuple(map(int, part.strip("() ").split(","))) for part in seen.strip().split(") (")]
    # run, observation and handoff of one and the same run, never of two
    assert all(runs == observations == handoffs for runs, observations, handoffs in counts)
    assert len(counts) > 1
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM mart.handoff").fetchone() == (11,)


def test_the_copy_holds_record_and_marts_with_comments_and_no_raw_text(warehouse, zone, landing):
    zone.put("scans/bad.json", '{"findings": [{"title": "secret text"}]}', target="pay-api").write(landing)
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    with published.open_copy(warehouse.home.folder) as connection:
        schemas = {name for (name,) in connection.execute("SELECT DISTINCT schema_name FROM duckdb_tables()").fetchall()}
        assert schemas == {"record", "mart"}
        assert connection.execute("SELECT count(*) FROM record.rejected_row").fetchone() == (1,)
        columns = {name for (name,) in connection.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = 'rejected_row'").fetchall()}
        assert "raw" not in columns and "reason" in columns
        silent = "SELECT schema_name, table_name FROM duckdb_tables() WHERE comment IS NULL UNION ALL SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL AND schema_name IN ('record', 'mart') AND table_name NOT IN (SELECT view_name FROM duckdb_views())"
        assert connection.execute(silent).fetchall() == []
    assert [path.name for path in warehouse.home.folder.glob("*draft*")] == []


def test_raw_texts_are_nowhere_in_the_published_file(warehouse, zone, landing):
    zone.put("scans/bad.json", '{"findings": [{"title": "secret text"}]}', target="pay-api").write(landing)
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    assert b"secret text" not in warehouse.home.published.read_bytes()


def test_the_copy_is_read_only_and_reaches_nothing_else(warehouse, landing, tmp_path):
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    home = warehouse.home.folder
    assert published.query(home, "SELECT count(*) AS n FROM mart.handoff") == (["n"], [(1,)])
    for text in ("DELETE FROM mart.handoff", "CREATE TABLE x AS SELECT 1", f"COPY mart.handoff TO '{tmp_path}/x.csv'", "SELECT * FROM read_csv('/etc/passwd')", "nonsense", f"ATTACH '{tmp_path}/y.duckdb'"):
        with pytest.raises(UsageError):
            published.query(home, text)
    assert not (tmp_path / "x.csv").exists()


def test_without_a_copy_there_is_a_word_on_what_to_do(tmp_path):
    for ask in (lambda: published.query(tmp_path, "SELECT 1"), lambda: published.status(tmp_path), lambda: published.explain(tmp_path, "A")):
        with pytest.raises(UsageError, match="handoff run"):
            ask()


def test_a_damaged_copy_says_so(warehouse, landing):
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    content = bytearray(warehouse.home.published.read_bytes())
    content[:20_000] = bytes(20_000)
    warehouse.home.published.write_bytes(content)
    with pytest.raises(RunError, match="rebuild"):
        published.query(warehouse.home.folder, "SELECT 1")


def test_status_answers_while_a_run_is_writing(warehouse, landing, tools):
    """A query never waits for a run: while the warehouse is held, the copy says what the last run did."""
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    code = f"import duckdb, sys; c = duckdb.connect({str(warehouse.home.warehouse)!r}); print('ready', flush=True); sys.stdin.read()"
    holder = start(code, warehouse.home.warehouse)
    try:
        found = published.status(warehouse.home.folder)
    finally:
        holder.communicate("", timeout=30)
    assert [run["rows_in"] for run in found["last_runs"]] == [6]


def test_a_finding_is_explained_by_any_of_its_ids(warehouse, zone, landing):
    zone.event("acknowledged", "2026-04-01T10:00:00Z", ref="A0").write(landing)
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    home = warehouse.home.folder
    # No expectation was checked here, so that nothing is flagged.
    with duckdb.connect(str(warehouse.home.published)) as connection:
        connection.execute(f"CREATE TABLE mart.flag ({', '.join(f'{column.name} {column.type}' for column in models.models()['flag'].columns)})")
    (found,) = warehouse.sql("SELECT finding_id FROM mart.finding")
    for reference in (found[0], found[0][:8], "A0"):
        life = published.explain(home, reference)
        assert life["title"] == "T"
        assert "acknowledged by anna after 1.00 business hours" in life["handoffs"][0]["sentence"]
        assert [step["what"] for step in life["timeline"]][:2] == ["seen", "acknowledged"]
    with pytest.raises(UsageError, match="no finding has that id"):
        published.explain(home, "nothing")


def test_a_file_of_another_schema_version_says_what_to_do(warehouse, landing):
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    for file in (warehouse.home.published, warehouse.home.warehouse):
        with duckdb.connect(str(file)) as connection:
            connection.execute("UPDATE record.schema_version SET version = version - 1")
    for ask in (lambda: published.query(warehouse.home.folder, "SELECT 1"), lambda: published.status(warehouse.home.folder)):
        with pytest.raises(RunError, match="handoff rebuild"):
            ask()


def test_a_run_that_was_killed_before_it_could_say_that_it_published_is_said_to_have(warehouse, landing, tools):
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    with warehouse.open() as connection:
        connection.execute("UPDATE record.run SET is_published = false")
    warehouse.run(landing, "2026-05-02T00:00:00Z")
    assert warehouse.sql("SELECT run_id, is_published FROM record.run") == [("run1", True)]


def test_a_run_that_did_not_publish_is_never_taken_for_the_one_that_did(warehouse, landing):
    warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
    warehouse.run(landing, "2026-05-02T00:00:00Z", marts=True)
    warehouse.run(landing, "2026-05-03T00:00:00Z", published=True)
    runs = [("run1", True), ("run2", False), ("run3", True)]
    assert warehouse.sql("SELECT run_id, is_published FROM record.run ORDER BY number") == runs
    with published.open_copy(warehouse.home.folder) as connection:
        assert connection.execute("SELECT run_id, is_published FROM record.run ORDER BY number").fetchall() == runs
