"""Dispatch for real: a published copy, the outbox, files; kills, outages, a clock that goes back."""

from __future__ import annotations

import asyncio
import json
import re
import shutil

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
    fortnight.run(tools, Home(folder / "home"), folder / "landing", tools.us(AT), {"routing": {"escalation_default": "cy"}})
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


def letters(home: Home) -> list[dict]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(home.letters.glob("*.json"))]


def events(home: Home) -> list[str]:
    return [line for found in originated.waiting(home) for line in found.content.decode().splitlines()[1:]]


def test_nothing_goes_out_unless_it_is_applied(home, send):
    found = send(is_applied=False)
    assert (found.counts["messages"], found.counts["sent"]) == (3, 0)
    assert not home.letters.exists() and not events(home)


def test_each_decision_goes_out_once(home, send):
    assert send().counts["sent"] == 3
    assert [send().counts["messages"] for _ in range(2)] == [0, 0]
    found = letters(home)
    assert sorted(len(letter["findings"]) for letter in found) == [1, 1, 2], "one message a finding however many scanners, one digest"
    assert len(events(home)) == len(FINDINGS)
    assert all("handoff dispatch: notice" in line for line in events(home))


def test_what_went_out_is_stage_four_of_the_next_run_and_is_not_said_again_without_the_outbox(home, send, published, tools, fortnight):
    send()
    fortnight.run(tools, home, published / "landing", tools.us(AT) + MINUTE, {"routing": {"escalation_default": "cy"}})
    import duckdb

    with duckdb.connect(str(home.published), read_only=True) as connection:
        rows = connection.execute("SELECT DISTINCT epoch_us(notified_at) FROM mart.handoff").fetchall()
    assert rows == [(tools.us(AT),)]
    assert not list(originated.waiting(home))
    home.outbox.unlink()
    assert send(tools.us(AT) + MINUTE).counts["decisions"] == 0, "the record knows what was said"


class Killed(BaseException):
    """Stands for a kill: nothing of ours catches it."""


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
    fortnight.run(tools, home, published / "landing", tools.us(AT) + 2 * MINUTE, {"routing": {"escalation_default": "cy"}})
    import duckdb

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
        fortnight.run(tools, home, published / "landing", tools.us(AT) + MINUTE, {"routing": {"escalation_default": "cy"}})
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
