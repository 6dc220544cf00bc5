"""Who waits for long work: bars on a terminal, seldom a line elsewhere, never a byte on stdout."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from flows.progress import Lines, shown

#: What a short command does that reports every unit of two steps.
SCRIPT = """
import sys
from flows.progress import shown
with shown() as progress:
    for number in range(1, 5):
        progress("read files", number, 4)
    print("said meanwhile", file=sys.stderr)
    progress("compute")
print("the result")
"""


def on_terminal(tools, **environment: str) -> tuple[str, str]:
    """(stdout, what the terminal behind stderr was sent) of the script."""
    leader, follower = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=tools.PROJECT, env={**kept, "TERM": "xterm-256color", **environment}, stdout=subprocess.PIPE, stderr=follower, text=True
    )
    os.close(follower)
    sent = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        sent += part
    out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == 0, sent
    return out, sent.decode()


def test_a_terminal_gets_bars_with_counts_and_time_and_stdout_the_result_alone(tools):
    out, sent = on_terminal(tools)
    assert out == "the result\n"
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", sent)
    assert re.search(r"✓ read files ━+ 4 of 4 0:00:0\d", plain)
    assert re.search(r"✓ compute    ━+ +0:00:0\d", plain)
    assert "said meanwhile" in plain
    assert "\x1b[?25h" in sent, "the cursor is there again"
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", sent), "a colour"


def test_no_color_is_heeded(tools):
    _, sent = on_terminal(tools, NO_COLOR="1")
    assert "read files" in sent and not re.search(r"\x1b\[[0-9;]*3[0-9]m", sent)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"CI": "true"}], ids=str)
def test_where_nothing_can_be_drawn_there_are_lines(tools, environment):
    out, sent = on_terminal(tools, **environment)
    assert out == "the result\n"
    assert sent.split("\r\n") == ["handoff: read files", "said meanwhile", "handoff: compute", ""]


def test_lines_are_seldom(capsys):
    now = 0.0
    said = Lines(lambda: now)
    for second in range(13):
        now = float(second)
        said("read files", second * 1000, 12_000)
    said("compute")
    assert capsys.readouterr().err.splitlines() == [
        "handoff: read files",
        "handoff: read files: 5,000 of 12,000",
        "handoff: read files: 10,000 of 12,000",
        "handoff: compute",
    ]


def test_a_pipe_gets_lines(capsys):
    with shown() as progress:
        progress("look for new files", 1)
    assert capsys.readouterr() == ("", "handoff: look for new files\n")
