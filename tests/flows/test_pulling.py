"""Pulling, against trackers on this machine that fail, throttle, repeat and change: nothing missed, nothing doubled, no secret shown."""

from __future__ import annotations

import json
import logging
import random
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import yaml

from flows import pulling
from flows.client import ATTEMPTS, MAX_WAIT_SECONDS, Client, Outside, Uncertain
from transforms.domain.errors import LockHeld, RunError, SourceRefused, SourceUnavailable, UsageError
from warehouse.home import Home


@pytest.fixture
def replay(tools):
    return tools.sibling("replay_server", "flows/replay_server.py")


class Pulls:
    """A home, a landing zone and one connection named `here`; waits are kept and pass on the tracker's clock, never on ours."""

    def __init__(self, folder: Path, replay: Any, tracker: Any, monkeypatch: Any, **connection: Any) -> None:
        self.folder, self.tracker, self.server = folder, tracker, replay.Server(tracker)
        self.landing, self.home = folder / "landing", Home(folder / "home")
        self.landing.mkdir(exist_ok=True)
        self.file = folder / "connections.yaml"
        self.waits: list[float] = []
        self.draw, self.transport = (lambda: 0.5), None
        monkeypatch.setenv("HERE", replay.SECRET)
        self.state(url=self.server.url, **connection)

    def state(self, **connection: Any) -> None:
        self.connection = {**getattr(self, "connection", {"secret": {"env": "HERE"}}), **connection}
        self.file.write_text(yaml.safe_dump({"here": self.connection}), encoding="utf-8")

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.tracker.pass_time(seconds)

    def pull(self) -> list[pulling.Pulled]:
        outside = Outside(self.wait, self.tracker.clock, self.draw, self.transport)
        return pulling.pull(self.landing, self.home, self.file, outside=outside)

    def good(self) -> pulling.Pulled:
        done = self.pull()
        pulling.require_complete(done)
        return done[0]

    def files(self) -> dict[str, Any]:
        found = sorted((self.landing / "activity" / "here").glob("*.json"))
        return {path.name: json.loads(path.read_bytes()) for path in found}

    def __enter__(self) -> Pulls:
        self.server.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.__exit__(*error)


def histories(files: dict[str, Any]) -> set[str]:
    return {history["id"] for page in files.values() for issue in page["issues"] for history in issue["changelog"]["histories"]}


JIRA = {"kind": "jira", "query": "project = EE", "page_size": 5}
DATA_CENTER = {**JIRA, "deployment": "data_center"}
GITHUB = {"kind": "github", "repos": ["acme/shop"], "page_size": 4}
SERVICENOW = {"kind": "servicenow", "tables": [{"table": "incident"}, {"table": "sys_audit", "watermark": "sys_created_on", "query": "tablename=incident"}], "page_size": 4}


def incidents(count: int = 11) -> dict[str, list[dict[str, Any]]]:
    rows = [{"sys_id": f"{n:032x}", "number": f"INC{n:07d}", "state": "1", "sys_updated_on": f"2026-05-01 10:{n // 4:02d}:00"} for n in range(count)]
    audit = [{"sys_id": f"a{n:031x}", "documentkey": f"{n:032x}", "fieldname": "state", "oldvalue": "1", "newvalue": "2", "sys_created_on": f"2026-05-01 10:{n:02d}:30"} for n in range(count)]
    return {"incident": rows, "sys_audit": audit}


# Each kind


@pytest.mark.parametrize("connection", [JIRA, DATA_CENTER])
def test_jira_comes_whole_and_then_only_what_is_new(tmp_path, monkeypatch, replay, connection):
    tracker = replay.JiraServer()
    with Pulls(tmp_path, replay, tracker, monkeypatch, **connection) as pulls:
        first = pulls.good()
        assert (first.items_new, histories(pulls.files())) == (12, tracker.history_ids())
        assert {issue["key"] for page in pulls.files().values() for issue in page["issues"]} == {issue["key"] for issue in tracker.issues.values()}
        before = pulls.files()
        second = pulls.good()
        assert (second.items_new, second.files, pulls.files()) == (0, 0, before)
        tracker.pass_time(3600)
        tracker.touch(next(iter(tracker.issues)))
        third = pulls.good()
        assert (third.items_new, third.files, histories(pulls.files())) == (1, 1, tracker.history_ids())
        assert third.cursor == "2026-05-04T13:00:00Z"


def test_a_history_that_a_search_cuts_off_is_asked_for(tmp_path, monkeypatch, replay):
    tracker = replay.JiraServer()
    key = next(iter(tracker.issues))
    for _ in range(230):
        tracker.touch(key)
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        pulls.good()
        assert histories(pulls.files()) == tracker.history_ids()
        assert sum(path.endswith("/changelog") for _, path, _ in tracker.asked) >= 3


def test_github_brings_issues_and_timelines(tmp_path, monkeypatch, replay):
    tracker = replay.GithubServer()
    with Pulls(tmp_path, replay, tracker, monkeypatch, **GITHUB) as pulls:
        pulls.good()
        timelines = [event for name, page in pulls.files().items() if "-timeline-" in name for event in page]
        assert {event["id"] for event in timelines} == tracker.event_ids()
        assert all(event["issue"]["number"] and "title" in event["issue"] for event in timelines)
        issues = {issue["number"] for name, page in pulls.files().items() if "-issues-" in name for issue in page}
        assert issues == {number for number, found in tracker.issues.items() if "pull_request" not in found["issue"]}


def test_github_is_asked_once_while_nothing_changes(tmp_path, monkeypatch, replay):
    tracker = replay.GithubServer()
    with Pulls(tmp_path, replay, tracker, monkeypatch, **{**GITHUB, "page_size": 100}) as pulls:
        pulls.good()
        pulls.good()
        asked = len(tracker.asked)
        pulls.good()
        assert len(tracker.asked) == asked + 1
        assert "If-None-Match" in tracker.headers_seen[-1]
        tracker.pass_time(60)
        number = next(number for number, found in tracker.issues.items() if "pull_request" not in found["issue"])
        tracker.touch(number)
        assert pulls.good().items_new == 1


def test_a_full_page_that_stays_as_it_is_hides_nothing_behind_it(tmp_path, monkeypatch, replay):
    """Its ETag is the same although there is a next page now."""
    issues = [{"issue": {"id": n, "number": n, "title": "", "labels": [], "updated_at": "2026-05-01T10:00:00Z"}, "timeline": []} for n in (1, 2)]
    tracker = replay.GithubServer(issues)
    with Pulls(tmp_path, replay, tracker, monkeypatch, **{**GITHUB, "page_size": 2}) as pulls:
        pulls.good()
        pulls.good()
        tracker.issues[3] = {"issue": {**issues[0]["issue"], "id": 3, "number": 3}, "timeline": []}
        assert pulls.good().items_new == 1


def test_servicenow_tables_each_have_their_cursor(tmp_path, monkeypatch, replay):
    tracker = replay.ServiceNowServer(incidents())
    with Pulls(tmp_path, replay, tracker, monkeypatch, **SERVICENOW) as pulls:
        pulls.good()
        rows = [row["sys_id"] for page in pulls.files().values() for row in page["result"]]
        assert sorted(rows) == sorted(row["sys_id"] for table in tracker.tables.values() for row in table)
        tracker.touch("incident", f"{3:032x}")
        assert [row.items_new for row in pulls.pull()] == [1, 0]


def test_the_folder_says_of_which_source_its_files_are(tmp_path, monkeypatch, replay):
    from warehouse.landing import Found, scan_landing

    with Pulls(tmp_path, replay, replay.JiraServer(), monkeypatch, **JIRA) as pulls:
        pulls.good()
        found = list(scan_landing(str(pulls.landing), settle_us=0, now_us=0))
        assert {item.source for item in found if isinstance(item, Found)} == {"here"}
        assert all(isinstance(item, Found) and item.folder == "activity" and item.fault is None for item in found)


# Pages, cursors, clocks


@pytest.mark.parametrize("connection", [JIRA, DATA_CENTER])
def test_more_of_one_second_than_a_page_holds(tmp_path, monkeypatch, replay, connection):
    issues = [{"id": str(n), "key": f"EE-{n}", "fields": {"updated": "2026-05-01T10:00:00.000+0000"}, "changelog": {"histories": [{"id": f"h{n}"}]}} for n in range(17)]
    tracker = replay.JiraServer(issues)
    moved = iter(["2", "4", "6"])

    def between(number: int) -> None:
        # One that was on a page leaves it: all that follow move up by one, over the border of the page.
        if number in (0, 1, 2):
            tracker.touch(next(moved))

    tracker.between = between
    with Pulls(tmp_path, replay, tracker, monkeypatch, **connection) as pulls:
        pulls.good()
        assert histories(pulls.files()) == tracker.history_ids()


def test_a_place_in_the_list_that_ran_out(tmp_path, monkeypatch, replay):
    issues = [{"id": str(n), "key": f"EE-{n}", "fields": {"updated": "2026-05-01T10:00:00.000+0000"}, "changelog": {"histories": [{"id": f"h{n}"}]}} for n in range(12)]
    tracker = replay.JiraServer(issues)
    tracker.expired = {"10"}
    tracker.between = lambda number: tracker.expired.clear() if number > 6 else None
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        pulls.good()
        assert histories(pulls.files()) == tracker.history_ids()
        tracker.between = lambda number: None
        tracker.touch("1")
        (pulls.home.pulls / "here.json").unlink()
        tracker.expired = {"5", "10"}
        with pytest.raises(RunError, match="ran out 5 times"):
            pulls.good()


def test_an_old_item_that_seems_new_passes_nothing_over(tmp_path, monkeypatch, replay):
    """The index finds it by its old change, and it is given as it is now: as the last of a page it must not become the cursor."""
    issues = [{"id": str(n), "key": f"EE-{n:02}", "fields": {"updated": f"2026-05-01T10:{n:02}:00.000+0000"}, "changelog": {"histories": [{"id": f"h{n}"}]}} for n in range(15)]
    tracker = replay.JiraServer(issues)
    search = tracker._search

    def stale(path: str, query: dict[str, str]) -> Any:
        status, headers, value = search(path, query)
        for issue in value["issues"]:
            if issue["key"] == "EE-04":
                issue["fields"] = {**issue["fields"], "updated": replay.stamp(tracker.now - timedelta(seconds=20), True)}
        return status, headers, value

    tracker._search = stale
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        pulls.good()
        assert histories(pulls.files()) == tracker.history_ids()


def test_an_item_of_the_future_does_not_take_the_cursor_there(tmp_path, monkeypatch, replay):
    issues = [
        {"id": str(n), "key": f"EE-{n}", "fields": {"updated": at}, "changelog": {"histories": [{"id": f"h{n}"}]}}
        for n, at in enumerate(["2026-05-01T10:00:00Z", "2031-01-01T00:00:00Z"])
    ]
    tracker = replay.JiraServer(issues)
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        assert pulls.good().cursor == "2026-05-04T12:00:00Z"
        tracker.pass_time(60)
        tracker.touch("0")
        assert pulls.good().items_new == 1


def test_what_a_tracker_shows_late_is_within_the_overlap(tmp_path, monkeypatch, replay):
    tracker = replay.JiraServer()
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        first, *_ = tracker.issues
        tracker.touch(first)
        pulls.good()
        late = {"id": "77", "key": "EE-77", "fields": {"updated": replay.stamp(tracker.now - timedelta(minutes=9))}, "changelog": {"histories": [{"id": "late"}]}}
        tracker.issues["77"] = late
        pulls.good()
        assert "late" in histories(pulls.files())


def test_another_query_begins_anew(tmp_path, monkeypatch, replay):
    tracker = replay.JiraServer()
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        pulls.good()
        pulls.state(query="project in (EE, XX)")
        assert pulls.good().items == 12 + 2  # each page begins with the last item of the one before


def test_a_start_leaves_out_what_was_before(tmp_path, monkeypatch, replay):
    tracker = replay.ServiceNowServer(incidents())
    with Pulls(tmp_path, replay, tracker, monkeypatch, **SERVICENOW, start="2026-05-01T10:02:00Z") as pulls:
        assert [row.items_new for row in pulls.pull()] == [3, 9]


def test_a_list_in_no_order_is_no_list_to_go_on_from(tmp_path, monkeypatch, replay):
    items = [{"id": n, "at": f"2026-05-0{4 - n}T00:00:00Z"} for n in range(3)]
    stream = {"path": "/items", "page": {"by": "none"}, "order": "ascending", "watermark": "at", "since": "from"}
    with Pulls(tmp_path, replay, replay.ListServer(lambda path, query: items), monkeypatch, kind="http", streams={"items": stream}) as pulls, pytest.raises(RunError, match="order of its changes"):
        pulls.good()


# Any JSON list, as documented


def documented(name: str) -> dict[str, Any]:
    """The connection of that name in docs/pulling.md."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "pulling.md").read_text(encoding="utf-8")
    (found,) = [tree[name] for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if name in (tree := yaml.safe_load(block))]
    return {key: value for key, value in found.items() if key not in ("url", "start")} | {"secret": {**found["secret"], "env": "HERE"}}


def sliced(rows: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    start = int(query.get("offset", 0))
    return rows[start : start + int(query["limit"])]


def test_gitlab_as_documented(tmp_path, monkeypatch, replay):
    issues = [{"id": 100 + n, "iid": n, "project_id": 42, "title": "x", "updated_at": f"2026-05-01T10:00:{n:02}.500Z"} for n in range(1, 8)]

    def lists(path: str, query: dict[str, str]) -> Any:
        if match := re.fullmatch(r"/projects/42/issues/(\d+)/(\w+)", path):
            if match[1] == "3":
                return None  # gone meanwhile
            page, at = int(query.get("page", 1)), {"created_at": "2026-05-01T10:00:00Z", "resource_type": "Issue", "resource_id": 100 + int(match[1])}
            found = [{"id": int(match[1]) * 10 + page, **at}]
            return (200, {"Link": f'<{tracker.url}{path}?page=2>; rel="next"'}, found) if page == 1 else found
        assert (query["order_by"], query["sort"], query["scope"]) == ("updated_at", "asc", "all")
        found = [issue for issue in issues if replay.parse(issue["updated_at"]) >= replay.parse(query.get("updated_after", "1970-01-01T00:00:00Z"))]
        found.sort(key=lambda issue: issue["updated_at"])
        size, page = int(query["per_page"]), int(query.get("page", 1))
        link = f'<{tracker.url}{path}?{urlencode({**query, "page": page + 1})}>; rel="next"'
        return 200, {"Link": link} if page * size < len(found) else {}, found[(page - 1) * size : page * size]

    tracker = replay.ListServer(lists)
    with Pulls(tmp_path, replay, tracker, monkeypatch, **documented("gitlab"), page_size=3) as pulls:
        pulls.good()
        kinds = {kind: [row for name, page in pulls.files().items() if name.startswith(f"issues-{kind}") for row in page] for kind in ("state_events", "label_events", "notes", "20")}
        assert sorted(row["iid"] for row in kinds["20"]) == list(range(1, 8))
        assert sorted(row["id"] for row in kinds["state_events"]) == [n * 10 + page for n in (1, 2, 4, 5, 6, 7) for page in (1, 2)]
        assert len(kinds["notes"]) == len(kinds["label_events"]) == 12
        assert all(headers.get("PRIVATE-TOKEN", headers.get("Private-Token")) == replay.SECRET for headers in tracker.headers_seen)
        issues[0]["updated_at"] = "2026-05-03T10:00:00Z"
        assert pulls.good().items_new == 1


def test_pagerduty_as_documented(tmp_path, monkeypatch, replay):
    entries = replay.recorded("pagerduty_log_entries")

    def lists(path: str, query: dict[str, str]) -> Any:
        assert path == "/log_entries" and query["include[]"] == "incidents"
        since = query.get("since", "1970-01-01T00:00:00Z")
        found = [entry for entry in reversed(entries) if replay.parse(entry["created_at"]) >= replay.parse(since)]
        shown = sliced(found, query)
        return {"log_entries": shown, "more": int(query.get("offset", 0)) + len(shown) < len(found), "limit": int(query["limit"]), "offset": int(query.get("offset", 0))}

    tracker = replay.ListServer(lists)
    # One more comes with every page: newest first, it moves the others back, and is the next pull's.
    new = iter({**entries[0], "id": f"NEW{n}", "created_at": f"2026-05-04T11:00:0{n}Z"} for n in range(9))
    tracker.between = lambda number: entries.append(next(new)) if number < 3 else None
    with Pulls(tmp_path, replay, tracker, monkeypatch, **documented("pagerduty"), page_size=10) as pulls:
        pulls.good()
        pulls.good()
        landed = [entry["id"] for page in pulls.files().values() for entry in page["log_entries"]]
        assert sorted(landed) == sorted(entry["id"] for entry in entries)
        assert tracker.headers_seen[0]["Authorization"] == f"Token token={replay.SECRET}"
        assert tracker.headers_seen[0]["Accept"] == "application/vnd.pagerduty+json;version=2"


def test_defectdojo_as_documented(tmp_path, monkeypatch, replay):
    findings = [{"id": n, "title": "x", "active": n % 2 == 0, "notes": [], "last_status_update": f"2026-05-01T10:00:{n:02}Z"} for n in range(25)]

    def lists(path: str, query: dict[str, str]) -> Any:
        newest_first = sorted(findings, key=lambda row: row["last_status_update"], reverse=True)
        found = newest_first if query["o"] == "-last_status_update" else [row for row in findings if row["active"]]
        shown = sliced(found, query)
        more = int(query.get("offset", 0)) + len(shown) < len(found)
        return {"count": len(found), "next": "http://behind-a-proxy/api/v2/findings/?offset=…" if more else None, "results": shown}

    tracker = replay.ListServer(lists)
    with Pulls(tmp_path, replay, tracker, monkeypatch, **documented("defectdojo"), page_size=4) as pulls:
        assert {row.stream: row.items_new for row in pulls.pull()} == {"findings": 25, "active": 13}
        asked = len(tracker.asked)
        assert [row.items_new for row in pulls.pull()] == [0, 0]
        assert len(tracker.asked) - asked == 7 + 4, "as far as the overlap, and all that are active"
        tracker.pass_time(60)
        findings[7]["last_status_update"] = "2026-05-04T12:00:30Z"
        findings[8]["notes"].append({"id": 1, "entry": "/ack"})
        assert {row.stream: row.items_new for row in pulls.pull()} == {"findings": 2, "active": 1}, "8 is in the overlap, and not as it was"
        before = len(pulls.files())
        assert [row.items_new for row in pulls.pull()] == [0, 0]
        assert len(pulls.files()) == before
        assert tracker.headers_seen[0]["Authorization"] == f"Token {replay.SECRET}"


# Into the record


@pytest.mark.parametrize("kind", ["jira", "github"])
def test_each_event_is_in_the_record_once(tmp_path, monkeypatch, replay, tools, kind):
    """Pulled piece by piece, with kills, repeats and changes in between: the record is that of one export of the end."""
    rng = random.Random(kind)
    tracker = replay.JiraServer() if kind == "jira" else replay.GithubServer()
    keys = list(tracker.issues)
    tracker.between = lambda number: tracker.touch(rng.choice(keys)) if rng.random() < 0.3 else None
    tracker.fault = lambda n: rng.choice(replay.FAULTS) if rng.random() < 0.1 else None
    warehouse = tools.Warehouse(tmp_path / "home")
    with Pulls(tmp_path, replay, tracker, monkeypatch, **{**(JIRA if kind == "jira" else GITHUB), "overlap": "1d"}) as pulls:
        for round_ in range(5):
            pulls.transport = KillingTransport(rng, 0.1) if round_ < 4 else None
            if round_ == 4:
                tracker.between, tracker.fault = (lambda n: None), (lambda n: None)
            with suppress(Killed):
                pulls.pull()
            if round_ in (1, 4):
                warehouse.run(pulls.landing, f"2026-05-05T1{round_}:00:00Z")
        (pulls.home.pulls / "here.json").unlink()  # everything once more
        pulls.good()
        warehouse.run(pulls.landing, "2026-05-05T16:00:00Z")
        once = tools.Warehouse(tmp_path / "once" / "home")
        (tmp_path / "once" / "landing").mkdir(parents=True)
        pulls.landing, pulls.home = tmp_path / "once" / "landing", once.home
        pulls.good()
        once.run(pulls.landing, "2026-05-05T16:00:00Z")
    events = "SELECT event_id, ref, event, actor, occurred_at, ticket FROM record.activity ORDER BY ALL"
    assert warehouse.sql(events) == once.sql(events) != []
    assert warehouse.sql("SELECT count(*) - count(DISTINCT event_id) FROM record.activity") == [(0,)]
    assert warehouse.balances() and not warehouse.rejects()


# Faults


@pytest.mark.parametrize("fault", ["500", "503", "reset", "truncated", "garbage", "429:7", "429date:9", "403secondary", "quota:11"])
def test_what_passes_is_tried_again(tmp_path, monkeypatch, replay, fault):
    tracker = replay.JiraServer()
    tracker.fault = lambda n: fault if n in (0, 1, 3) else None
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        pulls.good()
        assert histories(pulls.files()) == tracker.history_ids()
        said = {"429:7": [7.5] * 3, "429date:9": [9.5] * 3, "quota:11": [11.5] * 3, "403secondary": [60.5, 120.5, 60.5]}
        assert pulls.waits == said.get(fault, [0.5, 1.0, 0.5]), "what the tracker says, else half of 1, 2, 4 … seconds: the number drawn was 0.5"


def test_tries_have_an_end_and_the_next_pull_goes_on(tmp_path, monkeypatch, replay):
    tracker = replay.JiraServer()
    tracker.fault = lambda n: "500" if n >= 2 else None
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        (row,) = pulls.pull()
        assert f"failed {ATTEMPTS} times, last with 500" in (row.fault or "")
        assert (row.items_new, len(tracker.asked)) == (5, 2 + ATTEMPTS)
        assert max(pulls.waits) <= 60 and len(pulls.waits) == ATTEMPTS - 1
        tracker.fault = lambda n: None
        assert pulls.good().items_new == 7
        assert histories(pulls.files()) == tracker.history_ids()


def test_a_tracker_that_asks_for_hours_is_left_alone(tmp_path, monkeypatch, replay):
    tracker = replay.JiraServer()
    tracker.fault = lambda n: f"429:{int(MAX_WAIT_SECONDS) + 60}"
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        (row,) = pulls.pull()
        assert "asks to be left alone" in (row.fault or "")
        assert (pulls.waits, len(tracker.asked)) == ([], 1)


def test_the_last_request_of_a_quota_waits_for_its_renewal(tmp_path, monkeypatch, replay):
    tracker = replay.JiraServer()
    answer = tracker.answer

    def counted(*asked: Any) -> Any:
        status, headers, value = answer(*asked)
        return status, {**headers, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(tracker.clock()) + 30)}, value

    tracker.answer = counted
    with Pulls(tmp_path, replay, tracker, monkeypatch, **{**JIRA, "page_size": 10}) as pulls:
        pulls.good()
        assert pulls.waits == [30.0, 30.0], "three requests: two pages, and what the statuses mean"


@pytest.mark.parametrize(("status", "remedy"), [("401", "secret is wrong"), ("403", "may not do this"), ("404", "mend the connection's url"), ("400", "query and fields")])
def test_what_does_not_pass_is_said_once_with_its_remedy(tmp_path, monkeypatch, replay, status, remedy):
    tracker = replay.JiraServer()
    tracker.fault = lambda n: status
    with Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls, pytest.raises(RunError) as raised:
        pulls.good()
    text = str(raised.value)
    assert f"here: GET /rest/api/3/search/jql answered {status}" in text and remedy in text
    assert replay.SECRET not in text
    assert len(tracker.asked) == 1


def test_one_that_fails_takes_no_other_with_it(tmp_path, monkeypatch, replay):
    tracker = replay.GithubServer()
    with Pulls(tmp_path, replay, tracker, monkeypatch, **GITHUB) as pulls:
        away = {**pulls.connection, "secret": {"env": "NOBODY_SET_THIS"}}
        pulls.file.write_text(yaml.safe_dump({"away": away, "here": pulls.connection}), encoding="utf-8")
        done = pulls.pull()
        assert "the environment variable NOBODY_SET_THIS is not there" in (done[0].fault or "")
        assert (done[1].fault, done[1].items_new) == (None, 18)


def test_a_host_that_is_not_there(tmp_path, monkeypatch, replay):
    pulls = Pulls(tmp_path, replay, replay.JiraServer(), monkeypatch, **JIRA)
    pulls.server._http.server_close()
    (row,) = pulls.pull()
    assert "last with ConnectError" in (row.fault or "")


def test_a_second_pull_of_the_same_connection_is_refused(tmp_path, monkeypatch, replay):
    with Pulls(tmp_path, replay, replay.JiraServer(), monkeypatch, **JIRA) as pulls, pulls.home.lock("other", "then", file_name="pull.here.lock"), pytest.raises(LockHeld):
        pulls.pull()


def test_a_damaged_cursor_is_said(tmp_path, monkeypatch, replay):
    with Pulls(tmp_path, replay, replay.JiraServer(), monkeypatch, **JIRA) as pulls:
        pulls.good()
        (pulls.home.pulls / "here.json").write_text("{", encoding="utf-8")
        assert "delete it" in (pulls.pull()[0].fault or "")


# Secrets


def test_a_secret_is_in_no_file_log_or_error(tmp_path, monkeypatch, replay, caplog):
    tracker = replay.JiraServer()
    tracker.fault = lambda n: {0: "500", 2: "reset", 3: "401"}.get(n)
    with caplog.at_level(logging.DEBUG), Pulls(tmp_path, replay, tracker, monkeypatch, **JIRA) as pulls:
        (row,) = pulls.pull()
        assert "401" in (row.fault or "") and "…" in (row.fault or ""), "the tracker repeats what it was sent"
        assert all(headers["Authorization"] == f"Bearer {replay.SECRET}" for headers in tracker.headers_seen)
        said = caplog.text + repr(row) + "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file())
        assert replay.SECRET not in said
        assert replay.SECRET not in repr(Client("here", pulls.server.url, {"Authorization": f"Bearer {replay.SECRET}"}))


@pytest.mark.parametrize("way", ["redirect", "next page"])
def test_another_host_gets_nothing(tmp_path, monkeypatch, replay, way):
    thief = replay.ListServer(lambda path, query: [])
    with replay.Server(thief) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        moved = (302, {"Location": f"{elsewhere}/items"}, None) if way == "redirect" else (200, {"Link": f'<{elsewhere}/items>; rel="next"'}, [{"id": 1}])
        stream = {"path": "/items", "page": {"by": "link"}, "order": "none"}
        with Pulls(tmp_path, replay, replay.ListServer(lambda path, query: moved), monkeypatch, kind="http", streams={"items": stream}) as pulls:
            (row,) = pulls.pull()
    assert "points to another host, localhost" in (row.fault or "")
    assert thief.asked == []


def test_a_redirect_on_the_same_host_is_followed(tmp_path, monkeypatch, replay):
    def lists(path: str, query: dict[str, str]) -> Any:
        return (301, {"Location": "/new/items?a=1"}, None) if path == "/items" else [{"id": 1}]

    stream = {"path": "/items", "page": {"by": "link"}, "order": "none"}
    with Pulls(tmp_path, replay, replay.ListServer(lists), monkeypatch, kind="http", streams={"items": stream}) as pulls:
        assert pulls.good().items_new == 1


def test_what_may_have_been_done_is_not_done_again(replay):
    for fault in ("lost", "lost500"):
        tracker = replay.JiraServer([])
        tracker.fault = lambda n, fault=fault: fault if n == 0 else None
        with replay.Server(tracker) as server, Client("here", server.url, {"Authorization": f"Bearer {replay.SECRET}"}, outside=Outside(lambda s: None)) as client:
            with pytest.raises(Uncertain):
                client.send("POST", "/rest/api/3/issue", {"fields": {"project": {"key": "A"}}}, is_repeatable=False)
            assert (len(tracker.asked), len(tracker.issues)) == (1, 1)


def test_an_answer_without_end_is_left(replay, monkeypatch):
    monkeypatch.setattr("flows.client.MAX_BODY_BYTES", 1000)
    endless = replay.ListServer(lambda path, query: ["x" * 5000])
    with replay.Server(endless) as server, Client("here", server.url, {"Authorization": replay.SECRET}) as client, pytest.raises(SourceRefused, match="page_size"):
        client.get("/items")


def test_the_tree_of_errors_says_what_passes():
    assert issubclass(Uncertain, SourceUnavailable) and not issubclass(SourceRefused, SourceUnavailable)


# Anything at any time


class Killed(BaseException):
    """Stands for a kill: nothing of ours catches it."""


class KillingTransport(httpx.BaseTransport):
    """The network, which takes the process with it at given requests: before the request goes out, or when its answer has come."""

    def __init__(self, rng: random.Random, share: float) -> None:
        self._rng, self._share, self._inner = rng, share, httpx.HTTPTransport(verify=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._rng.random() < self._share:
            raise Killed
        response = self._inner.handle_request(request)
        if self._rng.random() < self._share:
            response.close()
            raise Killed
        return response

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize("kind", ["jira", "data_center", "github", "servicenow"])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_missed_and_nothing_doubled(tmp_path, monkeypatch, replay, kind, seed):
    """Random faults, kills and changes over many pulls; then one quiet pull: what was landed is what the tracker has, each page once."""
    rng = random.Random(f"{kind} {seed}")

    def at() -> str:
        return f"2026-05-0{rng.randint(1, 2)}T10:00:{rng.randint(0, 6):02}Z"  # many of one second

    if kind in ("jira", "data_center"):
        tracker = replay.JiraServer([{"id": str(n), "key": f"EE-{n}", "fields": {"updated": at()}, "changelog": {"histories": [{"id": f"h{n}"}]}} for n in range(40)])
        connection, touch = (JIRA if kind == "jira" else DATA_CENTER), lambda: tracker.touch(str(rng.randrange(40)))
    elif kind == "github":
        tracker = replay.GithubServer([{"issue": {"id": n, "number": n, "labels": [], "updated_at": at()}, "timeline": [{"id": n}]} for n in range(1, 16)])
        connection, touch = GITHUB, lambda: tracker.touch(rng.randint(1, 15))
    else:
        tables = incidents(30)
        for row in tables["incident"]:
            row["sys_updated_on"] = at().replace("T", " ").removesuffix("Z")
        tracker = replay.ServiceNowServer(tables)
        connection, touch = SERVICENOW, lambda: tracker.touch("incident", f"{rng.randrange(30):032x}")

    def between(number: int) -> None:
        tracker.pass_time(rng.random() * 5)
        if rng.random() < 0.3:
            touch()

    tracker.between = between
    tracker.fault = lambda n: rng.choice(replay.FAULTS) if rng.random() < 0.15 else None
    with Pulls(tmp_path, replay, tracker, monkeypatch, **connection) as pulls:
        pulls.draw = rng.random
        for _ in range(8):
            pulls.transport = KillingTransport(rng, 0.04)
            with suppress(Killed):
                pulls.pull()
            tracker.pass_time(rng.choice([0, 30, 4000]))
        tracker.fault, tracker.between, pulls.transport = (lambda n: None), (lambda n: None), None
        pulls.good()
        files = pulls.files()
        if kind in ("jira", "data_center"):
            assert histories(files) == tracker.history_ids()
        elif kind == "github":
            assert {event["id"] for name, page in files.items() if "-timeline-" in name for event in page} == tracker.event_ids()
        landed = {json.dumps(item, sort_keys=True) for page in files.values() for item in (page if isinstance(page, list) else next(iter(page.values())))}
        if kind == "github":
            assert {json.dumps(found["issue"], sort_keys=True) for found in tracker.issues.values()} <= landed
        if kind == "servicenow":
            assert {json.dumps(row, sort_keys=True) for table in tracker.tables.values() for row in table} <= landed
        assert len({json.dumps(page, sort_keys=True) for page in files.values()}) == len(files)
        assert not [path for path in pulls.landing.rglob("*") if path.suffix in (".tmp", ".part")]
        before = set(files)
        pulls.good()
        assert set(pulls.files()) == before


def test_a_landing_zone_that_is_none(tmp_path, monkeypatch, replay):
    with Pulls(tmp_path, replay, replay.JiraServer(), monkeypatch, **JIRA) as pulls:
        pulls.landing.rmdir()
        with pytest.raises(UsageError, match="--landing"):
            pulls.pull()


def test_the_command_line(tmp_path, monkeypatch, replay, tools):
    with Pulls(tmp_path, replay, replay.JiraServer(), monkeypatch, **JIRA) as pulls:
        asked = ("pull", "here", "--landing", pulls.landing, "--home", pulls.home.folder, "--connections", pulls.file)
        done = tools.run_handoff(*asked, "--json", env={"HERE": replay.SECRET})
        assert (done.returncode, done.stderr) == (0, "handoff: pull here issues\n")
        (row,) = json.loads(done.stdout)["rows"]
        assert (row["connection"], row["stream"], row["items_new"], row["fault"]) == ("here", "issues", 12, None)
        done = tools.run_handoff(*asked, env={"HERE": ""})
        assert done.returncode == 1 and "the environment variable HERE is not there or empty" in done.stderr
        assert done.stdout.startswith("connection\tstream\t")
