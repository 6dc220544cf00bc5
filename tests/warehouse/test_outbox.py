"""The outbox: each decision goes out once, whatever is killed when."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from transforms.domain.errors import RunError
from warehouse.outbox import open_outbox

AT = 1_777_000_000_000_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "outbox.sqlite3"


def test_the_way_of_a_decision(path):
    with open_outbox(path) as outbox:
        assert outbox.get("k") is None
        entry = outbox.claim("k", "jira", "finding f", {"b": 1, "a": "ü"}, AT)
        assert (entry.state, entry.attempts, entry.payload, entry.is_uncertain) == ("claimed", 0, {"a": "ü", "b": 1}, False)
        outbox.send("k", AT + 1)
        assert outbox.get("k").is_uncertain
        entry = outbox.confirm("k", "SEC-1", AT + 2)
        assert (entry.state, entry.attempts, entry.external_id, entry.sent_us, entry.confirmed_us) == ("confirmed", 1, "SEC-1", AT + 1, AT + 2)
        entry = outbox.claim("k", "jira", "finding f", {"a": "v"}, AT + 3)
        assert (entry.state, entry.external_id, entry.confirmed_payload) == ("claimed", "SEC-1", {"a": "ü", "b": 1}), "what the other system has stays known"
        outbox.send("k", AT + 4)
        assert not outbox.get("k").is_uncertain, "a change of what is known to be there may be said again"
        assert [entry.key for entry in outbox.entries("jira")] == ["k"] and outbox.entries("other") == []


def test_what_was_refused_may_go_out_again(path):
    with open_outbox(path) as outbox:
        outbox.claim("k", "jira", "s", {}, AT)
        outbox.send("k", AT)
        outbox.fail("k", "422")
        assert outbox.get("k").error == "422"
        assert outbox.claim("k", "jira", "s", {}, AT).error is None
        outbox.send("k", AT)
        assert outbox.get("k").attempts == 2


def test_what_may_have_arrived_is_not_claimed_again(path):
    with open_outbox(path) as outbox:
        outbox.claim("k", "jira", "s", {}, AT)
        outbox.send("k", AT)
        outbox.note("k", "timed out")
        with pytest.raises(RunError, match="nobody knows whether it arrived"):
            outbox.claim("k", "jira", "s", {}, AT)


@pytest.mark.parametrize("steps", [["send"], ["claim", "send", "send"], ["claim", "send", "confirm", "send"], ["claim", "send", "confirm", "fail"], ["confirm"], ["claim", "fail", "confirm"]])
def test_no_step_is_left_out_or_taken_twice(path, steps):
    calls = {"claim": ("k", "jira", "s", {}, AT), "send": ("k", AT), "confirm": ("k", "X", AT), "fail": ("k", "no")}
    with open_outbox(path) as outbox:
        *good, bad = steps
        for step in good:
            getattr(outbox, step)(*calls[step])
        with pytest.raises(RunError):
            getattr(outbox, bad)(*calls[bad])


@pytest.mark.parametrize(("steps", "state"), [(0, None), (1, "claimed"), (2, "sent"), (3, "confirmed")])
def test_a_kill_after_each_step_leaves_that_step(path, steps, state):
    text = (
        "import os, sys, signal; from pathlib import Path; from warehouse.outbox import open_outbox\n"
        "with open_outbox(Path(sys.argv[1])) as outbox:\n"
        "    steps = [lambda: outbox.claim('k', 'jira', 's', {'a': 1}, 1), lambda: outbox.send('k', 2), lambda: outbox.confirm('k', 'X', 3)]\n"
        "    [step() for step in steps[:int(sys.argv[2])]]\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", text, str(path), str(steps)], check=False).returncode == -9
    with open_outbox(path) as outbox:
        entry = outbox.get("k")
        assert (entry and entry.state) == state


def test_a_file_that_is_no_outbox(path):
    path.parent.mkdir()
    path.write_bytes(b"nothing of the kind, and long enough to be looked at" * 100)
    with pytest.raises(RunError, match="restore it"), open_outbox(path):
        pass


def test_a_key_is_there_once_for_whoever_writes(path):
    with open_outbox(path) as outbox:
        outbox.claim("k", "jira", "s", {}, AT)
    with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute("INSERT INTO outbox (key, channel, subject, payload, payload_digest, state, claimed_us) VALUES ('k', 'c', 's', '{}', 'd', 'claimed', 1)")
    other.close()
