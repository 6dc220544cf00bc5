"""The page behind links, over a real socket: looking answers nothing, one confirmation answers once, and nobody learns what there is."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from flows import acknowledging, settings
from flows import confirming as pages
from transforms.domain.errors import RunError, UsageError
from warehouse import links, originated
from warehouse.home import Home

FIRST, NOW = "2026-05-04T12:00:00Z", "2026-05-04T12:30:00Z"
HOSTILE = "</h1><script>alert(1)</script> {{ 7*7 }} {% raw %} \" onload=x <img src=//evil.example/x> javascript:1 \u202e"
KEY = b"k" * 64
HOUR = 3_600_000_000
UNLIMITED = pages.Limits(client_burst=10_000, total_burst=10_000)


@pytest.fixture(scope="module")
def asked(tools, tmp_path_factory) -> Path:
    """A published home with two open handoffs of anna's (B with a hostile title) and one that is over (C); not to be written to."""
    folder = tmp_path_factory.mktemp("asked")
    zone = tools.Zone()
    zone.people(tools.person("anna", time_zone="Europe/Berlin"), tools.person("bo"), tools.person("inbox", kind="group"))
    zone.scan("2026-05-04T08:00:00Z", own="A", cve="CVE-2026-1", title="Deserialisation").scan("2026-05-04T08:00:00Z", "Low", own="B", cve="CVE-2026-2", title=HOSTILE)
    zone.scan("2026-05-04T08:00:00Z", own="C", cve="CVE-2026-3").event("verified", "2026-05-04T11:00:00Z", ref="C")
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(zone.write(folder / "landing"), FIRST, published=True)
    return folder


class Form(HTMLParser):
    """A page as a browser would take it: its tags, texts, and what its form would send."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        values = dict(attrs)
        if tag == "input":
            self.fields[values["name"]] = values["value"] or ""

    def handle_data(self, data):
        self.texts.append(data)


class Served:
    """The page over a home on a port of this machine, at an instant that the test sets."""

    def __init__(self, tools: Any, home: Path, limits: pages.Limits = pages.LIMITS, **more: Any) -> None:
        self.home, self.now, self.logged = Home(home), tools.us(NOW), []
        site = pages.Site(self.home, KEY, clock=lambda: self.now, limits=limits, log=self.logged.append, **more)
        config = uvicorn.Config(pages.create_app(site), port=0, log_level="critical", lifespan="off", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        deadline = time.monotonic() + 30
        while not self.server.started and time.monotonic() < deadline:
            self.thread.join(0.01)
        assert self.server.started
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)

    def stop(self) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join(30)

    def token(self, reference: str = "A", action: str = "acknowledge", person: str = "anna", expires_us: int | None = None) -> str:
        return acknowledging.link(self.home, KEY, reference, person, action, self.now + HOUR if expires_us is None else expires_us).token  # type: ignore[arg-type]

    def get(self, token: str) -> httpx.Response:
        return self.client.get(f"/h/{token}")

    def post(self, token: str, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        return self.client.post(f"/h/{token}", data=fields, headers=headers)

    def confirm(self, token: str, headers: dict[str, str] | None = None, **more: str) -> httpx.Response:
        return self.post(token, headers, **{**Form(self.get(token).text).fields, **more})

    def events(self) -> list[tuple[str, ...]]:
        return [(event["event"], event["actor"], event["method"], event.get("comment", "")) for event in originated.events_waiting(self.home)]


@pytest.fixture
def home(asked, tmp_path) -> Path:
    (tmp_path / "home").mkdir()
    shutil.copy(asked / "home" / "handoff.duckdb", tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def serve(tools, home):
    started: list[Served] = []

    def start(limits: pages.Limits = UNLIMITED, **more: Any) -> Served:
        started.append(Served(tools, home, limits, **more))
        return started[-1]

    yield start
    for found in started:
        found.stop()


@pytest.fixture
def served(serve) -> Served:
    return serve()


def test_the_page_says_what_where_how_severe_why_and_until_when(served):
    text = " ".join(Form(served.get(served.token()).text).texts)
    for part in ("Deserialisation", "critical", "pay-api", "you own it (asset:pay)", "Mon 04 May 2026 15:00 Europe/Berlin", "Anna"):
        assert part in text, part
    assert "it belongs to your team, payments; its owner is anna" in served.get(served.token(person="bo")).text


def test_one_confirmation_writes_one_acknowledgement(served):
    token = served.token()
    done = served.confirm(token)
    assert (done.status_code, "Written down: acknowledged" in done.text) == (200, True)
    assert served.events() == [("acknowledged", "anna", "link", "")]
    link = links.read(KEY, token, served.now)
    (event,) = originated.events_waiting(served.home)
    assert (event["asserted_by"], event["occurred_at"]) == (f"link {link.nonce}", NOW)


def test_it_counts_from_the_next_run(tools, asked, serve, home):
    shutil.copytree(asked / "home", home, dirs_exist_ok=True)
    found = serve()
    found.confirm(found.token())
    warehouse = tools.Warehouse(home)
    warehouse.runs = 1
    warehouse.run(asked / "landing", "2026-05-04T13:00:00Z")
    rows = warehouse.cycles("title, acknowledged_by, strftime(acknowledged_at, '%H:%M')")
    assert [row for row in rows if row[1]] == [("Deserialisation", "anna", "12:30")]


@pytest.mark.parametrize("headers", [{}, {"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}, {"User-Agent": "Slackbot-LinkExpanding 1.0"}])
def test_looking_answers_nothing_however_often(served, headers):
    token = served.token()
    for method in ("GET", "HEAD", "GET"):
        found = served.client.request(method, f"/h/{token}", headers=headers)
        assert found.status_code == 200
        assert (found.text == "") == (method == "HEAD")
    assert served.events() == []
    assert served.confirm(token).status_code == 200


def test_declining_asks_why_and_keeps_it(served):
    token = served.token(action="decline")
    for reason in ("", "  \n"):
        refused = served.confirm(token, reason=reason)
        assert (refused.status_code, "Say why" in refused.text) == (400, True)
    assert served.events() == []
    assert served.confirm(token, reason="moved to\n<b>storefront</b> =1+1 \u00e4").status_code == 200
    assert served.events() == [("declined", "anna", "link", "moved to <b>storefront</b> =1+1 \u00e4")]


def test_a_reason_that_spoils_the_file_is_asked_again(served):
    token = served.token(action="decline")
    refused = served.confirm(token, reason="a\0b")
    assert (refused.status_code, served.events()) == (400, [])
    assert served.confirm(token, reason="x" * 5_000).status_code == 200
    assert len(served.events()[0][3]) <= acknowledging.REASON_LIMIT


def test_every_link_that_cannot_be_used_gets_the_same_answer(served, tools):
    token = served.token()
    used, expired = served.token("B"), served.token(expires_us=served.now)
    fields = Form(served.get(token).text).fields
    assert served.confirm(used).status_code == 200
    made = lambda *said, key=KEY: links.make(key, *said)  # noqa: E731
    later, own = served.now + HOUR, links.read(KEY, token, served.now)
    bad = {
        "used": used, "expired": expired, "changed": token[:-1] + ("A" if token[-1] != "A" else "B"), "no token": "x", "another key": made(*own[:5], key=b"o" * 64),
        "unknown finding": made("0" * 32, 1, "anna", "acknowledge", later), "another cycle": made(own.finding_id, 2, "anna", "acknowledge", later),
        "over": made(*(links.read(KEY, served.token("A"), served.now)._replace(finding_id=_id_of(served, "C"))[:5])),
        "a group inbox": made(own.finding_id, 1, "inbox", "acknowledge", later), "long": "x" * 5_000, "hostile": "%00%ff%0d%0aSet-Cookie:x", "path": "../../etc/passwd",
    }  # fmt: skip
    answers = {}
    for name, bad_token in bad.items():
        for found in (served.get(bad_token), served.post(bad_token, **fields), served.post(bad_token)):
            answers[name, found.request.method] = (found.status_code, found.text, sorted(name for name in found.headers if name != "date"))
    assert len(set(map(str, answers.values()))) == 1, {name: found[0] for name, found in answers.items()}
    assert next(iter(answers.values()))[0] == 404
    for method, path in (("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("PUT", f"/h/{token}"), ("POST", "/healthz")):
        found = served.client.request(method, path)
        assert (found.status_code, found.text) == next(iter(answers.values()))[:2], path
    assert len(served.events()) == 1


def _id_of(served: Served, own_id: str) -> str:
    from warehouse import published

    return published.query(served.home.folder, f"SELECT finding_id FROM mart.finding WHERE list_contains(own_ids, '{own_id}')")[1][0][0]


def test_a_clock_that_jumps_back_brings_no_used_link_back(served):
    token = served.token()
    assert served.confirm(token).status_code == 200
    served.now -= 30 * 24 * HOUR
    assert [served.get(token).status_code, served.post(token).status_code] == [404, 404]
    assert len(served.events()) == 1


def test_of_eight_confirmations_at_once_one_is_written(served):
    token = served.token()
    fields = Form(served.get(token).text).fields
    with ThreadPoolExecutor(8) as pool:
        codes = sorted(found.result().status_code for found in [pool.submit(served.post, token, None, **fields) for _ in range(8)])
    assert codes == [200] + [404] * 7
    assert len(served.events()) == 1


def test_another_site_cannot_send_the_form(served):
    token = served.token()
    fields = Form(served.get(token).text).fields
    other = Form(served.get(served.token("B")).text).fields
    refused = [
        served.post(token), served.post(token, **other), served.post(token, **{**fields, "issued": str(int(fields["issued"]) + 1)}),
        served.post(token, **{**fields, "issued": "9" * 30}), served.post(token, **{**fields, "issued": "\u0661"}), served.post(token, **{**fields, "proof": ""}),
        served.post(token, {"Sec-Fetch-Site": "cross-site"}, **fields), served.post(token, {"Sec-Fetch-Site": "same-site"}, **fields),
        served.post(token, {"Origin": "https://evil.example"}, **fields), served.client.post(f"/h/{token}", json=fields),
        served.client.post(f"/h/{token}", content=b"a" * 50_000, headers={"Content-Type": "application/x-www-form-urlencoded"}),
        served.client.post(f"/h/{token}", content=b"reason=%ff&" * 3, headers={"Content-Type": "application/x-www-form-urlencoded"}),
        served.client.post(f"/h/{token}?" + "&".join(f"{name}={value}" for name, value in fields.items())),
    ]  # fmt: skip
    assert [found.status_code for found in refused] == [403] * len(refused)
    served.now += HOUR
    assert served.events() == []


def test_a_form_is_good_for_an_hour_and_its_link_until_it_expires(served):
    token = served.token(expires_us=served.now + 3 * HOUR)
    fields = Form(served.get(token).text).fields
    served.now += HOUR
    stale = served.post(token, **fields)
    assert stale.status_code == 403
    assert served.post(token, **Form(stale.text).fields).status_code == 200


def test_the_forms_that_browsers_send_are_taken(serve):
    found = serve(base_url="https://handoff.example.com")
    for reference, headers in (("A", {"Origin": "null", "Sec-Fetch-Site": "same-origin"}), ("B", {"Origin": "https://handoff.example.com"})):
        answer = found.confirm(found.token(reference), headers)
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"]


def test_hostile_titles_are_only_text(served):
    found = served.get(served.token("B"))
    page = Form(found.text)
    assert HOSTILE in page.texts
    assert not {"script", "img", "link", "iframe", "svg", "a"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on") or name in ("src", "href", "style")]
    style = page.texts[page.texts.index("Acknowledge this handoff") + 2]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = found.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy and "unsafe" not in policy


def test_no_answer_is_kept_framed_sniffed_indexed_or_told_to_others(served):
    token = served.token()
    for found in (served.get(token), served.confirm(token), served.get(token), served.get("x"), served.client.get("/healthz")):
        expected = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff", "x-frame-options": "DENY"}
        assert expected.items() <= dict(found.headers).items()
        assert "noindex" in found.headers["x-robots-tag"]
        assert "set-cookie" not in found.headers and "frame-ancestors 'none'" in found.headers["content-security-policy"]


def test_a_client_and_all_clients_together_are_slowed_down(serve, served):
    few = serve(pages.Limits(client_burst=3, client_rate=1, total_burst=1_000))
    assert [few.get("x").status_code for _ in range(5)] == [404, 404, 404, 429, 429]
    few.now += 2_000_000
    assert [few.get("x").status_code for _ in range(3)] == [404, 404, 429]
    few.now -= HOUR
    assert few.get("x").status_code == 429
    assert few.get("x").headers["retry-after"]

    now = [0]
    buckets = pages.Buckets(pages.Limits(client_burst=2, client_rate=1, total_burst=3, total_rate=1), lambda: now[0])
    assert [buckets.take(client) for client in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    now[0] += 1_000_000
    assert buckets.take("d") and not buckets.take("e")


def test_what_fails_is_said_without_a_trace_and_uses_nothing(served):
    token = served.token()
    fields = Form(served.get(token).text).fields
    served.home.links.write_text("no database" * 100)
    broken = served.post(token, **fields)
    assert (broken.status_code, "Traceback" in broken.text, "sqlite" in broken.text) == (503, False, False)
    served.home.links.unlink()
    assert served.post(token, **fields).status_code == 200


def test_logs_name_the_finding_and_never_a_token(served):
    token = served.token()
    served.confirm(token)
    served.get(token)
    (line,) = served.logged
    assert re.fullmatch(r"acknowledged finding [0-9a-f]{32}, cycle 1, as anna by link [0-9a-f]{32}", line)
    assert not any(part in line for part in token.split("."))


# The commands


def test_the_server_starts_answers_and_stops_when_it_is_told_to(tools, home):
    command = [sys.executable, "-m", "flows.cli", "serve", "ack", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, cwd=tools.PROJECT, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = process.stderr.readline().rpartition(" ")[2].strip()
            assert httpx.get(f"{address}/healthz", trust_env=False, timeout=30).text == "ok\n"
            made = tools.run_handoff("link", "A", "--as", "bo", "--base-url", address, "--home", home)
            assert made.returncode == 0
            assert "Deserialisation" in httpx.get(made.stdout.strip(), trust_env=False, timeout=30).text
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert (process.returncode, said) == (0, "handoff: acknowledgement page stopped\n")
    assert (home / "links.key").stat().st_mode & 0o777 == 0o600


def test_it_listens_beyond_this_machine_only_when_told_so(home):
    site = pages.Site(Home(home), KEY)
    for host in ("0.0.0.0", "::", "192.0.2.1", "handoff.example.com"):
        with pytest.raises(UsageError, match=r"speaks no TLS.*--plain-http"):
            pages.serve(site, host, 0, allows_plain=False)


def test_a_port_that_is_taken_is_said(home):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RunError, match="cannot listen"):
        pages.serve(pages.Site(Home(home), KEY), "127.0.0.1", taken.getsockname()[1], allows_plain=False)


@pytest.mark.parametrize(("reference", "person", "said"), [("C", "anna", "its handoff is verified"), ("nope", "anna", "no handoff of it"), ("A", "inbox", "group inbox"), ("A", "zed", "0 people")])
def test_a_link_is_made_only_for_an_open_handoff_and_an_active_person(home, reference, person, said):
    with pytest.raises(UsageError, match=said):
        acknowledging.link(Home(home), KEY, reference, person, "acknowledge", 1)


def test_the_key_is_made_once(home, monkeypatch):
    monkeypatch.delenv("HANDOFF_LINK_KEY", raising=False)
    with ThreadPoolExecutor(8) as pool:
        keys = {found.result() for found in [pool.submit(settings.link_key, home) for _ in range(8)]}
    assert len(keys) == 1 and len(keys.pop()) >= 64
    assert [path.name for path in home.iterdir() if path.name.startswith(".")] == []
    (home / "links.key").chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        settings.link_key(home)


@pytest.mark.parametrize("url", ["handoff.example.com", "ftp://x", "https://", "https://x?y", "javascript:1"])
def test_a_base_url_is_an_address(url):
    with pytest.raises(UsageError, match="--base-url"):
        acknowledging.require_base_url(url)


# In a browser


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_answers_by_keyboard_in_a_page_without_fault(served, browser, browsing, scheme):
    """Every page on the way, for every eye and wide or on a phone: the question, the refusal, the answer, and the link that is used."""
    token, width = served.token("B", "decline"), browsing.PHONE if scheme == "dark" else browsing.WIDE
    address = str(served.client.base_url.join(f"/h/{token}"))
    browsing.opened(browser, address, width=width, scheme=scheme)
    assert (browsing.complaints(browser), browsing.requests(browser, address)) == ([], [])
    assert browsing.assert_accessible(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    # Past the browser's own check, as another browser would send it.
    browser.execute_script("document.querySelector('textarea').required = false; document.querySelector('form').requestSubmit()")
    assert "Say why it is not yours." in browser.execute_script("return document.body.innerText")
    assert browsing.assert_accessible(browser) == []
    browser.execute_script("document.querySelector('textarea').focus()")
    browser.switch_to.active_element.send_keys("moved\ue004 ")  # Tab, Space
    assert "Written down: declined" in browser.execute_script("return document.body.innerText")
    assert browsing.assert_accessible(browser) == []
    assert served.events() == [("declined", "anna", "link", "moved")]
    browsing.opened(browser, address, width=width, scheme=scheme)
    assert "This link cannot be used" in browser.execute_script("return document.body.innerText")
    assert browsing.assert_accessible(browser) == []
