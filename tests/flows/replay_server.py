"""Trackers on this machine: a real HTTP server that pages, filters and sorts as they do, and fails, throttles and changes as it is told to.

Its clock is a number that tests move; its data are items, each a dict with the instant of its last change. What it was asked is kept.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "pulls"
SECRET = "s3cr3t-t0ken"
#: What a fault does to one answer; `429:7` and the like carry seconds.
FAULTS = ("500", "503", "reset", "truncated", "garbage", "429:7", "429date:9", "403secondary", "quota:11")


def recorded(name: str) -> list[dict[str, Any]]:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def stamp(at: datetime, fraction: bool = False) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") + (f".{at.microsecond // 1000:03d}Z" if fraction else "Z")


def parse(text: str) -> datetime:
    at = datetime.fromisoformat(text.replace(" ", "T"))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class Tracker:
    """What all have in common: the clock, faults, changes in between, and how many items a page has at most."""

    page_limit = 100

    def __init__(self, now: str = "2026-05-04T12:00:00Z") -> None:
        self.now = parse(now)
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.headers_seen: list[dict[str, str]] = []
        #: Fault of the n-th request, None for none.
        self.fault: Callable[[int], str | None] = lambda n: None
        #: Called after each good answer, with the number of the request: what changes in the tracker meanwhile.
        self.between: Callable[[int], None] = lambda n: None
        self.lock = threading.Lock()

    def clock(self) -> float:
        return self.now.timestamp()

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def answer(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any) -> tuple[int, dict[str, str], Any]:
        raise NotImplementedError


class Server:
    """A tracker that listens on a port of this machine, in a `with`."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(tracker))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        tracker.url = self.url  # type: ignore[attr-defined]

    def __enter__(self) -> Server:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(tracker: Tracker) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(tracker.now, usegmt=True)

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            with tracker.lock:
                number = len(tracker.asked)
                tracker.asked.append((self.command, parts.path, query))
                tracker.headers_seen.append(dict(self.headers))
                fault = tracker.fault(number)
                if fault in ("lost", "lost500"):  # carried out, and then the answer is lost
                    tracker.answer(self.command, parts.path, query, dict(self.headers), body)
                    fault = "reset" if fault == "lost" else "500"
                if fault is None or fault in ("reset", "truncated", "garbage"):
                    if fault is None or self.command == "GET":
                        status, headers, value = tracker.answer(self.command, parts.path, query, dict(self.headers), body)
                    else:
                        status, headers, value = 200, {}, {}
                else:
                    status, headers, value = self._refused(fault)
                content = b"" if value is None else json.dumps(value).encode()
                if fault is None:
                    tracker.between(number)
            self._send(status, headers, content, fault)

        def _refused(self, fault: str) -> tuple[int, dict[str, str], Any]:
            kind, _, seconds = fault.partition(":")
            if kind == "429":
                return 429, {"Retry-After": seconds}, {"message": "slow down"}
            if kind == "429date":
                return 429, {"Retry-After": format_datetime(tracker.now + timedelta(seconds=int(seconds)), usegmt=True)}, None
            if kind == "403secondary":
                return 403, {}, {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
            if kind == "quota":
                return 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(tracker.clock()) + int(seconds))}, {"message": "API rate limit exceeded"}
            return int(kind), {}, {"message": f"{kind} for {self.headers.get('Authorization', '')}"}

        def _send(self, status: int, headers: dict[str, str], content: bytes, fault: str | None) -> None:
            if fault == "reset":
                # Closed with a reset instead of an answer.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            if fault == "garbage":
                content = content[: len(content) // 2]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            if status != 304:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if fault == "truncated" else content)
            if fault == "truncated":
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = _serve

    return Handler


def _is_let_in(headers: dict[str, str]) -> bool:
    return SECRET in headers.get("Authorization", "") or headers.get("Authorization", "").startswith("Basic ") or SECRET in headers.get("PRIVATE-TOKEN", "")


class JiraServer(Tracker):
    """Jira Cloud (`/rest/api/3/search/jql`, page tokens) and Data Center (`/rest/api/2/search`, startAt), and what writing back needs of both."""

    def __init__(self, issues: list[dict[str, Any]] | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.issues = {issue["id"]: issue for issue in (recorded("jira_issues") if issues is None else issues)}
        #: Histories that a search gives at most; tokens that are known no more.
        self.embedded, self.expired = 40, set[str]()
        self._next = 90_000
        found = [issue["fields"]["status"] for issue in self.issues.values() if "status" in issue["fields"]]
        self.statuses = {status["id"]: status for status in found}

    def touch(self, key: str, field: str = "status", to: str = "Done") -> None:
        """Changes an issue now, with a history of it."""
        issue = self.issues[key]
        self._next += 1
        history = {"id": str(self._next), "author": {"accountId": "a1", "displayName": "anna"}, "created": stamp(self.now, True), "items": [{"field": field, "toString": to}]}
        issue["changelog"]["histories"].insert(0, history)
        issue["fields"]["updated"] = stamp(self.now, True)

    def history_ids(self) -> set[str]:
        return {history["id"] for issue in self.issues.values() for history in issue["changelog"]["histories"]}

    def answer(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any) -> tuple[int, dict[str, str], Any]:
        if not _is_let_in(headers):
            return 401, {}, {"errorMessages": [f"you are not {headers.get('Authorization')}"]}
        if path in ("/rest/api/3/search/jql", "/rest/api/2/search"):
            return self._search(path, query)
        if re.fullmatch(r"/rest/api/[23]/status", path):
            return 200, {}, list(self.statuses.values())
        if match := re.fullmatch(r"/rest/api/[23]/issue/([^/]+)(/changelog|/comment)?", path):
            found = next((issue for issue in self.issues.values() if match[1] in (issue["id"], issue["key"])), None)
            if found is None:
                return 404, {}, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]}
            return self._issue(method, found, match[2], query, body)
        if method == "POST" and re.fullmatch(r"/rest/api/[23]/issue", path):
            return self._create(body)
        return 404, {}, {"errorMessages": ["no such address"]}

    def _search(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        since = re.search(r"updated >= (\d+)", query["jql"])
        label = re.search(r'labels = "([^"]+)"', query["jql"])
        found = [issue for issue in self.issues.values() if (not since or parse(issue["fields"]["updated"]).timestamp() // 1 * 1000 >= int(since[1]))]
        found = [issue for issue in found if not label or label[1] in issue["fields"].get("labels", [])]
        found.sort(key=lambda issue: (parse(issue["fields"]["updated"]), issue["key"]))
        size = min(int(query["maxResults"]), self.page_limit)
        if path.endswith("/jql"):
            token = query.get("nextPageToken", "0")
            if token in self.expired:
                return 400, {}, {"errorMessages": ["The nextPageToken is invalid or has expired."]}
            start = int(token)
        else:
            start = int(query["startAt"])
        shown = [self._shown(issue) for issue in found[start : start + size]]
        is_last = start + size >= len(found)
        if path.endswith("/jql"):
            return 200, {}, {"issues": shown, "isLast": is_last, **({} if is_last else {"nextPageToken": str(start + size)})}
        return 200, {}, {"startAt": start, "maxResults": size, "total": len(found), "issues": shown}

    def _shown(self, issue: dict[str, Any]) -> dict[str, Any]:
        histories = issue["changelog"]["histories"][: self.embedded]
        return {**issue, "changelog": {"startAt": 0, "maxResults": len(histories), "total": len(histories), "histories": histories}}

    def _issue(self, method: str, issue: dict[str, Any], part: str | None, query: dict[str, str], body: Any) -> tuple[int, dict[str, str], Any]:
        if part == "/changelog":
            start, size = int(query["startAt"]), min(int(query["maxResults"]), 100)
            oldest_first = issue["changelog"]["histories"][::-1]
            return 200, {}, {"startAt": start, "maxResults": size, "total": len(oldest_first), "isLast": start + size >= len(oldest_first), "values": oldest_first[start : start + size]}
        if method == "PUT":
            issue["fields"] |= _jira_fields(body["fields"])
            issue["fields"]["updated"] = stamp(self.now, True)
            return 204, {}, None
        return 200, {}, issue

    def _create(self, body: Any) -> tuple[int, dict[str, str], Any]:
        self._next += 1
        key = f"{body['fields']['project']['key']}-{self._next}"
        fields = {"status": {"name": "To Do"}, "created": stamp(self.now, True), "updated": stamp(self.now, True), **_jira_fields(body["fields"])}
        self.issues[str(self._next)] = {"id": str(self._next), "key": key, "fields": fields, "changelog": {"histories": []}}
        return 201, {}, {"id": str(self._next), "key": key, "self": f"{self.url}/rest/api/3/issue/{self._next}"}  # type: ignore[attr-defined]


def _jira_fields(fields: dict[str, Any]) -> dict[str, Any]:
    return fields


class GithubServer(Tracker):
    """Issues and timelines of a repository, with Link headers and ETags, and what writing back needs."""

    def __init__(self, issues: list[dict[str, Any]] | None = None, repo: str = "acme/shop", **more: Any) -> None:
        super().__init__(**more)
        self.repo = repo
        self.issues = {found["issue"]["number"]: found for found in (recorded("github_issues") if issues is None else issues)}
        self._next = 9_000
        for number, found in self.issues.items():
            found["issue"] |= {"url": f"https://api.example.com/repos/{repo}/issues/{number}", "repository_url": f"https://api.example.com/repos/{repo}"}

    def touch(self, number: int, event: str = "labeled") -> None:
        self._next += 1
        self.issues[number]["timeline"].append({"id": self._next, "event": event, "actor": {"login": "anna"}, "created_at": stamp(self.now)})
        self.issues[number]["issue"]["updated_at"] = stamp(self.now)

    def event_ids(self, *, pull_requests: bool = False) -> set[int]:
        return {event["id"] for found in self.issues.values() if pull_requests or "pull_request" not in found["issue"] for event in found["timeline"]}

    def answer(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any) -> tuple[int, dict[str, str], Any]:
        if not _is_let_in(headers):
            return 401, {}, {"message": f"Bad credentials {headers.get('Authorization')}"}
        match = re.fullmatch(rf"/repos/{self.repo}/issues(?:/(\d+)(/timeline)?)?", path)
        if not match:
            return 404, {}, {"message": "Not Found"}
        if match[1]:
            found = self.issues.get(int(match[1]))
            if found is None:
                return 404, {}, {"message": "Not Found"}
            if match[2]:
                return self._page(path, query, found["timeline"], headers)
            if method == "PATCH":
                self._write(found["issue"], body)
            return 200, {}, found["issue"]
        if method == "POST":
            self._next += 1
            issue = {"id": self._next * 7, "number": self._next, "state": "open", "html_url": f"{self.url}/{self.repo}/issues/{self._next}", "created_at": stamp(self.now)}  # type: ignore[attr-defined]
            issue |= {"url": f"https://api.example.com{path}/{self._next}", "repository_url": f"https://api.example.com/repos/{self.repo}", "user": {"login": "handoff"}}
            self.issues[self._next] = {"issue": issue, "timeline": []}
            self._write(issue, body)
            return 201, {}, issue
        since = parse(query["since"]) if "since" in query else None
        wanted = set(query["labels"].split(",")) if "labels" in query else set()
        found = [entry["issue"] for entry in self.issues.values() if since is None or parse(entry["issue"]["updated_at"]) >= since]
        found = [issue for issue in found if wanted <= {label["name"] for label in issue.get("labels", [])}]
        found.sort(key=lambda issue: (parse(issue["updated_at"]), issue["number"]))
        return self._page(path, query, found, headers)

    def _write(self, issue: dict[str, Any], body: dict[str, Any]) -> None:
        issue |= {name: value for name, value in body.items() if name in ("title", "body")}
        if "labels" in body:
            issue["labels"] = [{"name": name} for name in body["labels"]]
        if "assignees" in body:
            issue["assignees"] = [{"login": login} for login in body["assignees"]]
        issue["updated_at"] = stamp(self.now)

    def _page(self, path: str, query: dict[str, str], found: list[Any], headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        size, page = min(int(query.get("per_page", 30)), self.page_limit), int(query.get("page", 1))
        shown = found[(page - 1) * size : page * size]
        etag = f'W/"{hash(json.dumps(shown, sort_keys=True))}"'
        said = {"ETag": etag}
        if page * size < len(found):
            said["Link"] = f'<{self.url}{path}?{urlencode({**query, "page": page + 1})}>; rel="next"'  # type: ignore[attr-defined]
        if headers.get("If-None-Match") == etag:
            return 304, said, None
        return 200, said, shown


class ServiceNowServer(Tracker):
    """Tables with encoded queries, offset and limit."""

    def __init__(self, tables: dict[str, list[dict[str, Any]]], **more: Any) -> None:
        super().__init__(**more)
        self.tables = tables

    def touch(self, table: str, sys_id: str) -> None:
        row = next(row for row in self.tables[table] if row["sys_id"] == sys_id)
        row["sys_updated_on"] = self.now.strftime("%Y-%m-%d %H:%M:%S")
        row["sys_mod_count"] = str(int(row.get("sys_mod_count", "0")) + 1)

    def answer(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any) -> tuple[int, dict[str, str], Any]:
        if not _is_let_in(headers):
            return 401, {}, {"error": {"message": "User Not Authenticated"}}
        table = path.rpartition("/")[2]
        if table not in self.tables:
            return 400, {}, {"error": {"message": f"Invalid table {table}", "detail": None}, "status": "failure"}
        mark = re.search(r"ORDERBY(\w+)", query["sysparm_query"])
        since = re.search(r"(\w+)>=([\d-]+ [\d:]+)", query["sysparm_query"])
        rows = [row for row in self.tables[table] if not since or row[since[1]] >= since[2]]
        rows.sort(key=lambda row: (row[mark[1]] if mark else "", row["sys_id"]))
        start, size = int(query["sysparm_offset"]), min(int(query["sysparm_limit"]), self.page_limit)
        return 200, {"X-Total-Count": str(len(rows))}, {"result": rows[start : start + size]}


class ListServer(Tracker):
    """Any JSON lists: `lists` gives the answer to a path and query."""

    def __init__(self, lists: Callable[[str, dict[str, str]], Any], **more: Any) -> None:
        super().__init__(**more)
        self.lists = lists

    def answer(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any) -> tuple[int, dict[str, str], Any]:
        if not _is_let_in(headers):
            return 401, {}, {"message": "no"}
        value = self.lists(path, query)
        return (404, {}, {"message": "Not Found"}) if value is None else (200, {}, value) if not isinstance(value, tuple) else value
