"""Dispatch for real: a published copy, the outbox, files; kills, outages, a clock that goes back."""

from __future__ import annotations

import json
import shutil

import pytest

from flows import channels, dispatching
from flows.channels import AppriseChannel, FileChannel
from transforms.domain.errors import RunError, SourceRefused, SourceUnavailable
from transforms.domain.instants import MICROSECONDS
from warehouse import originated
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


def test_who_has_just_answered_is_not_reminded(home, send, tools):
    critical = [step for step in send(is_applied=False).steps if step.severity == "critical"]
    first = critical[0].findings[0]
    originated.originate(home, [{"event_id": "x", "ref": first, "event": "acknowledged", "actor": "anna", "occurred_at": tools.us(AT), "method": "cli", "asserted_by": "anna"}])
    left = [finding for step in send(is_applied=False).steps for finding in step.findings]
    assert first not in left and len(left) == len(FINDINGS) - 1


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
