"""A simulated programme: the same bytes everywhere, a truth that holds together, and files that are what the truth says they are."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from transforms.domain.calendar import Calendar
from transforms.domain.instants import DAY_US, parse_stamp
from transforms.domain.policy import load_policy
from transforms.domain.vocabulary import FAILURE_MODES
from transforms.simulation import Shape, hours, simulate
from transforms.simulation.story import MODES
from transforms.simulation.world import BEGIN

ROOT = Path(__file__).resolve().parents[3]
SHAPE = Shape(1200, 11)
#: Digest of Shape(60, 1): the same on every machine and Python. Whatever changes what is written changes it.
GOLDEN = "1243a6a71c3b2e1b7af2ee6a8acc4d5502585dd83b55fa642df6baf121613cc4"


def digest(shape: Shape) -> str:
    found = hashlib.sha256()
    for path, content in simulate(shape):
        found.update(f"{path} {len(content)}\n".encode() + content)
    return found.hexdigest()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    found: dict[str, bytes] = defaultdict(bytes)
    for path, content in simulate(SHAPE):
        found[path] += content
    return dict(found)


@pytest.fixture(scope="module")
def cycles(files) -> list[dict[str, str]]:
    return rows(files["truth/cycles.csv"])


@pytest.fixture(scope="module")
def identity(files) -> list[dict[str, str]]:
    return rows(files["truth/identity.csv"])


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def us(text: str) -> int | None:
    return parse_stamp(text).us if text and text != "run" else None


# The same bytes


@pytest.mark.parametrize(
    "environment", [{"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}, {"PYTHONHASHSEED": "77", "TZ": "America/Lima", "LC_ALL": "C"}]
)
def test_the_same_seed_gives_the_same_bytes_in_any_process(environment):
    text = (
        "import hashlib; from transforms.simulation import Shape, simulate\nfound = hashlib.sha256()\n"
        "for path, content in simulate(Shape(60, 1)):\n"
        "    found.update(f'{path} {len(content)}\\n'.encode() + content)\nprint(found.hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, **environment}
    )
    assert done.stdout.strip() == digest(Shape(60, 1)) == GOLDEN


def test_another_seed_gives_another_programme():
    assert digest(Shape(60, 2)) != digest(Shape(60, 1))


def test_noise_leaves_the_truth_as_it_was(files):
    noisy: dict[str, bytes] = defaultdict(bytes)
    for path, content in simulate(SHAPE._replace(noise=0.1)):
        noisy[path] += content
    assert noisy["truth/cycles.csv"] == files["truth/cycles.csv"]
    assert noisy["landing/assets/assets.csv"] == files["landing/assets/assets.csv"]
    assert any(noisy.get(path) != content for path, content in files.items() if path.startswith("landing/activity/"))
    assert any(path not in noisy for path in files if path.startswith("landing/scans/"))


@pytest.mark.parametrize("findings", [1, 2, 37, 431])
def test_as_many_findings_as_were_asked_for(findings):
    found = {
        row["finding"]
        for path, content in simulate(Shape(findings, 5))
        if path == "truth/cycles.csv"
        for row in csv.reader(io.StringIO(content.decode()))
        for row in [{"finding": row[0]}]
    }
    assert len(found - {"finding"}) == findings


# The truth holds together


def test_stages_come_in_order(cycles):
    for row in cycles:
        t0, t1 = us(row["captured_at"]), us(row["acknowledged_at"])
        stages = [us(row[name]) for name in ("enriched_at", "routed_at", "notified_at")]
        assert all(t0 < at <= (t1 or at) for at in stages if at is not None), row
        assert t1 is None or t0 < t1
        assert (row["triaged_at"] == "") or (t1 is not None and us(row["triaged_at"]) >= t1)
        assert us(row["resolved_at"]) is None or us(row["verified_at"]) is None or us(row["resolved_at"]) <= us(row["verified_at"])
        ended = us(row["ended_at"])
        assert ended is None or all(
            at <= ended for name in ("acknowledged_at", "triaged_at", "resolved_at", "verified_at") if (at := us(row[name])) is not None
        )


def test_cycles_of_a_finding_follow_one_another(cycles):
    by_finding = defaultdict(list)
    for row in cycles:
        by_finding[row["finding"]].append(row)
    for own in by_finding.values():
        assert [row["cycle"] for row in own] == [str(number) for number in range(1, len(own) + 1)]
        assert [row["origin"] == "first_time" for row in own] == [True] + [False] * (len(own) - 1)
        for before, after in pairwise(own):
            assert us(before["ended_at"]) <= us(after["captured_at"])
    origins = Counter(row["origin"] for row in cycles)
    assert origins["reopened"] > 2 and origins["revalidation"] > 2


def test_modes_are_those_of_the_causes(cycles):
    """Modes are judged from the world, causes were planted before it: two ways to one answer."""
    for row in cycles:
        found = set(filter(None, row["failure_modes"].split(";")))
        if row["is_gated"] != "true":
            assert (found, row["failure_mode"]) == (set(), "")
            continue
        assert found == {MODES[cause] for cause in row["causes"].split(";")} - {None}, row
        assert row["failure_mode"] == next((mode for mode in FAILURE_MODES if mode in found), "unexplained")


def test_every_cause_and_decoy_is_there(cycles):
    causes = Counter(cause for row in cycles for cause in row["causes"].split(";"))
    decoys = Counter(decoy for row in cycles for decoy in row["decoys"].split(";"))
    assert set(MODES) - {"unreachable_owner", "dissolved_team"} <= set(causes)
    assert {
        "nineteen",
        "twice",
        "flood_yesterday",
        "outsider_comment",
        "bot_assignment",
        "word_of_another",
        "comment_afterwards",
        "former_owner",
        "rated_later",
    } <= set(decoys)
    assert sum(row["causes"].count(";") > 0 for row in cycles) > 5, "two causes at once"


def test_decoys_make_no_mode(cycles):
    for row in cycles:
        if row["decoys"] and set(row["causes"].split(";")) <= {"", "unseen"}:
            assert row["failure_modes"] == ""


# Identity


def test_every_observation_is_of_one_finding_on_one_asset(files, cycles, identity):
    assert {row["finding"] for row in identity} == {row["finding"] for row in cycles}
    assets, handles = defaultdict(set), defaultdict(set)
    for row in identity:
        assert f"landing/{row['file']}" in files
        assets[row["finding"]].add(row["asset_id"])
        handles[row["own_id"]].add(row["finding"])
    assert {len(found) for found in assets.values()} == {1}
    assert all(len(found) == 1 for own_id, found in handles.items() if own_id)
    assert {row["location_kind"] for row in identity} == {"package", "host", "web", "code", "cloud"}
    seen = defaultdict(set)
    for row in identity:
        seen[row["finding"]].add(row["scanner"])
    assert sum(len(scanners) > 1 for scanners in seen.values()) > len(seen) / 10


def test_deliveries_name_files_that_are_there(files):
    for row in rows(files["truth/deliveries.csv"]):
        assert f"landing/{row['file']}" in files
        assert not row["copy_of"] or f"landing/{row['copy_of']}" in files
        assert row["run"] in ("1", "2")


# Office hours of the truth's own


@pytest.mark.parametrize("name", sorted(hours.CALENDARS))
def test_two_countings_of_office_hours_agree(files, name):
    default = (ROOT / "policy.yaml").read_text(encoding="utf-8")
    calendar = Calendar(name, load_policy(("default", default), ("simulated", files["policy.yaml"].decode())).calendars[name])
    rng = random.Random(name)
    for _ in range(200):
        start, length, budget = BEGIN + rng.randrange(130 * DAY_US), rng.randrange(20 * DAY_US), rng.randrange(1, 80 * hours.HOUR)
        assert hours.due(name, start, budget) == calendar.due(start, budget)
        assert hours.office_us(name, start, start + length) == calendar.business_us(start, start + length)
