"""What a terminal of a certain width shows, and what a pipe gets."""

from __future__ import annotations

import json
import re

import pytest

from flows.printing import print_json, print_pairs, print_table

ID = "2a91f0dee84bf6b0782188bc08ee65ae"
SENTENCE = "the mapping application:checkout-and-a-very-long-name-of-it names you; not acknowledged after half of the time that there is"


@pytest.fixture
def terminal(monkeypatch, capsys):
    """stdout as a terminal of that many columns; what was printed on it, in lines."""

    def show(columns: int, what, *arguments: object) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        what(*arguments)
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    return show


def test_a_table_keeps_to_the_terminals_width_and_breaks_no_id(terminal):
    lines = terminal(80, print_table, ["finding", "why"], [(ID, SENTENCE), (ID, None)])
    assert all(len(line) <= 80 for line in lines)
    assert sum(ID in line for line in lines) == 2
    assert lines[0].split() == ["finding", "why"]


def test_what_no_table_can_hold_is_shown_row_by_row(terminal):
    lines = terminal(80, print_table, ["finding", "base", "other", "nothing"], [(ID, ID, ID, None)])
    assert lines == ["row 1 of 1", f"  finding  {ID}", f"  base     {ID}", f"  other    {ID}"]


def test_a_pipe_gets_every_row_whole(capsys):
    print_table(["finding", "why"], [(ID, f"{SENTENCE}\twith a tab\nand a line")])
    print_pairs({"why": SENTENCE})
    assert capsys.readouterr().out == f"finding\twhy\n{ID}\t{SENTENCE} with a tab and a line\nwhy\t{SENTENCE}\n"


def test_pairs_are_wrapped_under_each_other(terminal):
    lines = terminal(60, print_pairs, {"why": SENTENCE})
    assert len(lines) > 2 and all(len(line) <= 60 for line in lines)
    assert lines[0].startswith("why  the mapping") and all(line.startswith("     ") for line in lines[1:])


def test_what_is_no_number_is_null_in_json(capsys):
    print_json([{"x": float("nan"), "y": [float("inf"), 1.5]}])
    assert json.loads(capsys.readouterr().out) == {"rows": [{"x": None, "y": [None, 1.5]}]}
