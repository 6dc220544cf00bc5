"""A random but valid landing zone with its policy: `write_landing(seed, folder, size)` writes folder/landing and folder/policy.yaml, returns as_of.

Only random.Random(seed) is drawn from, and one more for the stories. The reference beside this file is asked for due instants, so that events fall exactly on them.
Every vulnerability of one asset and place has one title, so that rows can be matched by title; what rulings.md leaves open is not generated.
"""
import csv
import gzip
import importlib.util
import io
import json
import os
import random
import shutil
import sys
from datetime import timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml


def _sibling():
    name = "handoff_reference"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("reference.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


R = _sibling()
MINUTE, HOUR, DAY = 60 * R.SECOND, 3600 * R.SECOND, R.DAY

#: Logins and ids that people go by elsewhere; "shared" is of two, and names neither.
ALIASES = {"anna": "anna-gh;A-77", "bo": "bo-gh;shared", "cy": "cy-gh", "dora": "shared", "kim": "KIM@old.example.com"}
ASSET_COLUMNS, PERSON_COLUMNS, OWNERSHIP_COLUMNS = R.COLUMNS["asset"], R.COLUMNS["person"], R.COLUMNS["ownership"]
TEAMS = ("payments", "storefront", "platform", "data")

SPELLINGS = {
    "pay-api": ["pay-api", "PAY-API", "pay.example.com", "https://pay.example.com/login", "https://pay.example.com:8443/login", "pay.example.com:8443",
                "pay.example.com.", "https://pay.example.com./", "10.1.2.3", "10.1.2.3:22"],
    "shop-img": ["registry.example.com/shop/web", "registry.example.com/shop/web:1.2", "registry.example.com/shop/web:1.3@sha256:0123abcd",
                 "registry.example.com/shop/web@sha256:0123abcd", "shop-img", "registry.example.com:5000/shop/web:1.4"],
    "core-db": ["core-db", "core-db-7", "10.9.3.4", "10.9.3.4:5432", "Core-DB."],
    "ledger": ["git/acme/ledger", "Git/Acme/Ledger", "git/acme/ledger/src/app", "ledger"],
    "dup-a": ["dup-svc", "dup-a", "dup-svc:2.0"],
    "dup-b": ["dup-b", "dup-svc"],
    "old-box": ["old-box", "old-box.example.com", "https://old-box.example.com:9443/"],
    "lone": ["lone", "lone.example.org"],
    "edge": ["edge-1.example.net", "https://edge-1.example.net/x", "edge-2.example.net:443", "edge"],
    "": ["ghost-1", "ghost-2.example.org", "172.16.9.9"],
}

VECTORS3 = ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:L/A:N", "CVSS:3.0/AV:N/AC:H/PR:L/UI:R/S:U/C:L/I:L/A:N",
            "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:U", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
            "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:P", "CVSS:3.0/AV:A/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N")
VECTORS4 = ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N",
            "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:P/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N", "CVSS:4.0/AV:N/AC:L/AT:N/PR:L/UI:N/VC:H/VI:L/VA:N/SC:N/SI:N/SA:N/E:U")


class Landing:
    """What is being made up, before it is written."""

    def __init__(self, seed, folder, size):
        self.rng = random.Random(seed)
        self.folder = Path(folder)
        self.size = size
        rng = self.rng
        self.as_of = R.parse_instant("2026-03-16T00:00:00Z", "UTC")[0] + rng.randrange(0, 100 * 48) * 30 * MINUTE
        if rng.random() < 0.15:
            self.as_of += rng.randrange(0, 60 * R.SECOND)
        self.begin = self.as_of - rng.choice((20, 40, 70)) * DAY
        self.stories = random.Random(f"stories of {seed}")            # drawn from apart: what is told in addition moves nothing that was there
        if self.stories.random() < 0.35:                              # over quarter boundaries, some over a year's end
            self.begin = self.as_of - self.stories.choice((130, 260, 430)) * DAY
        self.directories = random.Random(f"directories of {seed}")    # drawn from apart, likewise
        self.truths = []
        self.observations = []
        self.events = []
        self.extra_rows = []
        self.used = set()
        self.files = {}
        self.number = 0
        self.policy = {}
        self.change_points = []

    # -------- helpers

    def chance(self, p):
        return self.rng.random() < p

    def some_instant(self, first=None, last=None):
        """On a half-hour grid, so that instants often coincide; sometimes to the microsecond."""
        first = self.begin if first is None else first
        last = self.as_of if last is None else last
        if last <= first:
            return first
        at = first + self.rng.randrange(0, last - first)
        if self.chance(0.85):
            at = max(first, at // (30 * MINUTE) * (30 * MINUTE))
        return at

    def instant_text(self, at):
        """Z, or an offset."""
        if self.chance(0.8):
            return R.text_of(at)
        hours = self.rng.choice((-8, -5, 1, 2, 9))
        return R.moment(at).astimezone(timezone(timedelta(hours=hours))).isoformat()

    # -------- policy

    def make_policy(self):
        rng, p = self.rng, {"version": 1}
        if self.chance(0.5):
            p["reporting_zone"] = rng.choice(("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"))
        if self.chance(0.2):
            p["clock_tolerance"] = rng.choice(("2m", "1h", "0s"))
        calendars = {
            "berlin": {"time_zone": "Europe/Berlin", "holiday_region": "DE/BE"} if self.chance(0.5) else
            {"time_zone": "Europe/Berlin", "holidays": ["2026-04-03", "2026-04-06", "2026-05-01"], "overrides": {"2026-04-02": ["09:00-13:00"]}},
            "new_york": {"time_zone": "America/New_York", "windows": ["08:30-17:30"], "business_day": "9h"},
            "night": {"time_zone": rng.choice(("Europe/London", "America/New_York")), "windows": ["22:00-30:00"],
                      "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][:rng.choice((5, 7))]},
            "small_hours": {"time_zone": rng.choice(("Europe/Berlin", "America/New_York")), "windows": ["02:30-03:30", "04:00-06:00"],
                            "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "business_day": "3h"},
            "tokyo": {"time_zone": "Asia/Tokyo", "windows": ["09:00-12:00", "13:00-18:00"], "holiday_region": "JP"},
            "always": {"time_zone": "America/New_York", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "windows": ["00:00-24:00"],
                       "business_day": "24h"},
            "riyadh": {"time_zone": "Asia/Riyadh", "days": ["sun", "mon", "tue", "wed", "thu"], "windows": ["08:00-16:00"],
                       "overrides": {"2026-03-20": [], "2026-04-11": ["10:00-12:00"], "2026-04-15": []}},
        }
        names = rng.sample(sorted(calendars), rng.randrange(0, 5))
        if names:
            p["calendars"] = {n: calendars[n] for n in names}
            p["team_calendars"] = {t: rng.choice(names) for t in TEAMS if self.chance(0.8)}
        if self.chance(0.2):
            p.setdefault("calendars", {})["default"] = {"time_zone": "Europe/Berlin", "windows": ["08:00-16:30"], "business_day": "8h"}
        if self.chance(0.4):
            p["handoff_sla"] = {"critical": rng.choice(("2bh", "4h", "30m")), "high": rng.choice(("6bh", "1bd", "24h")), "low": "5bd"}
        if self.chance(0.5):
            p["remediation_sla"] = {"critical": rng.choice(("1d", "36h")), "high": "4d", "medium": "9d", "low": "20d"}
        if self.chance(0.5):
            p["acknowledgement_window"] = {"critical": "6h", "high": rng.choice(("24h", "36h")), "medium": "3d", "low": "6d"}
        ack = {}
        if self.chance(0.2):
            ack["roles"] = rng.choice((["engineer"], ["engineer", "lead"]))
        if self.chance(0.25):
            ack["unowned"] = "nobody"
        if self.chance(0.2):
            ack["allowed"] = rng.choice((["owner"], ["owning_team"]))
        if self.chance(0.04):
            ack["trust"] = ["link", "cli"]
        if ack:
            p["acknowledgement"] = ack
        if self.chance(0.2):
            p["binding_due_share"] = rng.choice((0.25, 0.75))
        if self.chance(0.6):
            p["noise"] = {"threshold": rng.choice((3, 5, 8)), "repeats": rng.choice((2, 3, 4))}
            if self.chance(0.3):
                p["noise"]["window"] = "12h"
        if self.chance(0.85):
            p["controls"] = {"attestation": rng.choice(("3d", "7d", "10d", "36h"))}
        if self.chance(0.8):
            p["verdict"] = {"minimum": rng.choice((1, 2, 3))}
            if self.chance(0.5):
                p["verdict"]["high"] = {"median": "72h", "rate": 0.5}
        severity = {}
        if self.chance(0.4):
            severity["calibration"] = {"scanner-two": {"moderate": "medium", "important": "high"}}
        if self.chance(0.15):
            severity.setdefault("calibration", {})["*"] = {"unknown": "low", "low": "informational"}
        if self.chance(0.3):
            severity["not_internet_facing"] = "adjacent"
        if self.chance(0.25):
            severity["kev"] = rng.choice((None, "critical"))
        if self.chance(0.15):
            severity["requirements"] = {"medium": "H", "low": "X"}
        if self.chance(0.15):
            severity["epss"] = {"at_least": 0.5, "to": rng.choice(("high", "critical"))}
        # Few enough that a small programme drifts.
        p["severity"] = {**severity, "drift": {"recent": "20d", "before": "60d", "change": 0.2, "minimum": 3, "scored": 2}}
        if self.chance(0.5):
            p["routing"] = {"escalation_default": rng.choice(("ivy", "ivy", "hal", "nobody-known"))}
        if self.chance(0.4):
            p["reopen"] = {"grace": rng.choice(("0s", "12h", "2d", "3d"))}
        if self.chance(0.2):
            p["sources"] = {"*": {"time_zone": rng.choice(("Asia/Kolkata", "UTC")), "date_order": rng.choice(("mdy", "dmy"))}}
        if self.stories.random() < 0.3:
            p["controls"] = {"attestation": self.stories.choice(("20d", "45d", "60d"))}
        if self.stories.random() < 0.5:
            p["time_quality"] = {"bulk_count": self.stories.choice((2, 3, 4)), "bulk_window": self.stories.choice(("10s", "60s", "5m"))}
        self.policy = p
        self.zone = p.get("sources", {}).get("*", {}).get("time_zone", "UTC")

    # -------- registers

    def make_people(self):
        rng = self.rng
        self.move = self.some_instant(self.begin + 3 * DAY, self.as_of - DAY)
        self.change_points.append(self.move)

        def person(pid, team, **more):
            row = {"person_id": pid, "name": pid.title(), "email": f"{pid}@example.com", "team": team, "role": "engineer", "channel": "chat",
                   "status": "active", "kind": "human"}
            row.update(more)
            return row
        rows = [person("anna", "payments"), person("bo", "storefront"), person("cy", "platform"), person("dora", "payments"),
                person("ed", "storefront"), person("fay", "platform", channel=""), person("gus", "data", role=""),
                person("inbox", "payments", kind="group"), person("robo", "platform", kind="bot"), person("hal", "storefront", status="inactive"),
                person("ivy", "storefront", role="lead"), person("kim", "PAYMENTS", role="manager"), person("lee", "platform", status="", kind=""),
                person("max", "data", status="departed"), person("ann", "", role="lead")]
        first, later = [dict(r) for r in rows], None
        by = {r["person_id"]: r for r in first}
        if self.chance(0.5):                                                      # successive versions in one file
            moved = self.instant_text(self.move)
            for pid, change in (("dora", {"status": "departed"}), ("ed", {"team": "data"}), ("anna", {"status": "inactive"})):
                if self.chance(0.6):
                    first.append({**by[pid], **change, "effective_from": moved})
            if self.chance(0.3):
                first.append(person("jo", "data", effective_from=R.text_of(self.move)[:10]))
        if self.chance(0.1):
            first.append({**by["bo"], "role": "architect"})                       # conflict, bytewise smallest
        snapshots = [(self.begin - 10 * DAY, True, first)]
        if self.chance(0.6):
            later = [dict(r) for r in first if r["person_id"] != rng.choice(("dora", "max", "none"))]
            for row in later:
                if row.get("effective_from"):
                    continue
                if row["person_id"] == "cy" and self.chance(0.4):
                    row["status"] = rng.choice(("departed", "inactive"))
                if row["person_id"] == "bo" and self.chance(0.3):
                    row["team"] = "platform"
                if row["person_id"] == "hal" and self.chance(0.5):
                    row["status"] = "active"
                if row["person_id"] == "dora" and self.chance(0.3):
                    row.update(status="departed", effective_from=self.instant_text(self.move))
            later.append(person("newt", "payments"))
            complete = self.chance(0.8)
            if not complete:
                later = rng.sample(later, 5)
            elif self.chance(0.25):
                later = later[:4]                                                 # held
            at = self.some_instant(self.begin + 2 * DAY, self.as_of - DAY)
            self.change_points.append(at)
            snapshots.append((at, complete, later))
        self.tell_directories(snapshots)
        self.write_register("people", "people", PERSON_COLUMNS, snapshots)

    def tell_directories(self, snapshots):
        """Other ids of people, an id in another case, a human whose address is a group's or a bot's."""
        has_aliases, shouts, posing = (self.directories.random() < p for p in (0.6, 0.3, 0.4))
        posed = {"ivy": self.directories.choice(("payments-team@example.com", "NoReply@example.com", "ivy@example.com"))}
        for number, (_, _, rows) in enumerate(snapshots):
            for row in rows:
                pid = row["person_id"]
                if has_aliases:
                    row["aliases"] = ALIASES.get(pid, "")
                if posing and pid in posed:
                    row["email"] = posed[pid]
                if shouts and number == 1 and pid in ("bo", "ed"):
                    row["person_id"] = pid.title()

    def make_assets(self):
        rng = self.rng

        def asset(aid, name, aliases, app, unit, env, team, **more):
            row = {"asset_id": aid, "name": name, "aliases": aliases, "application": app, "business_unit": unit, "environment": env,
                   "owner_team": team, "status": "active", "criticality": rng.choice(("", "", "critical", "high", "medium", "low")),
                   "internet_facing": rng.choice(("", "true", "false"))}
            row.update(more)
            return row
        rows = [
            asset("pay-api", "pay-api", "pay.example.com; 10.1.2.3", "pay", "finance", "production", "payments"),
            asset("shop-img", "registry.example.com/shop/web", "registry.example.com:5000/shop/web", "shop", "retail", "production",
                  rng.choice(("storefront", ""))),
            asset("core-db", "core-db", "name:core-*;cidr:10.9.0.0/16", "", "retail", "staging", "platform"),
            asset("ledger", "git/acme/ledger", "path:git/acme/ledger/", "ledger", "finance", "", rng.choice(("data", ""))),
            asset("dup-a", "dup-svc", "", "dup", "finance", "production", "data"),
            asset("dup-b", "dup-svc", "", "dup", "retail", "production", "platform"),
            asset("old-box", "old-box", "old-box.example.com", "legacy", "finance", "production", "platform", status="retired"),
            asset("lone", "lone", "lone.example.org", "", "", "", "", status=""),
            asset("edge", "edge", "name:edge-*.example.net", "edge", "retail", "production", rng.choice(("storefront", "payments", ""))),
            asset("pad-1", "pad-1", "", "", "", "", "data"), asset("pad-2", "pad-2", "", "", "", "", "data"),
        ]
        first = [dict(r) for r in rows]
        by = {r["asset_id"]: r for r in first}
        if self.chance(0.5):
            at = self.some_instant(self.begin + DAY, self.as_of - DAY)
            self.change_points.append(at)
            if self.chance(0.5):
                first.append({**by["pay-api"], "owner_team": rng.choice(("data", "")), "effective_from": self.instant_text(at)})
            if self.chance(0.4):
                first.append({**by["edge"], "status": "retired", "effective_from": self.instant_text(at)})
            if self.chance(0.4):
                by["lone"]["effective_from"] = R.text_of(at)                      # unbound before
            if self.chance(0.3):
                first.append({**by["dup-b"], "name": "dup-other", "effective_from": self.instant_text(at)})   # ambiguous before
        if self.chance(0.1):
            first.append({**by["core-db"], "owner_team": "data"})                 # conflict
        snapshots = [(self.begin - 9 * DAY, True, first)]
        if self.chance(0.6):
            later = [dict(r) for r in first]
            complete = self.chance(0.8)
            for row in later:
                if row.get("effective_from"):
                    continue
                if row["asset_id"] == "core-db" and self.chance(0.4):
                    row["owner_team"] = "data"
                if row["asset_id"] == "shop-img" and self.chance(0.3):
                    row["status"] = "retired"
                if row["asset_id"] == "old-box" and self.chance(0.3):
                    row["status"] = "active"
                if row["asset_id"] == "edge" and self.chance(0.3):
                    row.update(owner_team="platform", effective_from=self.instant_text(self.some_instant()))
            if complete and self.chance(0.4):
                gone = rng.choice(("pad-1", "ledger", "dup-b"))
                later = [r for r in later if r["asset_id"] != gone]
            if not complete:
                later = rng.sample(later, 3)
            if self.chance(0.5):
                later.append(asset("ghost", "ghost-1", "", "ghosts", "finance", "staging", "payments"))
            at = self.some_instant(self.begin + DAY, self.as_of - HOUR)
            self.change_points.append(at)
            snapshots.append((at, complete, later))
        self.write_register("assets", "assets", ASSET_COLUMNS, snapshots)

    def make_ownership(self):
        rng = self.rng
        matches = ["asset:pay-api", "pay-api", "application:pay", "pay", "name:pay*", "asset:shop-img", "name:registry*", "registry.*/shop/*",
                   "application:shop", "asset:core-db", "cidr:10.9.0.0/16", "10.9.0.0/16", "cidr:10.1.0.0/16", "name:core-*", "asset:ledger",
                   "path:src/pay", "path:src/", "asset:dup-a", "application:dup", "asset:edge", "name:*.example.net", "application:edge", "asset:old-box",
                   "asset:lone", "name:lone*", "lone.example.[a-z]*", "asset:dup-b", "asset:ghost"]
        people = ["anna", "bo", "cy", "dora", "ed", "ivy", "anna@example.com", "BO@Example.com", "lee", "kim"]
        odd = ["fay", "gus", "inbox", "robo", "hal", "max", "stranger", ""]

        def row(match):
            r = {"match": match, "person_id": rng.choice(odd) if self.chance(0.25) else rng.choice(people),
                 "team": rng.choice((*TEAMS, "", "", "phantoms")), "priority": rng.choice(("", "", "10", "20", "100", "5")), "effective_from": "",
                 "effective_to": ""}
            if self.chance(0.08):
                r.update(person_id="", team=rng.choice((*TEAMS, "phantoms", "phantoms")))
            if self.chance(0.2):
                at = self.some_instant()
                self.change_points.append(at)
                r["effective_from"] = self.instant_text(at)
            if self.chance(0.15):
                at = self.some_instant()
                self.change_points.append(at)
                r["effective_to"] = self.instant_text(at)
            return r
        first = [row(m) for m in rng.sample(matches, rng.randrange(8, 22))]
        for aid in ("pay-api", "shop-img", "core-db", "edge"):
            if self.chance(0.7):
                first.append(row("asset:" + aid))
        keys = {}
        for r in first:
            keys.setdefault((r["match"], r["person_id"], r["team"]), r)
        first = list(keys.values())
        snapshots = [(self.begin - 8 * DAY, True, first)]
        if self.chance(0.5):
            later = [dict(r) for r in first]
            gone = rng.sample(range(len(later)), max(0, len(later) // 6)) if self.chance(0.6) else []
            later = [r for n, r in enumerate(later) if n not in gone]
            for r in later:
                if not r["effective_from"] and self.chance(0.1):
                    r["priority"] = rng.choice(("1", "50"))
            known = {(r["match"], r["person_id"], r["team"]) for r in first}
            for _ in range(2):
                r = {**row(rng.choice(matches)), "effective_from": ""}
                if (r["match"], r["person_id"], r["team"]) not in known:
                    known.add((r["match"], r["person_id"], r["team"]))
                    later.append(r)
            at = self.some_instant(self.begin + DAY, self.as_of - HOUR)
            self.change_points.append(at)
            snapshots.append((at, True, later))
        name = rng.choice(("ownership", "owners"))
        if self.directories.random() < 0.5:                                       # who is named for a team
            on_call = [{"match": f"team:{self.directories.choice((*TEAMS, 'PAYMENTS', 'phantoms'))}", "person_id": person, "team": "", "priority": "", "effective_from": "",
                        "effective_to": R.text_of(self.move) if self.directories.random() < 0.3 else ""} for person in ("kim", "cy-gh", "ivy")]
            for _, _, rows in snapshots:
                rows += [dict(row) for row in on_call]
        self.write_register("people", name, OWNERSHIP_COLUMNS, snapshots)

    def write_register(self, folder, name, columns, snapshots):
        if len(snapshots) == 2:
            key = R.KEYS["ownership" if "match" in columns else columns[0][:-3]]
            first, later = ([tuple(r[k] for k in key) for r in snapshots[n][2]] for n in (0, 1))
            lost = len(set(first) - set(later)) / len(set(first))
            fewer = (len(first) - len(later)) / len(first)
            several = len(set(first)) < len({(k, r.get("effective_from")) for k, r in zip(first, snapshots[0][2], strict=True)})
            if several or (snapshots[1][1] and (lost > 0.2) != (fewer > 0.2)):    # what is open in the rulings is not asked
                snapshots = snapshots[:1]
        named = self.chance(0.5)
        for at, complete, rows in snapshots:
            base = name if len(snapshots) == 1 else f"{name}-{R.text_of(at)[:10]}"
            path = f"{folder}/{base}.csv"
            used = [c for c in columns if any(r.get(c) for r in rows) or c in columns[:3]]
            rows = list(rows)
            self.rng.shuffle(rows)
            self.put_csv(path, used, rows)
            if len(snapshots) > 1 or self.chance(0.3):
                side = {"captured_at": R.text_of(at)}
                if named:
                    side["source"] = f"{name}-register"
                if not complete:
                    side["complete"] = False
                self.put_sidecar(path, side)

    # -------- files

    def put_csv(self, path, columns, rows):
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, extrasaction="ignore", restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.files[path] = out.getvalue()

    def put_sidecar(self, path, side, stem=False):
        lines = []
        for key, value in side.items():
            if isinstance(value, bool):
                lines.append(f"{key}: {str(value).lower()}")
            elif key == "captured_at" and self.chance(0.5):
                lines.append(f"{key}: {value}")
            else:
                lines.append(f"{key}: {json.dumps(value)}")
        name = path.rsplit(".", 1)[0] if stem else path
        self.files[name + ".meta.yaml"] = "\n".join(lines) + "\n"

    # -------- vulnerabilities

    def make_truths(self):
        rng = self.rng
        self.aliases, self.kev = [], []
        for n in range(self.size):
            self.make_truth(n)
        if self.size > 3 and self.chance(0.6):                                    # one own id on two findings: ambiguous unless qualified
            a, b = rng.sample([t for t in self.truths if not t["one_id"]] or self.truths, 2) if \
                sum(not t["one_id"] for t in self.truths) > 1 else (None, None)
            if a:
                for t, scanner in ((a, a["scanners"][0]), (b, b["scanners"][-1])):
                    t["own"][scanner] = "42"

    def make_truth(self, n):
        rng = self.rng
        asset = rng.choice([a for a in SPELLINGS for _ in range(3 if a in ("pay-api", "shop-img", "core-db", "edge") else 1)])
        t = {"n": n, "title": f"V{n:03d} {rng.choice(('leak', 'overflow', 'injection', 'Zero', 'default password'))} {n}", "asset": asset,
             "kind": rng.choice(("package", "package", "none", "code", "web", "host", "multi")), "scanners": ["scanner-one", "scanner-two", "scanner-three"]}
        cve, ghsa = f"CVE-2026-{1000 + n}", f"GHSA-aaaa-bbbb-{1000 + n}"
        kind = rng.choice(("cve", "alias", "alias", "ghsa", "vendor", "rule", "title", "two"))
        if kind == "cve":
            t["ids"] = [[cve], [cve.lower()], [cve, cve]]
        elif kind == "alias":
            t["ids"] = [[cve], [ghsa], [f"PYSEC-2026-{n}"], [ghsa.lower(), cve], [f"SNYK-X-{n}"]]
            self.aliases.append({"id": f"PYSEC-2026-{n}", "cve": cve, "ghsa": ghsa, "other": f"SNYK-X-{n}"})
        elif kind == "ghsa":
            t["ids"] = [[ghsa], [f"PYSEC-2026-{n}"]]
            self.aliases.append({"id": f"PYSEC-2026-{n}", "cve": "", "ghsa": ghsa, "other": ""})
        elif kind == "vendor":
            t["ids"] = [[f"ACME-{n}"], [f"acme-{n}"]]
        else:
            t["ids"] = [[]] if kind != "two" else [[cve, f"CVE-2026-{5000 + n}"]]
            t["scanners"] = [rng.choice(t["scanners"])]
        t["rule"] = "" if kind == "title" else f"R-{n}"
        if kind in ("cve", "alias", "two") and self.chance(0.25):
            day = R.text_of(self.as_of + rng.choice((-30, -3, 0, 0, 1, 20)) * DAY)[:10]
            self.kev.append({"cveID": cve, "dateAdded": day})
        t["spellings"] = list(SPELLINGS[asset])
        if asset == "" or t["kind"] in ("web", "host"):
            t["spellings"] = [rng.choice(t["spellings"])]
        t["host"] = f"edge-{n}.example.net" if asset == "edge" else f"h{n}.example.com"
        t["file"] = rng.choice(("src/pay/main.py", "src/shop/cart.py", "lib/util.c"))
        t["one_id"] = t["kind"] == "code"
        t["own"] = {}
        for scanner in t["scanners"]:
            t["own"][scanner] = f"{scanner[8:9]}{n}" if self.chance(0.85) else ""
        if t["one_id"]:
            own = rng.choice((f"F-{n}", ""))
            t["own"] = dict.fromkeys(t["scanners"], own)
        base = rng.choice(("Critical", "High", "Medium", "Low", "High", "Critical"))
        t["severity"] = base
        self.truths.append(t)

    def observe(self, t, at, severity=None, scanner=None, **more):
        """One observation of a truth; the same (truth, scanner, instant) is made once."""
        rng = self.rng
        scanner = scanner or rng.choice(t["scanners"])
        if (t["n"], scanner, at) in self.used:
            return None
        self.used.add((t["n"], scanner, at))
        o = {"truth": t, "at": at, "scanner": scanner, "severity": severity or t["severity"], "target": rng.choice(t["spellings"]),
             "ids": rng.choice(t["ids"]), "vector": None, "more": {}, "channel": None, "engagement": None, "scan_id": None, "resend": None,
             "conflict": None}
        o.update(more)
        if self.chance(0.15):
            o["vector"] = ("cvssv3", rng.choice(VECTORS3)) if self.chance(0.7) else ("cvssv4", rng.choice(VECTORS4))
        if self.chance(0.06):
            o["more"]["known_exploited"] = True
        if self.chance(0.1):
            o["more"]["epss_score"] = rng.choice((0.2, 0.5, 0.93))
        if self.chance(0.1):
            o["more"].update(rng.choice(({"active": False}, {"false_p": True}, {"is_mitigated": True, "mitigated": "2026-04-01"}, {"made_up": [1]})))
        if self.chance(0.15):
            o["engagement"] = rng.choice(("audit-7", "pentest"))
        if self.chance(0.15):
            o["channel"] = rng.choice(("manual", "third_party", "code_scan"))
        if self.chance(0.12):
            o["scan_id"] = f"scan-{len(self.observations)}"
            again = at + rng.choice((-2 * HOUR, 3 * HOUR, DAY))
            if self.chance(0.6) and (t["n"], scanner, again) not in self.used:
                o["resend"] = again
                self.used.add((t["n"], scanner, again))
        if self.chance(0.06):
            o["conflict"] = rng.choice(("Low", "Critical", "Info", "HIGH"))
        self.observations.append(o)
        return o

    def make_observations(self):
        rng = self.rng
        for t in self.truths:
            at = self.some_instant(self.begin, self.as_of - HOUR)
            if self.chance(0.1):
                self.observe(t, at - rng.choice((HOUR, DAY)), severity=rng.choice(("Info", "informational", "None")))
            opening = rng.choice(("Unknown", "Moderate", "wat")) if self.chance(0.12) else None
            if self.chance(0.06):
                opening = "Info"
            self.observe(t, at, severity=opening)
            for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 5))):
                later = rng.choice((at, at + HOUR, at + 3 * HOUR, at + DAY, at + 3 * DAY, at + 9 * DAY, self.some_instant(at, self.as_of)))
                if later > self.as_of:
                    continue
                word = rng.choice((None, None, None, "Critical", "High", "low", " Medium", "MEDIUM", "INFO", "Unknown", "important"))
                self.observe(t, later, severity=word.strip() if word else None)
            if self.chance(0.08):
                self.observe(t, self.as_of + rng.choice((0, MINUTE, 3 * MINUTE, 10 * MINUTE, 2 * HOUR)))

    def item(self, o):
        t, own = o["truth"], o["truth"]["own"][o["scanner"]]
        i = {"title": t["title"], "severity": o["severity"], "description": f"about {t['n']}"}
        if own:
            i["unique_id_from_tool"] = own
        if t["rule"]:
            i["vuln_id_from_tool"] = t["rule"]
        ids = list(o["ids"])
        if ids and o["at"] % 2 == 0:
            i["cve"] = ids.pop(0)
        if ids:
            i["vulnerability_ids"] = ids
        if o["vector"]:
            i[o["vector"][0]] = o["vector"][1]
        i.update(o["more"])
        if t["kind"] in ("package", "multi"):
            i["component_name"] = "OpenSSL" if o["at"] % 4 == 0 else "openssl"
            i["component_version"] = f"1.{o['at'] % 3}"
        if t["kind"] == "multi":
            i["endpoints"] = [f"https://{t['host']}/a", f"https://{t['host']}/b", f"https://{t['host']}/a"]
            i["service"] = o["target"]
        if t["kind"] == "web":
            i["endpoints"] = [f"https://{t['host']}:8443/login"]
            if not t.get("csv"):
                i["param"] = "q"
        if t["kind"] == "host":
            i["endpoints"] = [f"{t['host']}:22"]
        if t["kind"] in ("web", "host") and t["asset"] not in ("", "edge"):
            i["service"] = o["target"]
        if t["kind"] == "code":
            i["file_path"] = t["file"]
            i["line"] = o["at"] % 7
        return i

    def write_scans(self):
        """Observations to files: those that share a sidecar often share a file."""
        self.files = {k: v for k, v in self.files.items() if not k.startswith(("scans/", "reference/"))}
        self.times = {}
        groups = {}
        for n, o in enumerate(self.observations):
            style = n % 5 if not (o["scan_id"] or o["conflict"]) else 0
            if style in (1, 3) and R.is_midnight(o["at"], self.zone):
                style = 4                                             # written as a day, where it can be
            key = (o["scanner"], o["target"] if o["truth"]["kind"] != "multi" else "", o["at"], o["engagement"], o["channel"], o["scan_id"], style)
            groups.setdefault(key, []).append(o)
        for n, ((scanner, target, at, engagement, channel, scan_id, style), found) in enumerate(groups.items()):
            folder = "scans/deep" if engagement == "pentest" else "scans"
            path = f"{folder}/s{n:03d}.json"
            side = {"scanner": scanner, "captured_at": R.text_of(at)}
            top = {}
            if target:
                side["target"] = target
            if channel:
                side["capture_channel"] = channel
            if engagement and engagement != "pentest":
                side["engagement"] = engagement
            if scan_id:
                side["scan_id"] = scan_id
            items = [self.item(o) for o in found]
            if style == 1:                                                        # the report's own date wins over the sidecar
                side["captured_at"] = R.text_of(at + 5 * HOUR)
                for i in items:
                    i["date"] = self.local(at, n)
            elif style == 2:                                                      # a naive stamp in a declared zone without a change
                side["time_zone"] = "Asia/Kolkata"
                side["captured_at"] = self.local(at, 3)[:-6]
            elif style == 3:
                del side["scanner"]
                top = {"type": scanner.upper() + " "} if n % 2 else {"name": scanner.title()}
                for i in items:
                    i["date"] = R.text_of(at)[:10]                                # a day only: the sidecar wins
            midnight = R.moment(at).astimezone(ZoneInfo(self.zone))
            if style == 4 and (midnight.hour, midnight.minute, midnight.second, midnight.microsecond) == (0, 0, 0, 0):
                del side["captured_at"]
                for i in items:
                    i["date"] = midnight.date().isoformat()
            elif style == 4 and n % 2 == 0 and at % R.SECOND == 0 and not path.endswith("9.json"):
                del side["captured_at"]
                self.times[path] = at
            body = {**top, "findings": items}
            self.files[path] = json.dumps(body, indent=1)
            self.put_sidecar(path, side, stem=n % 3 == 0)
            for o in found:
                if o["resend"] is not None and o["resend"] <= self.as_of:
                    self.files[path.replace(".json", "-again.json")] = json.dumps(body, indent=2)
                    self.put_sidecar(path.replace(".json", "-again.json"), {**side, "captured_at": R.text_of(o["resend"])})
                if o["conflict"]:
                    other = path.replace(".json", "-other.json")
                    self.files[other] = json.dumps({**top, "findings": [{**i, "severity": o["conflict"]} for i in items]}, indent=1)
                    self.put_sidecar(other, side)
            if n % 17 == 5:                                                       # the same content twice
                copy = path.replace(".json", "-copy.json")
                self.files[copy] = self.files[path]
                self.put_sidecar(copy, side)
            if n % 23 == 7:
                self.files[path] = json.dumps({**body, "findings": [*items, {"title": "no severity", "description": "x"}, "text"]}, indent=1)
        if any(k.startswith("scans/deep/") for k in self.files):
            self.files["scans/deep/_scan.yaml"] = "engagement: pentest\n"
        if self.as_of % 3 == 0:
            self.files["scans/bad.json"] = json.dumps({"findings": [{"title": "quarantined", "severity": "High", "description": "x"}]})
            self.put_sidecar("scans/bad.json", {"target": "pay-api", "captured_at": R.text_of(self.begin), "colour": "red"})
        if self.kev:
            self.put_csv("reference/kev.csv", ["cveID", "vendorProject", "product", "vulnerabilityName", "dateAdded"], self.kev)
        if self.aliases:
            self.put_csv("reference/vulnerability_aliases.csv", ["id", "cve", "ghsa", "other", "published", "modified", "withdrawn", "package"], self.aliases)
        self.write_scan_csv()

    def write_scan_csv(self):
        """Web vulnerabilities once more, as DefectDojo's CSV: no own ids, the host of the URL is the target."""
        rows = []
        for t in self.truths:
            if t["kind"] == "web" and t["asset"] in ("", "edge") and len(t["ids"][0]) == 1 and t.get("csv"):
                year, month, day = t["csv"].split("-")
                order = self.policy.get("sources", {}).get("*", {}).get("date_order", "mdy")
                slashed = f"{month}/{day}/{year}" if order == "mdy" and (int(day) < 13 or t["n"] % 3) else f"{day}/{month}/{year}"
                rows.append({"Date": slashed if t["n"] % 2 else t["csv"], "Title": t["title"], "Url": f"https://{t['host']}:8443/login", "Severity": t["severity"],
                             "Description": "csv", "CVE": t["ids"][0][0]})
        if rows:
            self.put_csv("scans/export.csv", ["Date", "Title", "CweId", "Url", "Severity", "Description", "CVE"], rows)
            self.put_sidecar("scans/export.csv", {"scanner": "scanner-four"})

    @staticmethod
    def local(at, n):
        zone = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kolkata", "UTC")[n % 5]
        return R.moment(at).astimezone(ZoneInfo(zone)).isoformat()

    # -------- activity

    PEOPLE = ("anna", "bo", "cy", "dora", "ed", "fay", "gus", "inbox", "robo", "hal", "ivy", "kim", "lee", "max", "jo", "newt", "stranger", "ann",
              "anna@example.com", "CY@example.com", "secops")

    def event(self, ref, word, at, actor="", **more):
        self.number += 1
        e = {"event_id": f"e{self.rng.randrange(100, 999)}-{self.number}", "ref": ref, "event": word, "actor": actor, "at": at}
        if actor in ALIASES and self.directories.random() < 0.15:
            e["actor"] = self.directories.choice([actor.title(), *ALIASES[actor].split(";"), ALIASES[actor].split(";")[0].upper()])
        e.update(more)
        if at is not None and self.chance(0.03):
            e["event_id"] = ""
            e["at"] += self.number                                                # a blank id never ties
        self.events.append(e)
        return e

    def refs(self, t):
        found = []
        for scanner in sorted({o["scanner"] for o in self.observations if o["truth"] is t}):
            if t["own"][scanner]:
                found += [t["own"][scanner], f"{scanner}:{t['own'][scanner]}"]
        return found

    def state_of(self):
        """title -> rows of mart.handoff so far."""
        self.dump()
        got = R.expected(self.folder / "landing", self.folder / "policy.yaml", R.text_of(self.as_of))
        rows = {}
        for row in got["handoff"]:
            rows.setdefault(row["title"], []).append({k: R.parse_instant(v, "UTC")[0] if k.endswith("_at") and v else v for k, v in row.items()})
        return rows

    def who(self, row):
        roll = self.rng.random()
        if roll < 0.6 and row["owner_id"]:
            return row["owner_id"]
        if roll < 0.85:
            mates = {"payments": ("anna", "dora", "kim"), "storefront": ("bo", "ed", "ivy"), "platform": ("cy", "lee", "fay"),
                     "data": ("gus", "ed", "jo")}.get(row["team"])
            if mates:
                return self.rng.choice(mates)
        return self.rng.choice(self.PEOPLE)

    def near(self, row):
        """An instant that decides something."""
        rng = self.rng
        exact = [row["captured_at"], row["captured_at"], row["handoff_due_at"], row["window_ends_at"], *self.change_points]
        roll = rng.random()
        if roll < 0.3:
            at = rng.choice(exact) + rng.choice((0, 0, 0, 1, -1))
        elif roll < 0.85:
            at = row["captured_at"] + rng.choice((10 * MINUTE, HOUR, 2 * HOUR, 5 * HOUR, DAY, 2 * DAY, 4 * DAY, 8 * DAY))
        else:
            at = self.some_instant(row["captured_at"] - DAY, self.as_of)
        if at > self.as_of and self.chance(0.95):
            at = self.some_instant(row["captured_at"], self.as_of)
        return at

    def make_activity(self):
        rng = self.rng
        rows = self.state_of()
        for t in self.truths:
            refs = self.refs(t)
            if not refs or t["title"] not in rows or self.chance(0.1) or t.get("fresh"):
                continue
            row = rows[t["title"]][0]
            at = row["captured_at"]
            script = rng.choice(("calm", "calm", "calm", "prompt", "prompt", "walk", "walk", "walk", "tie", "spam", "control", "control"))
            if script == "prompt":                                                # acknowledged at once or late, then watched for long
                at += rng.choice((0, 1, HOUR, HOUR, 5 * HOUR, 2 * DAY)) if self.chance(0.8) else 0
                at = rng.choice((at, at, at, row["handoff_due_at"], row["window_ends_at"] - 1, row["window_ends_at"]))
                self.step(t, rng.choice(refs), "acknowledged", at, row)
                for _ in range(rng.randrange(0, 4)):
                    word = rng.choice(("triaged", "in_progress", "resolved", "control_accepted", "control_attested", "reassigned", "verified"))
                    at += rng.choice((0, HOUR, DAY, 3 * DAY))
                    self.step(t, rng.choice(refs), word, at, row)
                if self.chance(0.3):
                    self.observe(t, min(self.as_of, at + rng.choice((1, DAY))), severity=rng.choice(("Critical", "High")))
            elif script == "calm":
                for word in ("enriched", "routed", "notified", "acknowledged", "triaged", "in_progress", "resolved", "verified"):
                    at += rng.choice((0, 5 * MINUTE, HOUR, 6 * HOUR, DAY))
                    if self.chance(0.8):
                        self.step(t, rng.choice(refs), word, at, row)
            elif script == "tie":
                for word in rng.sample(R.VOCABULARY[:16], 7):
                    self.step(t, rng.choice(refs), word, rng.choice((at, at, row["handoff_due_at"], self.near(row))), row)
            elif script == "spam":
                person = row["owner_id"] or rng.choice(self.PEOPLE)
                begin = self.near(row)
                count = rng.choice((3, 6, 21, 23))
                for n in range(count):
                    ref = rng.choice((*refs, "no-such-finding", "no-such-finding"))
                    digest = {"batch_id": f"digest-{begin}-{n // 2}"} if count == 23 and n < 8 else {}
                    self.event(ref, "notified", begin + n * rng.choice((MINUTE, HOUR)), "secops", target_person=person, channel="chat", **digest)
                self.event(rng.choice(refs), "notified", begin + DAY, "secops", target_person=person)
                self.event(rng.choice(refs), "notified", begin + 12 * HOUR, "secops", target_person=person)
            elif script == "control":
                at += rng.choice((0, HOUR, DAY))
                if self.chance(0.6):
                    self.step(t, rng.choice(refs), "acknowledged", at, row)
                span = R.wall(self.policy.get("controls", {}).get("attestation", "90d"))
                at += rng.choice((0, HOUR, DAY))
                self.step(t, rng.choice(refs), rng.choice(("control_accepted", "control_accepted", "control_attested")), at, row)
                for _ in range(rng.randrange(0, 4)):
                    at += rng.choice((span, span - 1, span + 1, span // 2, span // 3, HOUR, 2 * span))
                    self.step(t, rng.choice(refs), rng.choice(("control_attested", "control_attested", "control_expired", "control_expired", "resolved", "reopened", "verified",
                                                               "control_accepted", "acknowledged", "withdrawn")), at, row)
            if script in ("walk", "control", "calm", "prompt"):
                for _ in range(rng.choice((0, 1, 2, 4, 8)) if script == "walk" else rng.choice((0, 0, 0, 2))):
                    word = rng.choice((*R.VOCABULARY[:13], "routed", "routed", "notified", "notified", "acknowledged", "acknowledged", "acknowledged",
                                       "assigned", "commented", "withdrawn", "in_progress"))
                    if word in ("verified", "withdrawn", "resolved") and self.chance(0.5):
                        word = "commented"
                    self.step(t, rng.choice(refs), word, self.near(row), row)
        self.tickets(rows)

    def step(self, t, ref, word, at, row):
        """One event with plausible, or strange, details."""
        rng = self.rng
        more = {}
        actor = "secops" if word in ("enriched", "routed", "notified") else self.who(row)
        if word in ("routed", "notified", "assigned", "reassigned"):
            more["target_person"] = "" if self.chance(0.08) else self.who(row)
            if word in ("assigned", "reassigned") and self.chance(0.5):
                more["target_person"] = actor if self.chance(0.7) or "@" in actor else f"{actor.upper()}@example.com"
        if word == "routed" and self.chance(0.4):
            more["severity"] = rng.choice(("critical", "High", "medium", "low", "info"))
        if word == "withdrawn":
            more["comment"] = "false positive"
        if word == "ticket_linked":
            more["ticket"] = f"T-{t['n']}"
        self.event(ref, word, at, actor, **more)

    def tickets(self, rows):
        rng = self.rng
        for n in range(rng.randrange(0, 3)):
            known = [t for t in self.truths if self.refs(t) and t["title"] in rows]
            if len(known) < 2:
                return
            linked = rng.sample(known, rng.choice((1, 2, min(3, len(known)))))
            ticket = f"SEC-{n}"
            for t in linked:
                self.event(rng.choice(self.refs(t)), "ticket_linked", self.near(rows[t["title"]][0]), "secops", ticket=ticket)
            row = rows[linked[0]["title"]][0]
            for _ in range(rng.randrange(1, 6)):
                self.step(linked[0], ticket, rng.choice(R.VOCABULARY[1:13]), self.near(row), row)

    def make_endings(self):
        """What follows from what is there: exact ends, rescans near the grace, reopenings, withdrawn acknowledgements."""
        rng = self.rng
        grace = R.wall(self.policy.get("reopen", {}).get("grace", "1d"))
        rows = self.state_of()
        for t in self.truths:
            refs = self.refs(t)
            for row in rows.get(t["title"], [])[-1:]:
                if not refs or t.get("fresh"):
                    continue
                ref = rng.choice(refs)
                if row["remediation_due_at"] and self.chance(0.4) and row["remediation_due_at"] < self.as_of:
                    self.step(t, ref, "verified", row["remediation_due_at"] + rng.choice((-1, 0, 1)), row)
                if row["acknowledged_at"] and self.chance(0.12):
                    self.step(t, ref, "acknowledgement_withdrawn", row["acknowledged_at"] + rng.choice((0, 1, HOUR)), row)
                    if self.chance(0.5):
                        self.step(t, ref, "acknowledged", row["acknowledged_at"] + rng.choice((1, HOUR, DAY)), row)
                if row["acknowledged_at"] and self.chance(0.25):
                    self.observe(t, row["acknowledged_at"] + rng.choice((0, 1, HOUR)), severity=rng.choice(("Critical", "Low", "Unknown")))
                end = row["resolved_at"] or row["closed_at"]
                if end and self.chance(0.6):
                    at = end + grace + rng.choice((-1, 0, 1, 1, DAY))
                    if at <= self.as_of:
                        self.observe(t, at, severity=rng.choice((None, None, "Unknown", "Critical", "Info")))
                if end and self.chance(0.3):
                    self.step(t, ref, "reopened", end + rng.choice((0, 1, HOUR, grace)), row)
                    self.step(t, ref, rng.choice(("acknowledged", "resolved", "commented", "routed")), end + rng.choice((0, HOUR, 2 * DAY)), row)
                if row["acknowledged_at"] and not end and self.chance(0.3):
                    self.step(t, ref, "resolved", row["acknowledged_at"] + rng.choice((0, HOUR, DAY)), row)
                    if self.chance(0.5):
                        self.step(t, ref, "verified", row["acknowledged_at"] + rng.choice((HOUR, DAY, 3 * DAY)), row)
        late = self.state_of()
        for t in self.truths:
            for row in late.get(t["title"], [])[-1:]:
                end, refs = row["resolved_at"] or row["closed_at"], [] if t.get("fresh") else self.refs(t)
                if refs and end and self.chance(0.3) and end + grace + 1 <= self.as_of:
                    self.observe(t, end + grace + rng.choice((0, 1)))
                if refs and row["acknowledged_at"] is None and self.chance(0.45):
                    actor = row["owner_id"] or self.who(row)
                    self.event(rng.choice(refs), "acknowledged", self.near(row), actor)
                    if self.chance(0.3):
                        self.event(rng.choice(refs), "notified", self.near(row), "secops", target_person=actor)
                if refs and row["cycle"] > 1 and self.chance(0.5):
                    for _ in range(rng.randrange(1, 4)):
                        self.step(t, rng.choice(refs), rng.choice(("routed", "notified", "acknowledged", "triaged", "commented", "resolved")), self.near(row), row)

    def make_oddities(self):
        """Duplicates, conflicts, the future, unknown words, refs that match nothing."""
        rng = self.rng
        refs = [r for t in self.truths for r in self.refs(t)] or ["nothing"]
        for e in list(self.events):
            if not e["event_id"]:
                continue
            roll = rng.random()
            if roll < 0.02:
                self.extra_rows.append(dict(e))                                   # the same row twice
            elif roll < 0.04:
                self.extra_rows.append({**e, "at": e["at"] + rng.choice((-HOUR, HOUR))})
            elif roll < 0.05:
                self.extra_rows.append({**e, "severity": rng.choice(("critical", "low"))})
            elif roll < 0.06:
                self.extra_rows.append({**e, "actor": rng.choice(self.PEOPLE)})
            elif roll < 0.07:
                e["recorded"] = e["at"] - rng.choice((-HOUR, 0, MINUTE, 10 * MINUTE, 3 * HOUR))
                if e["recorded"] > self.as_of:
                    del e["recorded"]
        for gap in (1, MINUTE, 3 * MINUTE, 5 * MINUTE, 5 * MINUTE + 1, DAY):
            if self.chance(0.3):
                self.event(rng.choice(refs), rng.choice(("acknowledged", "resolved", "notified")), self.as_of + gap, rng.choice(self.PEOPLE), target_person="anna")
        for word in ("acked", "closed"):
            if self.chance(0.3):
                self.event(rng.choice(refs), word, self.some_instant(), "anna")
        if self.chance(0.4):
            self.event(rng.choice(refs), "routed", self.some_instant(), "secops", target_person="anna", severity="banana")
        if self.chance(0.3):
            self.event(rng.choice(refs), "commented", None, "anna")
        for _ in range(rng.randrange(0, 3)):
            self.event(rng.choice(("nothing", "T-999", "scanner-one:zzz", "42")), rng.choice(("acknowledged", "notified")), self.some_instant(), "anna",
                       target_person=rng.choice(("anna", "bo")))

    def write_activity(self):
        rows = [*self.events, *self.extra_rows]
        shuffled = random.Random(len(rows)).sample(rows, len(rows))
        columns = list(R.EVENT_COLUMNS)
        table, lines, naive = [], [], []
        for n, e in enumerate(shuffled):
            row = {c: e.get(c, "") for c in columns}
            row["occurred_at"] = "" if e["at"] is None else R.text_of(e["at"]) if n % 4 else self.local(e["at"], n)
            if "recorded" in e:
                row["recorded_at"] = R.text_of(e["recorded"])
            if "batch_id" in e:
                row["batch_id"] = e["batch_id"]
            if n % 11 == 3 and e["at"] is not None:
                row["occurred_at"] = self.local(e["at"], 3)[:-6]
                naive.append(row)
            elif n % 5 == 1:
                lines.append({k: v for k, v in row.items() if v != "" or n % 2})
            else:
                table.append(row)
        for k in [k for k in self.files if k.startswith("activity/")]:
            del self.files[k]
        if table:
            columns += [optional for optional in ("recorded_at", "batch_id") if any(optional in r for r in table)]
            self.put_csv("activity/activity.csv", columns, table)
        if lines:
            self.files["activity/more.jsonl"] = "".join(json.dumps(r) + "\n" for r in lines)
        if naive:
            self.files["activity/naive.jsonl"] = "".join(json.dumps(r) + "\n" for r in naive)
            self.put_sidecar("activity/naive.jsonl", {"time_zone": "Asia/Kolkata"})

    # -------- stories

    def tell_stories(self):
        """What random walks seldom make: whole cycles, controls through their life, bulk acknowledgements, findings that are about to fall due."""
        self.rng = self.stories
        rows = self.state_of()
        known = [t for t in self.truths if self.refs(t) and t["title"] in rows and not t.get("fresh")]
        for t in known:
            row = rows[t["title"]][-1]
            roll = self.rng.random()
            if row["closed_at"] is not None or roll > 0.5:
                continue
            if roll < 0.22:
                self.whole_cycle(t, row)
            else:
                self.control(t, row)
        for _ in range(self.rng.choice((0, 1, 1, 2))):
            self.bulk_acknowledgement(known, rows)

    def fresh(self):
        """Findings of the last days with nothing done to them yet, due within the next ones or not."""
        before, self.rng = self.rng, self.stories
        for n in range(self.size, self.size + self.rng.randrange(0, 5)):
            self.make_truth(n)
            t = self.truths[-1]
            t["fresh"] = True
            word, days = self.rng.choice((("Low", 14), ("Low", 10), ("Medium", 4), ("High", 1)))
            at = self.as_of - self.rng.randrange(1, days * 24) * HOUR
            self.observe(t, at, severity=word)
            if self.chance(0.3):
                self.observe(t, at + self.rng.choice((0, HOUR)), scanner=self.rng.choice(t["scanners"]))
        for _ in range(self.rng.randrange(0, 4)):                     # at midnight of the source
            day = R.moment(self.some_instant()).date()
            at = R.local_to_utc(R.datetime(day.year, day.month, day.day), ZoneInfo(self.zone), 0)
            self.observe(self.rng.choice(self.truths), max(at, self.begin))
        self.rng = before

    def trusted(self, row):
        """Somebody whose word mostly counts."""
        mates = {"payments": "kim", "storefront": "ivy", "platform": "lee", "data": "gus"}
        return row["owner_id"] or mates.get(row["team"]) or self.rng.choice(self.PEOPLE)

    def whole_cycle(self, t, row):
        rng, at = self.rng, row["captured_at"]
        late = rng.choice((HOUR, 6 * HOUR, DAY, 4 * DAY))
        for word in ("enriched", "routed", "notified", "acknowledged", "triaged", "in_progress", "resolved", "verified"):
            at += rng.choice((0, MINUTE, HOUR, late))
            if at > self.as_of or (word == "verified" and self.chance(0.2)):
                break
            more = {"target_person": self.trusted(row)} if word in ("routed", "notified") else {}
            self.event(rng.choice(self.refs(t)), word, at, "secops" if word in ("enriched", "routed", "notified") else self.trusted(row), **more)

    def control(self, t, row):
        """Accepted, attested in time or not, expired, attested anew; the revalidation taken up, the finding closed or not."""
        rng = self.rng
        span = R.wall(self.policy.get("controls", {}).get("attestation", "90d"))
        at = row["captured_at"] + rng.choice((0, HOUR, DAY))
        if self.chance(0.7):
            self.event(rng.choice(self.refs(t)), "acknowledged", row["captured_at"] + rng.choice((0, HOUR, 8 * HOUR)), self.trusted(row))
        self.event(rng.choice(self.refs(t)), "control_accepted", at, self.trusted(row))
        for _ in range(rng.randrange(0, 7)):
            at += rng.choice((span // 2, span // 2, span - 1, span, span + 1, span + DAY))
            if at > self.as_of:
                break
            word = rng.choice(("control_attested", "control_attested", "control_attested", "control_expired", "acknowledged", "control_accepted", "reopened"))
            self.event(rng.choice(self.refs(t)), word, at, self.trusted(row))
            if self.chance(0.3):
                self.event(rng.choice(self.refs(t)), rng.choice(("acknowledged", "triaged")), at + rng.choice((HOUR, DAY)), self.trusted(row))
        if self.chance(0.3):
            self.event(rng.choice(self.refs(t)), rng.choice(("verified", "withdrawn", "resolved")), min(self.as_of, at + rng.choice((0, HOUR, span // 3))), self.trusted(row))

    def bulk_acknowledgement(self, known, rows):
        """One actor, many in seconds."""
        rng = self.rng
        if not known:
            return
        actor, at = rng.choice(("anna", "bo", "cy", "ivy", "kim", "anna@example.com", *self.PEOPLE)), self.some_instant()
        for t in rng.sample(known, rng.randrange(len(known) // 2, len(known) + 1)):
            if rows[t["title"]][0]["captured_at"] <= at or self.chance(0.3):
                self.event(rng.choice(self.refs(t)), "acknowledged", at, actor)
            at += rng.choice((0, 1, R.SECOND, 2 * R.SECOND, 5 * R.SECOND, 30 * R.SECOND))

    # -------- writing

    def dump(self):
        self.write_scans()
        self.write_activity()
        landing = self.folder / "landing"
        if landing.exists():
            shutil.rmtree(landing)
        for path, text in self.files.items():
            whole = landing / path
            whole.parent.mkdir(parents=True, exist_ok=True)
            whole.write_text(text, encoding="utf-8")
            if path in self.times:                                    # nothing but the file's time says when it was taken
                os.utime(whole, ns=(self.times[path] * 1000,) * 2)
        (self.folder / "policy.yaml").write_text(yaml.safe_dump(self.policy, sort_keys=False), encoding="utf-8")

    def one_title_one_finding(self):
        """Where binding at as_of splits a truth, it keeps one spelling only."""
        while True:
            self.dump()
            world = R.build_world(self.folder / "landing", self.folder / "policy.yaml", R.text_of(self.as_of))
            seen = {}
            for f in world.findings:
                for title in {o["title"] for o in f["observations"]}:
                    seen.setdefault(title, set()).add(f["id"])
            split = {title for title, found in seen.items() if len(found) > 1}
            if not split:
                return
            for t in self.truths:
                if t["title"] in split:
                    t["spellings"] = t["spellings"][:1] if len(t["spellings"]) > 1 else t["spellings"]
                    t["ids"] = t["ids"][:1]
                    for o in self.observations:
                        if o["truth"] is t:
                            o["target"], o["ids"] = t["spellings"][0], t["ids"][0]
                    if t.get("fixed"):
                        raise AssertionError(f"still split: {t}")
                    t["fixed"] = True

    def compressed(self):
        """Some reports come compressed."""
        for path in sorted((self.folder / "landing" / "scans").glob("s*9.json")):
            if (path.with_name(path.name + ".meta.yaml")).exists():
                data = gzip.compress(path.read_bytes(), mtime=0)
                path.with_name(path.name + ".gz").write_bytes(data)
                path.with_name(path.name + ".meta.yaml").rename(path.with_name(path.name + ".gz.meta.yaml"))
                path.unlink()


def write_landing(seed, folder, size=12):
    """Writes folder/landing and folder/policy.yaml; returns as_of as text."""
    g = Landing(seed, folder, size)
    Path(folder).mkdir(parents=True, exist_ok=True)
    g.make_policy()
    g.make_people()
    g.make_assets()
    g.make_ownership()
    g.make_truths()
    for t in g.truths:
        if g.chance(0.5):
            t["csv"] = R.text_of(g.some_instant(g.begin, g.as_of - DAY))[:10]
    g.make_observations()
    g.fresh()
    g.one_title_one_finding()
    g.make_activity()
    g.make_endings()
    g.make_oddities()
    g.tell_stories()
    g.one_title_one_finding()
    if g.chance(0.2):
        g.compressed()
    return R.text_of(g.as_of)


if __name__ == "__main__":
    print(write_landing(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 12))
