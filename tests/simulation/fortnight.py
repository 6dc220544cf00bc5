"""A fortnight of the loop under an injected clock: run, dispatch to files, some answer, the rest is escalated. By hand: python tests/simulation/fortnight.py [HOURS] [--write]

A small programme lives it: findings land day after day, owners of three teams, one of whom leaves, one of whom has no channel; whoever is told may
take it, fix it or decline it, and chance, drawn from a seed, says who does. What ought to have been said on each ladder, and to whom, is worked out
here, by a plain walk over mart.handoff and what was answered, apart from the code that said it. The hours at which the loop runs are a list: doubled,
missing and late ones are told by another list.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

if __name__ == "__main__":  # as a command it finds the packages by itself
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import importlib.util

from flows import dispatching
from transforms.domain.digests import identifier
from transforms.domain.instants import iso, to_us
from warehouse import models, originated, publish
from warehouse.home import Home
from warehouse.job import open_job
from warehouse.outbox import open_outbox
from warehouse.published import dicts, open_copy

START = datetime(2026, 5, 4, tzinfo=UTC)  # a Monday
DAYS = 14
POLICY = {
    "routing": {"escalation_default": "dana"},
    "dispatch": {"quiet_hours": "20:00-07:00", "cap_per_day": 3},
    "remediation_sla": {"critical": "3d", "high": "6d", "medium": "9d", "low": "12d"},
}
_ZONES = {"anna": "Europe/Berlin", "bo": "America/New_York", "cy": "Asia/Tokyo"}


def people(conftest: Any, has_left: bool) -> list[dict[str, str]]:
    """Two levels of managers over three owners; bo leaves, eve has no channel, dana takes what is left."""
    rows = [
        conftest.person("anna", "payments", manager_id="mara", time_zone="Europe/Berlin"),
        conftest.person("bo", "store", manager_id="mara", time_zone="America/New_York", status="departed" if has_left else "active"),
        conftest.person("cy", "data", manager_id="noor", time_zone="Asia/Tokyo"),
        conftest.person("eve", "data", manager_id="noor", channel=""),
        conftest.person("mara", "leads", manager_id="zoe"), conftest.person("noor", "leads", manager_id="zoe"), conftest.person("zoe", "leads", manager_id=""),
        conftest.person("dana", "security", manager_id=""),
    ]  # fmt: skip
    return [{"time_zone": "", **row} for row in rows]


_MARTS = (
    "handoff", "responsibility", "person", "event", "finding", "finding_alias",
    "forecast_listing", "breach_forecast", "ingest_capacity", "ownership_currency", "scan_coverage", "source_cadence", "early_warning",
)  # fmt: skip
ASSETS = {"pay": "anna", "shop": "bo", "lake": "cy", "feed": "eve"}
#: Who stands above each owner, nearest first; when bo's leaving takes effect; how long a manager has to name another.
ABOVE = {"anna": ("mara", "zoe"), "bo": ("mara", "zoe"), "cy": ("noor", "zoe"), "eve": ("noor", "zoe")}
LEFT = datetime(2026, 5, 10, tzinfo=UTC)
TO_REASSIGN = timedelta(hours=48)
#: What waits for a digest, a night, a weekend or the cap is out by then.
HELD = timedelta(days=4)
LADDERS = ("handoff", "remediation", "reassignment")
#: Where `--write` puts the figures, and between what.
_PAGE = Path(__file__).resolve().parents[2] / "docs" / "dispatching.md"
_BEGIN, _END = "<!-- fortnight -->", "<!-- /fortnight -->"


def run(conftest: Any, home: Home, landing: Path, at_us: int, policy: dict) -> None:
    """A run that builds and publishes the marts that dispatch reads, and no others."""
    with open_job(home, conftest.make_policy(policy), run_id=f"run{at_us}", as_of_us=at_us, now_us=at_us, code_version="code") as job:
        with conftest.parsed_here():
            job.ingest(str(landing))
        job.compute()
        job.connection.execute("DROP SCHEMA IF EXISTS mart CASCADE")
        job.connection.execute("CREATE SCHEMA mart")
        for name in _MARTS:
            models.create(job.connection, models.models()[name])
        job.finish()
        publish.mark(job.connection, job.stamp.run_id)
        job.connection.execute("CHECKPOINT")
        shutil.copyfile(home.warehouse, home.published)


@dataclass
class Fortnight:
    """One fortnight in a folder of its own."""

    conftest: Any
    folder: Path
    seed: int = 6
    findings: int = 24
    rounds: list[dict[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.zone = self.conftest.Zone()
        self.zone.assets(*({"asset_id": asset, "name": f"{asset}-api", "owner_team": team} for asset, team in zip(ASSETS, ("payments", "store", "data", "data"), strict=True)))
        self.zone.people(*people(self.conftest, False), captured_at="2026-05-01T00:00:00Z")
        self.zone.ownership(*({"match": f"asset:{asset}", "person_id": owner, "team": ""} for asset, owner in ASSETS.items()))
        self.home = Home(self.folder / "home")
        self.landing = self.folder / "landing"
        severities = ["Critical", "High", "Medium", "Low"]
        self.scans = sorted(
            (START + timedelta(minutes=self.draw.randrange(0, (DAYS - 5) * 24 * 60)), severities[number % 4], list(ASSETS)[(number + number // 4) % 4], number)
            for number in range(self.findings)
        )
        self.answers = {number: self.draw.random() for number in range(self.findings)}
        self.scanned = 0
        self.has_left = False
        self.answered: set[str] = set()
        #: Who declined a finding, and when; the instants at which it dispatched.
        self.declined: dict[str, tuple[str, datetime]] = {}
        self.ticks: list[datetime] = []

    def tick(self, at: datetime) -> None:
        """Everything that landed by then, a run, what people say to what they were sent, and a dispatch."""
        while self.scanned < len(self.scans) and self.scans[self.scanned][0] <= at:
            when, severity, asset, number = self.scans[self.scanned]
            cve = {"title": f"Finding {number} <b>*x*</b>\n@here", "cve": f"CVE-2026-{1000 + number}", "vuln_id_from_tool": f"R{number}"}
            for scanner in ("one", "two")[: 1 + number % 2]:  # half of them by two scanners
                self.zone.scan(iso(to_us(when)), severity, target=f"{asset}-api", own=f"{scanner}{number}", scanner=scanner, **cve)
            self.scanned += 1
        if not self.has_left and at >= START + timedelta(days=6):
            self.zone.people(*people(self.conftest, True), path="people/people-2.csv", captured_at="2026-05-10T00:00:00Z", source="people")
            self.has_left = True
        self.zone.write(self.landing)
        run(self.conftest, self.home, self.landing, to_us(at), POLICY)
        self.dispatch(at)
        self._answer(at)

    def dispatch(self, at: datetime, **more: Any) -> dispatching.Round:
        found = dispatching.send(self.home, is_applied=True, by="tester", as_of_us=to_us(at), **more)
        self.rounds.append(found.counts)
        self.ticks.append(at)
        return found

    def live(self, hours: list[float], more: Callable[[datetime], None] | None = None) -> None:
        for hour in hours:
            self.tick(START + timedelta(hours=hour))
            if more:
                more(START + timedelta(hours=hour))

    def _answer(self, at: datetime) -> None:
        """Of the owners who were told, three in four take it at once, and some of them fix it too; of the others some decline."""
        numbers = self._numbers()
        for letter in self.letters():
            who = letter["to"]["person_id"]
            for finding in letter["findings"] if who in ABOVE else ():
                chance = self.answers[numbers[finding]]
                if finding in self.answered or finding in self.declined or chance > 0.85:
                    continue
                if chance < 0.75:
                    self.answered.add(finding)
                    events = ["acknowledged", *(["resolved", "verified"] if chance < 0.17 else [])]
                else:
                    self.declined[finding] = who, at
                    events = ["declined"]
                originated.originate(self.home, [
                    {"event_id": identifier(word, finding), "ref": finding, "event": word, "actor": who, "occurred_at": to_us(at) + place, "comment": "not mine" if word == "declined" else None,
                     "method": "cli", "asserted_by": "tester"}
                    for place, word in enumerate(events)
                ])  # fmt: skip

    def _numbers(self) -> dict[str, int]:
        with open_copy(self.home.folder) as connection:
            return {finding: int(title.split()[1]) for finding, title in connection.execute("SELECT finding_id, title FROM mart.finding").fetchall()}

    # What came of it

    def letters(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self.home.letters.glob("*.json"))] if self.home.letters.exists() else []

    def sent(self) -> list[dict[str, Any]]:
        """Decisions that were carried out, each with its message's instant."""
        with open_outbox(self.home.outbox) as outbox:
            entries = [entry for entry in outbox.entries(dispatching.OUTBOX) if entry.state == "confirmed"]
        return [
            {**decision, "at": entry.sent_us, "is_urgent": entry.payload["is_urgent"], "is_digest": entry.payload["is_digest"], "message": entry.key}
            for entry in entries for decision in entry.payload["decisions"]
        ]  # fmt: skip

    def warned(self) -> list[tuple[str, str]]:
        """(person, day) of each letter of early warnings."""
        with open_outbox(self.home.outbox) as outbox:
            entries = outbox.entries(dispatching.OUTBOX)
        return [(entry.payload["person_id"], entry.payload["early_warning"]["day"]) for entry in entries if entry.state == "confirmed" and "early_warning" in entry.payload]

    def expected_escalations(self, at: datetime, held: timedelta = HELD) -> dict[tuple[str, int, str], set[str]]:
        """(finding, cycle, rung) of every rung that fell due in time to be told by `at`, with the people of whom one had to be told.

        What is critical has to be told of by the next dispatch, all else after `held` at most; not what was settled by then.
        """
        found: dict[tuple[str, int, str], set[str]] = {}
        with open_copy(self.home.folder) as connection:
            rows = dicts(connection, "FROM mart.handoff WHERE is_open OR acknowledged_at IS NOT NULL")
        for row in rows:
            captured, handoff_due, acknowledged, fix_due, resolved = (
                row[name] and row[name].replace(tzinfo=UTC) for name in ("captured_at", "handoff_due_at", "acknowledged_at", "remediation_due_at", "resolved_at")
            )
            owner = ASSETS[row["asset_id"]]
            nearest, next_above = ABOVE[owner]

            def expect(rung: str, due: datetime | None, settled: datetime | None, *people: str, row: dict = row) -> None:
                told_by = self.ticks[-1] if row["severity"] == "critical" else at - held
                if due is not None and due <= min(told_by, settled - (timedelta() if row["severity"] == "critical" else held) if settled else told_by):
                    found[row["finding_id"], row["cycle"], rung] = set(people)

            budget = _office_seconds(captured, handoff_due)
            # Who was told first depends on whether they had left, or declined, by then.
            for share, to, people in ((0.5, "owner", (owner, "dana")), (0.8, "manager", (nearest,)), (0.9, "manager", (next_above,)), (1.0, "escalation_default", ("dana",))):
                expect(f"handoff {share:g} {to}", _office_instant(captured, share * budget), acknowledged, *people)
            if acknowledged:
                for share, to, people in ((0.75, "owner", (owner, nearest)), (0.9, "manager", (nearest,)), (1.0, "manager", (next_above,))):
                    expect(f"remediation {share:g} {to}", acknowledged + share * (fix_due - acknowledged), resolved, *people)
            starts = {owner: max(captured, LEFT)} if owner == "bo" else {}
            starts |= {who: when for who, when in [self.declined.get(row["finding_id"], (None, at))] if who == owner and not acknowledged}
            for who, start in starts.items():
                expect(f"reassignment start {who}", start, resolved, nearest)
                expect(f"reassignment end {who}", start + TO_REASSIGN, resolved, next_above)
        return found

    def figures(self, at: datetime, held: timedelta = HELD) -> dict[str, int]:
        sent = self.sent()
        keys = [(row["finding_id"], row["cycle"], row["person_id"], row["kind"], row["step"]) for row in sent]
        climbed = [row for row in sent if row["kind"] != "notice"]
        rungs = {(row["finding_id"], row["cycle"], f"{row['kind']} {row['step']}"): row["person_id"] for row in climbed}
        expected = self.expected_escalations(at, held)
        missed = expected.keys() - rungs.keys()
        messages = {row["message"]: row for row in sent}
        local = {key: datetime.fromtimestamp(row["at"] / 1e6, UTC).astimezone(ZoneInfo(_ZONES.get(row["person_id"], "UTC"))) for key, row in messages.items()}
        a_day = Counter((row["person_id"], local[key].date()) for key, row in messages.items() if not row["is_urgent"])
        digests = Counter((row["person_id"], local[key].date()) for key, row in messages.items() if row["is_digest"])
        warned = self.warned()
        a_day.update((who, datetime.fromisoformat(day).date()) for who, day in warned)
        told = {(row["message"], row["finding_id"], row["cycle"]) for row in sent}
        with open_copy(self.home.folder) as connection:
            landed = connection.execute("SELECT count(*) FROM record.activity WHERE event = 'notified'").fetchall()[0][0]
        waiting = sum(event["event"] == "notified" for event in originated.events_waiting(self.home))
        return {
            "dispatches": len(self.rounds), "decisions": len(keys), "messages": len(messages), "digests": sum(digests.values()), "early warnings": len(warned), "letters": len(self.letters()),
            "early warnings twice a day": len(warned) - len(set(warned)),
            "decisions carried out twice": len(keys) - len(set(keys)), "rungs climbed twice": len(climbed) - len(rungs),
            **{f"{name}: {ladder}": sum(rung.startswith(ladder) for _, _, rung in those) for ladder in LADDERS for name, those in (("climbed", rungs), ("expected", expected), ("missed", missed))},
            "told another than expected": sum(rungs[rung] not in people for rung, people in expected.items() if rung in rungs),
            "events of the record, of those that were told": landed + waiting - len(told),
            "in quiet hours": sum(not row["is_urgent"] and not 7 <= local[key].hour < 20 for key, row in messages.items()), "most a day": max(a_day.values(), default=0),
            "most digests a day": max(digests.values(), default=0), "waited for the cap": sum(found["waiting_cap"] > 0 for found in self.rounds),
            "taken": len(self.answered), "declined": len(self.declined),
        }  # fmt: skip


def _office_instant(start: datetime, seconds: float) -> datetime:
    """The first instant by which so many seconds of office hours have passed, by walking the days."""
    day, left = start.replace(hour=0, minute=0, second=0, microsecond=0), seconds
    while True:
        opens, closes = max(start, day + timedelta(hours=9)), day + timedelta(hours=17)
        open_seconds = max(0.0, (closes - opens).total_seconds()) if day.weekday() < 5 else 0.0
        if left <= open_seconds:
            return opens + timedelta(seconds=left)
        left -= open_seconds
        day += timedelta(days=1)


def _office_seconds(start: datetime, end: datetime) -> float:
    """Seconds of Monday to Friday, nine to five, by walking the days."""
    total, day = 0.0, start.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        if day.weekday() < 5:
            total += max(0.0, (min(end, day + timedelta(hours=17)) - max(start, day + timedelta(hours=9))).total_seconds())
        day += timedelta(days=1)
    return total


def main() -> None:
    spec = importlib.util.spec_from_file_location("handoff_conftest", Path(__file__).resolve().parents[1] / "conftest.py")
    assert spec and spec.loader
    conftest = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = conftest
    spec.loader.exec_module(conftest)
    hours = next((float(word) for word in sys.argv[1:] if word != "--write"), 10.0)
    with tempfile.TemporaryDirectory() as name:
        life = Fortnight(conftest, Path(name))
        life.live([hours * number for number in range(int(DAYS * 24 / hours) + 1)])
        figures = "".join(f"{what}: {count}\n" for what, count in life.figures(START + timedelta(days=DAYS)).items())
    print(figures, end="")
    if "--write" in sys.argv:
        before, _, rest = _PAGE.read_text(encoding="utf-8").partition(_BEGIN)
        _PAGE.write_text(f"{before}{_BEGIN}\n```\n{figures}```\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
