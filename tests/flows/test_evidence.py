"""`handoff evidence`: the published copy or a past instant, and the same pack for it whenever it is asked for."""

from __future__ import annotations

import json
import sys

import pytest

from flows import cli, settings
from flows import evidence as packs
from transforms.domain.errors import UsageError

FIRST, BETWEEN, LAST = "2026-04-06T12:00:00Z", "2026-04-06T14:00:00Z", "2026-04-10T12:00:00Z"


@pytest.fixture(scope="module")
def history(tools, tmp_path_factory):
    """A home with two runs, and the packs of RS.MA as they were printed after each."""
    folder = tmp_path_factory.mktemp("history")
    warehouse = tools.Warehouse(folder / "home")
    zone = tools.Zone().scan("2026-04-06T09:00:00Z").scan("2026-04-06T09:00:00Z", own="B", title="other", cve="CVE-2026-2").event("acknowledged", "2026-04-06T10:00:00Z")
    printed = []
    for as_of in (FIRST, LAST):
        warehouse.run(zone.write(folder / "landing"), as_of, code=settings.code_version(), published=True)
        printed.append(packs.write_pack(warehouse.home.folder, "RS.MA"))
        zone.events.clear()
        zone.put("activity/more.csv", [{"event_id": "late", "ref": "B", "event": "acknowledged", "actor": "bo", "occurred_at": "2026-04-06T11:00:00Z"}])
        zone.files.pop("activity/events.jsonl", None)
    return warehouse.home.folder, printed


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def counts(manifest):
    return [manifest["counts"][name] for name in ("population", "complete_chains", "exceptions", "pending")]


def test_a_pack_is_of_the_published_copy(history):
    home, ((first, was), (last, now)) = history
    assert (was["as_of"], now["as_of"]) == (FIRST, LAST)
    assert first.parent == last.parent == home / "evidence"
    assert first.name == "nist-csf-2-0-rs-ma-20260406T120000Z"
    assert counts(was) == [2, 1, 0, 1]
    assert counts(now) == [2, 2, 0, 0], "what was known only later"


def test_a_past_instant_has_the_pack_that_was_printed_then(history, tmp_path):
    home, ((first, _), (last, _)) = history
    for as_of, then in ((FIRST, first), (LAST, last)):
        packs.write_pack(home, "RS.MA", as_of=as_of, out=tmp_path / then.name)
        assert contents(tmp_path / then.name) == contents(then)


def test_between_two_runs_it_is_what_was_known_then(history, tmp_path):
    _, found = packs.write_pack(history[0], "RS.MA", as_of=BETWEEN, out=tmp_path / "pack")
    assert found["as_of"] == BETWEEN
    # Not acknowledged by 13:00, as far as was known.
    assert counts(found) == [2, 1, 1, 0]


@pytest.mark.parametrize(
    ("as_of", "words"), [("2026-04-06T11:59:59Z", r"before the first record; expected an instant from 2026-04-06T12:00:00Z \(the first run\)"), ("2026-04-10T12:00:01Z", r"after the last run.* to 2026-04-10T12:00:00Z \(the last\)")]
)
def test_an_instant_that_nothing_is_known_of_is_refused(history, tmp_path, as_of, words):
    with pytest.raises(UsageError, match=words):
        packs.write_pack(history[0], "RS.MA", as_of=as_of, out=tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


@pytest.fixture
def handoff(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["handoff", "evidence", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        said = capsys.readouterr()
        return exit_.value.code or 0, said.out, said.err

    return run


def test_the_command_says_what_it_wrote_where(handoff, history, tmp_path):
    code, out, _ = handoff("rs.ma", "--home", history[0], "--out", tmp_path / "pack")
    assert code == 0
    assert out.splitlines() == [f"NIST CSF 2.0 RS.MA as of {LAST}: 2 complete + 0 exceptions + 0 pending = 2; 6 events", f"evidence {tmp_path / 'pack'}"]
    code, out, _ = handoff("rs.ma", "--home", history[0], "--out", tmp_path / "pack", "--json")
    found = json.loads(out)
    assert {"folder": str(tmp_path / "pack"), **json.loads((tmp_path / "pack" / "manifest.json").read_bytes())} == found


@pytest.mark.parametrize("arguments", [(), ("--list",)])
def test_without_a_control_it_lists_them(handoff, history, arguments):
    code, out, _ = handoff("--home", history[0], *arguments)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "framework\tcontrol\ttitle\tpopulation\tcomplete_chains\texceptions\tpending"
    assert lines[1].startswith("ISO 27001:2022\tA.8.8\t")
    assert len(lines) == 18
    assert "NIST CSF 2.0\tRS.MA\tRS.MA Response Management\t2\t2\t0\t0" in lines


@pytest.mark.parametrize(("arguments", "words"), [(("cc7",), "CC7.1"), (("rs.ma", "--as-of", "yesterday"), "no instant"), (("rs.ma", "--framework", "nope"), "none")])
def test_wrong_usage_is_exit_2_and_one_sentence(handoff, history, arguments, words):
    code, out, err = handoff(*arguments, "--home", history[0])
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
