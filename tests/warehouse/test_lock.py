"""One run a home at a time: the second is told which run it waits for, or waits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from transforms.domain.errors import LockHeld
from warehouse.home import Home


def test_the_second_run_is_told_which_one_holds_the_home(tmp_path):
    home = Home(tmp_path / "home")
    with home.lock("run-one", "2026-05-04T12:00:00Z"), pytest.raises(LockHeld) as error, Home(tmp_path / "home").lock("run-two", "2026-05-04T12:01:00Z"):
        pytest.fail("two runs at once")
    assert error.value.exit_code == 1
    for word in ("run-one", "2026-05-04T12:00:00Z", str(os.getpid()), "--wait"):
        assert word in str(error.value)


def test_the_lock_is_free_again_however_its_run_ended(tmp_path):
    home = Home(tmp_path / "home")
    with pytest.raises(ZeroDivisionError), home.lock("one", "then"):
        raise ZeroDivisionError
    with home.lock("two", "now"):
        assert json.loads(home.lock_file.read_text())["run"] == "two"
    assert home.lock_file.read_text() == ""


def test_a_killed_run_leaves_no_lock(tmp_path):
    code = f"import sys; from warehouse.home import Home\nwith Home({str(tmp_path / 'home')!r}).lock('one', 'then'):\n print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert holder.stdout and holder.stdout.readline() == "held\n"
    home = Home(tmp_path / "home")
    with pytest.raises(LockHeld, match=f"run one of process {holder.pid}"), home.lock("two", "now"):
        pytest.fail("two runs at once")
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with home.lock("two", "now"):
        pass


def test_waiting_takes_over_as_soon_as_the_lock_is_free(tmp_path):
    home, held, free, order = Home(tmp_path / "home"), threading.Event(), threading.Event(), []

    def hold() -> None:
        with home.lock("one", "then"):
            held.set()
            free.wait(10)
            order.append("one")

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    threading.Timer(0.3, free.set).start()
    with Home(tmp_path / "home").lock("two", "now", wait_seconds=10):
        order.append("two")
    holder.join()
    assert order == ["one", "two"]


def test_waiting_gives_up_in_the_end(tmp_path):
    home = Home(tmp_path / "home")
    with home.lock("one", "then"), pytest.raises(LockHeld, match="one"), Home(tmp_path / "home").lock("two", "now", wait_seconds=0.3):
        pytest.fail("two runs at once")


def test_two_homes_do_not_wait_for_each_other(tmp_path):
    with Home(tmp_path / "a").lock("one", "then"), Home(tmp_path / "b").lock("two", "now"):
        pass
