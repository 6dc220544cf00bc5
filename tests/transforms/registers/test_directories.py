"""Directories, CODEOWNERS and on-call schedules in their vendors' shapes: what they mean beyond their golden rows, and damaged at every place."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from transforms import registers
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import iso, parse_stamp
from transforms.domain.people import kind_of, matches_any, team_of
from transforms.domain.policy import Directory
from transforms.domain.result import Reject
from transforms.domain.source import Source

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "registers"
FORMATS = ("codeowners", "entra_csv", "github_org", "okta_csv", "on_call", "scim")
INSTANTS = ("effective_from", "effective_to")


class Sample(NamedTuple):
    format: str
    name: str
    content: bytes
    expected: dict[str, Any]

    @property
    def source(self) -> Source:
        return source_of(self.name, self.expected.get("source", {}))


def source_of(name: str, stated: dict[str, Any]) -> Source:
    """`golden.yaml` says of a file what its sidecar would: target; everything was taken on one day."""
    return Source(path=f"people/{name}", target=stated.get("target"), snapshot_us=parse_stamp("2026-04-01T00:00:00Z").us)


def samples() -> list[Sample]:
    found = []
    for format in FORMATS:
        expected = yaml.safe_load((GOLDEN / format / "golden.yaml").read_text(encoding="utf-8"))
        found += [Sample(format, name, (GOLDEN / format / name).read_bytes(), of) for name, of in expected.items()]
    return found


SAMPLES = samples()


def read(format: str, content: bytes, source: Source) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows as `golden.yaml` has them (without what is empty and the status active; instants as texts), and the rejects."""
    rows = list(registers.formats()[format].parse(content, source))
    kept = [
        {
            name: iso(value) if name in INSTANTS else value
            for name, value in row.items()
            if value not in (None, []) and (name, value) != ("status", "active")
        }
        for row in rows
        if not isinstance(row, Reject)
    ]
    return kept, [f"{row.pointer}: {row.reason}" for row in rows if isinstance(row, Reject)]


def sample(format: str, name: str) -> Sample:
    return next(found for found in SAMPLES if (found.format, found.name) == (format, name))


@pytest.mark.parametrize(
    "content",
    [
        b"person_id,name,email\nanna,Anna,anna@example.com\n",
        b"match,person_id,team\npath:src/,anna,payments\n",
        b"apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata:\n  name: anna\nspec:\n  profile:\n    email: anna@example.com\n",
        b"a line of prose\nanother one, with anna@example.com in it\n",
        b"*.js\n/docs/\n",
        b"",
    ],
)
def test_what_is_no_codeowners_file(content):
    assert not registers.formats()["codeowners"].recognise(Head(content))


# Damage


def damaged(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return rng.choice((content[:at], content[:at] + b"\xff" + content[at:], content[:at] + bytes([rng.randrange(32, 127)]) + content[at + 1 :], content[at:]))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.format}/{sample.name}")
def test_a_damaged_file_gives_rows_rejects_or_a_reason(sample):
    rng = random.Random(sample.name)
    columns = {"pointer", "register"} | {column.name for table in registers.TABLES.values() for column in table.columns}
    for _ in range(150):
        content = damaged(sample.content, rng)
        if not registers.formats()[sample.format].recognise(Head(content)):
            continue
        try:
            rows = list(registers.formats()[sample.format].parse(Head(content).content, sample.source))
        except FileRejected:
            continue
        for row in rows:
            assert isinstance(row, Reject) or (set(row) <= columns and (row.get("person_id") or row.get("match")))


@pytest.mark.parametrize("sample", [found for found in SAMPLES if found.name.endswith(".json")], ids=lambda sample: f"{sample.format}/{sample.name}")
def test_a_member_of_another_type_takes_no_other_row_with_it(sample):
    document = json.loads(sample.content)

    def places(node: Any, path: tuple = ()) -> list[tuple]:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        return [place for key, value in items for place in [(*path, key), *places(value, (*path, key))]]

    for place in places(document):
        for value in (None, 7, "text", [], {}, [None], True):
            copy = json.loads(sample.content)
            node = copy
            for key in place[:-1]:
                node = node[key]
            node[place[-1]] = value
            content = json.dumps(copy).encode()
            if not registers.formats()[sample.format].recognise(Head(content)):
                continue
            try:
                rows = list(registers.formats()[sample.format].parse(content, sample.source))
            except FileRejected:
                continue
            assert all(isinstance(row, Reject) or isinstance(row.get("person_id") or row.get("match"), str) for row in rows)


# What a page of a list would do


def test_a_page_is_refused_unless_it_says_that_it_is_one():
    found = sample("scim", "list_response.json")
    page = json.loads(found.content) | {"totalResults": 512}
    content = json.dumps(page).encode()
    with pytest.raises(FileRejected, match=r"incomplete: 7 of 512 resources.*complete: false"):
        read("scim", content, found.source)
    assert read("scim", content, found.source._replace(is_complete=False))[0] == found.expected["rows"]


def test_a_page_of_an_organization_is_refused():
    organization = {"login": "acme", "membersWithRole": {"pageInfo": {"hasNextPage": True}, "nodes": [{"login": "anna-gh"}]}}
    content = json.dumps({"data": {"organization": organization}}).encode()
    with pytest.raises(FileRejected, match="incomplete: 1 items of /organization/membersWithRole"):
        read("github_org", content, Source())
    ((row,), _) = read("github_org", content, Source(is_complete=False))
    assert row["person_id"] == "anna-gh"


# Whose file it is


@pytest.mark.parametrize(
    ("path", "target", "repository"),
    [
        ("people/CODEOWNERS", "acme/shop", "acme/shop"),
        ("people/acme/shop/CODEOWNERS", None, "acme/shop"),
        ("people/acme/shop/.github/CODEOWNERS", None, "acme/shop"),
        ("people/shop/docs/CODEOWNERS", None, "shop"),
        ("people/shop.CODEOWNERS", None, "shop"),
        ("people/owners.zip!acme/shop/CODEOWNERS", None, "shop"),
    ],
)
def test_the_repository_of_a_codeowners_file(path, target, repository):
    (row,), _ = read("codeowners", b"* @anna\n", Source(path=path, target=target))
    assert row["match"] == f"codeowners:{repository} *"


@pytest.mark.parametrize(("path", "target"), [("people/CODEOWNERS", None), ("people/.github/CODEOWNERS", None), ("people/CODEOWNERS", "two words")])
def test_a_codeowners_file_of_nothing_is_refused(path, target):
    with pytest.raises(FileRejected, match=r"no_repository: .*sidecar"):
        read("codeowners", b"* @anna\n", Source(path=path, target=target))


def test_a_schedule_of_nobody_knows_whom_is_refused():
    content = sample("on_call", "doubled.ics").content
    with pytest.raises(FileRejected, match=r"no_team: .*sidecar"):
        read("on_call", content, Source())
    with pytest.raises(FileRejected, match="unknown_zone: X-WR-TIMEZONE is 'Mars/Base'"):
        read("on_call", content.replace(b"VERSION:2.0", b"VERSION:2.0\r\nX-WR-TIMEZONE:Mars/Base"), Source(target="payments"))


# On call


def calendar(*lines: str) -> bytes:
    body = "\r\n".join(("BEGIN:VEVENT", "UID:a", "ATTENDEE:mailto:anna@acme.example", *lines, "END:VEVENT"))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{body}\r\nEND:VCALENDAR\r\n".encode()


def shifts(content: bytes, **source: Any) -> list[tuple[str, str]]:
    rows, rejects = read("on_call", content, Source(target="payments", **{"snapshot_us": parse_stamp("2026-04-01T00:00:00Z").us, **source}))
    assert not rejects
    return [(row["effective_from"], row["effective_to"]) for row in rows]


def test_a_rotation_without_end_is_laid_out_up_to_the_horizon():
    endless = calendar("DTSTART:20260302T090000Z", "DTEND:20260302T170000Z", "RRULE:FREQ=WEEKLY")
    until = Directory.model_validate({"on_call_horizon": "14d"})
    assert shifts(endless, directory=until)[-1][0] == "2026-04-13T09:00:00Z"
    assert len(shifts(endless)) == 109  # two years and the four weeks before the snapshot


def test_a_shift_ends_by_the_clock_also_when_the_clocks_change():
    content = calendar("DTSTART;TZID=America/New_York:20260307T090000", "DTEND;TZID=America/New_York:20260308T090000", "RRULE:FREQ=DAILY;COUNT=3")
    assert shifts(content) == [("2026-03-07T14:00:00Z", "2026-03-10T13:00:00Z")]  # one stretch without a break


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=HOURLY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;UNTIL=99991231"])
def test_a_rule_that_never_ends_takes_no_run_with_it(rule):
    content = calendar("DTSTART:18000302T090000Z", "DTEND:18000302T170000Z", f"RRULE:{rule}")
    rows, (reject,) = read("on_call", content, Source(target="payments", snapshot_us=parse_stamp("2026-04-01T00:00:00Z").us))
    assert rows == [] and reject in ("/VEVENT/0: bad_recurrence", "/VEVENT/0: too_many_shifts")


# What they have in common


def test_whose_team_a_person_is_in():
    assert team_of(["zeta", "alpha"], ["*"]) == "alpha"
    assert team_of(["all-hands", "squad-pay", "squad-core"], ["squad-*"]) == "squad-core"
    assert team_of(["all-hands", "squad-pay"], ["squad-pay", "*"]) == "squad-pay"
    assert team_of(["all-hands"], ["squad-*"]) is None


def test_a_glob_means_only_stars_and_question_marks():
    assert matches_any(["*[bot]"], None, "Dependabot[BOT]")
    assert not matches_any(["*[bot]"], "robot", "b")
    assert matches_any(["team-?@*"], "team-a@acme.example") and not matches_any(["team-?@*"], "team-ab@acme.example")
    assert (kind_of("Service Account"), kind_of("Employee"), kind_of(None)) == ("bot", "human", "human")
