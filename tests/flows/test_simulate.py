"""`handoff simulate` as a person meets it."""

from __future__ import annotations

import json
import sys

import pytest

from flows import cli


@pytest.fixture
def handoff(monkeypatch, capsys):
    """The command, in this process: exit code, what it prints, what it says."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["handoff", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        said = capsys.readouterr()
        return exit_.value.code or 0, said.out, said.err  # type: ignore[return-value]

    return run


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_programme_is_written_with_its_truth(handoff, tmp_path):
    code, out, _ = handoff("simulate", "--findings", 40, "--seed", 3, "--out", tmp_path / "sim")
    assert code == 0
    assert f"handoff run --landing {tmp_path / 'sim' / 'landing'}" in out
    files = contents(tmp_path / "sim")
    assert {
        "as_of",
        "first_as_of",
        "policy.yaml",
        "truth/cycles.csv",
        "truth/identity.csv",
        "truth/deliveries.csv",
        "truth/README.md",
    } <= files.keys()
    assert {path.split("/")[1] for path in files if path.startswith("landing/")} == {"scans", "assets", "people", "activity", "reference"}
    assert all(
        f"`{column}`" in files["truth/README.md"].decode() for column in files["truth/cycles.csv"].decode().splitlines()[0].split(",")
    )


def test_the_same_seed_writes_the_same_files(handoff, tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        assert handoff("simulate", "--findings", 20, "--seed", seed, "--out", tmp_path / name)[0] == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two") != contents(tmp_path / "other")


def test_noisy_is_a_tenth(handoff, tmp_path):
    assert handoff("simulate", "--findings", 20, "--noisy", "--out", tmp_path / "one")[0] == 0
    code, out, _ = handoff("simulate", "--findings", 20, "--noise", 0.1, "--out", tmp_path / "two", "--json")
    assert (code, json.loads(out)["files"]) == (0, len(contents(tmp_path / "two")))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--findings", "0", "--out", "new"], ["--findings", "0", "from 1 on"]),
        (["--findings", "-3", "--out", "new"], ["--findings", "-3"]),
        (["--findings", "many", "--out", "new"], ["--findings", "integer"]),
        (["--findings", "5"], ["--out"]),
        (["--findings", "5", "--out", "full"], ["--out", "full is not empty", "new or empty folder"]),
        (["--findings", "5", "--out", "full/file"], ["--out", "is a file"]),
        (["--findings", "5", "--out", "new", "--noise", "1.5"], ["--noise", "1.5", "from 0 to 1"]),
    ],
)
def test_what_cannot_be_meant_is_exit_2_and_writes_nothing(handoff, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    code, out, err = handoff("simulate", *arguments)
    assert (code, out) == (2, "")
    assert all(word in err for word in words), err
    assert contents(tmp_path) == {"full/file": b"mine"}


def test_a_folder_that_cannot_be_written_is_exit_1(handoff, tmp_path):
    (tmp_path / "file").write_text("mine")
    code, _, err = handoff("simulate", "--findings", 5, "--out", tmp_path / "file" / "below")
    assert code == 1
    assert "cannot be written" in err
