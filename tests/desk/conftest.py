"""Desks to look at, each written once: of a home whose every text is hostile, and of its redacted tier."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from flows.job import Options, run
from warehouse import desk

#: Each would do something if it were not text; `data-pwned` on the page's root says that one did.
PAYLOAD = 'document.documentElement.dataset.pwned="1"'
HOSTILE = (
    f"<script>{PAYLOAD}</script>",
    f"\"><img src=x onerror='{PAYLOAD}'>",
    f"</script><script>{PAYLOAD}</script>",
    f"');{PAYLOAD};//",
    "\u2028\u2029\u202eexe.txt turned round",
    "A" * 400,
    "&lt;b&gt; is &amp; stays",
    f"<a href='javascript:{PAYLOAD}'>x</a>",
)
HOSTILE_TEAM = f"<b onmouseover='{PAYLOAD}'>team</b>"
AS_OF = "2026-05-04T12:00:00Z"


@pytest.fixture(scope="session")
def hostile_home(tools: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published home: eight findings with hostile titles of a hostile team; told of, answered, transferred, declined; one file that is none."""
    folder = tmp_path_factory.mktemp("hostile")
    zone = tools.Zone()
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": HOSTILE_TEAM})
    zone.people(tools.person("anna", HOSTILE_TEAM), tools.person("bo", HOSTILE_TEAM), tools.person(f"<i>{PAYLOAD}</i>", "other"))
    zone.ownership({"match": "asset:pay", "person_id": "gone", "team": HOSTILE_TEAM, "priority": "1"}, {"match": "asset:pay", "person_id": "anna", "team": HOSTILE_TEAM, "priority": "2"})
    for number, title in enumerate(HOSTILE):
        zone.scan(f"2026-04-{20 + number}T09:00:00Z", "Critical" if number == 0 else "High", own=f"F{number}", title=title, vuln_id_from_tool=f"R{number}", cve=f"CVE-2026-{1000 + number}")
    zone.put("scans/<img src=x onerror=alert(1)>.json", '{"findings": [')
    activity = [
        {"event_id": "e1", "ref": "F0", "event": "notified", "target_person": "anna", "channel": "chat<br>", "occurred_at": "2026-04-20T10:00:00Z", "batch_id": "digest-1"},
        {"event_id": "e2", "ref": "F0", "event": "acknowledged", "actor": "anna", "occurred_at": "2026-04-20T11:00:00Z", "comment": HOSTILE[0]},
        {"event_id": "e3", "ref": "F1", "event": "declined", "actor": "anna", "occurred_at": "2026-04-21T11:00:00Z", "comment": HOSTILE[1]},
        {"event_id": "e4", "ref": "F1", "event": "reassigned", "actor": "anna", "target_person": "bo", "occurred_at": "2026-04-21T12:00:00Z"},
        {"event_id": "e5", "ref": "F2", "event": "acknowledged", "actor": f"<i>{PAYLOAD}</i>", "occurred_at": "2026-04-22T11:00:00Z"},
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, ["event_id", "ref", "event", "actor", "target_person", "channel", "occurred_at", "comment", "batch_id"], restval="")
    writer.writeheader()
    writer.writerows(activity)
    zone.put("activity/activity.csv", out.getvalue())
    zone.write(folder / "landing")
    policy = folder / "policy.yaml"
    policy.write_text("publish: {redacted: true}\n", encoding="utf-8")
    with warnings.catch_warnings():
        # What Great Expectations depends on warns of itself when a suite is first used; that is not ours.
        warnings.simplefilter("ignore", DeprecationWarning)
        run(Options(str(folder / "landing"), folder / "home", policy, AS_OF, report=False))
    return folder / "home"


@pytest.fixture(scope="session")
def hostile_desk(hostile_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("desk") / "desk"
    desk.write(hostile_home, out)
    return out


@pytest.fixture(scope="session")
def redacted_desk(hostile_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("redacted") / "desk"
    desk.write(hostile_home, out, is_redacted=True)
    return out
