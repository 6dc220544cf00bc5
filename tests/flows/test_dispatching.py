"""Dispatch for real: a published copy, the outbox, files; kills, outages, a clock that goes back."""

from __future__ import annotations

import asyncio
import json
import re
import shutil

import duckdb
import httpx
import pytest

from flows import acknowledging, channels, confirming, dispatching
from flows.channels import AppriseChannel, FileChannel
from transforms.domain.errors import RunError, SourceRefused, SourceUnavailable, UsageError
from transforms.domain.instants import MICROSECONDS
from warehouse import links, originated
from warehouse.home import Home
from warehouse.outbox import Outbox, open_outbox

AT = "2026-05-04T11:00:00Z"
MINUTE = 60 * MICROSECONDS
#: Two critical ones of two scanners each, two medium ones.
#: Nobody is told of early warnings by it.
POLICY: dict = {}
FINDINGS = [("A", "Critical"), ("B", "Critical"), ("C", "Medium"), ("D", "Medium")]


@pytest.fixture(scope="module")
def fortnight(tools):
    return tools.sibling("handoff_fortnight", "simulation/fortnight.py")


@pytest.fixture(scope="module")
def published(tools, fortnight, tmp_path_factory):
    """A home whose published copy has four open handoffs of anna's, not to be written to; its landing zone."""
    folder = tmp_path_factory.mktemp("dispatch")
    zone = tools.Zone()
    for name, severity in FINDINGS:
        day = "2026-05-04T10:00:00Z" if severity == "Critical" else "2026-05-01T10:00:00Z"
        for scanner in ("one", "two"):
            zone.scan(day, severity, own=f"{scanner}{name}", scanner=scanner, title=f"Finding {name}", cve=f"CVE-2026-{ord(name)}")
    zone.write(folder / "landing")
    fortnight.run(tools, Home(folder / "home"), folder / "landing", tools.us(AT), POLICY)
    return folder


@pytest.fixture
def home(published, tmp_path) -> Home:
    shutil.copytree(published / "home", tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def send(home, tools):
    def go(at: str | int = AT, *, is_applied: bool = True, **more) -> dispatching.Round:
        return dispatching.send(home, is_applied=is_applied, by="tester", as_of_us=tools.us(at) if isinstance(at, str) else at, **more)

    return go


class Killed(BaseException):
    """Stands for a kill: nothing of ours catches it."""


def letters(home: Home) -> list[dict]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(home.letters.glob("*.json"))]


def events(home: Home) -> list[str]:
    return [line for found in originated.waiting(home) for line in found.content.decode().splitlines()[1:]]


def test_nothing_goes_out_unless_it_is_applied(home, send):
    found = send(is_applied=False)
    assert (found.counts["messages"], found.counts["sent"]) == (3, 0)
    assert not home.letters.exists() and not events(home)


# Early warnings


@pytest.fixture(scope="module")
def forewarned(published, tools, fortnight, tmp_path_factory):
    """The same, with somebody to tell; all four are expected to break their SLA."""
    folder = tmp_path_factory.mktemp("forewarned")
    shutil.copytree(published / "home", folder / "home")
    fortnight.run(tools, Home(folder / "home"), published / "landing", tools.us(AT), {"routing": {"escalation_default": "cy"}, "dispatch": {"cap_per_day": 1}})
    return folder


@pytest.fixture
def warn(forewarned, tmp_path, tools):
    """Dispatches from a home of its own; its letters of early warnings so far."""
    home = Home(tmp_path / "forewarned")
    shutil.copytree(forewarned / "home", home.folder)

    def go(at: str, **more) -> dispatching.Round:
        return dispatching.send(home, is_applied=True, by="tester", as_of_us=tools.us(at), **more)

    go.home = home
    go.letters = lambda: [letter for letter in letters(home) if not letter["findings"]]
    return go


def only(home: Home, words: str) -> None:
    """Leaves the early warnings that a later run might find: those for which this holds."""
    with duckdb.connect(str(home.published)) as connection:
        connection.execute(f"DELETE FROM mart.early_warning WHERE NOT ({words})")


def test_early_warnings_are_a_letter_a_business_day_where_something_is_new(warn):
    only(warn.home, "severity = 'critical'")
    assert warn(AT).counts["early_warnings"] == 1
    assert [warn(at).counts["early_warnings"] for at in ("2026-05-04T11:15:00Z", "2026-05-05T11:00:00Z", "2026-05-08T11:00:00Z")] == [0, 0, 0], "told, and nothing new"
    assert [warn(at).counts["early_warnings"] for at in ("2026-05-11T07:30:00Z", "2026-05-11T11:00:00Z", "2026-05-12T11:00:00Z")] == [0, 1, 0], "what stands, once a week"
    (letter, _) = sorted(warn.letters(), key=lambda letter: letter["at"])
    assert letter["to"]["person_id"] == "cy" and letter["subject"] == "[early warning] 2 breaches to expect within five business days"
    for words in ("1. CRITICAL, new: critical handoff of payments, not acknowledged by anna", "What:    Finding", "Call:    ", "(anna)", "Do:      have them answer: handoff ack", "Id:      "):
        assert words in letter["body"]
    assert not [line for line in events(warn.home) if ",cy," in line and "early" in line], "it is about no single finding"
    with open_outbox(warn.home.outbox) as outbox:
        assert {entry.state for entry in outbox.entries(dispatching.OUTBOX)} == {"confirmed"}


def test_a_new_early_warning_comes_first_the_next_business_day(warn, forewarned):
    only(warn.home, "severity = 'critical'")
    warn(AT)
    shutil.copyfile(forewarned / "home" / warn.home.published.name, warn.home.published)
    assert [warn(at).counts["early_warnings"] for at in ("2026-05-04T12:00:00Z", "2026-05-05T11:00:00Z")] == [0, 1]
    body = max(warn.letters(), key=lambda letter: letter["at"])["body"]
    assert [line.split(":")[0] for line in body.splitlines() if line[:1].isdigit()] == ["1. MEDIUM, new", "2. MEDIUM, new", "3. CRITICAL", "4. CRITICAL"]


@pytest.mark.parametrize("at", ["2026-05-09T12:00:00Z", "2026-05-05T05:00:00Z", "2026-05-05T21:00:00Z"], ids=["weekend", "before the day", "night"])
def test_early_warnings_wait_for_a_business_day(warn, at):
    (step,) = [step for step in warn(at).steps if step.decisions == ["early warning"]]
    assert (step.action, step.person_id) == ("wait", "cy") and not warn.letters()


def test_early_warnings_count_against_the_cap_and_come_first(warn, tools):
    """Of the one message a day that cy may have the letter is it: what is escalated to them waits, unless it is critical."""
    only(warn.home, "severity = 'critical'")
    found = warn("2026-05-20T11:00:00Z")
    mine = [(step.action, step.decisions == ["early warning"]) for step in found.steps if step.person_id == "cy" and not step.is_urgent]
    assert mine == [("send", True), ("wait", False)]
    with open_outbox(warn.home.outbox) as outbox:
        sent = [entry for entry in outbox.entries(dispatching.OUTBOX) if entry.payload["person_id"] == "cy" and not entry.payload["is_urgent"]]
    assert len(sent) == 1


def test_a_letter_that_failed_or_was_killed_goes_out_once_later(warn, monkeypatch):
    class Away:
        def deliver(self, letter):
            raise SourceUnavailable("channel away", seen="no answer")

        def has(self, key):
            return None

    assert warn(AT, channels=lambda name: Away()).steps[0].fault == "cy: channel away: no answer"
    assert "left alone" in next(step.why for step in warn("2026-05-04T11:01:00Z").steps if step.decisions == ["early warning"])
    with monkeypatch.context() as patched:
        real = FileChannel.deliver

        def killed_after(self, letter):
            real(self, letter)
            raise Killed

        patched.setattr(FileChannel, "deliver", killed_after)
        with pytest.raises(Killed):
            warn("2026-05-04T11:10:00Z")
    assert [warn(at).counts["early_warnings"] for at in ("2026-05-04T11:20:00Z", "2026-05-04T12:20:00Z")] == [0, 0] and len(warn.letters()) == 1


def test_what_was_just_answered_is_not_warned_of(warn, tools):
    only(warn.home, "severity = 'critical'")
    with duckdb.connect(str(warn.home.published), read_only=True) as connection:
        expected = [finding for (finding,) in connection.execute("SELECT subject_id FROM mart.early_warning").fetchall()]
    originated.originate(warn.home, [
        {"event_id": f"x{finding}", "ref": finding, "event": "acknowledged", "actor": "anna", "occurred_at": tools.us(AT), "method": "cli", "asserted_by": "anna"} for finding in expected
    ])  # fmt: skip
    assert len(expected) == 2 and warn(AT).counts["early_warnings"] == 0


# Handoffs


def test_each_decision_goes_out_once(home, send):
    assert send().counts["sent"] == 3
    assert [send().counts["messages"] for _ in range(2)] == [0, 0]
    found = letters(home)
    assert sorted(len(letter["findings"]) for letter in found) == [1, 1, 2], "one message a finding however many scanners, one digest"
    assert len(events(home)) == len(FINDINGS)
    assert all("handoff dispatch: notice" in line for line in events(home))


def test_what_went_out_is_stage_four_of_the_next_run_and_is_not_said_again_without_the_outbox(home, send, published, tools, fortnight):
    send()
    fortnight.run(tools, home, published / "landing", tools.us(AT) + MINUTE, POLICY)
    with duckdb.connect(str(home.published), read_only=True) as connection:
        rows = connection.execute("SELECT DISTINCT epoch_us(notified_at) FROM mart.handoff").fetchall()
    assert rows == [(tools.us(AT),)]
    assert not list(originated.waiting(home))
    home.outbox.unlink()
    assert send(tools.us(AT) + MINUTE).counts["decisions"] == 0, "the record knows what was said"


@pytest.mark.parametrize("place", ["claim", "send", "deliver", "originate", "confirm"])
@pytest.mark.parametrize("can_tell", [True, False])
def test_a_kill_at_each_step_loses_nothing(home, send, monkeypatch, place, can_tell):
    """Where the channel can tell what arrived, nothing is doubled either; where it cannot, only what was on its way."""
    owner = {"deliver": FileChannel, "originate": originated}.get(place, Outbox)
    if not can_tell:
        monkeypatch.setattr(FileChannel, "has", lambda self, key: None)
    carried = []
    real_deliver = FileChannel.deliver
    monkeypatch.setattr(FileChannel, "deliver", lambda self, letter: carried.append(letter.key) or real_deliver(self, letter))
    with monkeypatch.context() as patched:
        real = getattr(owner, place)

        def killed_after(*arguments, **more):
            real(*arguments, **more)
            raise Killed

        patched.setattr(owner, place, killed_after)
        with pytest.raises(Killed):
            send()
    later = send("2026-05-04T11:10:00Z")
    assert later.counts["failed"] == 0
    assert send("2026-05-04T11:20:00Z").counts["messages"] == 0
    assert len(letters(home)) == 3 and len(set(carried)) == 3
    assert len(carried) == (4 if place == "deliver" and not can_tell else 3), "at least once an outage, and else once"
    assert len({line.split(",")[0] for line in events(home)}) == len(FINDINGS)
    with open_outbox(home.outbox) as outbox:
        assert {entry.state for entry in outbox.entries(dispatching.OUTBOX)} == {"confirmed"}


def test_an_unreachable_channel_is_left_alone_and_tried_again(home, send, tools):
    class Away:
        def deliver(self, letter):
            raise SourceUnavailable("channel away", seen="no answer")

        def has(self, key):
            return None

    found = send(channels=lambda name: Away())
    assert (found.counts["failed"], found.counts["sent"]) == (3, 0)
    with pytest.raises(RunError, match="channel away: no answer"):
        dispatching.require_complete(found)
    assert not events(home), "what did not go out is no event"
    assert send("2026-05-04T11:04:59Z").counts["waiting_backoff"] == 4
    assert send("2026-05-04T11:05:00Z", channels=lambda name: Away()).counts["failed"] == 3
    assert send("2026-05-04T11:10:00Z").counts["waiting_backoff"] == 4, "twice as long as the first time"
    assert send("2026-05-04T11:15:00Z").counts["sent"] == 3
    assert len(letters(home)) == 3


def test_a_clock_that_goes_back_sends_nothing(home, send, tools):
    send("2026-05-04T11:30:00Z")
    with pytest.raises(RunError, match="the clock went back: it is 2026-05-04T11:20:00Z, and the last run or dispatch was at 2026-05-04T11:30:00Z"):
        send("2026-05-04T11:20:00Z")
    assert send("2026-05-04T11:26:00Z").as_of == "2026-05-04T11:30:00Z", "within the tolerance it goes on from where it was"
    with pytest.raises(RunError, match="the clock went back"):
        send("2026-05-04T10:00:00Z")
    assert len(letters(home)) == 3


# Links, and digests by their id

KEY, PAGE = b"k" * 64, "https://handoff.example.com"


def links_in(letter: dict) -> list[str]:
    return re.findall(rf"{PAGE}(/h/\S+)", letter["body"])


def test_the_links_of_a_message_that_is_sent_again_are_the_same(home, send, tools):
    class Away:
        def deliver(self, letter):
            told.append(letter)
            raise SourceUnavailable("channel away", seen="no answer")

        def has(self, key):
            return None

    sign, told = acknowledging.signer(KEY, PAGE), []
    send(sign=sign, channels=lambda name: Away())
    send("2026-05-04T11:30:00Z", sign=sign)
    assert {letter.key: links_in(letter._asdict()) for letter in told} == {letter["key"]: links_in(letter) for letter in letters(home)}
    assert sorted(len(links_in(letter)) for letter in letters(home)) == [2, 2, 4], "to take it and to decline it, each finding"
    assert all(links.read(KEY, link.removeprefix("/h/"), tools.us(AT) + 13 * 24 * 60 * MINUTE) for letter in letters(home) for link in links_in(letter))


def test_a_message_without_a_page_names_the_command(home, send):
    send()
    assert all("://" not in letter["body"] and "handoff ack" in letter["body"] for letter in letters(home))


def test_a_link_of_a_message_makes_the_handoff_once(home, send, published, tools, fortnight):
    """From the file that was sent, over the page, to t1 of the next run."""

    async def browse(app, take: str) -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PAGE) as browser:
            fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', (await browser.get(take)).text))
            tampered = take[:-1] + ("A" if take[-1] != "A" else "B")
            return [(await browser.post(address, data=fields)).status_code for address in (tampered, take, take)]

    send(sign=acknowledging.signer(KEY, PAGE))
    (letter, *_) = [letter for letter in letters(home) if "[critical]" in letter["subject"]]
    site = confirming.Site(home, KEY, clock=lambda: tools.us(AT) + MINUTE, base_url=PAGE, log=lambda line: None)
    assert asyncio.run(browse(confirming.create_app(site), links_in(letter)[0])) == [404, 200, 404], "changed, once, and used"
    assert send(tools.us(AT) + 2 * 60 * MINUTE, is_applied=False).counts["decisions"] == 1, "who has answered is not reminded: only of the other critical one"
    fortnight.run(tools, home, published / "landing", tools.us(AT) + 2 * MINUTE, POLICY)
    with duckdb.connect(str(home.published), read_only=True) as connection:
        rows = connection.execute("SELECT acknowledged_by, epoch_us(acknowledged_at) FROM mart.handoff WHERE finding_id = ?", letter["findings"]).fetchall()
        methods = connection.execute("SELECT method FROM mart.event WHERE event = 'acknowledged' AND is_valid").fetchall()
    assert (rows, methods) == ([("anna", tools.us(AT) + MINUTE)], [("link",)])


@pytest.mark.parametrize("is_landed", [False, True])
def test_a_digest_is_acknowledged_by_the_id_in_its_message(home, send, published, tools, fortnight, is_landed):
    send()
    (digest,) = [letter for letter in letters(home) if letter["subject"].startswith("[digest]")]
    (digest_id,) = re.findall(r"handoff ack (\S+) --as anna$", digest["body"], re.MULTILINE)[-1:]
    assert {event.get("batch_id") for event in originated.events_waiting(home)} == {None, digest["key"]}
    if is_landed:
        fortnight.run(tools, home, published / "landing", tools.us(AT) + MINUTE, POLICY)
    at = tools.us(AT) + 2 * MINUTE
    done = acknowledging.answer(home, acknowledging.Claim("acknowledged", "anna", "cli", "tester", at), [digest_id], now_us=at)
    assert {event["ref"] for event in done.events} == set(digest["findings"]) and len({event["batch_id"] for event in done.events}) == 1
    assert done.warnings == []
    with pytest.raises(UsageError, match="no finding has that id"):
        acknowledging.answer(home, acknowledging.Claim("acknowledged", "anna", "cli", "tester", at), [digest_id[:5]], now_us=at)


@pytest.mark.parametrize(("answers", "is_told"), [(["acknowledged"], False), (["declined"], False), (["reassigned"], False), (["acknowledged", "acknowledgement_withdrawn"], True)])
def test_what_the_next_run_has_to_judge_is_left_alone(home, send, tools, answers, is_told):
    first = send(is_applied=False).steps[0].findings[0]
    originated.originate(home, [
        {"event_id": f"x{number}", "ref": first, "event": word, "actor": "anna", "occurred_at": tools.us(AT) + number, "method": "cli", "asserted_by": "anna"}
        for number, word in enumerate(answers)
    ])  # fmt: skip
    assert (first in [finding for step in send(is_applied=False).steps for finding in step.findings]) is is_told


# Channels

SECRET = "hush-hush"
LETTER = channels.Letter("k" * 32, "s", "b", {"person_id": "anna", "name": "Anna", "email": "anna@example.com", "channel": "chat"}, ["f"], 0)


def test_an_address_is_never_said(home, send, monkeypatch, capfd, caplog):
    monkeypatch.setenv("HANDOFF_CHANNEL_CHAT_ROOM", f"json://user:{SECRET}@127.0.0.1:1/")
    found = send(channels=lambda name: channels.channel("chat-room", home.letters))
    said = capfd.readouterr()
    assert found.counts["failed"] == 3 and "channel chat-room: it did not take the message" in (found.steps[0].fault or "")
    assert SECRET not in json.dumps(found.as_json()) + said.out + said.err + caplog.text
    assert SECRET.encode() not in home.outbox.read_bytes()


def test_an_address_that_is_missing_or_none(home, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(SourceRefused, match="HANDOFF_CHANNEL_MAIL is not there"):
        channels.channel("mail", home.letters)
    with pytest.raises(SourceRefused, match="its address is none that apprise understands") as error:
        AppriseChannel("mail", f"nonsense://{SECRET}").deliver(LETTER)
    assert SECRET not in str(error.value)


def test_a_person_s_own_address_goes_into_the_channel_s(monkeypatch):
    asked = []
    import apprise

    monkeypatch.setattr(apprise.Apprise, "add", lambda self, address: asked.append(address) or True)
    monkeypatch.setattr(apprise.Apprise, "notify", lambda self, **more: True)
    assert AppriseChannel("mail", "mailtos://u:p@example.com?to={email}").deliver(LETTER) == "mail"
    AppriseChannel("chat", "slack://a/b/c/{channel}").deliver(LETTER._replace(person={**LETTER.person, "channel": "#x/y?z"}))
    assert asked == ["mailtos://u:p@example.com?to=anna@example.com", "slack://a/b/c/%23x%2Fy%3Fz"]
    with pytest.raises(SourceRefused, match="anna has no email"):
        AppriseChannel("mail", "mailtos://example.com?to={email}").deliver(LETTER._replace(person={**LETTER.person, "email": None}))
