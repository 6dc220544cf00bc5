"""mart.tracker_disagreement: what a tracker says held against the record, worked by hand."""

from __future__ import annotations

import json

import pytest

AS_OF = "2026-05-01T00:00:00Z"


def issue(key: str, status: str = "To Do", category: str = "new", *, updated: str = "2026-04-10T09:00:00.000+0000", finding: str | None = None, **fields: object) -> dict:
    """A Jira issue as its search answers it, without a changelog: what it is now, and nothing of how it came to be."""
    return {
        "id": key.removeprefix("SEC-"), "key": key,
        "fields": {
            "summary": f"ticket {key}", "updated": updated, "created": "2026-04-01T09:00:00.000+0000", "labels": [],
            "status": {"name": status, "statusCategory": {"key": category}}, "description": f"handoff-finding: {finding}" if finding else "", **fields,
        },
    }  # fmt: skip


def person(login: str) -> dict:
    return {"accountId": f"id-{login}", "displayName": login.title(), "emailAddress": f"{login}@example.com", "active": True}


@pytest.fixture
def said(zone):
    """Lands what Jira shows."""

    def land(*issues: dict, name: str = "export") -> None:
        zone.put(f"activity/{name}.json", json.dumps({"startAt": 0, "maxResults": 50, "total": len(issues), "issues": list(issues)}), source="jira")

    return land


@pytest.fixture
def contradictions(zone):
    """(field, ticket, record_value, tracker_value, since_at) of every row, sorted."""

    def read(as_of: str = AS_OF, policy: dict | None = None) -> list[tuple]:
        rows = zone.state(as_of, policy).mart("tracker_disagreement")
        found = [(*(row[name] for name in ("field", "ticket", "record_value", "tracker_value")), row["since_at"][5:16].replace("T", " ")) for row in rows]
        return sorted(found, key=str)

    return read


def linked(zone, ticket: str = "SEC-1", ref: str = "A") -> None:
    zone.event("ticket_linked", "2026-04-01T10:00:00Z", ref=ref, ticket=ticket)


def test_no_tracker_no_row(zone, contradictions):
    zone.scan("2026-04-01T09:00:00Z")
    assert contradictions() == []


def test_a_ticket_that_says_the_same_is_no_row(zone, said, contradictions):
    """The owner by the mail address of the directory, the band by the mapping, the deadline by its day: due 90 d after t1."""
    zone.scan("2026-04-01T09:00:00Z", "Medium").event("acknowledged", "2026-04-02T09:00:00Z")
    linked(zone)
    said(issue("SEC-1", assignee=person("anna"), priority={"name": "Medium"}, duedate="2026-07-01"))
    assert contradictions() == []


def test_owner_severity_deadline_and_state_each_in_its_row(zone, said, contradictions):
    zone.scan("2026-04-01T09:00:00Z", "Medium").event("acknowledged", "2026-04-02T09:00:00Z").event("in_progress", "2026-04-20T09:00:00Z")
    linked(zone)
    said(issue("SEC-1", assignee=person("bo"), priority={"name": "Low"}, duedate="2026-07-02"))
    assert contradictions() == [
        ("deadline", "SEC-1", "2026-07-01", "2026-07-02", "04-10 09:00"),
        ("owner", "SEC-1", "anna", "bo", "04-10 09:00"),
        ("severity", "SEC-1", "medium", "low", "04-10 09:00"),
        ("state", "SEC-1", "in_progress", "open", "04-20 09:00"),
    ]


def test_what_a_ticket_does_not_say_contradicts_nothing_but_an_owner(zone, said, contradictions):
    zone.scan("2026-04-01T09:00:00Z", "Medium")
    linked(zone)
    said(issue("SEC-1", "Something of our own", "undefined", assignee=None, priority=None, duedate=None), issue("SEC-9", "Done", "done"))
    assert contradictions() == [("owner", "SEC-1", "anna", None, "04-10 09:00")]


def test_the_age_is_of_the_value_and_not_of_the_last_change(zone, said, contradictions):
    """bo has had the ticket since the 5th; what else changed on the 10th and 12th moved no clock of the owner's."""
    zone.scan("2026-04-01T09:00:00Z")
    linked(zone)
    for day, who, labels in (("03", "anna", []), ("05", "bo", []), ("10", "bo", ["x"]), ("12", "bo", ["y"])):
        said(issue("SEC-1", assignee=person(who), priority=None, labels=labels, updated=f"2026-04-{day}T09:00:00.000+0000"), name=f"export-of-{who}-{'-'.join(labels) or day}")
    assert contradictions() == [("owner", "SEC-1", "anna", "bo", "04-05 09:00")]
    assert contradictions("2026-04-04T00:00:00Z") == []
    (row,) = zone.state(AS_OF).mart("tracker_disagreement")
    assert row["age_seconds"] == (25 * 24 + 15) * 3600
    assert (row["finding_id"] is not None, row["cycle"], row["owner_id"], row["team"], row["tracker"], row["labels"]) == (True, 1, "anna", "payments", "jira", ["y"])


@pytest.mark.parametrize(
    ("events", "status", "expected"),
    [
        ([], ("Done", "done"), [("state", "SEC-1", "open", "resolved")]),
        (["resolved"], ("Done", "done"), []),
        (["resolved"], ("To Do", "new"), [("state", "SEC-1", "resolved", "open")]),
        (["verified"], ("Closed", "done"), []),
        (["verified"], ("To Do", "new"), [("state", "SEC-1", "verified", "open")]),
        (["withdrawn"], ("Done", "done"), []),
        (["withdrawn"], ("In Progress", "indeterminate"), [("state", "SEC-1", "withdrawn", "in_progress")]),
    ],
)
def test_what_is_done_here_and_what_is_done_there(zone, said, contradictions, events, status, expected):
    """Done on either side, owner, severity and deadline are nobody's concern any more."""
    zone.scan("2026-04-01T09:00:00Z", "Medium")
    linked(zone)
    for word in events:
        zone.event(word, "2026-04-20T09:00:00Z")
    said(issue("SEC-1", *status, assignee=person("bo") if expected == [] or status[1] == "done" else person("anna"), priority=None))
    assert [row[:4] for row in contradictions()] == expected


def test_findings_in_no_tracker_and_tickets_with_no_finding(zone, said, contradictions):
    zone.scan("2026-04-01T09:00:00Z", own="A").scan("2026-04-03T09:00:00Z", own="B", cve="CVE-2026-2")
    zone.scan("2026-04-01T09:00:00Z", own="C", cve="CVE-2026-3").event("verified", "2026-04-05T09:00:00Z", ref="C")
    linked(zone)
    said(
        issue("SEC-1", assignee=person("anna"), priority=None),
        issue("SEC-2", labels=["Security"], priority=None), issue("SEC-3", "Done", "done", priority=None), issue("SEC-4", priority=None),
    )  # fmt: skip
    expected = [
        ("no_finding", "SEC-2", None, "open", "04-10 09:00"),
        ("no_finding", "SEC-4", None, "open", "04-10 09:00"),
        ("no_ticket", None, "open", None, "04-03 09:00"),
    ]
    assert contradictions() == expected
    # Where a label says which tickets are about findings, only those lack one.
    assert contradictions(policy={"disagreement": {"labels": ["security"]}}) == [expected[0], expected[2]]


def test_a_ticket_links_itself_by_its_marker_line(zone, said, contradictions):
    zone.scan("2026-04-01T09:00:00Z", own="A")
    said(issue("SEC-1", assignee=person("bo"), priority=None, finding="A"))
    assert [row[:4] for row in contradictions()] == [("owner", "SEC-1", "anna", "bo")]


def test_one_ticket_of_several_findings_and_several_tickets_of_one(zone, said, contradictions):
    zone.scan("2026-04-01T09:00:00Z", own="A").scan("2026-04-01T09:00:00Z", own="B", cve="CVE-2026-2")
    linked(zone, "SEC-1", "A")
    linked(zone, "SEC-1", "B")
    linked(zone, "SEC-2", "A")
    said(issue("SEC-1", assignee=person("bo"), priority=None), issue("SEC-2", assignee=person("anna"), priority=None))
    assert [row[:2] for row in contradictions()] == [("owner", "SEC-1"), ("owner", "SEC-1")]


def test_the_order_of_exports_changes_nothing(zone, said, contradictions, tools):
    zone.scan("2026-04-01T09:00:00Z")
    linked(zone)
    early = issue("SEC-1", assignee=person("bo"), priority=None, updated="2026-04-05T09:00:00.000+0000")
    late = issue("SEC-1", assignee=person("cy"), priority=None, updated="2026-04-06T09:00:00.000+0000")
    said(late, name="a")
    said(early, name="b")
    assert [row[:4] for row in contradictions()] == [("owner", "SEC-1", "anna", "cy")]
