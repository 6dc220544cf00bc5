"""Writing back, against trackers on this machine: each handoff has one ticket, and what people make of it stays theirs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import tickets
from flows.client import Outside
from transforms.domain.errors import RunError, UsageError
from transforms.domain.tracked import marked, marked_cycle
from warehouse import originated, rebuild
from warehouse.home import Home
from warehouse.load import Stamp
from warehouse.outbox import open_outbox

HOSTILE = "</script> {panel} `x` @root #1 [a](javascript:1) <!-- handoff:end -->\nhandoff-finding: 00000000000000000000000000000000\n"
NOW = "2026-05-04T12:00:00Z"
FINDINGS = 3


@pytest.fixture
def replay(tools):
    return tools.sibling("replay_server", "flows/replay_server.py")


@pytest.fixture(scope="module")
def with_three_open(tools, tmp_path_factory) -> Path:
    """A published home with three open handoffs for anna (critical, high, and one with a hostile title), one medium, and one for nobody; not to be written to."""
    folder = tmp_path_factory.mktemp("open")
    zone = tools.Zone()
    zone.scan("2026-05-04T08:00:00Z", "Critical", own="A", cve="CVE-2026-1", title="Deserialisation of untrusted data")
    zone.scan("2026-05-04T09:00:00Z", "High", own="B", cve="CVE-2026-2")
    zone.scan("2026-05-04T10:00:00Z", "High", own="C", cve="CVE-2026-3", title=HOSTILE)
    zone.scan("2026-05-04T10:00:00Z", "Medium", own="D", cve="CVE-2026-4")
    zone.scan("2026-05-04T10:00:00Z", "Critical", own="E", cve="CVE-2026-5", target="elsewhere")
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(zone.write(folder / "landing"), NOW, published=True)
    return folder


class Writing:
    """A copy of that home, and one connection named `here` that may be written to."""

    def __init__(self, source: Path, folder: Path, replay: Any, tracker: Any, monkeypatch: Any, kind: str, *, has_warehouse: bool = False, **write: Any) -> None:
        shutil.copytree(source / "home", folder / "home", ignore=shutil.ignore_patterns(*([] if has_warehouse else ["warehouse.duckdb", "raw", "reports"])))
        self.landing = shutil.copytree(source / "landing", folder / "landing")
        self.home, self.tracker, self.server, self.folder = Home(folder / "home"), tracker, replay.Server(tracker), folder
        self.kind = kind
        self.waits: list[float] = []
        monkeypatch.setenv("HERE", replay.SECRET)
        of_kind = {"jira": {"query": "project = SEC"}, "data_center": {"query": "project = SEC", "deployment": "data_center"}, "github": {"repos": ["acme/shop"]}}[kind]
        where = {"repo": "acme/shop"} if kind == "github" else {"project": "SEC"}
        write = {"enabled": True, **where, "accounts": {"anna": "acc-anna"}, "link": "https://handoff.example.com/f/{finding_id}?c={cycle}", **write}
        self.connection = {"kind": "jira" if kind == "data_center" else kind, "url": self.server.url, "secret": {"env": "HERE"}, **of_kind, "write": write}
        self.file = folder / "connections.yaml"
        self.file.write_text(yaml.safe_dump({"here": self.connection}), encoding="utf-8")

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.tracker.pass_time(seconds)

    def write(self, is_applied: bool = True) -> list[tickets.Step]:
        return tickets.write(self.home, self.file, is_applied=is_applied, by="tester", outside=Outside(self.wait, self.tracker.clock, lambda: 0.5))

    def actions(self, is_applied: bool = True) -> list[str]:
        steps = self.write(is_applied)
        tickets.require_complete(steps)
        return [step.action for step in steps]

    def issues(self) -> list[dict[str, Any]]:
        return [found["issue"] if self.kind == "github" else found for found in self.tracker.issues.values()]

    def text(self, issue: dict[str, Any]) -> str:
        return issue["body"] if self.kind == "github" else json.dumps(issue["fields"]["description"])

    def changes(self) -> int:
        return sum(method != "GET" for method, _, _ in self.tracker.asked)

    def __enter__(self) -> Writing:
        self.server.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.__exit__(*error)


@pytest.fixture
def writing(tmp_path, monkeypatch, replay, with_three_open):
    def make(kind: str, **write: Any) -> Writing:
        tracker = replay.GithubServer([]) if kind == "github" else replay.JiraServer([])
        return Writing(with_three_open, tmp_path, replay, tracker, monkeypatch, kind, **write)

    return make


KINDS = ["jira", "data_center", "github"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_open_handoff_has_one_ticket(writing, kind):
    with writing(kind) as there:
        assert (there.actions(is_applied=False), there.changes()) == (["create"] * FINDINGS, 0)
        assert not list(originated.waiting(there.home)), "a dry run leaves nothing"
        assert there.actions() == ["create"] * FINDINGS
        assert there.actions() == ["none"] * FINDINGS
        assert (len(there.issues()), there.changes()) == (FINDINGS, FINDINGS)
        found = [step.finding_id for step in there.write(is_applied=False)]
        assert [sum(f"handoff-finding: {finding}" in there.text(issue) for issue in there.issues()) for finding in found] == [1] * FINDINGS


def test_what_a_jira_ticket_says(writing):
    with writing("jira") as there:
        there.actions()
        first = there.issues()[0]["fields"]
        assert first["summary"] == "[critical] Deserialisation of untrusted data on pay"
        assert (first["labels"], first["priority"], first["duedate"]) == (["security-handoff"], {"name": "Highest"}, "2026-05-04")
        assert (first["assignee"], first["project"], first["issuetype"]) == ({"accountId": "acc-anna"}, {"key": "SEC"}, {"name": "Task"})
        block = first["description"]["content"][0]
        texts = ["".join(node["text"] for node in line["content"]) for line in block["content"]]
        assert texts[0].startswith("handoff-finding: ") and texts[1] == "handoff-cycle: 1"
        assert {"Severity: critical", "Asset: pay", "Owner: anna", "Acknowledge by: 2026-05-04T13:00Z"} <= set(texts)
        assert block["content"][2]["content"][0]["marks"][0]["attrs"]["href"].startswith("https://handoff.example.com/f/")


def test_what_a_github_issue_says(writing):
    with writing("github", label="incident-remediation") as there:
        there.actions()
        first = there.issues()[0]
        assert [label["name"] for label in first["labels"]] == ["incident-remediation", "severity: critical"]
        assert [user["login"] for user in first["assignees"]] == ["acc-anna"]
        assert "- Title: ` Deserialisation of untrusted data `" in first["body"] and "- Due: 2026-05-04" in first["body"]
        assert there.waits == [1.0] * FINDINGS, "GitHub asks for a second between two changes"


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_title_is_text_and_names_no_other_finding(writing, kind):
    with writing(kind) as there:
        there.actions()
        issue = there.issues()[2]
        body = issue["body"] if kind == "github" else issue["fields"]["description"]
        title = issue["title"] if kind == "github" else issue["fields"]["summary"]
        assert "\n" not in title and len(title) <= 250
        if kind == "github":
            assert body.count("<!-- handoff:end -->") == 1 and "- Title: `` </script>" in body
            assert (marked(body), marked_cycle(body)) == (marked(body.split("Title")[0]), 1)
        elif kind == "data_center":
            assert body.count("{panel}") == 1 and "\\[a\\]" in body
            assert marked(body)[0] != "0" * 32
        else:
            lines = ["".join(node["text"] for node in line["content"]) for line in body["content"][0]["content"]]
            assert sum(line.startswith("handoff-finding:") for line in lines) == 1
        assert there.actions() == ["none"] * FINDINGS


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_lost_opens_no_second_ticket(writing, kind):
    with writing(kind) as there:
        there.tracker.fault = lambda n: "lost" if n == 1 else None
        steps = there.write()
        assert [step.is_done for step in steps] == [False, True, True] and "got no answer" in (steps[0].fault or "")
        assert len(there.issues()) == FINDINGS
        assert there.actions() == ["adopt", "none", "none"]
        assert there.actions() == ["none"] * FINDINGS
        assert len(there.issues()) == FINDINGS


@pytest.mark.parametrize("kind", KINDS)
def test_what_did_not_arrive_is_sent_again_once_it_would_have_been_found(writing, kind):
    with writing(kind) as there:
        there.tracker.fault = lambda n: "reset" if n == 1 else None
        there.write()
        assert len(there.issues()) == FINDINGS - 1
        there.tracker.fault = lambda n: None
        assert there.actions() == ["wait", "none", "none"]
        there.tracker.pass_time(601)
        assert there.actions() == ["create", "none", "none"]
        assert (len(there.issues()), there.actions()) == (FINDINGS, ["none"] * FINDINGS)


class Killed(BaseException):
    """Stands for a kill: nothing of ours catches it."""


@pytest.mark.parametrize("kind", ["jira", "github"])
@pytest.mark.parametrize("place", ["claim", "send", "create", "originate", "confirm"])
def test_a_kill_at_each_step_opens_no_second_ticket_and_loses_none(writing, monkeypatch, kind, place):
    from warehouse.outbox import Outbox

    with writing(kind) as there:
        with monkeypatch.context() as patched:
            owner, name = {
                "claim": (Outbox, "claim"), "send": (Outbox, "send"), "confirm": (Outbox, "confirm"), "originate": (originated, "originate"),
                "create": (type(tickets.writer("here", tickets.read_connections(there.file)["here"])), "create"),
            }[place]  # fmt: skip
            real = getattr(owner, name)

            def killed_after(*arguments: Any, **more: Any) -> Any:
                real(*arguments, **more)
                raise Killed

            patched.setattr(owner, name, killed_after)
            with pytest.raises(Killed):
                there.write()
        actions = there.actions()
        assert actions[0] in {"claim": ["create"], "send": ["wait"], "create": ["adopt"], "originate": ["adopt"], "confirm": ["none"]}[place]
        there.tracker.pass_time(601)
        there.actions()
        assert (len(there.issues()), there.actions()) == (FINDINGS, ["none"] * FINDINGS)
        events = {line for found in originated.waiting(there.home) for line in found.content.decode().splitlines()[1:]}
        assert len(events) == FINDINGS, "each link is said once, in the same words"


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_changed_stays(writing, kind):
    with writing(kind) as there:
        there.actions()
        issue = there.issues()[0]
        if kind == "github":
            issue["title"], issue["body"] = "Ours now", "Seen, working on it.\n\n" + issue["body"] + "\n\nSee the wiki."
            issue["labels"].append({"name": "team/pay"})
        elif kind == "data_center":
            issue["fields"] |= {"summary": "Ours now", "description": "Seen, working on it.\n\n" + issue["fields"]["description"] + "\n\nSee the wiki."}
        else:
            said = [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in ("Seen, working on it.", "See the wiki.")]
            issue["fields"] |= {"summary": "Ours now", "description": {"type": "doc", "version": 1, "content": [said[0], *issue["fields"]["description"]["content"], said[1]]}}
        # The finding is critical no more and somebody else's: what we would say is another thing.
        there.connection["write"] |= {"accounts": {"anna": "acc-new"}, "link": "https://other.example.com/{finding_id}"}
        there.file.write_text(yaml.safe_dump({"here": there.connection}), encoding="utf-8")
        steps = there.write()
        assert [step.action for step in steps] == ["update"] * FINDINGS
        assert steps[0].changes == ["assignee", "block"]
        text = there.text(there.issues()[0])
        assert text.index("Seen, working on it.") < text.index("other.example.com") < text.index("See the wiki.")
        assert "handoff.example.com" not in text
        first = there.issues()[0]
        if kind == "github":
            assert first["title"] == "Ours now" and {"name": "team/pay"} in first["labels"]
            assert [user["login"] for user in first["assignees"]] == ["acc-new"]
        else:
            assert (first["fields"]["summary"], first["fields"]["assignee"]) == ("Ours now", {"accountId" if kind == "jira" else "name": "acc-new"})
        assert there.actions() == ["none"] * FINDINGS


def test_a_field_that_a_person_set_is_kept_and_said(writing):
    with writing("jira") as there:
        there.actions()
        there.issues()[0]["fields"] |= {"assignee": {"accountId": "acc-bo"}, "priority": {"name": "Low"}}
        there.connection["write"] |= {"accounts": {"anna": "acc-new"}, "priorities": {"critical": "P1", "high": "P2", "medium": "P3", "low": "P4"}}
        there.file.write_text(yaml.safe_dump({"here": there.connection}), encoding="utf-8")
        step = there.write()[0]
        assert step.changes == ["assignee stays 'acc-bo'", "priority stays 'Low'"]
        assert (there.issues()[0]["fields"]["assignee"], there.issues()[0]["fields"]["priority"]) == ({"accountId": "acc-bo"}, {"name": "Low"})


def test_a_ticket_that_somebody_opened_by_hand_is_taken_up(writing):
    with writing("github") as there:
        finding = there.write(is_applied=False)[0].finding_id
        by_hand = {"title": "Fix this", "body": f"As said.\n\n> **handoff-finding**: {finding}\n", "labels": ["security-handoff"]}
        there.tracker.answer("POST", "/repos/acme/shop/issues", {}, {"Authorization": "Basic eDp5"}, by_hand)
        assert there.actions() == ["adopt", "create", "create"]
        issue = there.issues()[0]
        assert issue["title"] == "Fix this" and issue["body"].startswith("As said.") and "handoff:begin" in issue["body"]
        assert there.actions() == ["none"] * FINDINGS


def test_one_that_was_deleted_is_not_opened_again(writing):
    with writing("jira") as there:
        there.actions()
        there.tracker.issues.popitem()
        there.connection["write"]["accounts"] = {}
        there.file.write_text(yaml.safe_dump({"here": there.connection}), encoding="utf-8")
        assert there.actions() == ["update", "update", "gone"]
        assert len(there.issues()) == FINDINGS - 1


def test_a_refusal_stops_no_other_and_is_tried_again(writing):
    with writing("jira") as there:
        there.tracker.fault = lambda n: "400" if n == 1 else None
        steps = there.write()
        assert [step.is_done for step in steps] == [False, True, True]
        with pytest.raises(RunError, match="answered 400"):
            tickets.require_complete(steps)
        assert there.actions() == ["create", "none", "none"]


def test_whom_tickets_are_for(writing):
    with writing("jira", severities=["critical"], unrouted=True) as there:
        assert [(step.severity, step.owner) for step in there.write(is_applied=False)] == [("critical", "anna"), ("critical", None)]


def test_nothing_is_written_where_it_is_not_allowed(writing):
    with writing("jira", enabled=False) as there, pytest.raises(UsageError, match=r"no connection has write\.enabled"):
        there.write()


def test_the_link_reaches_the_record_once(writing, tools):
    with writing("jira", has_warehouse=True) as there:
        there.actions()
        warehouse = tools.Warehouse(there.home.folder)
        warehouse.run(there.landing, "2026-05-04T12:30:00Z")
        links = warehouse.sql("SELECT ref, ticket, method, asserted_by FROM record.activity WHERE event = 'ticket_linked' ORDER BY ticket")
        assert [link[1] for link in links] == sorted(issue["key"] for issue in there.issues())
        assert {link[2:] for link in links} == {("cli", "tester")}
        assert {link[0] for link in links} == {step.finding_id for step in there.write(is_applied=False)}
        assert not list(originated.waiting(there.home)), "the raw store has it now"
        warehouse.run(there.landing, "2026-05-04T12:40:00Z")
        assert warehouse.sql("SELECT count(*) FROM record.activity WHERE event = 'ticket_linked'") == [(FINDINGS,)]
        assert warehouse.balances()
        digest = warehouse.state_digest()
        rebuild.replay(there.home, tools.make_policy(), Stamp("again", tools.us("2026-05-04T12:50:00Z"), "code", tools.make_policy().digest))
        assert warehouse.state_digest() == digest, "the raw store is enough"


@pytest.mark.parametrize(
    ("lines", "is_open", "action"),
    [("", True, "adopt"), ("", False, "create"), ("handoff-cycle: 1", False, "adopt"), ("handoff-cycle: 0", True, "adopt"), ("handoff-cycle: 0", False, "create"), ("handoff-cycle: 2", True, "create")],
)  # fmt: skip
def test_which_ticket_is_a_cycle_s_own(writing, lines, is_open, action):
    """That of the cycle, open or not; else one that is open and of an earlier cycle, or of none that it says."""
    with writing("github", severities=["critical"]) as there:
        finding = there.write(is_applied=False)[0].finding_id
        before = {"title": "x", "body": f"handoff-finding: {finding}\n{lines}\n", "labels": ["security-handoff"]}
        there.tracker.answer("POST", "/repos/acme/shop/issues", {}, {"Authorization": "Basic eDp5"}, before)
        there.issues()[0]["state"] = "open" if is_open else "closed"
        assert there.actions(is_applied=False) == [action]


def test_the_outbox_holds_no_secret(writing, replay):
    with writing("github") as there:
        there.tracker.fault = lambda n: "401" if n == 1 else None
        there.write()
        with open_outbox(there.home.outbox) as outbox:
            entries = outbox.entries("here")
        assert {entry.state for entry in entries} == {"failed", "confirmed"}
        assert replay.SECRET.encode() not in there.home.outbox.read_bytes()
