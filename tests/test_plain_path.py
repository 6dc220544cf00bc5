"""The plain path: twelve findings worked by hand, through `handoff run` as a person starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb


def compare(*arguments: object) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).parent / "reference" / "compare.py"
    return subprocess.run([sys.executable, str(script), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def test_every_value_agrees(published_home, tools):
    done = compare(published_home, tools.PLAIN_PATH / "expected.json")
    assert done.returncode == 0, done.stdout


def test_the_comparison_itself_finds_differences(tools):
    done = compare("--selftest", tools.PLAIN_PATH / "expected.json")
    assert done.returncode == 0, done.stdout


def test_the_reference_agrees_too(reference, tools):
    want = json.loads((tools.PLAIN_PATH / "expected.json").read_text(encoding="utf-8"))
    got = reference.expected(tools.PLAIN_PATH / "landing", tools.PLAIN_PATH / "policy.yaml", want["as_of"])
    for part in ("unrouted_queue", "failure_mode", "counts"):
        assert got[part] == want[part]


def test_nothing_was_lost(published_home):
    with duckdb.connect(str(published_home / "handoff.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM record.landed_file WHERE status <> 'loaded' OR rows_in <> rows_new + rows_duplicate + rows_rejected").fetchone() == (0,)
        assert connection.execute("SELECT count(*), bool_and(is_published) FROM record.run").fetchone() == (1, True)
