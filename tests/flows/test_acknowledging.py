"""Answers by command, end to end: what somebody says is written down at once, waits for nobody, and counts from the next run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import acknowledging
from flows.acknowledging import Claim, answer
from transforms.domain.errors import UsageError
from warehouse import originated, published, schema
from warehouse.home import Home

FIRST, NOW, LATER = "2026-05-04T12:00:00Z", "2026-05-04T12:30:00Z", "2026-05-04T13:00:00Z"


@pytest.fixture(scope="module")
def answerable(tools, tmp_path_factory) -> Path:
    """A published home with a critical (A), a medium (C) and a low (D) handoff of anna's, two that share an own id, and a high one of nobody's (B); not to be written to."""
    folder = tmp_path_factory.mktemp("answerable")
    zone = tools.Zone()
    people = [tools.person("anna"), tools.person("bo"), tools.person("cy", "other"), tools.person("gone", status="departed")]
    zone.people(*people, tools.person("inbox", kind="group"), tools.person("robot", kind="bot"))
    for own, severity, target in (("A", "Critical", "pay-api"), ("B", "High", "elsewhere"), ("C", "Medium", "pay-api"), ("D", "Low", "pay-api")):
        zone.scan("2026-05-04T08:00:00Z", severity, own=own, cve=f"CVE-2026-{ord(own)}", target=target, title=own)
    for number in (1, 2):
        zone.scan("2026-05-04T08:00:00Z", "Low", own="twin", cve=f"CVE-2025-{number}", title=f"twin {number}")
    zone.event("notified", "2026-05-04T09:00:00Z", "secops", ref="C", target_person="anna", batch_id="digest-1")
    zone.event("notified", "2026-05-04T09:00:00Z", "secops", ref="D", target_person="anna", batch_id="digest-1")
    zone.event("notified", "2026-05-04T09:00:00Z", "secops", ref="A", target_person="anna", batch_id="digest-2")
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(zone.write(folder / "landing"), FIRST, published=True)
    return folder


class Answering:
    """A copy of that home, and what is said there."""

    def __init__(self, tools: Any, source: Path, folder: Path) -> None:
        shutil.copytree(source / "home", folder / "home")
        self.warehouse = tools.Warehouse(folder / "home")
        self.warehouse.runs = 1
        self.home, self.us, self.landing = Home(folder / "home"), tools.us, source / "landing"

    def say(self, event: str, *refs: str, by: str = "anna", at: str = NOW, now: str | None = None, method: str = "cli", reason: str | None = None, to: str | None = None, **more: Any):
        claim = Claim(event, by, method, "tester", self.us(at), reason, to)
        return answer(self.home, claim, refs, now_us=self.us(now or at), **more)

    def run(self, as_of: str = LATER, policy: Any = None, *, is_published: bool = False) -> dict[str, dict[str, Any]]:
        """Handoff cycles by title as the next run derives them; marts only where it is to publish."""
        self.warehouse.run(self.landing, as_of, policy, published=is_published)
        with self.warehouse.open() as connection:
            rows = connection.execute("FROM derived.cycle").to_arrow_table().to_pylist()
        return {row["title"]: row for row in rows}

    def events(self) -> list[tuple]:
        query = "SELECT ref, event, actor, method, asserted_by, batch_id, comment FROM record.activity WHERE asserted_by IS NOT NULL AND method <> 'own' ORDER BY ALL"
        return self.warehouse.sql(query)

    def id_of(self, own_id: str) -> str:
        return published.query(self.home.folder, f"SELECT finding_id FROM mart.finding WHERE list_contains(own_ids, '{own_id}')")[1][0][0]

    def timeline(self, own_id: str) -> list[dict[str, Any]]:
        """What `explain` tells of a finding; no expectation was checked here, so that nothing is flagged."""
        with duckdb.connect(str(self.home.published)) as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS mart.flag (finding_id VARCHAR, cycle INTEGER, expectation VARCHAR, level VARCHAR, detail VARCHAR, first_flagged_at TIMESTAMP, "
                "subject_kind VARCHAR, subject_id VARCHAR)"
            )
        return published.explain(self.home.folder, own_id)["timeline"]

    def waiting(self) -> int:
        return len(originated.events_waiting(self.home))


@pytest.fixture
def answering(tools, answerable, tmp_path) -> Answering:
    return Answering(tools, answerable, tmp_path)


def test_an_acknowledgement_counts_from_the_next_run(answering):
    done = answering.say("acknowledged", "A")
    assert done.warnings == []
    assert answering.waiting() == 1
    answering.run(is_published=True)
    query = "SELECT acknowledgement_kind, acknowledged_by, strftime(acknowledged_at, '%H:%M:%S') FROM mart.handoff WHERE title = 'A'"
    assert published.query(answering.home.folder, query)[1] == [("explicit", "anna", "12:30:00")]
    assert answering.waiting() == 0
    assert answering.events() == [(answering.id_of("A"), "acknowledged", "anna", "cli", "tester", None, None)]
    assert "asserted by tester (cli)" in next(entry["detail"] for entry in answering.timeline("A") if entry["what"] == "acknowledged")


def test_it_is_written_while_a_run_holds_the_home(answering):
    with answering.home.lock("another", NOW), answering.warehouse.open():
        answering.say("acknowledged", "A")
        assert answering.waiting() == 1
    assert answering.run()["A"]["acknowledged_by"] == "anna"


def test_the_first_acknowledgement_stays_until_it_is_withdrawn(answering):
    for person, at in (("anna", "12:10"), ("bo", "12:20")):
        answering.say("acknowledged", "A", by=person, at=f"2026-05-04T{at}:00Z")
    assert answering.run()["A"]["acknowledged_by"] == "anna"
    answering.say("acknowledgement_withdrawn", "A", at="2026-05-04T13:10:00Z")
    assert answering.run("2026-05-04T13:20:00Z")["A"]["acknowledged_at"] is None
    answering.say("acknowledged", "A", by="bo", at="2026-05-04T13:30:00Z")
    assert answering.run("2026-05-04T14:00:00Z")["A"]["acknowledged_by"] == "bo"


def test_who_takes_back_another_one_s_word_is_told_so_and_named_in_the_flag(answering):
    assert answering.say("acknowledgement_withdrawn", "A").warnings == [f"{answering.id_of('A')}: nobody had acknowledged it by the last run"]
    answering.say("acknowledged", "A", at="2026-05-04T12:40:00Z")
    answering.run(is_published=True)
    at = "2026-05-04T13:10:00Z"
    assert [answering.say("acknowledgement_withdrawn", "A", by=by, at=at).warnings for by in ("anna", "bo")] == [[], []], "whose it is, and who may acknowledge it too"
    (warning,) = answering.say("acknowledgement_withdrawn", "A", by="cy", at="2026-05-04T13:11:00Z").warnings
    assert "anna acknowledged it, not cy, who may not by the policy either" in warning
    assert answering.run("2026-05-04T13:20:00Z", is_published=True)["A"]["acknowledged_at"] is None
    with answering.warehouse.open() as connection:
        rows = connection.execute(schema.sql_file("batches/event.sql")).to_arrow_table().to_pylist()
    assert [(row["actor"], row["withdrawn_by"], row["withdrawn_at"].minute) for row in rows if row["acknowledgement_status"] == "withdrawn"] == [("anna", "cy", 11)]


def test_the_same_words_at_the_same_instant_are_one_event_and_later_another(answering):
    for at in (NOW, NOW, "2026-05-04T12:31:00Z"):
        answering.say("acknowledged", "A", at=at, now=LATER)
    answering.run()
    assert len(answering.events()) == 2


@pytest.mark.parametrize("form", ["finding id", "beginning", "own id", "scanner:own id"])
def test_a_finding_goes_by_each_of_its_names(answering, form):
    finding_id = answering.id_of("C")
    ref = {"finding id": finding_id, "beginning": finding_id[:8], "own id": "C", "scanner:own id": "one:C"}[form]
    assert [event["ref"] for event in answering.say("acknowledged", ref).events] == [finding_id]


def test_people_go_by_mail_address_too(answering):
    assert answering.say("acknowledged", "A", by="Anna@Example.com").events[0]["actor"] == "anna"


def test_several_at_once_are_one_batch_and_each_finding_once(answering):
    done = answering.say("acknowledged", "A", "C", "one:C", "D")
    assert len({event["batch_id"] for event in done.events} - {None}) == 1
    assert len({event["event_id"] for event in done.events}) == len(done.events) == 3
    rows = answering.run(policy={"time_quality": {"bulk_count": 2}}, is_published=True)
    assert {title for title, row in rows.items() if row["acknowledged_at"]} == {"A", "C", "D"}
    bulk = "SELECT coalesce(sum(anomalies), 0) FROM mart.time_quality WHERE anomaly = 'bulk_acknowledgement'"
    assert published.query(answering.home.folder, bulk)[1] == [(0,)]


# Digests


def test_a_digest_is_every_finding_that_it_told_of(answering):
    done = answering.say("acknowledged", digest_id="digest-1")
    assert sorted(done.handoffs[event["ref"]]["title"] for event in done.events) == ["C", "D"]


def test_a_digest_that_no_run_has_taken_up_yet_is_known_too(answering, tools):
    told = {"event_id": "n1", "ref": "D", "event": "notified", "target_person": "anna", "occurred_at": tools.us(NOW), "batch_id": "digest-3", "method": "cli", "asserted_by": "dispatch"}
    originated.originate(answering.home, [told])
    assert [done["ref"] for done in answering.say("acknowledged", digest_id="digest-3").events] == [answering.id_of("D")]


@pytest.mark.parametrize(("refs", "more"), [((), {"digest_id": "digest-2"}), (("C", "A"), {"is_listed": True}), (("B",), {"is_listed": True})])
def test_nobody_acknowledges_critical_or_high_by_a_digest(answering, refs, more):
    with pytest.raises(UsageError, match=r"is (critical|high); expected findings below high"):
        answering.say("acknowledged", *refs, **more)
    assert answering.waiting() == 0


def test_a_digest_that_is_not_known_is_refused(answering):
    with pytest.raises(UsageError, match="no digest of that id"):
        answering.say("acknowledged", digest_id="digest-9")


# Declining and reassigning


def test_a_decline_changes_nothing_but_is_kept_flagged_and_shown(answering):
    before = answering.run(NOW)["A"]
    answering.say("declined", "A", reason="not our  service\nany more", at="2026-05-04T12:40:00Z")
    after = answering.run(is_published=True)["A"]
    for column in ("acknowledged_at", "owner_id", "routing_status", "handoff_due_at", "state", "inferred_at", "triaged_at"):
        assert after[column] == before[column], column
    assert answering.events() == [(answering.id_of("A"), "declined", "anna", "cli", "tester", None, "not our service any more")]
    (entry,) = [entry for entry in answering.timeline("A") if entry["what"] == "declined"]
    assert "not our service any more" in entry["detail"]


def test_a_decline_says_why(answering):
    with pytest.raises(UsageError, match="--reason: no reason"):
        answering.say("declined", "A", reason="  ")


def test_who_is_named_by_a_reassignment_owns_it_and_may_acknowledge_it(answering):
    answering.say("reassigned", "A", to="cy@example.com", reason="moved")
    answering.say("acknowledged", "A", by="cy", at="2026-05-04T12:45:00Z")
    row = answering.run()["A"]
    assert (row["owner_id"], row["acknowledged_by"]) == ("cy", "cy")


# What is refused, and what is only said


@pytest.mark.parametrize(("by", "to"), [("inbox", None), ("robot", None), ("INBOX@example.com", None), ("Security@example.org", None), ("noreply@example.org", None), ("anna", "inbox"), ("anna", "robot")])
def test_a_group_inbox_and_a_bot_are_refused_whatever_is_allowed(answering, by, to):
    with pytest.raises(UsageError, match=r"is a (group inbox|bot); expected a named person"):
        answering.say("reassigned" if to else "acknowledged", "A", "nope", by=by, to=to, allows_unknown=True)
    assert answering.waiting() == 0


def test_what_is_unknown_is_refused_or_waits_for_its_finding(answering, tools):
    with pytest.raises(UsageError, match=r"nope: no finding has that id.*--unknown-ok"):
        answering.say("acknowledged", "A", "nope")
    assert answering.waiting() == 0
    done = answering.say("acknowledged", "later", allows_unknown=True)
    assert done.warnings == ["later: no finding is known by it; it waits until one is"]
    answering.run()
    zone = tools.Zone()
    zone.files.clear()
    zone.scan("2026-05-04T12:00:00Z", own="later", cve="CVE-2026-99", title="E")
    zone.files = {f"scans/late-{name.rpartition('/')[2]}": content for name, content in zone.files.items()}
    answering.landing = zone.write(answering.home.folder.parent / "late")
    assert answering.run("2026-05-04T14:00:00Z")["E"]["acknowledged_by"] == "anna"


@pytest.mark.parametrize("ref", ["twin", "one:twin"])
def test_an_own_id_of_several_findings_is_refused(answering, ref):
    with pytest.raises(UsageError, match=f"{ref}: several findings have it"):
        answering.say("acknowledged", ref)


def test_before_anything_is_published_nothing_is_known(tools, tmp_path):
    claim = Claim("acknowledged", "anna", "cli", "tester", tools.us(NOW))
    with pytest.raises(UsageError, match="nothing is published yet"):
        answer(Home(tmp_path), claim, ["A"], now_us=tools.us(NOW))
    answer(Home(tmp_path), claim, ["A"], now_us=tools.us(NOW), allows_unknown=True)
    assert [event["ref"] for event in originated.events_waiting(Home(tmp_path))] == ["A"]


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("cy", "cy of team other may not acknowledge it by the policy"),
        ("gone", "departed by the directory"),
        ("nobody-known", "nobody in the directory goes by it"),
    ],
)
def test_what_the_run_will_not_count_is_said_and_kept(answering, by, said):
    done = answering.say("acknowledged", "A", by=by)
    assert any(said in warning for warning in done.warnings), done.warnings
    row = answering.run()["A"]
    assert row["acknowledged_at"] is None
    assert [event[2] for event in answering.events()] == [by]


def test_who_may_acknowledge_what_nobody_owns_is_not_warned(answering):
    assert answering.say("acknowledged", "B", by="cy").warnings == []
    assert answering.run()["B"]["acknowledged_by"] == "cy"


def test_roles_and_trust_of_the_policy_hold(answering):
    answering.run(NOW, "acknowledgement: {roles: [lead], trust: [link]}", is_published=True)
    by_hand = answering.say("acknowledged", "A", at="2026-05-04T12:40:00Z").warnings
    by_link = answering.say("acknowledged", "A", at="2026-05-04T12:50:00Z", method="link").warnings
    assert [("does not trust" in text, "asks for lead" in text) for text in by_hand] == [(True, False), (False, True)]
    assert ["asks for lead" in text for text in by_link] == [True]
    at = {rules: answering.run(policy=f"acknowledgement: {{{rules}}}")["A"]["acknowledged_at"] for rules in ("roles: [lead]", "trust: [link]", "trust: [tracker]", "roles: [engineer]")}
    assert {rules: moment and moment.minute for rules, moment in at.items()} == {"roles: [lead]": None, "trust: [link]": 50, "trust: [tracker]": None, "roles: [engineer]": 40}


def test_what_has_not_been_yet_is_refused(answering):
    with pytest.raises(UsageError, match="--at: 2026-05-04T13:00:00Z is later than now"):
        answering.say("acknowledged", "A", at=LATER, now=NOW)


@pytest.mark.parametrize("text", ["a\0b", "\x1b[2J", "\udcff", "   "])
def test_no_text_spoils_the_file(answering, text):
    for more in ({"by": text}, {"reason": f"x{text}"} if text.strip() else {"to": text}):
        with pytest.raises(UsageError):
            answering.say("declined" if "reason" in more else "acknowledged", "A", **more)
    assert answering.waiting() == 0


def test_a_list_is_one_reference_a_line():
    assert acknowledging.listed("\ufeff# of Monday\n\n one:C \r\nD#4\n".encode()) == ["one:C", "D#4"]
    with pytest.raises(UsageError, match="not UTF-8"):
        acknowledging.listed(b"\xff")


# The commands


def test_the_commands_end_to_end(answering, tools, tmp_path):
    listed = tmp_path / "digest.txt"
    listed.write_text("C\nD\n", encoding="utf-8")
    home = ("--home", answering.home.folder)
    done = tools.run_handoff("ack", "--digest-file", listed, "--as", "anna", "--at", NOW, "--json", *home)
    assert (done.returncode, done.stderr) == (0, "")
    events = json.loads(done.stdout)["events"]
    assert {(event["event"], event["occurred_at"], event["method"]) for event in events} == {("acknowledged", NOW, "cli")}
    assert all(event["asserted_by"] for event in events)
    declined = tools.run_handoff("decline", "A", "--as", "cy", "--reason", "not ours", "--at", NOW, *home)
    assert (declined.returncode, declined.stdout[:8]) == (0, "declined")
    refused = tools.run_handoff("reassign", "A", "--as", "anna", "--to", "inbox", *home)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "inbox is a group inbox" in refused.stderr
    rows = answering.run()
    assert [rows[title]["acknowledged_by"] for title in "ACD"] == [None, "anna", "anna"]
