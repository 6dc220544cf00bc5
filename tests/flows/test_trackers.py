"""`handoff trackers`: what is read, what a file comes to, and what cannot be meant."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest
import yaml

from flows import cli

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "trackers"


@pytest.fixture
def handoff(monkeypatch, capsys):
    """(exit code, stdout, stderr) of the command, in this process."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["handoff", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return (int(exit_.value.code or 0), *capsys.readouterr())

    return run


def test_the_trackers_are_listed_with_what_acknowledges_in_them(handoff):
    code, out, _ = handoff("trackers")
    assert code == 0 and out.splitlines()[0] == "tracker\tformat\treads\tacknowledged by"
    (jira,) = [line for line in out.splitlines() if line.startswith("jira\t")]
    assert jira.endswith("\tstatus acknowledged, status accepted, label acknowledged, comment /ack, comment /acknowledge")
    (row,) = [row for row in json.loads(handoff("trackers", "--json")[1])["rows"] if row["tracker"] == "jira"]
    assert row["mapping"]["fields"] == {"severity": "priority", "due": "duedate"}


def test_a_file_is_explained_packed_or_not_and_what_it_says_to_write_is_a_policy(handoff, tmp_path):
    packed = GOLDEN / "jira" / "devlake_changelog.jsonl.gz"
    plain = tmp_path / "changelog.jsonl"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    code, out, _ = handoff("trackers", "--explain", packed)
    assert code == 0 and out == handoff("trackers", "--explain", plain)[1]
    head, _, text = out.partition("to write into the policy (instead of `ignored`, the event, state or band that it is):\n")
    assert "  section status, word closed, event resolved, facts 2\n" in head
    policy = tmp_path / "policy.yaml"
    tree = yaml.safe_load(text)
    tree["trackers"]["jira"]["status"]["开发中"] = "in_progress"
    policy.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    found = json.loads(handoff("trackers", "--explain", plain, "--policy", policy, "--json")[1])
    assert found["events"] == {"in_progress": 2, "resolved": 2} and found["unmatched"] == [] and found["to write into the policy"] == ""


def test_a_tracker_of_its_own_is_explained_by_the_name_of_its_source(handoff, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("trackers: {emea: {format: jira, status: {closed: verified}}}\n", encoding="utf-8")
    found = json.loads(handoff("trackers", "--explain", GOLDEN / "jira" / "devlake_changelog.jsonl.gz", "--source", "emea", "--policy", policy, "--json")[1])
    assert (found["tracker"], found["events"]) == ("emea", {"verified": 2})


def test_how_dates_are_read_is_said_and_how_many_hang_on_it(handoff, tmp_path):
    file = tmp_path / "activity.csv"
    file.write_text("event_id,ref,event,actor,occurred_at\ne1,A,notified,soc,03/07/2026 10:00\ne2,A,acknowledged,anna,2026-03-07T12:00:00Z\n")
    code, out, _ = handoff("trackers", "--explain", file)
    assert code == 0 and "instants: time_zone UTC, date_order mdy, events_dated_otherwise_under_dmy 1\n" in out
    (tmp_path / "policy.yaml").write_text("sources: {activity: {date_order: dmy}}\n")
    code, out, _ = handoff("trackers", "--explain", file, "--policy", tmp_path / "policy.yaml")
    assert code == 0 and "instants: time_zone UTC, date_order dmy, events_dated_otherwise_under_mdy 1\n" in out


def test_what_cannot_be_meant_is_exit_2(handoff, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("trackers:\n  jira:\n    label: {mine: akcnowledged}\n", encoding="utf-8")
    code, _, said = handoff("trackers", "--policy", policy)
    assert code == 2 and said.startswith(f"handoff: {policy}:3: trackers.jira.label.mine is 'akcnowledged'; expected one of enriched")
    code, _, said = handoff("trackers", "--explain", tmp_path / "none.json")
    assert code == 2 and "cannot be read" in said


def test_a_file_that_no_tracker_wrote_says_what_was_seen(handoff, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    code, out, _ = handoff("trackers", "--explain", tmp_path / "a.csv")
    assert code == 0 and "reason: unknown_format: no activity format claims text whose first line is a, b" in out
