"""What holds of every command: a sentence of help, an example that parses, one JSON object, and its place on the page."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys

import pytest

from flows import cli
from flows.commands import page
from flows.help import AUDIENCES, EXIT_CODES, JSON_KEYS, WITHOUT_JSON, first_sentence
from flows.job import Summary
from warehouse.home import Home

COMMANDS = page.commands()
ROOT = page.PAGE.parent.parent


def parse(words: list[str]) -> str:
    """Parses what stands behind `handoff`, without doing it; the command's name."""
    name = next(name for name in sorted(COMMANDS, key=len, reverse=True) if words[: len(name.split())] == name.split())
    COMMANDS[name].make_context(f"handoff {name}", words[len(name.split()) :])
    return name


def said(handoff_words: list[object], monkeypatch, capsys) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the command in this process."""
    monkeypatch.setattr(sys, "argv", ["handoff", *map(str, handoff_words)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return (exit_.value.code, *capsys.readouterr())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_shows_an_example_that_parses(name):
    command = COMMANDS[name]
    assert re.fullmatch(r"[A-Z].+[.…]", first_sentence(command.help))
    assert all(parameter.help for parameter in command.params if parameter.name != "help"), "every option says what it is"
    assert command.epilog.startswith("Example: ")
    lexer = shlex.shlex(command.epilog.removeprefix("Example: ").partition("   (")[0], posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    calls: list[list[str]] = [[]]
    for word in lexer:
        calls.append([]) if set(word) <= set("&|;") else calls[-1].append(word)
    ours = [call[call.index("handoff") + 1 :] for call in calls if "handoff" in call]
    assert name in [parse(words) for words in ours]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json(name):
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert ("--json" in options) != (name in WITHOUT_JSON), "or says in flows.help.WITHOUT_JSON why it has none"
    assert (name in JSON_KEYS) != (name in WITHOUT_JSON)


def test_every_command_has_an_audience():
    placed = [name for names in AUDIENCES.values() for name in names]
    assert len(placed) == len(set(placed))
    assert {name.split()[0] for name in COMMANDS} <= set(placed)


def test_the_page_is_what_the_commands_say():
    assert page.PAGE.read_text(encoding="utf-8") == page.render(), "make docs"


def test_the_readme_lists_exit_codes_that_the_commands_have():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)} <= EXIT_CODES.keys()


# --json


@pytest.mark.parametrize(
    "name", ["status", "explain A01", "sql 'FROM mart.handoff'", "sql \"SELECT 'nan'::DOUBLE AS x\"", "verify", "sweep", "dispatch", "evidence", "formats", "trackers", "doctor"]
)
def test_json_is_one_object_with_the_keys_that_are_promised(name, published_home, monkeypatch, capsys):
    words = shlex.split(name)
    home = [] if words[0] in ("formats", "trackers") else ["--home", published_home]
    _, out, _ = said([*words, *home, "--json"], monkeypatch, capsys)
    found = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert set(JSON_KEYS[words[0]]) <= found.keys()
    assert all(isinstance(row, dict) for row in found.get("rows", []))


def test_a_run_promises_its_summary():
    assert set(JSON_KEYS["run"]) == Summary("", "", "").as_json().keys()


@pytest.mark.parametrize(
    ("words", "subject", "code"),
    [
        (["sql", "SELECT 1", "--json", "--home", "/nowhere"], "--home", 2),
        (["run", "--json"], "run", 2),
        (["nothing", "--json"], "the command line", 2),
        (["watchdog", "--json", "--home", "/nowhere"], "/nowhere", 1),
    ],
)
def test_an_error_is_an_object_too(words, subject, code, monkeypatch, capsys):
    exit_code, out, err = said(words, monkeypatch, capsys)
    error = json.loads(out)["error"]
    assert (exit_code, error["subject"], error["exit_code"]) == (code, subject, code)
    assert error["seen"] and error["remedy"]
    assert error.keys() == {"subject", "seen", "expected", "remedy", "exit_code"}
    assert err.startswith("handoff: ") and len(err.splitlines()) == 1


# How it ends


def test_a_query_without_a_statement_is_wrong_usage(published_home, monkeypatch, capsys):
    code, out, err = said(["sql", "  ", "--home", published_home], monkeypatch, capsys)
    assert (code, out) == (2, "") and "no query" in err


def test_no_command_at_all_is_the_help_and_wrong_usage(monkeypatch, capsys):
    code, out, err = said([], monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: handoff ") and all(f"\n{heading}:\n" in err for heading in AUDIENCES)


def test_what_the_operating_system_refuses_is_one_sentence(published_home, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    code, _, err = said(["redact", "--out", tmp_path / "file" / "x.duckdb", "--home", published_home], monkeypatch, capsys)
    assert code == 2 and err.startswith("handoff: --out: ")


def test_a_full_disk_is_one_sentence(tmp_path):
    """A file may have no more than 100 kB: what writes a larger one is told what a full disk says."""
    (tmp_path / "landing").mkdir()
    command = f"ulimit -f 100; {sys.executable} -m flows.cli run --landing {tmp_path}/landing --home {tmp_path}/home"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("handoff: the database: ") and "disk" in done.stderr and len(done.stderr.splitlines()) == 1


def test_ctrl_c_is_130_and_a_sentence(tmp_path):
    """While it waits for another run, which it says."""
    (tmp_path / "landing").mkdir()
    with Home(tmp_path / "home").lock("0123456789abcdef", "2026-05-04T11:00:00Z"):
        words = ["run", "--landing", tmp_path / "landing", "--home", tmp_path / "home", "--wait", "10m"]
        process = subprocess.Popen([sys.executable, "-m", "flows.cli", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert process.stderr.readline() == "handoff: wait for run 01234567, which began at 2026-05-04T11:00:00Z\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "handoff: interrupted; what was committed stays, the next run goes on from there\n"


# Completion, by the protocol that the scripts of the shells speak


def completed(words: str, home: object) -> list[str]:
    typed = shlex.split(words) + ([""] if words.endswith(" ") else [])
    environment = {**os.environ, "HANDOFF_HOME": str(home), "_HANDOFF_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(typed) - 1)}
    done = subprocess.run([sys.executable, "-m", "flows.cli"], env=environment, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_the_shell_completes_commands_and_options(tmp_path):
    assert set(completed("handoff re", tmp_path)) == {name for name in COMMANDS if name.startswith("re")}
    assert "--landing" in completed("handoff run --l", tmp_path)
    assert completed("handoff explain ", tmp_path) == [], "nothing is published: nothing is offered, and nothing fails"


def test_the_shell_completes_what_the_home_knows(published_home):
    from warehouse import published

    _, rows = published.query(published_home, "SELECT DISTINCT finding_id FROM mart.handoff WHERE is_open ORDER BY ALL")
    found = [row[0] for row in rows]
    assert sorted(completed("handoff ack ", published_home)) == found
    assert completed(f"handoff explain {found[0][:10]}", published_home) == [found[0]]
    assert completed("handoff export --tables mart.finding,question.teams_bl", published_home) == ["mart.finding,question.teams_blamed_by_a_single_sla"]
    assert "CC7.1" in completed("handoff evidence CC", published_home)
    assert completed("handoff report m", published_home) == ["monthly"]
