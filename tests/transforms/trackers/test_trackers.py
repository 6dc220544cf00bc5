"""Trackers' exports: real ones and ones of ours, whole and damaged, in any order, overlapping; and what the policy says that their words mean."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
import yaml

from transforms import tracker_formats, trackers
from transforms.domain import instants
from transforms.domain.errors import PolicyError
from transforms.domain.head import Head
from transforms.domain.mapping import shipped
from transforms.domain.policy import overlaid
from transforms.domain.tracked import Fact, commands, marked, rich_text
from transforms.formats import FOLDERS
from transforms.tracking import Tally, mapped
from warehouse import decisions, rebuild
from warehouse.load import Stamp

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "trackers"
FORMATS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def golden(tools):
    return tools.sibling("tracker_golden", "transforms/trackers/tracker_golden.py")


@pytest.fixture(scope="module")
def agreement(tools, golden):
    return tools.sibling("tracker_agreement", "transforms/trackers/tracker_agreement.py")


@pytest.fixture(scope="module")
def page(tools, agreement):
    return tools.sibling("tracker_page", "transforms/trackers/tracker_page.py")


def export(golden, format: str, name: str) -> bytes:
    (content,) = (one.content for one in golden.exports() if (one.format, one.name) == (format, name))
    return content


def events(found, *columns: str) -> list[tuple]:
    assert found.reason is None, found.reason
    return sorted(zip(*(found.frames["activity"].column(name).to_pylist() for name in columns), strict=True))


# Whole


def test_every_mapping_is_of_a_format_and_has_golden_exports():
    assert sorted(shipped()) == FORMATS == sorted(trackers.formats().keys() - {"activity"})


def test_an_export_is_claimed_by_its_own_format_alone(golden):
    for one in golden.exports():
        head = Head(one.content)
        claims = [name for folder in FOLDERS.values() for name, module in folder.formats().items() if module.recognise(head)]
        assert claims == ([] if one.format == "generic" else [one.format]), one.name
        assert trackers.reader(head, None, golden.policy_of(one.format))[0].NAME == one.format


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_is_read_as_expected(golden, format):
    expected = yaml.safe_load((GOLDEN / format / "expected.yaml").read_text(encoding="utf-8"))
    found = {one.name: golden.lines(golden.read(one.content, golden.policy_of(format))) for one in golden.exports() if one.format == format}
    assert {name: found[name] for name in expected} == expected
    assert {name for name in found if name.startswith("made_")} <= expected.keys()


def test_histories_differ_from_those_of_devlake_only_where_a_reason_is_given(agreement):
    listed = {(row["file"], row["history"], row["side"], row["issue"]): row["rows"] for row in agreement.listed()}
    assert agreement.found() == listed
    assert all(row["reason"] for row in agreement.listed())
    assert sum(len(one.theirs & one.ours) for one in agreement.comparisons()) == 165 + 38 + 30 + 168 + 38


def test_the_page_is_the_one_that_is_generated(page):
    assert page.PAGE.read_text(encoding="utf-8") == page.render(), "run `python tests/transforms/trackers/tracker_page.py --write`"


def test_a_real_event_log_of_servicenow_keeps_the_states_and_holders_of_every_update(tools, golden):
    """Counted apart, from the log: how often each state was reached and who had it changed."""
    servicenow = tools.sibling("servicenow", "real_logs/servicenow.py")
    log = tools.TESTS / "golden" / "real_logs" / "servicenow_excerpt.csv.gz"
    counted = dict.fromkeys(("verified", "resolved", "held"), 0)
    for rows in servicenow.read_incidents(log).values():
        for before, row in zip([None, *rows], rows, strict=False):
            if before is None or row["incident_state"] != before["incident_state"]:
                counted["verified"] += row["incident_state"] == "Closed"
                counted["resolved"] += row["incident_state"] == "Resolved"
            counted["held"] += servicenow.holder(row) != (servicenow.holder(before) if before else "")
    found = golden.read(gzip.decompress(log.read_bytes()), golden.policy_of("servicenow"))
    words = [event for (event,) in events(found, "event")]
    assert counted == {"verified": words.count("verified"), "resolved": words.count("resolved"), "held": words.count("assigned") + words.count("reassigned")}
    assert not found.rejects and all(naive for (naive,) in events(found, "is_naive"))


# Damaged


def _damaged(value: object, rng: random.Random) -> object:
    """The document with one member, anywhere, removed or of another type."""
    places: list[tuple[object, object]] = []

    def walk(node: object) -> None:
        for key, item in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            places.append((node, key))
            walk(item)

    walk(value)
    node, key = rng.choice(places)
    other = rng.choice([None, 7, -1, 1e300, 10**18, "x", "", [], {}, [None], [[]], {"a": {"b": []}}, True, "2026-13-45", "handoff-finding: \ud800", _damaged])
    if other is _damaged:
        del node[key]  # type: ignore[attr-defined]
    else:
        node[key] = other  # type: ignore[index]
    return value


def test_a_damaged_export_never_raises_and_balances(golden):
    rng = random.Random(5)
    for one in golden.exports():
        policy, small = golden.policy_of(one.format), len(one.content) < 20_000
        for _ in range(30 if small else 3):
            if one.name.endswith(".json") and rng.random() < 0.7:
                document = json.loads(one.content)
                for _ in range(rng.randrange(1, 4)):
                    document = _damaged(document, rng) if document else document
                content = json.dumps(document).encode()
            else:
                at = rng.randrange(len(one.content))
                content = one.content[:at] + rng.choice([b"", b"\xff", b"\x00", b",", b"{", b"\n", b'"']) + one.content[at + rng.choice([0, 1, 40, len(one.content)]) :]
            found = golden.read(content, policy)
            assert not (found.reason or "").startswith("unreadable"), (one.name, found.reason)
            assert found.rows_in == sum(frame.num_rows for frame in found.frames.values()) + len(found.rejects)


def test_half_a_character_in_a_comment_loses_no_export(golden):
    content = export(golden, "jira", "made_search.json").replace(b"will look at it today", b"will look \\ud83d")
    assert len(events(golden.read(content, golden.policy_of("jira")), "event")) == 14


# Overlapping, in any order


def test_one_change_has_one_id_in_every_way_of_telling_it(golden):
    ids = {}
    for name in ("made_search.json", "made_changelog_page.json", "made_bulk_changelogs.json", "made_webhook.json"):
        found = golden.read(export(golden, "jira", name), golden.policy_of("jira"))
        ids[name] = {own for own, event, at in events(found, "event_id", "event", "occurred_at") if event == "acknowledged" and at.hour == 0}
    assert set(map(frozenset, ids.values())) == {frozenset({"jira:9001:status:acknowledged"})}
    pairs = [("pagerduty", "made_webhook.json", "made_log_entries.json"), ("pagerduty", "devlake_incidents.json", "made_log_entries.json"), ("opsgenie", "made_webhook.json", "made_alert.json")]
    for format, one, other in [*pairs, ("defectdojo", "made_notes.json", "made_findings.json")]:
        policy = golden.policy_of(format)
        both = [{own for own, event in events(golden.read(export(golden, format, name), policy), "event_id", "event") if event == "acknowledged"} for name in (one, other)]
        assert both[0] & both[1], (format, one)


@pytest.fixture
def linked(tools):
    """A finding that a ticket's key is linked to by hand, and the trackers' files, in the order given."""

    def linked(*names: str):
        zone = tools.Zone().scan("2026-05-03T00:00:00Z", own="own-9")
        zone.put("activity/links.csv", [{"event": "ticket_linked", "ref": "own-9", "ticket": "SEC-1", "occurred_at": "2026-05-03T12:00:00Z"}])
        for number, name in enumerate(names):
            zone.put(f"activity/{number}.json", (GOLDEN / "jira" / name).read_bytes())
        return zone

    return linked


def test_transitions_of_a_linked_ticket_are_the_stages_of_the_finding(linked):
    cycle = linked("made_search.json").cycle("2026-06-01T00:00:00Z")
    told = [cycle[name] for name in ("acknowledged_at", "in_progress_at", "resolved_at")]
    # cy, who moved it to Accepted, may not acknowledge; bo, by /ack, may.
    assert told == ["2026-05-04T01:30:00Z", "2026-05-05T01:00:00Z", "2026-05-06T10:00:00Z"]
    assert cycle["acknowledgement_kind"] == "explicit"


def test_a_tracker_whose_word_the_policy_does_not_take_acknowledges_nothing(linked):
    cycle = linked("made_search.json").cycle("2026-06-01T00:00:00Z", {"acknowledgement": {"trust": ["link", "cli", "file"]}})
    assert cycle["acknowledgement_kind"] != "explicit"


def test_a_change_told_by_the_number_of_the_issue_reaches_the_finding_that_its_key_is_linked_to(linked):
    alone = linked("made_bulk_changelogs.json").state("2026-06-01T00:00:00Z")
    both = linked("made_bulk_changelogs.json", "made_search.json").state("2026-06-01T00:00:00Z", {"trackers": {"jira": {"status": {"accepted": "triaged"}}}})
    assert [row["status"] for row in alone.rows("event") if row["ref"] == "jira:20001"] == ["no_match"]
    assert all(row["finding_id"] for row in both.rows("event") if row["ref"] in ("jira:20001", "SEC-1"))


def test_files_that_overlap_count_once_in_any_order(tools, tmp_path):
    digests, counts = set(), set()
    names = [("jira", name) for name in ("made_search.json", "made_changelog_page.json", "made_webhook.json")] + [("github_issues", "made_timeline.json"), ("github_issues", "made_issues.json")]
    for number, order in enumerate((names, names[::-1])):
        warehouse = tools.Warehouse(tmp_path / str(number))
        for step, (format, name) in enumerate(order):
            zone = tmp_path / f"landing{number}" / "activity"
            zone.mkdir(parents=True, exist_ok=True)
            (zone / f"{step}.json").write_bytes((GOLDEN / format / name).read_bytes())
            if step in (1, 4):
                warehouse.run(zone.parent, f"2026-06-01T00:00:0{step}Z")
        digests.add(warehouse.state_digest())
        counts.add(warehouse.sql("SELECT count(DISTINCT event_id), (SELECT count(*) FROM record.ticket) FROM record.activity WHERE method <> 'own'")[0])
    assert len(digests) == 1
    assert counts == {(14 + 5 + 2, 2 + 1 + 1)}


# What words mean


def test_a_word_of_the_policy_is_laid_over_the_shipped_mapping_alone(golden, tools):
    policy = tools.make_policy({"trackers": {"jira": {"status": {" ACCEPTED ": "triaged", "id:10068": "verified", "in progress": None}}}})
    found = events(golden.read(export(golden, "jira", "made_search.json"), policy), "occurred_at", "event")
    words = [event for _, event in found]
    assert (words.count("acknowledged"), words.count("triaged"), words.count("verified"), words.count("in_progress")) == (2, 1, 1, 0)
    assert policy.digest != tools.make_policy().digest


def test_a_renamed_status_is_known_by_its_id_and_by_the_category_that_the_file_tells_of_it(golden, tools):
    page = {"issues": [{"id": "1", "key": "X-1", "fields": {"created": "2026-05-04T08:00:00Z"}, "changelog": {"histories": [
        {"id": "7", "created": "2026-05-04T09:00:00Z", "items": [{"field": "status", "from": "1", "fromString": "Neu", "to": "88", "toString": "Wird geprüft"}]}]}}]}  # fmt: skip

    def words(page: dict, policy: dict | None = None) -> list[str]:
        found = golden.read(json.dumps(page).encode(), tools.make_policy(policy))
        return [event for (event,) in events(found, "event") if event != "ticket_linked"] if found.reason is None else [found.reason.split(":")[0]]

    assert words(page) == ["nothing_mapped"]
    assert words(page, {"trackers": {"jira": {"status": {"id:88": "triaged"}}}}) == ["triaged"]
    told = {**page, "statuses": [{"id": "88", "name": "In Prüfung", "statusCategory": {"id": 4, "key": "indeterminate"}}]}
    assert words(told) == ["in_progress"]
    # Two categories of one status contradict each other: neither is taken.
    assert words({**told, "statuses": [*told["statuses"], {"id": "88", "statusCategory": {"id": 3, "key": "done"}}]}) == ["nothing_mapped"]
    assert words({"issues": [], "statuses": []}) == []


def test_a_tracker_of_its_own_has_its_own_words_ids_and_name(golden, tools):
    policy = tools.make_policy({"trackers": {"emea": {"format": "jira", "status": {"erledigt": "verified"}}}})
    found = golden.read(export(golden, "jira", "made_search.json"), policy, source="emea")
    assert ("emea:9005:status:verified", "verified") in events(found, "event_id", "event")
    assert set(found.frames["ticket"].column("tracker").to_pylist()) == {"emea"}
    other = golden.read(export(golden, "jira", "made_search.json"), policy, source="apac")
    assert ("apac:9005:status:resolved", "resolved") in events(other, "event_id", "event")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("trackers:\n  jira:\n    status:\n      Accepted: ackd\n", 4, "trackers.jira.status.accepted is 'ackd'; expected one of enriched"),
        ("trackers:\n  jira:\n    state: {open: shut}\n", 3, "expected one of open, in_progress, resolved, closed, ignored"),
        ("trackers:\n  jira:\n    severity: {p1: worst}\n", 3, "expected one of critical"),
        ("trackers:\n  jira:\n    statuses: {a: b}\n", 3, "unknown key trackers.jira.statuses"),
        ("trackers:\n  jra:\n    status: {a: b}\n", 2, "trackers.jra is no tracker that is shipped"),
    ],
)
def test_what_cannot_be_meant_names_file_line_and_key(tools, text, line, says):
    with pytest.raises(PolicyError) as error:
        tools.make_policy(text)
    assert error.value.exit_code == 2 and f"own.yaml:{line}: " in str(error.value) and says in str(error.value)


def test_a_file_of_which_the_mapping_has_no_word_says_which_words_it_has(golden, tools):
    history = {"id": "1", "created": "2026-05-04T08:00:00Z", "items": [{"field": "status", "toString": "Übernommen"}]}
    content = json.dumps({"self": "https://j.example.com/rest/api/3/issue/X-1/changelog", "values": [history, history]}).encode()
    found = golden.read(content, tools.make_policy())
    assert found.reason is not None and found.reason.startswith("nothing_mapped: the mapping of jira has none of this file's words: status 'übernommen' (2)")
    assert len(events(golden.read(content, tools.make_policy({"trackers": {"jira": {"status": {"übernommen": "acknowledged"}}}})), "event")) == 2


def test_a_page_without_anything_that_a_mapping_has_to_know_is_empty_not_at_fault(golden, tools):
    rank = {"id": "1", "created": "2026-05-04T08:00:00Z", "items": [{"field": "Rank", "toString": "higher"}]}
    for values in ([], [rank]):
        content = json.dumps({"self": "https://j.example.com/rest/api/3/issue/X-1/changelog", "values": values}).encode()
        found = golden.read(content, tools.make_policy())
        assert (found.reason, found.rows_in) == (None, 0)


def test_a_file_that_no_word_was_known_of_is_read_again_when_the_policy_says_what_they_mean(tools, tmp_path):
    landing = tmp_path / "landing" / "activity"
    landing.mkdir(parents=True)
    history = {"id": "1", "created": "2026-05-04T08:00:00Z", "items": [{"field": "status", "toString": "Übernommen"}]}
    (landing / "a.json").write_text(json.dumps({"self": "/issue/X-1/changelog", "values": [history]}))
    warehouse = tools.Warehouse(tmp_path / "home")
    warehouse.run(landing.parent, "2026-06-01T00:00:00Z")
    assert warehouse.sql("SELECT status, rows_in FROM record.landed_file") == [("quarantined", 0)]
    warehouse.run(landing.parent, "2026-06-02T00:00:00Z", {"trackers": {"jira": {"status": {"Übernommen": "acknowledged"}}}})
    assert warehouse.sql("SELECT status, rows_in FROM record.landed_file WHERE kind = 'activity' AND path LIKE 'activity/%'") == [("loaded", 1)]


def test_a_loaded_file_keeps_what_it_came_to_until_it_is_read_again_and_a_rebuild_takes_the_new_meaning_alone(tools, tmp_path):
    landing = tmp_path / "landing" / "activity"
    landing.mkdir(parents=True)
    (landing / "a.json").write_bytes((GOLDEN / "jira" / "made_bulk_changelogs.json").read_bytes())
    warehouse, corrected = tools.Warehouse(tmp_path / "home"), tools.make_policy({"trackers": {"jira": {"status": {"Accepted": "triaged"}}}})

    def known() -> list[str]:
        return [event for (event,) in warehouse.sql("SELECT event FROM record.activity ORDER BY event")]

    warehouse.run(landing.parent, "2026-06-01T00:00:00Z")
    warehouse.run(landing.parent, "2026-06-02T00:00:00Z", corrected)
    assert known() == ["acknowledged"]
    ((sha,),) = warehouse.sql("SELECT sha256 FROM record.landed_file")
    decisions.decide(warehouse.home.folder, "reprocess", sha, "accepted means triaged", by="anna", at_us=tools.us("2026-06-02T12:00:00Z"))
    warehouse.run(landing.parent, "2026-06-03T00:00:00Z", corrected)
    assert known() == ["acknowledged", "triaged"] and warehouse.balances()
    with tools.parsed_here():
        rebuild.replay(warehouse.home, corrected, Stamp("rebuilt", tools.us("2026-06-04T00:00:00Z"), "code", corrected.digest))
    assert known() == ["triaged"]


def test_a_policy_laid_over_one_that_was_kept_gains_no_word_that_was_shipped_since(tools):
    kept = tools.make_policy({"trackers": {"jira": {"status": {"done": "verified"}}, "emea": {"format": "jira"}}})
    jira = kept.trackers["jira"]
    older = kept.model_copy(update={"trackers": {"jira": jira.model_copy(update={"label": {}}), "emea": kept.trackers["emea"]}})
    other = overlaid(older, "own.yaml", "trackers: {apac: {format: jira, status: {Fertig: resolved}}}")
    assert other.trackers["jira"] == older.trackers["jira"] and other.trackers["emea"] == older.trackers["emea"]
    assert other.trackers["apac"].status["fertig"] == "resolved" and other.trackers["apac"].label == {}


def test_an_unknown_zone_of_a_source_is_exit_2(tools):
    with pytest.raises(PolicyError, match="expected an IANA time zone"):
        tools.make_policy({"sources": {"activity": {"time_zone": "Europe/Bielefeld"}}})


@pytest.mark.parametrize(
    ("text", "refs"),
    [
        ("handoff-finding: 4f2a9c", ("4f2a9c",)),
        ("See below\r\n> **Handoff-Finding:** `tool:own-7`\r\nhandoff-finding: b.", ("tool:own-7", "b.")),
        ("we say handoff-finding: x in passing", ()),
        ("handoff-finding:\nnext", ("next",)),
        ("{noformat}\nhandoff-finding: 4f2a9c{noformat}\nhandoff-cycle: 2", ("4f2a9c",)),
        ("", ()),
        (None, ()),
    ],
)
def test_marker_lines(text, refs):
    assert marked(text) == refs


@pytest.mark.parametrize(("text", "found"), [("/ack", ("/ack",)), ("  /ACK now\n/triaged", ("/ack", "/triaged")), ("see /ack", ()), ("/etc/passwd", ()), (None, ())])
def test_commands(text, found):
    assert commands(text) == found


@pytest.mark.parametrize("tracker", ["jira", "gitlab", "github_issues", "servicenow", "pagerduty", "opsgenie", "defectdojo", "secportal", "cloudevents", "generic"])
def test_declining_in_a_comment_is_no_work_on_it(tools, tracker):
    text = "/decline the service moved to storefront"
    fact = Fact(pointer="x", section="comment", words=commands(text), at=instants.Stamp(0, "zoned"), ticket="SEC-1", text=text)
    (row,) = mapped([fact], tools.make_policy().trackers[tracker], tracker, Tally())
    assert (row["event"], row["comment"]) == ("declined", text)


def test_a_document_nested_without_end_has_the_text_of_its_top():
    node: dict = {"type": "text", "text": "deep"}
    for _ in range(500):
        node = {"type": "paragraph", "content": [node]}
    assert rich_text({"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "top"}]}, node]}) == "top"


# Explained


def test_explain_tells_rules_words_and_what_to_write(golden, tools):
    found = tracker_formats.explain(export(golden, "jira", "devlake_changelog.jsonl"), tools.make_policy())
    assert found["matched"] == [{"section": "status", "word": "closed", "event": "resolved", "facts": 2}]
    written = yaml.safe_load(found["to write into the policy"])
    assert written["trackers"]["jira"]["status"]["开发中"] == "ignored"
    tools.make_policy(written)
    assert (found["events"], found["tickets"], found["reason"]) == ({"resolved": 2}, 0, None)


def test_explain_tells_a_broken_chain_and_what_nobody_claims(golden, tools):
    found = tracker_formats.explain(export(golden, "jira", "made_search.json"), tools.make_policy())
    assert found["notes_in_all"] == 0 and found["links"] == {"4f2a9c": 1, "tool:own-7": 1}
    broken = export(golden, "jira", "made_search.json").replace(b'"from": "2", "fromString": "Accepted"', b'"from": "4", "fromString": "Waiting"')
    (note,) = tracker_formats.explain(broken, tools.make_policy())["notes"]
    assert note["what"].startswith("broken chain of SEC-1: from Waiting (4) after to Accepted (2)")
    assert "unknown_format" in tracker_formats.explain(b"a,b\n1,2\n", tools.make_policy())["reason"]


NAMED = {"event_id": "Nr", "event": "Vorgang", "ref": "Finding", "actor": "Wer", "occurred_at": "Wann"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_csv_whose_columns_the_policy_names_is_read_and_explained_whatever_its_delimiter(tools, delimiter):
    policy = tools.make_policy({"trackers": {"generic": {"columns": NAMED, "entry": {"angenommen": "acknowledged"}}}})
    lines = ("Nr,Vorgang,Finding,Wer,Wann", "1,angenommen,F-5,ben,2026-03-01T10:30:00Z", "2,gesehen,F-5,ben,2026-03-01T10:31:00Z")
    found = tracker_formats.explain("\n".join(lines).replace(",", delimiter).encode(), policy)
    assert (found["tracker"], found["events"], found["rejected"]) == ("generic", {"acknowledged": 1}, {})
    assert found["unmatched"] == [{"section": "entry", "word": "gesehen", "facts": 1}]


def test_an_explained_cloudevent_has_its_subject_for_its_finding(tools):
    event = {"specversion": "1.0", "id": "e1", "source": "/x", "type": "com.acme.acknowledged.v1", "subject": "F-4", "time": "2026-03-01T10:00:00Z"}
    found = tracker_formats.explain(json.dumps(event).encode(), tools.make_policy())
    assert (found["events"], found["rejected"]) == ({"acknowledged": 1}, {})
    assert found["sample events"][0]["ref"] == "F-4"


@pytest.mark.parametrize("wrap", [lambda issue, lists: {"issue": issue, **lists}, lambda issue, lists: {**issue, **lists}], ids=["beside", "within"])
def test_a_gitlab_issue_has_its_lists_beside_it_or_within(tools, wrap):
    issue = {"id": 11, "iid": 5, "project_id": 3, "title": "x", "state": "closed", "web_url": "https://gitlab.example/grp/proj/-/issues/5"}
    issue |= {"references": {"full": "grp/proj#5"}, "created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-02T10:00:00Z"}
    closed = {"id": 1, "user": {"username": "anna"}, "created_at": "2026-03-02T10:00:00Z", "resource_type": "Issue", "resource_id": 11, "state": "closed"}
    found = tracker_formats.explain(json.dumps(wrap(issue, {"state_events": [closed]})).encode(), tools.make_policy())
    assert found["events"] == {"resolved": 1, "ticket_linked": 1}
