"""`handoff sweep`, `handoff warnings` and their lines of `handoff status`, as a person meets them."""

from __future__ import annotations

import json
import sys

import pytest

from flows import cli, status, sweeping
from transforms import forewarning
from warehouse import early_warning, published, sweep


@pytest.fixture(scope="module")
def swept_home(tools, tmp_path_factory):
    """A home with two orphans, of which one has a proposal, an attestation that was given in time, and a source that is silent by the policy."""
    zone = tools.Zone()
    zone.scan("2026-04-01T09:00:00Z", target="PAY_API", own="A").scan("2026-04-01T09:00:00Z", target="nowhere", own="B", cve="CVE-2026-2")
    zone.event("control_accepted", "2026-04-02T00:00:00Z").event("control_attested", "2026-04-12T00:00:00Z", "bo")
    warehouse = tools.Warehouse(tmp_path_factory.mktemp("swept") / "home")
    policy = {"controls": {"attestation": "20d"}, "sources": {"scans/s": {"cadence": "3d"}}, "routing": {"escalation_default": "cy"}}
    warehouse.run(zone.write(warehouse.home.folder.parent / "landing"), "2026-05-01T00:00:00Z", policy, published=True)
    return warehouse.home.folder


@pytest.fixture
def handoff(monkeypatch, capsys, swept_home):
    """The command on it: how it exits and what it prints."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["handoff", *map(str, arguments), "--home", str(swept_home)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        said = capsys.readouterr()
        return exit_.value.code or 0, said.out, said.err  # type: ignore[return-value]

    return run


def test_a_sweep_is_listed_by_kind_with_its_sums(handoff, swept_home):
    code, out, _ = handoff("sweep")
    found = sweep.propose(swept_home)
    assert code == 0 and {row["subject_id"] for row in found.open} > {"PAY_API", "nowhere"}
    for row in found.open:
        assert row["subject_id"] in out and (row["proposal"] or f"can be proposed: {row['why_not']}") in out
    assert out.splitlines()[-len(sweep.KINDS):] == list(sweeping.summary(found, []))
    _, out, _ = handoff("sweep", "--kind", "binding", "--kind", "reattribution")
    assert [line.split(":")[0] for line in out.splitlines()[-2:]] == ["reattribution", "binding"]


def test_a_sweep_for_programs_says_the_same(handoff, swept_home, tmp_path):
    code, out, _ = handoff("sweep", "--json", "--out", tmp_path / "proposals", "--as", "soc")
    found = json.loads(out)
    assert code == 0 and [row["subject_id"] for row in found["open"]] == [row["subject_id"] for row in sweep.propose(swept_home).open]
    assert sorted(found["files"]) == sorted(map(str, (path for path in (tmp_path / "proposals").rglob("*") if path.is_file())))


def test_settled_rows_have_a_table_of_their_own(handoff, swept_home):
    code, out, _ = handoff("sweep", "--settled")
    settled = sweep.propose(swept_home).settled
    assert code == 0 and all(row["settlement"] in out for row in settled)
    assert [(row["kind"], row["settled_by"]) for row in settled] == [("attestation", "bo")]


def test_warnings_are_listed_with_whom_to_call(handoff, swept_home):
    code, out, _ = handoff("warnings")
    rows = early_warning.read(swept_home)
    assert code == 0 and out.splitlines()[-1] == forewarning.summary(rows)
    assert [(row["subject_id"], row["call"]) for row in rows] == [("scans/s", ["cy"])]
    assert all(row["detail"] in out and ", ".join(row["call"]) in out for row in rows)
    code, out, _ = handoff("warnings", "--json")
    assert [row["subject_id"] for row in json.loads(out)["rows"]] == [row["subject_id"] for row in rows]


@pytest.mark.parametrize("command", ["sweep", "warnings"])
def test_a_kind_that_is_none_is_wrong_usage(handoff, command):
    code, out, err = handoff(command, "--kind", "orphans")
    assert (code, out) == (2, "") and "'orphans'" in err and "expected one of" in err


def test_the_screen_says_what_is_ahead_within_its_width(swept_home):
    found = published.status(swept_home)
    found["early_warning"] = [{"kind": kind, "severity": "high", "subject_kind": "s", "subject_id": "x", "call": ["anna", "mo"]} for kind in forewarning.KINDS for _ in range(2)]
    text = [line.text for line in status.screen(found, 0)]
    assert any(line.startswith("early warning: 2 breaches to expect within five business days, 2 silent sources") and line.endswith("; call anna") for line in text)
    assert any(line.startswith("for a person to settle: ") for line in text)
    assert any(line.startswith("  handoff warnings ") for line in text)
    assert max(len(line.text) for line in list(status.screen(found, 0, 80))[1:]) <= 80
