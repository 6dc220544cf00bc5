"""What the README says to type is typed, in its order, in a folder that looks like a fresh checkout; what it lists is what the code has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from transforms.domain import errors, tables, vocabulary
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.intake import FOLDERS
from transforms.scanners import CONTRACT

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: Commands that are not typed as they stand, and why.
INSTEAD = {
    # .venv is the one that these tests run in; building it anew is what a fresh machine does.
    "make demo": "make -o .venv/.ready demo",
    # It is what runs this test.
    "make test": "make -o .venv/.ready --dry-run test",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    """The commands of a block, each with the lines of its here-document."""
    found: list[str] = []
    lines = iter(block.splitlines())
    for line in lines:
        if not line.strip():
            continue
        command = [line]
        if match := re.search(r"<<'(\w+)'", line):
            for body in lines:
                command.append(body)
                if body == match[1]:
                    break
        found.append("\n".join(command))
    return found


COMMANDS = [command for block in blocks("sh") for command in commands(block)]


@pytest.fixture(scope="module")
def typed(tmp_path_factory) -> dict[str, subprocess.CompletedProcess[str]]:
    """Every command of the README, run once in order beside the checkout's files, as a new user has them."""
    if not shutil.which("make") or not shutil.which("bash"):
        pytest.skip("needs make and bash")
    folder = tmp_path_factory.mktemp("checkout")
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and entry.name not in ("build", "landing"):
            (folder / entry.name).symlink_to(entry)
    (folder / ".venv").symlink_to(sys.prefix)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HANDOFF", "PREFECT", "MAKE", "MFLAGS", "PYTEST"))}
    return {
        command: subprocess.run(
            ["bash", "-euo", "pipefail", "-c", INSTEAD.get(command, command)], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        for command in COMMANDS
    }


def output(typed: dict[str, subprocess.CompletedProcess[str]], beginning: str) -> str:
    (found,) = (done.stdout for command, done in typed.items() if command.startswith(beginning))
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.splitlines()[0][:60])
def test_command_works(typed, command):
    done = typed[command]
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_the_demo_ends_by_saying_where_report_and_database_are(typed):
    *_, report, database = output(typed, "make demo").strip().splitlines()
    assert re.fullmatch(r"Report: +build/demo/reports/\S+\.html", report)
    assert re.fullmatch(r"Database: +build/demo/handoff\.duckdb", database)


def test_make_test_runs_every_test(typed):
    assert output(typed, "make test").strip() == ".venv/bin/python -m pytest --numprocesses auto --dist loadfile"


def test_the_small_landing_zone_gives_what_its_words_say(typed):
    assert "5 new of 5 files" in output(typed, ".venv/bin/handoff run --landing landing")
    rows = output(typed, '.venv/bin/handoff sql "SELECT title').strip().splitlines()
    assert sorted(rows[1:]) == ["SQL injection in login\tanna\trouted\t148.0", "Session never ends\t\tunbound\t"]
    assert "asset_binding_gap" in typed[".venv/bin/handoff explain PT-8"].stdout
    assert re.search(r"generic\s+claims it", output(typed, ".venv/bin/handoff formats"))


def test_the_queue_can_be_read_by_a_machine(typed):
    rows = json.loads(output(typed, '.venv/bin/handoff sql "SELECT reason'))["rows"]
    assert rows
    assert all(set(row) == {"reason", "waiting"} for row in rows)


def test_the_scanner_module_keeps_the_contract(monkeypatch):
    (source,) = blocks("python")
    module = types.ModuleType("acme")
    monkeypatch.setitem(sys.modules, "acme", module)  # where msgspec looks up the names in annotations
    exec(compile(source, "README.md", "exec"), module.__dict__)
    assert [name for name in CONTRACT if not hasattr(module, name)] == []
    issues = [{"id": "A1", "title": "Hard-coded key", "severity": "severe", "file": "src/a.py"}, {"id": "A2", "file": "src/b.py"}, 7]
    report = json.dumps({"acmeVersion": "1", "issues": issues}).encode()
    assert module.recognise(Head(report))
    assert not module.recognise(Head(b'{"findings": []}'))
    result, missing, malformed = module.parse(report, Scan())
    assert isinstance(result, Result)
    assert (result.title, result.own_id, result.location.kind) == ("Hard-coded key", "A1", "code")
    assert isinstance(missing, Reject)
    assert missing.reason == "missing_title"
    assert isinstance(malformed, Reject)


def test_links_lead_somewhere():
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_events_are_the_closed_list():
    text = " ".join(README.split())
    assert ", ".join(vocabulary.EVENTS) in text


@pytest.mark.parametrize("table", [tables.ASSET, tables.PERSON, tables.OWNERSHIP], ids=lambda table: table.name)
def test_columns_of_our_own_formats_are_those_that_are_kept(table):
    file = {"asset": "assets.csv", "person": "people.csv", "ownership": "ownership.csv"}[table.name]
    (cell,) = re.findall(rf"^\| `{file}` \| (.*) \|$", README, re.MULTILINE)
    listed = [re.match(r"\**(\w+)", part)[1] for part in re.sub(r"\([^)]*\)", "", cell).split(", ")]
    kept = [column.name for column in table.columns if column.name not in ("claim_id", "pointer", "content_id", "recorded_at", "position")]
    assert sorted(listed) == sorted(kept)


def test_folders_are_those_that_are_read():
    assert re.findall(r"^\| `(\w+)/` \|", README, re.MULTILINE) == list(FOLDERS)


def test_exit_codes_are_those_of_the_errors():
    listed = {int(code) for code in re.findall(r"^\| (\d) \|", README, re.MULTILINE)}
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HandoffError)}
    assert listed == codes | {0}
