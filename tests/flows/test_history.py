"""The past and what might have been, as a person asks for them: rebuild --as-of, verify --file, whatif."""

from __future__ import annotations

import json
import sys

import pytest

from flows import cli

AS_OF = "2026-05-04T12:00:00Z"
STRICTER = "handoff_sla: {critical: 1bh}\n"


@pytest.fixture
def handoff(monkeypatch, capsys):
    """The command, in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["handoff", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return exit_.value.code or 0, said.out, said.err  # type: ignore[return-value]

    return run


@pytest.fixture
def stricter(tools, tmp_path):
    """The plain path's policy with another SLA."""
    path = tmp_path / "stricter.yaml"
    path.write_text((tools.PLAIN_PATH / "policy.yaml").read_text(encoding="utf-8") + STRICTER, encoding="utf-8")
    return path


def test_a_past_instant_is_rebuilt_with_what_its_expectations_found_and_verified(handoff, published_home, tmp_path):
    out = tmp_path / "then.duckdb"
    code, said, _ = handoff("rebuild", "--as-of", "2026-05-04T14:00:00+02:00", "--out", out, "--home", published_home)
    assert code == 0
    assert len(said.splitlines()) == 1, "nothing is to be explained where the digest is the run's"
    ((_, digest),) = [line.split("\t") for line in handoff("sql", "SELECT 1, left(mart_digest, 12) FROM record.run", "--home", published_home)[1].splitlines()[1:]]
    assert f"as of {AS_OF}, mart digest {digest}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["then.duckdb"]
    code, said, _ = handoff("verify", "--file", out, "--json")
    assert code == 0
    assert {row["check"]: row["is_good"] for row in json.loads(said)["rows"]}["mart digest"] is True
    code, _, err = handoff("rebuild", "--as-of", AS_OF, "--out", out, "--home", published_home)
    assert (code, "there already" in err) == (2, True)


def test_the_home_is_verified_whole(handoff, published_home):
    code, said, _ = handoff("verify", "--home", published_home, "--json")
    assert code == 0
    assert [row["check"] for row in json.loads(said)["rows"]][-1] == "raw files"


@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("2026-05-04T11:59:59Z", ["--as-of", "before the first record", AS_OF]),
        ("2026-05-04T12:00:01Z", ["--as-of", "after the last run", AS_OF]),
        ("2026-05-04T12:00:00", ["no zone"]),
        ("2026-05-04T12:00:00 Europe/Nowhere", ["no instant", "with a zone"]),
        ("2026-05-04 12:00 XYZ", ["zone", "not known"]),
        ("2026-05-04T25:00:00Z", ["no instant", "ISO 8601"]),
        ("last week", ["no instant"]),
    ],
)
@pytest.mark.parametrize("command", ["rebuild", "whatif"])
def test_an_instant_that_cannot_be_meant_is_said(handoff, published_home, stricter, tmp_path, command, as_of, words):
    more = ["--policy", stricter] if command == "whatif" else []
    code, said, err = handoff(command, "--as-of", as_of, "--out", tmp_path / "out.duckdb", "--home", published_home, *more)
    assert (code, said) == (2, "")
    assert len(err.splitlines()) == 1
    for word in words:
        assert word in err
    assert not (tmp_path / "out.duckdb").exists()


def test_a_what_if_is_printed_and_stored(handoff, published_home, stricter, tmp_path):
    code, said, _ = handoff("whatif", "--policy", stricter, "--home", published_home, "--out", tmp_path / "out.duckdb", "--by", "team")
    assert code == 0
    lines = [line.split("\t") for line in said.splitlines()]
    assert ["handoff_sla.critical", "4bh", "1bh"] in lines
    header = next(line for line in lines if line[0] == "measure")
    assert header[:4] == ["measure", "of", "team", "severity"]
    assert any(line[0] == "handoff sla breaches" and line[3] == "critical" and line[6].startswith("+") for line in lines)
    assert lines[-1] == [f"stored {tmp_path / 'out.duckdb'}"]
    assert "\x1b" not in said


def test_a_what_if_for_machines(handoff, published_home, stricter, tmp_path):
    code, said, _ = handoff("whatif", "--policy", stricter, "--home", published_home, "--out", tmp_path / "out.duckdb", "--json")
    found = json.loads(said)
    assert (code, found["as_of"], found["runs_replayed"], found["out"]) == (0, AS_OF, 0, str(tmp_path / "out.duckdb"))
    assert found["policy_change"] == [{"key": "handoff_sla.critical", "base": "4bh", "whatif": "1bh"}]
    assert {row["dimension"] for row in found["difference"]} == {"all"}
    assert found["cycles_changed"] > 0


def test_the_runs_own_policy_is_said_to_make_no_difference(handoff, tools, published_home):
    code, said, _ = handoff("whatif", "--policy", tools.PLAIN_PATH / "policy.yaml", "--home", published_home)
    assert (code, said) == (0, "no difference: the other policy says what the run's says\n")
    assert json.loads(handoff("whatif", "--policy", tools.PLAIN_PATH / "policy.yaml", "--home", published_home, "--json")[1])["difference"] == []
    assert not (published_home / "whatif").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--policy", "--ownership"]),
        (["--policy", "STRICTER", "--by", "planet"], ["'planet'", "business_unit"]),
        (["--policy", "/nowhere.yaml"], ["/nowhere.yaml"]),
        (["--ownership", "/nowhere.csv"], ["/nowhere.csv"]),
        (["--policy", "DECIDED"], ["registers.maximum_loss", "0.5", "0.2", "held"]),
    ],
)
def test_what_cannot_be_asked_is_exit_2_and_one_sentence(handoff, tools, published_home, stricter, tmp_path, arguments, words):
    decided = tmp_path / "decided.yaml"
    decided.write_text((tools.PLAIN_PATH / "policy.yaml").read_text(encoding="utf-8") + "registers: {maximum_loss: 0.5}\n", encoding="utf-8")
    named = {"STRICTER": stricter, "DECIDED": decided}
    code, said, err = handoff("whatif", *(named.get(argument, argument) for argument in arguments), "--home", published_home)
    assert (code, said) == (2, "")
    assert len(err.splitlines()) == 1
    for word in words:
        assert word in err
