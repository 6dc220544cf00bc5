"""A slow, plain reference of design/measures.md, record.md and rulings.md: the oracle of differential tests.

It shares no code with the project. Instants are integer microseconds since 1970 UTC, rows are dicts, loops are loops.
`expected(landing, policy, as_of)` gives what `handoff run --as-of AS_OF` on that landing zone, into an empty home, must publish,
in the structure of data/scenarios/plain_path/expected.json.

AMBIGUITIES (ruling: reading A / reading B -> chosen)
 1. (9) "policy source" for a naive stamp: `policy.sources[...]` is keyed by the register/sidecar source / by scanner or format name
    -> sidecar time_zone, then sources[sidecar source], sources[scanner or format], `*`. A naive local time in a DST fold is the first.
 2. (11) `date` with a time of day but no zone: naive stamp in the source's zone, as `report` / does not win over the sidecar
    -> literally "time of day and zone wins": the sidecar's captured_at first, else the naive stamp in the source's zone.
 3. (18) "through aliases": the set of ids is closed over alias rows / every id is replaced. -> replaced: a CVE stays; another id becomes
    all CVEs of the rows that hold it, else (an id neither CVE nor GHSA) their GHSAs, else itself; then 'exactly one' is asked of the result.
    An id in no row stands for the one CVE (else GHSA) that observations state beside it, unless it is an erratum's.
 4. (22) "a cycle without rated observations of its own" judged once at as_of / at every t -> at every t: until its first rated observation
    a later cycle has the band of the previous one; "the previous cycle's band" = most severe of all its observations (not its `severity`).
 5. (22) an observation within the grace of a verified end of a cycle without t1: part of `severity` (band at as_of) / of severity_now only
    -> literal band at as_of: part of both; its raise never makes a breach (r > H), but it may end the window earlier.
 6. (23, 59) remediation due of a cycle that was unrated at t1 and rated at r > t1: t1 + budget / r + budget -> r + budget (a raise from nothing).
 7. (59) window after a raise later than t1: moves / stays -> stays ("the same formula" includes 'up to t1').
 8. (25) a vector's own CR/IR/AR: kept / overwritten -> overwritten when the asset gives H or L, kept when it gives X. v2 has no MAV: unchanged.
 9. (23) a scanner's own calibration table without the term: falls through to `*` / unrated -> falls through (scanner, `generic`, `*`).
10. (26) KEV by the vulnerability key only / by any id of the item -> any id of the item, through aliases.
11. (28) sightings "first captured": informational observations count / do not -> count.
12. (28) "without the :tag" is taken off the target as scanned / off the form without digest -> off the form without digest.
13. (33) `cidr:` "target": the deciding sighting's target as scanned / any target or any form -> the deciding sighting's target as scanned.
    `path:`: file_path of any observation of the deciding sighting captured by t (string prefix, case-sensitive).
14. (35, 36, 50, 80) "person in force": whom the decision names, valid or not / only a valid one -> named, valid or not (known at that instant);
    of a primitive without a valid candidate: the first candidate. Hence one without a channel may acknowledge what names them.
15. (36) ownership rows give a team for a retired asset / only for a bound one -> for retired too (its asset_id is given).
16. (38) an own id ambiguous at one step: waits / next form is tried -> waits.
17. (40) "unknown severity word" of an event: not a band of ours -> critical, high, medium, low, informational, info, none; any case.
18. (43) an observation after `withdrawn` belongs to the withdrawn cycle / to none -> to none (own_ids is of the finding and has it).
19. (50, 95) acknowledgement.roles limits who infers (53) too / only explicit ones -> both; acknowledgement.trust only explicit ones.
20. (57) single SLA's remediation budget: band at t1 / band now -> of the column `severity`.
21. (60) x with an odd budget lies between two microseconds: floor (no event can lie between).
22. (63) "that person's" earlier notifications: compared as persons at this instant / at their own instants -> at their own.
23. (37, held) lost rows = keys of the last applied snapshot that are absent / net loss of rows -> absent keys.
24. (30) one key in force from two sources: latest effective_from, then bytewise smallest.
25. (46) who may withdraw an acknowledgement: anyone / only who may acknowledge -> anyone.
26. (50) equal instants: "in force at that instant" includes naming events at the same instant, whatever their order in A5.
27. (88) own_ids "of all observations of the finding": informational ones included, observations after as_of not.
28. (20) the earliest re-send stays, before the conflict of equal captures (19) is judged.
29. (6) a rejected row (future, unknown word) with the event_id of a good row: competes / does not -> does not.
30. (26) dateAdded is a day: 00:00 UTC / of the reporting zone -> 00:00 UTC.
31. (15) "distinct endpoints": by text / normalised -> by text. (16) no default port is filled in, host and path keep their case.
32. (36) team_calendars is looked up by the team's exact text; people's teams are compared case-insensitively (34 dissolved_team, 50).
33. (2, 30) a correction with the same effective_from in a later snapshot of the same run: later snapshot / bytewise smallest
    -> bytewise smallest (recorded_at is equal).
34. (43) a grace observation of a verified cycle and an observation of a resolved, open one both count in scanners and band of that cycle.
"""
import csv
import fnmatch
import gzip
import hashlib
import io
import ipaddress
import json
import re
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
DAY = 86_400 * SECOND
ALWAYS = -(10**18)          # -infinity (ruling 30)

BANDS = ("critical", "high", "medium", "low")
RANK = {"critical": 0, "high": 1, "medium": 2, "low": 3, "unrated": 4, "informational": 5}
VOCABULARY = ("enriched", "routed", "notified", "acknowledged", "acknowledgement_withdrawn", "triaged", "assigned", "reassigned", "commented",
              "in_progress", "resolved", "verified", "reopened", "withdrawn", "ticket_linked", "control_accepted", "control_attested",
              "control_expired", "declined")
ORDER = {word: n for n, word in enumerate(VOCABULARY)}
NAMING = ("routed", "assigned", "reassigned")
AFTER_ENRICHED = VOCABULARY[ORDER["routed"]:ORDER["verified"] + 1]
AFTER_ROUTED = VOCABULARY[ORDER["notified"]:ORDER["verified"] + 1]
MODES = ("asset_binding_gap", "decayed_routing", "severity_mismatch", "notification_noise", "acknowledgement_ambiguity")

DEFAULT_POLICY = """
version: 1
reporting_zone: UTC
clock_tolerance: 5m
calendars:
  default: {time_zone: UTC, days: [mon, tue, wed, thu, fri], windows: ["09:00-17:00"], holidays: [], holiday_region: null, overrides: {},
            business_day: 8h}
team_calendars: {}
handoff_sla: {critical: 4bh, high: 1bd, medium: 3bd, low: 10bd}
remediation_sla: {critical: 7d, high: 30d, medium: 90d, low: 180d}
acknowledgement_window: {critical: 24h, high: 72h, medium: 7d, low: 30d}
acknowledgement: {allowed: [owner, owning_team], unowned: anyone, roles: any, trust: [link, tracker, cli, file]}
binding_due_share: 0.5
noise: {window: 24h, threshold: 20, repeats: 3}
controls: {attestation: 90d}
time_quality: {bulk_count: 10, bulk_window: 60s}
verdict:
  minimum: 10
  critical: {median: 6h, p90: 24h, rate: 0.05}
  high: {median: 24h, p90: 72h, rate: 0.05}
  medium: {median: 72h, p90: 7d, rate: 0.05}
  low: {median: 7d, p90: 30d, rate: 0.05}
severity:
  bands: {critical: 9.0, high: 7.0, medium: 4.0, low: 0.1}
  calibration: {"*": {critical: critical, high: high, medium: medium, low: low, info: informational, informational: informational,
                      none: informational}}
  requirements: {critical: H, high: H, medium: X, low: L}
  not_internet_facing: keep
  kev: high
  epss: null
registers: {maximum_loss: 0.2}
scans: {maximum_collapse: 0.5, minimum_results: 20, authorized: []}
sources: {"*": {time_zone: UTC, date_order: mdy}}
routing: {escalation_default: null}
reopen: {grace: 1d}
landing: {settle: 0s}
directory:
  group_inboxes: ["security@*", "soc@*", "secops@*", "psirt@*", "noc@*", "abuse@*", "postmaster@*", "hostmaster@*", "webmaster@*", "info@*", "support@*",
                  "helpdesk@*", "*-team@*", "team-*@*", "*-oncall@*", "oncall-*@*", "oncall@*"]
  bots: ["*[bot]", "*[bot]@*", "*-bot@*", "bot-*@*", "noreply@*", "no-reply@*", "donotreply@*"]
  teams: ["*"]
  channels: {}
  roles: {}
  priorities: {}
  on_call_horizon: 730d
"""


# ---------------------------------------------------------------- time

def micros(moment):
    """An aware datetime as integer microseconds."""
    gap = moment - EPOCH
    return (gap.days * 86_400 + gap.seconds) * SECOND + gap.microseconds


def moment(at):
    return EPOCH + timedelta(microseconds=at)


def text_of(at):
    """Microseconds as expected.json writes an instant."""
    if at is None:
        return None
    m = moment(at)
    return m.strftime("%Y-%m-%dT%H:%M:%S") + (f".{m.microsecond:06d}" if m.microsecond else "") + "Z"


def seconds(span):
    """Ruling 7."""
    return None if span is None else span / 1e6


def local_to_utc(naive, zone, fold):
    """A wall-clock time as microseconds; in a gap it is pushed forward by the gap, in a fold `fold` chooses."""
    for f in (fold, 0):
        at = naive.replace(tzinfo=zone, fold=f).astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None) == naive:
            return micros(at)
    return micros(naive.replace(tzinfo=zone, fold=0).astimezone(UTC))   # gap: the offset before it


def parse_instant(text, zone_name):
    """ISO 8601 -> (microseconds, had a time of day, had a zone), or None."""
    text = str(text).strip()
    if not re.match(r"^\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    timed = len(text) > 10
    if value.tzinfo is not None:
        return micros(value), timed, True
    return local_to_utc(value, ZoneInfo(zone_name), 0), timed, False


def duration(text):
    """'4bh' -> (4, 'bh'): whole number and unit."""
    found = re.fullmatch(r"(\d+)\s*(s|m|h|d|bh|bd)", str(text).strip())
    return int(found.group(1)), found.group(2)


WALL = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}


def wall(text):
    number, unit = duration(text)
    return number * WALL[unit]


class Calendar:
    """Open intervals of one calendar, day by day (measures.md, Time; ruling 56)."""
    DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

    def __init__(self, spec):
        base = yaml.safe_load(DEFAULT_POLICY)["calendars"]["default"]
        spec = {**base, **(spec or {})}
        self.zone = ZoneInfo(spec["time_zone"])
        self.days = {self.DAYS.index(str(d).lower()[:3]) for d in spec["days"]}
        self.windows = [self.window(w) for w in spec["windows"]]
        self.holidays = {str(h)[:10] for h in spec["holidays"] or []}
        self.region = spec["holiday_region"]
        self.overrides = {str(k)[:10]: [self.window(w) for w in v or []] for k, v in (spec["overrides"] or {}).items()}
        self.business_day = wall(spec["business_day"])
        self.years = {}
        self.cache = {}

    @staticmethod
    def window(text):
        start, end = (sum(int(x) * y for x, y in zip(part.split(":"), (60, 1))) for part in str(text).split("-"))
        return start, end

    def is_holiday(self, day):
        if day.isoformat() in self.holidays:
            return True
        if not self.region:
            return False
        if day.year not in self.years:
            import holidays
            country, _, part = str(self.region).partition("/")
            self.years[day.year] = set(holidays.country_holidays(country, subdiv=part or None, years=day.year))
        return day in self.years[day.year]

    def opened(self, day):
        """Open [start, end) of the windows that local `day` owns."""
        if day not in self.cache:
            if day.isoformat() in self.overrides:
                windows = self.overrides[day.isoformat()]
            elif day.weekday() in self.days and not self.is_holiday(day):
                windows = self.windows
            else:
                windows = []
            midnight = datetime(day.year, day.month, day.day)
            found = []
            for start, end in windows:
                a = local_to_utc(midnight + timedelta(minutes=start), self.zone, 0)
                b = local_to_utc(midnight + timedelta(minutes=end), self.zone, 1)
                if b > a:
                    found.append((a, b))
            self.cache[day] = found
        return self.cache[day]

    def intervals(self, frm, days):
        """Open intervals, merged, in order, of the local days around `frm` and `days` more."""
        first = moment(frm).astimezone(self.zone).date() - timedelta(days=3)
        raw = sorted(i for n in range(days + 6) for i in self.opened(first + timedelta(days=n)))
        merged = []
        for a, b in raw:
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        return merged

    def between(self, a, b):
        """Business microseconds of [a, b)."""
        if b <= a:
            return 0
        days = (b - a) // DAY + 2
        return sum(max(0, min(b, end) - max(a, start)) for start, end in self.intervals(a, days))

    def after(self, a, budget):
        """The earliest t >= a with between(a, t) == budget."""
        if budget <= 0:
            return a
        days = 30
        while days < 40_000:
            left = budget
            for start, end in self.intervals(a, days):
                start = max(start, a)
                if end <= start:
                    continue
                if end - start >= left:
                    return start + left
                left -= end - start
            days *= 2
        raise ValueError("calendar never opens")

    def add(self, at, text):
        """at + duration, business or wall (ruling 56)."""
        number, unit = duration(text)
        if unit == "bh":
            return self.after(at, number * 3600 * SECOND)
        if unit == "bd":
            return self.after(at, number * self.business_day)
        return at + number * WALL[unit]


# ---------------------------------------------------------------- policy

class _Plain(yaml.SafeLoader):
    """YAML without timestamps: dates stay the text that was written."""


_Plain.yaml_implicit_resolvers = {k: [(t, r) for t, r in v if t != "tag:yaml.org,2002:timestamp"]
                                  for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def overlay(base, top, path=()):
    """Ruling 90: key by key; a calendar is replaced whole."""
    out = dict(base)
    for key, value in (top or {}).items():
        whole = path == ("calendars",)
        if not whole and isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = overlay(out[key], value, (*path, key))
        else:
            out[key] = value
    return out


def load_policy(path):
    base = yaml.load(DEFAULT_POLICY, _Plain)
    if path is None:
        return base
    return overlay(base, yaml.load(Path(path).read_text(encoding="utf-8"), _Plain) or {})


# ---------------------------------------------------------------- landing zone

SIDECAR_KEYS = {"target", "captured_at", "scanner", "scan_id", "time_zone", "engagement", "capture_channel", "scope", "complete", "source"}


def is_sidecar(path):
    return path.name.endswith(".meta.yaml") or path.name == "_scan.yaml"


def read_sidecar(path, root):
    """Rulings 8, 9: the file's own, then the stem's, then the nearest folder's, merged key by key. None = an unknown key."""
    found = {}
    sources = [path.with_name(path.name + ".meta.yaml"), path.with_name(path.stem + ".meta.yaml")]
    folder = path.parent
    while True:
        if (folder / "_scan.yaml").is_file():
            sources.append(folder / "_scan.yaml")
            break
        if folder == root or folder == folder.parent:
            break
        folder = folder.parent
    for source in sources:
        if source.is_file():
            for key, value in (yaml.load(source.read_text(encoding="utf-8"), yaml.BaseLoader) or {}).items():
                if key not in SIDECAR_KEYS:
                    return None
                found.setdefault(key, value)
    return found


def default_source(path, root):
    """Ruling 9: folder + base name with dates, times, digits and hashes stripped."""
    name = path.name.split(".")[0]
    name = re.sub(r"(?i)\b(?=[0-9a-f]*\d)[0-9a-f]{7,}\b", "", name)
    name = re.sub(r"\d+T?\d*Z?", "", name)
    return path.parent.relative_to(root).as_posix() + "/" + re.sub(r"[-_ .]+", "-", name).strip("-").lower()


def landed(root):
    """Every file that is claimed once (ruling 4): (path, text, sidecar)."""
    claims = set()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        parts = path.relative_to(root).parts
        if any(x.startswith(".") for x in parts) or path.suffix in (".part", ".tmp") or is_sidecar(path):
            continue
        side = read_sidecar(path, root)
        if side is None:
            continue                                              # quarantined
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        claim = (hashlib.sha256(data).hexdigest(), json.dumps(side, sort_keys=True))
        if claim in claims:
            continue
        claims.add(claim)
        try:
            yield path, data.decode("utf-8-sig"), side
        except UnicodeDecodeError:
            continue


def clean(value):
    return "" if value is None else str(value).strip()


def csv_rows(text):
    """Rows with trimmed, lower-case header names."""
    reader = csv.reader(io.StringIO(text))
    header = [h.strip().lower() for h in next(reader, [])]
    return header, [dict(zip(header, row)) for row in reader if any(c.strip() for c in row)]


class World:
    """Everything that one run knows."""

    def __init__(self, policy, as_of):
        self.policy = policy
        self.as_of = as_of
        self.tolerance = wall(policy["clock_tolerance"])
        self.snapshots = {"asset": [], "person": [], "ownership": []}     # (source, instant, complete, rows)
        self.spellings = {}                                               # a person's id as written -> in lower case
        self.activity = []
        self.items = []
        self.kev = {}
        self.alias_rows = []
        self.stated_rows = []
        self.rejected = 0
        self.future = {"observation": 0, "event": 0}
        self.calendars = {}
        self.cached = {}

    def zone(self, side, *names):
        """Rulings 9, ambiguity 1."""
        if side.get("time_zone"):
            return side["time_zone"]
        sources = self.policy["sources"]
        for name in (side.get("source"), *names, "*"):
            if name in sources and (sources[name] or {}).get("time_zone"):
                return sources[name]["time_zone"]
        return "UTC"

    def calendar(self, team):
        """Ruling 36."""
        name = self.policy["team_calendars"].get(team, "default") if team is not None else "default"
        if name not in self.calendars:
            self.calendars[name] = Calendar(self.policy["calendars"][name])
        return self.calendars[name]


def read_landing(world, root):
    """Recognise every file by its content and sort its rows into the world."""
    for path, text, side in landed(root):
        start = text.lstrip()[:1]
        if start in ("{", "["):
            try:
                whole = json.loads(text)
            except ValueError:
                whole = None
            if isinstance(whole, dict) and isinstance(whole.get("findings"), list):
                read_findings(world, whole["findings"], whole, side, path)
            else:
                for line in text.splitlines():
                    if line.strip():
                        read_event(world, json.loads(line), side)
            continue
        header, rows = csv_rows(text)
        names = set(header)
        if {"ref", "event"} <= names:
            for row in rows:
                read_event(world, row, side)
        elif "asset_id" in names:
            read_register(world, "asset", rows, side, path, root)
        elif "match" in names:
            read_register(world, "ownership", rows, side, path, root)
        elif "person_id" in names:
            read_register(world, "person", rows, side, path, root)
        elif "cveid" in names:
            read_kev(world, rows)
        elif {"id", "cve", "ghsa"} <= names:
            read_aliases(world, rows)
        elif {"title", "severity"} <= names:
            read_findings(world, [generic_csv(world, row) for row in rows], {}, side, path)


# ---------------------------------------------------------------- reference data

def read_kev(world, rows):
    """Ruling 26: dateAdded is a day, 00:00 UTC."""
    for row in rows:
        added = parse_instant(row["dateadded"], "UTC")
        if added and clean(row["cveid"]):
            key = clean(row["cveid"]).upper()
            world.kev[key] = min(added[0], world.kev.get(key, added[0]))


def read_aliases(world, rows):
    for row in rows:
        ids = [clean(row["id"])] + [x for c in ("cve", "ghsa", "other") for x in clean(row.get(c)).split(";")]
        world.alias_rows.append({x.strip().upper() for x in ids if x.strip()})


def through_aliases(world, name):
    """Ruling 18, ambiguity 3: what one upper-case id stands for."""
    if name.startswith("CVE-"):
        return {name}
    rows = [r for r in world.alias_rows if name in r]
    if not rows:
        return through_reports(world, name)
    cves = {x for r in rows for x in r if x.startswith("CVE-")}
    if cves:
        return cves
    if name.startswith("GHSA-"):
        return {name}
    return {x for r in rows for x in r if x.startswith("GHSA-")} or {name}


def through_reports(world, name):
    """What one id, unknown to the alias table, stands for by what observations state together; of ids that name one vulnerability each."""
    single = ("GHSA-", "PYSEC-", "RUSTSEC-", "GO-", "SNYK-", "OSV-", "BDSA-")
    known = {x for r in world.alias_rows for x in r}
    if not name.startswith(single):
        return {name}
    rows = [{x for x in r if x.startswith("CVE-") or (x.startswith(single) and x not in known)} for r in world.stated_rows if name in r]
    cves = {x for r in rows for x in r if x.startswith("CVE-")}
    if cves:
        return cves if len(cves) == 1 else {name}
    ghsas = {x for r in rows for x in r if x.startswith("GHSA-")}
    if name.startswith("GHSA-") or len(ghsas) != 1:
        return {name}
    return through_aliases(world, ghsas.pop())


# ---------------------------------------------------------------- registers

COLUMNS = {
    "asset": ("asset_id", "name", "aliases", "kind", "application", "business_unit", "environment", "criticality", "internet_facing",
              "owner_team", "status", "effective_from"),
    "person": ("person_id", "name", "email", "team", "role", "manager_id", "channel", "status", "kind", "time_zone", "aliases", "effective_from"),
    "ownership": ("match", "person_id", "team", "priority", "effective_from", "effective_to"),
}
KEYS = {"asset": ("asset_id",), "person": ("person_id",), "ownership": ("match", "person_id", "team")}


def read_register(world, kind, rows, side, path, root):
    """Rulings 2, 30, 37: rows of one snapshot, trimmed; instants as UTC microseconds."""
    zone = world.zone(side)
    kept = []
    for row in rows:
        row = {c: clean(row.get(c)) for c in COLUMNS[kind]}
        if not row[KEYS[kind][0]]:
            world.rejected += 1
            continue
        bad = False
        for column in ("effective_from", "effective_to"):
            if row.get(column):
                at = parse_instant(row[column], zone)
                if at is None:
                    bad = True
                else:
                    row[column] = at[0]
        if bad:
            world.rejected += 1
            continue
        if kind == "person":
            world.spellings[row["person_id"]] = row["person_id"].lower()
            row["judged_kind"] = judged_kind(world, row)
        kept.append(row)
    captured = parse_instant(side["captured_at"], zone)[0] if side.get("captured_at") else world.as_of
    complete = clean(side.get("complete", "true")).lower() not in ("false", "no", "0")
    world.snapshots[kind].append((side.get("source") or default_source(path, root), captured, complete, kept))


def row_bytes(kind, row):
    """Ruling 2: bytewise over rows, columns of record.md in order, instants as UTC."""
    return tuple((text_of(v) if isinstance(v, int) else v).encode() for v in (row.get(c, "") for c in COLUMNS[kind]))


class Register:
    """Effective-dated versions of one register (record.md; rulings 29, 30, 37)."""

    def __init__(self, world, kind):
        self.kind = kind
        self.chains = {}            # (source, key) -> {effective_from: row}
        self.closed = {}            # (source, key) -> [(closed at, for versions known then)]
        self.memo = {}
        by_source = {}
        for source, captured, complete, rows in world.snapshots[kind]:
            by_source.setdefault(source, []).append((captured, complete, rows))
        for source, snapshots in by_source.items():
            self.apply(world, source, sorted(snapshots, key=lambda s: (s[0], not s[1])))

    def apply(self, world, source, snapshots):
        alive = set()
        for number, (captured, complete, rows) in enumerate(snapshots):
            first = number == 0
            present = {self.key(row) for row in rows}
            if not first and complete and alive:
                lost = len(alive - present)
                if Fraction(lost, len(alive)) > Fraction(str(world.policy["registers"]["maximum_loss"])):
                    continue                                       # held (ruling 91): not applied at all
            news = {}
            for row in rows:
                news.setdefault((self.key(row), row["effective_from"]), []).append(row)
            stated, news = news, {}
            for (key, at), found in stated.items():
                best = min(found, key=lambda r: row_bytes(self.kind, r))           # same key and effective_from: bytewise smallest
                if at == "":
                    chain = self.chains.get((source, key), {})
                    if first:
                        at = ALWAYS
                    elif chain and key in alive and self.content(chain[max(chain)]) == self.content(best):
                        continue                                                   # unchanged
                    else:
                        at = captured
                news.setdefault((key, at), []).append(best)
            for key in present & alive if complete else ():                # announced for later, and announced no more
                announced = {row["effective_from"] for row in rows if self.key(row) == key}
                chain = self.chains[(source, key)]
                for at in [at for at, row in chain.items() if at > captured and row["effective_from"] not in announced]:
                    del chain[at]
            for (key, at), found in news.items():
                chain = self.chains.setdefault((source, key), {})
                if at in chain and self.live((source, key), at):
                    found = [*found, chain[at]]
                best = min(found, key=lambda r: row_bytes(self.kind, r))
                chain[at] = best
                for pair in self.closed.get((source, key), []):
                    pair[1].discard(at)
            if complete:
                for key in alive - present:
                    chain = self.chains[(source, key)]
                    self.closed.setdefault((source, key), []).append((captured, set(chain)))
                alive &= present
            alive |= present

    def key(self, row):
        """Two ids of people that differ only in case are one person's."""
        return tuple(row[c].lower() if self.kind == "person" else row[c] for c in KEYS[self.kind])

    def content(self, row):
        return tuple(row[c] for c in COLUMNS[self.kind] if c != "effective_from")

    def live(self, chain_key, at):
        return not any(at in known for _, known in self.closed.get(chain_key, []))

    def at(self, t):
        """The rows in force at t, one per key: (effective_from, row)."""
        if t in self.memo:
            return self.memo[t]
        found = {}
        for (source, key), chain in self.chains.items():
            past = [at for at in chain if at <= t]
            if not past:
                continue
            at = max(past)                                         # effective_from <= t < next version's
            if any(at in known and t >= when for when, known in self.closed.get((source, key), [])):
                continue
            row = chain[at]
            if row.get("effective_to") not in (None, "") and t >= row["effective_to"]:
                continue                                           # ruling 34: exclusive
            other = found.get(key)
            if other is None or (-at, row_bytes(self.kind, row)) < (-other[0], row_bytes(self.kind, other[1])):
                found[key] = (at, row)                             # ambiguity 24
        self.memo[t] = list(found.values())
        return self.memo[t]


# ---------------------------------------------------------------- people

def person_at(world, reference, t):
    """Ruling 31: person_id exact (any spelling that a directory has stated), else alias, else e-mail, both case-insensitive and only where one person has it."""
    reference = clean(reference)
    if not reference:
        return None
    rows = [row for _, row in world.people.at(t)]
    for row in rows:
        if row["person_id"].lower() == world.spellings.get(reference):
            return row
    by_alias = [row for row in rows if reference.lower() in [a.strip().lower() for a in row["aliases"].split(";") if a.strip()]]
    by_mail = [row for row in rows if row["email"] and row["email"].lower() == reference.lower()]
    named = by_alias or by_mail
    return named[0] if len(named) == 1 else None


def judged_kind(world, row):
    """Policy `directory`: whom a directory calls a human and the policy a group inbox or a bot."""
    kind = row["kind"].lower() or "human"
    rules = world.policy["directory"]
    for globs, found in ((rules["group_inboxes"], "group"), (rules["bots"], "bot")):
        for pattern in globs:
            plain = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.IGNORECASE | re.DOTALL)
            if kind == "human" and any(plain.fullmatch(text) for text in (row["person_id"], row["email"]) if text):
                return found
    return kind


def kind_of(person):
    return person["judged_kind"]


def status_of(person):
    return person["status"].lower() or "active"


def invalid_reason(world, reference, t):
    """Ruling 32; None = valid."""
    if not clean(reference):
        return "nobody"
    person = person_at(world, reference, t)
    if person is None:
        return "unknown_person"
    if kind_of(person) == "group":
        return "group_inbox"
    if kind_of(person) != "human":
        return "bot"
    if status_of(person) == "departed":
        return "departed_person"
    if status_of(person) != "active":
        return "inactive_person"
    if not person["role"]:
        return "no_role"
    if not person["channel"]:
        return "no_channel"
    return None


# ---------------------------------------------------------------- binding

def is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def target_forms(target):
    """Ruling 28: the compared forms, in order."""
    forms = []

    def put(form):
        for f in (form, form.removesuffix(".")):
            if f and f not in forms:
                forms.append(f)

    target = target.strip()
    put(target)
    plain = re.sub(r"@[A-Za-z0-9+._-]+:[0-9A-Fa-f]+$", "", target)
    put(plain)
    head, slash, last = plain.rpartition("/")
    if ":" in last and not is_address(plain):
        put(head + slash + last.rsplit(":", 1)[0])
    url = re.match(r"^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)", target)
    if url:
        authority = url.group(1).rpartition("@")[2]
        port = re.fullmatch(r"(.*):(\d+)", authority)
        if port:
            put(authority)
        put(port.group(1) if port else authority)
    else:
        port = re.fullmatch(r"([^/:]+):(\d+)", target)
        if port:
            put(port.group(1))
    return forms


def alias_list(row):
    return [a.strip() for a in row["aliases"].split(";") if a.strip()]


PATTERNS = ("name:", "cidr:", "path:")


def plain_names(row):
    """asset_id, name and plain aliases; an alias with a prefix is a pattern, never a name."""
    return [n for n in [row["asset_id"], row["name"], *[a for a in alias_list(row) if not a.lower().startswith(PATTERNS)]] if n]


def glob(name, pattern):
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())


def in_network(text, network):
    try:
        return ipaddress.ip_address(text.strip()) in ipaddress.ip_network(network.strip(), strict=False)
    except ValueError:
        return False


def bind(world, target, t):
    """Ruling 28 -> (status, asset row or None)."""
    memo = ("bind", target, t)
    if memo not in world.cached:
        world.cached[memo] = bind_slowly(world, target, t)
    return world.cached[memo]


def bind_slowly(world, target, t):
    rows = [row for _, row in world.assets.at(t)]
    forms = target_forms(target)
    steps = []
    for form in forms:
        steps.append([row for row in rows if form.lower() in [n.lower() for n in plain_names(row)]])

    def patterns(row, prefix):
        return [a[len(prefix):].strip() for a in alias_list(row) if a.lower().startswith(prefix)]

    steps.append([row for row in rows if any(glob(f, p) for p in patterns(row, "name:") for f in forms)])
    steps.append([row for row in rows if any(in_network(f, p) for p in patterns(row, "cidr:") for f in forms)])
    steps.append([row for row in rows if any(p and target.strip().lower().startswith(p.lower()) for p in patterns(row, "path:"))])
    for found in steps:
        if not found:
            continue
        active = [row for row in found if (row["status"].lower() or "active") == "active"]
        if len(active) == 1:
            return "bound", active[0]
        if len(active) > 1 or len(found) > 1:
            return "ambiguous", None
        return "retired", found[0]
    return "unbound", None


BINDING_ORDER = ("bound", "retired", "ambiguous", "unbound")


def binding_at(world, finding, t):
    """Ruling 28, several targets: the best status at t -> (status, asset row, deciding sighting)."""
    memo = ("binding", finding["id"], t)
    if memo not in world.cached:
        best = None
        for sighting in finding["sightings"]:
            if sighting["first"]["at"] > t:
                continue
            status, asset = bind(world, sighting["target"], t)
            rank = (BINDING_ORDER.index(status), observation_order(sighting["first"]))
            if best is None or rank < best[0]:
                best = (rank, status, asset, sighting)
        world.cached[memo] = best[1:] if best else ("unbound", None, None)
    return world.cached[memo]


# ---------------------------------------------------------------- ownership and routing

KIND_ORDER = ("asset", "application", "name", "cidr", "path", "team")     # CODEOWNERS, between cidr and path, has no generated file


def ownership_kind(row, asset, sighting, t):
    """Ruling 33: how a mapping row matches, or None."""
    match = row["match"]
    names = [n for n in [asset["name"], *[a for a in alias_list(asset) if not a.lower().startswith(PATTERNS)]] if n]

    def addresses(network):
        return any(in_network(n, network) for n in [sighting["target"], *names])

    prefix, colon, rest = match.partition(":")
    rest = rest.strip()
    if colon and prefix == "team":
        return None                                                                # candidates_at, once the team is known
    if colon and prefix in KIND_ORDER:
        if prefix == "asset":
            return prefix if rest == asset["asset_id"] else None
        if prefix == "application":
            return prefix if rest and rest == asset["application"] else None
        if prefix == "name":
            return prefix if any(glob(n, rest) for n in names) else None
        if prefix == "cidr":
            return prefix if addresses(rest) else None
        paths = [o["file_path"] for o in sighting["observations"] if o["at"] <= t and o["file_path"]]
        return prefix if rest and any(p.startswith(rest) for p in paths) else None
    if match == asset["asset_id"]:
        return "asset"
    if asset["application"] and match == asset["application"]:
        return "application"
    if any(c in match for c in "*?["):
        return "name" if any(glob(n, match) for n in names) else None
    return "cidr" if addresses(match) else None


def candidates_at(world, finding, t):
    """Rulings 33, 34: matching rows in order of precedence. Only where an asset is known."""
    _, asset, sighting = binding_at(world, finding, t)
    if asset is None:
        return []
    def ranked(effective_from, row, kind):
        priority = int(row["priority"]) if row["priority"] else 100
        return ((priority, KIND_ORDER.index(kind), -effective_from, row["person_id"].encode(), row["match"].encode(), row["team"].encode()), row)

    found = []
    for effective_from, row in world.ownership.at(t):
        kind = ownership_kind(row, asset, sighting, t)
        if kind:
            found.append(ranked(effective_from, row, kind))
    team = asset["owner_team"] or next((row["team"] for _, row in sorted(found, key=lambda f: f[0]) if row["team"]), "")
    if team:                                                                       # who is named for the team that owns it
        found += [ranked(at, row, "team") for at, row in world.ownership.at(t) if row["match"].lower() == f"team:{team.lower()}"]
    return [row for _, row in sorted(found, key=lambda f: f[0])]


def candidate_reason(world, row, t):
    """Ruling 34; None = valid."""
    if row["person_id"]:
        return invalid_reason(world, row["person_id"], t)
    if row["team"]:
        for _, person in world.people.at(t):
            same = person["team"].lower() == row["team"].lower()
            if same and kind_of(person) == "human" and status_of(person) == "active":
                return "nobody"
        return "dissolved_team"
    return "nobody"


def primitive_at(world, finding, t):
    """Ruling 34 -> {status, person (valid or None), named (known person or None), bound, by}."""
    binding = binding_at(world, finding, t)[0]
    if binding != "bound":
        return {"status": binding, "person": None, "named": None, "bound": False, "by": "primitive"}
    rows = candidates_at(world, finding, t)
    for row in rows:
        if candidate_reason(world, row, t) is None:
            person = person_at(world, row["person_id"], t)
            return {"status": "routed", "person": person, "named": person, "bound": True, "by": "primitive"}
    if not rows:
        return {"status": "nobody", "person": None, "named": None, "bound": True, "by": "primitive"}
    return {"status": candidate_reason(world, rows[0], t), "person": None, "named": person_at(world, rows[0]["person_id"], t),
            "bound": True, "by": "primitive"}


def decision_at(world, finding, cycle, t):
    """Ruling 35: the latest delivered naming event of the cycle at or before t, judged at t, else the primitive."""
    named = [e for e in cycle["events"] if e["event"] in NAMING and not e["own"] and e["at"] <= t]
    if not named:
        return primitive_at(world, finding, t)
    reference = max(named, key=event_order)["target_person"]
    reason = invalid_reason(world, reference, t)
    person = person_at(world, reference, t)
    return {"status": reason or "routed", "person": None if reason else person, "named": person, "bound": True, "by": "event"}


def team_at(world, finding, cycle, t):
    """Ruling 36."""
    asset = binding_at(world, finding, t)[1]
    if asset is not None and asset["owner_team"]:
        return asset["owner_team"]
    for row in candidates_at(world, finding, t):
        if row["team"]:
            return row["team"]
    person = decision_at(world, finding, cycle, t)["named"]
    return person["team"] if person is not None and person["team"] else None


def may_acknowledge(world, finding, cycle, actor, t):
    """Rulings 50, 95: the person who acts, or None."""
    rules = world.policy["acknowledgement"]
    person = person_at(world, actor, t)
    if person is None or kind_of(person) != "human" or status_of(person) != "active":
        return None
    if rules["roles"] != "any" and person["role"] not in rules["roles"]:
        return None
    decision = decision_at(world, finding, cycle, t)
    team = team_at(world, finding, cycle, t)
    if "owner" in rules["allowed"] and decision["named"] is not None and decision["named"]["person_id"] == person["person_id"]:
        return person
    if "owning_team" in rules["allowed"] and team is not None and person["team"].lower() == team.lower():
        return person
    if team is None and decision["person"] is None and rules["unowned"] == "anyone":
        return person
    return None


# ---------------------------------------------------------------- scans

def generic_csv(world, row):
    """Ruling 13: DefectDojo's CSV headers as a generic item."""
    names = {"date": "date", "title": "title", "cweid": "cwe", "url": "url", "severity": "severity", "description": "description", "cve": "cve",
             "vulnerability id": "vulnerability_id", "cvssv3": "cvssv3", "cvssv4": "cvssv4", "epss_score": "epss_score",
             "known_exploited": "known_exploited"}
    item = {names[k]: v.strip() for k, v in row.items() if k in names and v and v.strip()}
    if "url" in item:
        item["endpoints"] = [item.pop("url")]
    if "vulnerability_id" in item:
        item["vulnerability_ids"] = [item.pop("vulnerability_id")]
    slashed = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", item.get("date", ""))
    if slashed:
        a, b, year = (int(x) for x in slashed.groups())
        sources = world.policy["sources"]
        order = (sources.get("generic") or {}).get("date_order") or (sources.get("*") or {}).get("date_order") or "mdy"
        month, day = (b, a) if order == "dmy" else (a, b)
        if month > 12:
            month, day = day, month
        item["date"] = f"{year:04d}-{month:02d}-{day:02d}"
    return item


def split_endpoint(endpoint):
    """-> (scheme, host, port, path)."""
    if isinstance(endpoint, dict):
        return (clean(endpoint.get("protocol")), clean(endpoint.get("host")), clean(endpoint.get("port")), clean(endpoint.get("path")))
    text = str(endpoint).strip()
    scheme, sep, rest = text.partition("://")
    if not sep:
        scheme, rest = "", text
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    found = re.fullmatch(r"(.*):(\d+)", authority)
    host, port = (found.group(1), found.group(2)) if found else (authority, "")
    return scheme.lower(), host, port, slash + path


def read_findings(world, findings, top, side, path):
    """Rulings 10 to 16, 19: items to observations."""
    scanner = clean(side.get("scanner") or top.get("type") or top.get("name") or "generic").lower()          # ruling 12
    zone = world.zone(side, scanner, "generic")
    for item in findings:
        if not isinstance(item, dict) or any(item.get(k) in (None, "") for k in ("title", "severity", "description")):
            world.rejected += 1
            continue
        endpoints = []
        for e in item.get("endpoints") or [None]:                                                             # ruling 15
            if e not in endpoints:
                endpoints.append(e)
        for endpoint in endpoints:
            at, stamp = capture_instant(world, item, side, zone, path)
            host = split_endpoint(endpoint)[1] if endpoint is not None else ""
            target = clean(item.get("service")) or host or clean(side.get("target"))                          # ruling 10
            if not target or at > world.as_of + world.tolerance:                                              # ruling 3
                world.rejected += 1
                world.future["observation"] += bool(target)
                continue
            world.items.append({**observation(world, item, endpoint, scanner, target, at, side), **stamp, "midnight": is_midnight(at, zone)})


def is_midnight(at, zone):
    """Ruling 83: local 00:00:00.000000 in the source's zone."""
    local = moment(at).astimezone(ZoneInfo(zone))
    return (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)


def capture_instant(world, item, side, zone, path):
    """Ruling 11, ambiguity 2: the instant, and where it comes from and whether it was written without a zone."""
    stated = parse_instant(item["date"], zone) if item.get("date") else None
    if stated and stated[1] and stated[2]:
        return stated[0], {"at_source": "report", "naive": False}
    if side.get("captured_at"):
        found = parse_instant(side["captured_at"], zone)
        return found[0], {"at_source": "sidecar", "naive": not found[2]}
    if stated:
        return stated[0], {"at_source": "report" if stated[1] else "report_date", "naive": True}
    return path.stat().st_mtime_ns // 1000, {"at_source": "file", "naive": False}


def observation(world, item, endpoint, scanner, target, at, side):
    ids = [i for i in [item.get("cve"), *(item.get("vulnerability_ids") or [])] if i]
    ids = sorted({str(i).strip().upper() for i in ids if str(i).strip()})
    own_id, rule = clean(item.get("unique_id_from_tool")), clean(item.get("vuln_id_from_tool"))
    identity = [str(item.get(k)) for k in ("title", "description", "cwe", "line", "file_path", "component_name", "component_version")]
    identity += [json.dumps(endpoint, sort_keys=True), str(item.get("param")), own_id, rule, ids, clean(item.get("service"))]
    o = {"scanner": scanner, "target": target, "at": at, "title": item["title"], "own_id": own_id, "ids": ids, "item": item,
         "native": item["severity"], "file_path": clean(item.get("file_path")), "scan_id": clean(side.get("scan_id")),
         "engagement": clean(side.get("engagement")) or None, "capture_channel": clean(side.get("capture_channel")) or "scanner",
         "identity": json.dumps([scanner, target, identity], sort_keys=True),
         "json": json.dumps(item, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()}
    o["location"] = location(item, endpoint, own_id)
    o["calibrated"] = calibrate(world, scanner, item["severity"])
    o["key"] = vulnerability_key(world, o, rule)
    return o


def location(item, endpoint, own_id):
    """Ruling 16."""
    if clean(item.get("component_name")):
        return ("package", clean(item["component_name"]).lower())
    if endpoint is not None:
        scheme, host, port, path = split_endpoint(endpoint)
        if scheme in ("http", "https") or path:
            return ("web", scheme, host, port, path, clean(item.get("param")))
        return ("host", host, port, scheme)
    if clean(item.get("file_path")):
        return ("code", clean(item["file_path"]), own_id or item["title"])
    return ("none",)


def vulnerability_key(world, o, rule):
    """Ruling 18."""
    names = set()
    for name in o["ids"]:
        names |= through_aliases(world, name)
    cves = [n for n in names if n.startswith("CVE-")]
    ghsas = [n for n in names if n.startswith("GHSA-")]
    others = [n for n in names if n not in cves and n not in ghsas]
    if len(cves) == 1:
        return cves[0]
    if not cves and len(ghsas) == 1:
        return ghsas[0]
    if not cves and not ghsas and len(others) == 1:
        return others[0]
    return o["scanner"] + "|" + (rule or o["title"])


def observation_order(o):
    """Ruling 5."""
    return (o["at"], o["scanner"], o["own_id"], o["title"])


def settle_observations(world):
    """Rulings 2, 19, 20 -> (kept, number of conflicts). Losers are in no mart."""
    conflicts = 0

    def worth(o):
        return (o["at"], RANK[o["calibrated"]], o["json"])

    resent = {}
    kept = []
    for o in world.items:
        if o["scan_id"]:
            resent.setdefault((o["scan_id"], o["identity"]), []).append(o)
        else:
            kept.append(o)
    for found in resent.values():
        found.sort(key=worth)
        kept += [o for o in found if o["at"] == found[0]["at"]]
        conflicts += len({o["at"] for o in found}) - 1
    same = {}
    for o in kept:
        same.setdefault((o["identity"], o["at"]), []).append(o)
    out = []
    for found in same.values():
        found.sort(key=worth)
        out.append(found[0])
        conflicts += len({o["json"] for o in found}) - 1
    return out, conflicts


# ---------------------------------------------------------------- severity

def calibrate(world, scanner, term):
    """Ruling 23, ambiguity 9."""
    tables = world.policy["severity"]["calibration"]
    term = clean(term).lower()
    for name in (scanner, "generic", "*"):
        table = {str(k).strip().lower(): v for k, v in (tables.get(name) or {}).items()}
        if term in table:
            return table[term]
    return "unrated"


def score_band(world, score):
    """Ruling 24."""
    bands = world.policy["severity"]["bands"]
    for band in BANDS:
        if score >= float(bands[band]) or (band == "low" and score > 0):
            return band
    return "informational"


def set_metric(vector, name, value):
    parts = [p for p in vector.split("/") if not p.startswith(name + ":")]
    return "/".join([*parts, f"{name}:{value}"])


def metric(vector, name):
    for part in vector.split("/"):
        if part.startswith(name + ":"):
            return part.split(":", 1)[1]
    return None


def vector_score(world, vector, asset):
    """Ruling 25: the environmental score; None = no readable vector."""
    import cvss
    rules = world.policy["severity"]
    vector = clean(vector)
    old = not vector.startswith("CVSS:")
    need = "X"
    if asset is not None and asset["criticality"]:
        need = rules["requirements"].get(asset["criticality"].lower(), "X")
    if need in ("H", "L"):
        for name in ("CR", "IR", "AR"):
            vector = set_metric(vector, name, need)
    away = asset is not None and asset["internet_facing"].lower() in ("false", "no", "0")
    if away and rules["not_internet_facing"] == "adjacent" and not old and (metric(vector, "MAV") or "X") == "X" and metric(vector, "AV") == "N":
        vector = set_metric(vector, "MAV", "A")
    try:
        if vector.startswith("CVSS:4"):
            return float(cvss.CVSS4(vector).scores()[0])
        base, temporal, environmental = (cvss.CVSS2 if old else cvss.CVSS3)(vector).scores()
    except cvss.CVSSError:
        return None
    names = ("CR", "IR", "AR", "CDP", "TD") if old else ("CR", "IR", "AR", "MAV", "MAC", "MPR", "MUI", "MS", "MC", "MI", "MA")
    if any((metric(vector, n) or "X") not in ("X", "ND") for n in names):
        return float(environmental)
    return float(temporal if temporal is not None else base)


def workspace_band(world, o):
    """record.md, Severity; rulings 23 to 26. The asset is the one at as_of."""
    asset = bind(world, o["target"], world.as_of)[1]
    band = None
    for field in ("cvssv4", "cvssv3"):
        if clean(o["item"].get(field)):
            score = vector_score(world, o["item"][field], asset)
            if score is not None:
                band = score_band(world, score)
                break
    if band is None:
        band = o["calibrated"]
    rules = world.policy["severity"]
    if band == "informational":
        return band
    names = set(o["ids"])
    for name in o["ids"]:
        names |= through_aliases(world, name)
    listed = any(n in world.kev and world.kev[n] <= world.as_of for n in names)
    stated = clean(o["item"].get("known_exploited")).lower() == "true"
    if rules["kev"] and (listed or stated) and RANK[rules["kev"]] < RANK[band]:
        band = rules["kev"]
    epss = rules["epss"]
    if epss and clean(o["item"].get("epss_score")) and float(o["item"]["epss_score"]) >= float(epss["at_least"]) and RANK[epss["to"]] < RANK[band]:
        band = epss["to"]
    return band


# ---------------------------------------------------------------- sightings and findings

def make_findings(world, observations):
    """record.md, Identity; rulings 17, 21: grouped at as_of."""
    sightings = {}
    for o in sorted(observations, key=observation_order):
        key = (o["target"], o["key"], o["location"])
        s = sightings.setdefault(key, {"target": o["target"], "key": key, "first": o, "observations": []})
        s["observations"].append(o)
    groups = {}
    for s in sightings.values():
        asset = bind(world, s["target"], world.as_of)[1]
        place = ("asset", asset["asset_id"]) if asset is not None else ("target", s["target"])
        groups.setdefault((place, s["key"][1], s["key"][2]), []).append(s)
    findings = []
    for number, found in enumerate(groups.values()):
        seen = sorted((o for s in found for o in s["observations"]), key=observation_order)
        rated = [o for o in seen if o["band"] != "informational"]
        findings.append({"id": number, "sightings": found, "observations": seen, "first": rated[0] if rated else None, "events": [],
                         "own_ids": sorted({o["own_id"] for o in seen if o["own_id"]}, key=lambda x: x.encode())})
    return findings


# ---------------------------------------------------------------- activity

EVENT_COLUMNS = ("event_id", "ref", "event", "actor", "occurred_at", "target_person", "severity", "channel", "ticket", "comment")
EVENT_SEVERITY = {"critical": "critical", "high": "high", "medium": "medium", "low": "low", "info": "informational",
                  "informational": "informational", "none": "informational"}


def read_event(world, row, side):
    """Rulings 1, 3, 40: one row of activity.csv or activity.jsonl."""
    zone = world.zone(side, "activity")
    event = {c: clean(row.get(c)) for c in EVENT_COLUMNS}
    event["event"] = event["event"].lower()
    occurred = parse_instant(event["occurred_at"], zone)
    recorded = world.as_of
    if clean(row.get("recorded_at")):
        stated = parse_instant(row["recorded_at"], zone)
        if stated is not None:
            recorded = stated[0]
    if event["event"] not in ORDER or occurred is None or occurred[0] > recorded + world.tolerance or recorded > world.as_of:
        world.rejected += 1
        world.future["event"] += event["event"] in ORDER and occurred is not None and recorded <= world.as_of
        return
    if event["severity"] and event["severity"].lower() not in EVENT_SEVERITY:
        world.rejected += 1
        return
    event["at"] = occurred[0]
    event["own"], event["batch_id"] = False, clean(row.get("batch_id"))
    event["naive"], event["midnight"] = not occurred[2], is_midnight(event["at"], zone)
    event["row"] = tuple((text_of(event["at"]) if c == "occurred_at" else event[c]).encode() for c in EVENT_COLUMNS)
    if not event["event_id"]:
        event["event_id"] = hashlib.sha256(b"\0".join(event["row"][1:])).hexdigest()                          # ruling 6
    world.activity.append(event)


def settle_events(world):
    """Rulings 2, 6: one row per event_id; earliest, then most severe (blank last), then bytewise smallest."""
    by_id = {}
    for e in world.activity:
        by_id.setdefault(e["event_id"], []).append(e)

    def worth(e):
        word = EVENT_SEVERITY.get(e["severity"].lower())
        return (e["at"], RANK[word] if word else 9, e["row"])

    return [min(found, key=worth) for found in by_id.values()]


def event_order(e):
    """Ruling 5."""
    return (e["at"], ORDER[e["event"]], e["event_id"].encode())


def resolve_refs(world, findings, events):
    """Rulings 38, 39. Events go onto their findings; returns how many wait."""
    qualified, bare = {}, {}
    for f in findings:
        for o in f["observations"]:
            if o["own_id"]:
                qualified.setdefault(o["scanner"] + ":" + o["own_id"], {})[f["id"]] = f
                bare.setdefault(o["own_id"], {})[f["id"]] = f

    def by_own_id(ref):
        for table in (qualified, bare):
            if ref in table:
                return list(table[ref].values())
        return []

    linked = {}
    for e in events:
        if e["event"] == "ticket_linked" and e["ticket"]:
            found = by_own_id(e["ref"])
            if len(found) == 1:
                linked.setdefault(e["ticket"], {})[found[0]["id"]] = found[0]
    waiting = 0
    for e in events:
        found = by_own_id(e["ref"])
        if len(found) > 1:
            found = []                                                                                        # ambiguous_ref
        elif not found:
            found = list(linked.get(e["ref"], {}).values())
        for f in found:
            f["events"].append(e)
        waiting += not found
    return waiting


# ---------------------------------------------------------------- cycles

def new_cycle(cycles, origin, at):
    if cycles and cycles[-1]["end"] is None:
        cycles[-1]["end"] = at
        cycles[-1]["superseded"] = True
    cycles.append({"number": len(cycles) + 1, "origin": origin, "start": at, "end": None, "superseded": False, "observations": [], "events": [],
                   "resolved": None, "verified": None, "withdrawn": None, "previous": cycles[-1] if cycles else None})


def make_cycles(world, finding):
    """Rulings 27, 41 to 45: the state machine. Also finding['controls'], the control intervals [start, end)."""
    cycles = []
    grace = wall(world.policy["reopen"]["grace"])
    attestation = wall(world.policy["controls"]["attestation"])
    control = {"since": None, "due": None, "expired": False}
    intervals = []
    runs = finding["control_runs"] = []                             # one dict per control (ruling 84)

    def end_control(at, by):
        if control["since"] is not None:
            intervals.append((control["since"], at))
            runs[-1].update(ended_at=at, ended_by=by, due=control["due"])
            control.update(since=None, due=None, expired=False)

    def observe(o):
        at = o["at"]
        if not cycles:
            new_cycle(cycles, "first_time", at)
        else:
            now = cycles[-1]
            if now["withdrawn"] is not None:
                return                                              # a scan never reopens a withdrawn finding
            base = now["resolved"] if now["resolved"] is not None else now["verified"]
            if base is not None and at > base + grace:
                new_cycle(cycles, "reopened", at)
        cycles[-1]["observations"].append(o)

    ignored = finding["ignored"] = []                               # (event, why) of what counts for nothing (rulings 41 to 45)

    def happen(e):
        if not cycles:
            ignored.append((e, "before_t0"))
            return
        now = cycles[-1]
        ended = now["verified"] is not None or now["withdrawn"] is not None
        if e["event"] == "reopened":
            if ended or now["resolved"] is not None:
                new_cycle(cycles, "reopened", e["at"])
                cycles[-1]["events"].append(e)
            else:
                ignored.append((e, "reopened_while_open"))
            return
        if ended:
            ignored.append((e, "outside_cycle"))
            return
        now["events"].append(e)
        if e["event"] == "resolved" and now["resolved"] is None:
            now["resolved"] = e["at"]
        elif e["event"] in ("verified", "withdrawn"):
            now[e["event"]] = now["end"] = e["at"]
            end_control(e["at"], e["event"])
        elif e["event"] in ("control_accepted", "control_attested"):
            if control["since"] is None:
                control["since"] = e["at"]
                runs.append({"started_at": e["at"], "cycle": now, "attested_at": None, "attestations": 0, "due": None, "ended_at": None,
                             "ended_by": None, "revalidation": None})
            control.update(due=e["at"] + attestation, expired=False)
            runs[-1].update(attested_at=e["at"], due=control["due"])
            runs[-1]["attestations"] += e["event"] == "control_attested"
        elif e["event"] == "control_expired":
            if control["since"] is None:
                ignored.append((e, "no_running_control"))
            else:
                control.update(due=e["at"], expired=True)

    def fall_due(at):
        end_control(at, "control_expired" if control["expired"] else "due")
        now = cycles[-1]
        if now["verified"] is None and now["withdrawn"] is None and now["resolved"] is None:
            new_cycle(cycles, "revalidation", at)
            runs[-1]["revalidation"] = cycles[-1]

    seen = [o for o in finding["observations"] if o["band"] != "informational"]
    instants = sorted({o["at"] for o in seen} | {e["at"] for e in finding["events"]})
    for at in instants:
        while control["due"] is not None and control["due"] < at:
            fall_due(control["due"])
        for o in sorted((o for o in seen if o["at"] == at), key=observation_order):
            observe(o)
        for e in sorted((e for e in finding["events"] if e["at"] == at), key=event_order):
            happen(e)
        if control["due"] == at:
            fall_due(at)
    while control["due"] is not None and control["due"] <= world.as_of:
        fall_due(control["due"])
    if control["since"] is not None:
        intervals.append((control["since"], world.as_of))           # still running
    finding["controls"] = intervals
    finding["cycles"] = cycles
    return cycles


def band_at(cycle, t):
    """Rulings 22, 23, ambiguity 4."""
    rated = [o["band"] for o in cycle["observations"] if o["at"] <= t and o["band"] in BANDS]
    if rated:
        return min(rated, key=RANK.get)
    if cycle["previous"] is not None:
        return band_at(cycle["previous"], t)
    return "unrated"


def band_steps(cycle):
    """The band at t0 and at every observation of the cycle, in time order."""
    return [(t, band_at(cycle, t)) for t in sorted({cycle["start"], *(o["at"] for o in cycle["observations"])})]


def first_rated(cycle):
    for t, band in band_steps(cycle):
        if band in BANDS:
            return t
    return None


def inherited(cycle):
    """Ruling 21: observations of the cycle, else of the previous one."""
    while not cycle["observations"] and cycle["previous"] is not None:
        cycle = cycle["previous"]
    return cycle["observations"]


# ---------------------------------------------------------------- stages

def explicit_acknowledgement(world, finding, cycle):
    """Rulings 46, 50, 95 -> (t1, acknowledger) or (None, None)."""
    if "file" not in world.policy["acknowledgement"]["trust"]:
        return None, None
    withdrawals = [e["at"] for e in cycle["events"] if e["event"] == "acknowledgement_withdrawn"]
    for e in sorted((e for e in cycle["events"] if e["event"] == "acknowledged"), key=event_order):
        if any(w >= e["at"] for w in withdrawals):
            continue
        person = may_acknowledge(world, finding, cycle, e["actor"], e["at"])
        if person is not None:
            return e["at"], person
    return None, None


def inference_events(world, finding, cycle):
    """Ruling 53."""
    found = []
    for e in sorted(cycle["events"], key=event_order):
        if e["event"] not in ("commented", "triaged", "in_progress", "assigned", "reassigned"):
            continue
        person = may_acknowledge(world, finding, cycle, e["actor"], e["at"])
        if person is None:
            continue
        if e["event"] in ("assigned", "reassigned"):
            target = person_at(world, e["target_person"], e["at"])
            if target is None or target["person_id"] != person["person_id"]:
                continue
        found.append(e["at"])
    return found


def earliest(cycle, word):
    return min((e["at"] for e in cycle["events"] if e["event"] == word), default=None)


def stage_instants(world, finding, cycle, t1, acknowledger):
    """Rulings 47 to 49, 51."""
    def inside(e):
        return t1 is None or e["at"] <= t1

    def enriched(e):
        return binding_at(world, finding, e["at"])[0] in ("bound", "retired")

    def routed(e):
        if e["own"]:
            return primitive_at(world, finding, e["at"])["person"] is not None
        return invalid_reason(world, e["target_person"], e["at"]) is None

    def notified(e):
        if invalid_reason(world, e["target_person"], e["at"]) is not None:
            return False
        person = person_at(world, e["target_person"], e["at"])
        named = decision_at(world, finding, cycle, e["at"])["named"]
        if named is not None and named["person_id"] == person["person_id"]:
            return True
        return acknowledger is not None and acknowledger["person_id"] == person["person_id"]

    def overtaken(e):
        later = AFTER_ENRICHED if e["event"] == "enriched" else AFTER_ROUTED
        return e["own"] and any(x["event"] in later and x["at"] < e["at"] for x in cycle["events"])

    out = {}
    for word, valid in (("enriched", enriched), ("routed", routed), ("notified", notified)):
        out[word] = min((e["at"] for e in cycle["events"] if e["event"] == word and inside(e) and valid(e) and not overtaken(e)), default=None)
    out["triaged"] = None
    if t1 is not None:
        out["triaged"] = min((e["at"] for e in cycle["events"] if e["event"] == "triaged" and e["at"] >= t1), default=None)
    words = [e["event"] for e in cycle["events"]]
    if cycle["end"] is None:                                        # ruling 51: our own run's events, at as_of
        bound = binding_at(world, finding, world.as_of)[0] == "bound"
        if bound and out["enriched"] is None and not any(w in AFTER_ENRICHED for w in words):
            out["enriched"] = world.as_of
        naming = [e for e in cycle["events"] if e["event"] in NAMING and not e["own"]]
        valid = primitive_at(world, finding, world.as_of)["person"] is not None
        if valid and out["routed"] is None and not naming and not any(w in AFTER_ROUTED for w in words):
            out["routed"] = world.as_of
    return out


# ---------------------------------------------------------------- one cycle

def clipped(controls, limit):
    return sorted((a, min(b, limit)) for a, b in controls if min(b, limit) > a)


def without_control(start, budget, controls):
    """Ruling 45: the earliest t with (t - start) minus the control time in [start, t) == budget."""
    at, left = start, budget
    for a, b in controls:
        if b <= at:
            continue
        if a > at:
            if a - at >= left:
                return at + left
            left -= a - at
        at = max(at, b)
    return at + left


def dated(cycle, limit, add):
    """Rulings 23, 59: first rating, then every raise up to `limit`."""
    due = previous = None
    for r, band in band_steps(cycle):
        if band not in BANDS:
            continue
        if due is None:
            due = add(r, band)
        elif r <= limit and RANK[band] < RANK[previous]:
            due = min(due, add(r, band))
        previous = band
    return due


def remediation_due(world, cycle, t1, controls):
    """Rulings 45, 56, 59, ambiguity 6."""
    if t1 is None:
        return None
    budget = world.policy["remediation_sla"]

    def add(start, band):
        return without_control(start, wall(budget[band]), controls)

    due = previous = None
    if band_at(cycle, t1) in BANDS:
        previous = band_at(cycle, t1)
        due = add(t1, previous)
    for r, band in band_steps(cycle):
        if r <= t1 or band not in BANDS:
            continue
        if previous is None or RANK[band] < RANK[previous]:
            due = add(r, band) if due is None else min(due, add(r, band))
        previous = band
    return due


def is_breached(end, due, horizon):
    """Ruling 55."""
    return end > due if end is not None else horizon > due


def evaluate_cycle(world, finding, cycle):
    """One row of mart.handoff, in microseconds; None while its severity is unrated (ruling 23)."""
    as_of, policy = world.as_of, world.policy
    t0 = cycle["start"]
    rated_at = first_rated(cycle)
    if rated_at is None:
        return None
    t1, acknowledger = explicit_acknowledgement(world, finding, cycle)
    at = t1 if t1 is not None else as_of
    horizon = min(as_of, cycle["end"]) if cycle["end"] is not None else as_of                 # ruling 55
    severity = band_at(cycle, max(at, rated_at))                                              # rulings 22, 23
    status, asset, _ = binding_at(world, finding, at)
    decision = decision_at(world, finding, cycle, at)
    team = team_at(world, finding, cycle, at)
    calendar = world.calendar(team)
    stages = stage_instants(world, finding, cycle, t1, acknowledger)
    inferred = inference_events(world, finding, cycle)
    due = dated(cycle, at, lambda r, band: calendar.add(r, policy["handoff_sla"][band]))
    window_end = dated(cycle, at, lambda r, band: calendar.add(r, policy["acknowledgement_window"][band]))
    controls = clipped(finding["controls"], horizon)
    fix_due = remediation_due(world, cycle, t1, controls)
    single_due = due + wall(policy["remediation_sla"][severity])                              # ruling 57
    verified, withdrawn = cycle["verified"], cycle["withdrawn"]

    elapsed = as_of >= window_end                                                             # ruling 54
    mature = elapsed and not (withdrawn is not None and t0 <= withdrawn < window_end)
    unacknowledged = mature and not (t1 is not None and t0 <= t1 < window_end)

    breached = is_breached(t1, due, horizon)
    fix_breached = None if fix_due is None else is_breached(verified, fix_due, horizon)
    single_breached = is_breached(verified, single_due, horizon)
    attribution = {(True, True): "both", (True, False): "handoff", (False, True): "remediation", (False, False): "none"}[(breached, bool(fix_breached))]

    is_open = cycle["end"] is None
    now = decision_at(world, finding, cycle, as_of)
    unrouted = is_open and t1 is None and now["person"] is None                               # ruling 35
    escalated = None
    fallback = policy["routing"]["escalation_default"]
    if unrouted and fallback and invalid_reason(world, fallback, as_of) is None:              # ruling 34
        escalated = person_at(world, fallback, as_of)["person_id"]
    seen = sorted(inherited(cycle), key=observation_order)
    if cycle["withdrawn"] is not None:
        state = "withdrawn"
    elif cycle["verified"] is not None:
        state = "verified"
    elif cycle["superseded"]:
        state = "superseded"
    else:
        state = "resolved" if cycle["resolved"] is not None else "open"

    row = {
        "cycle": cycle["number"], "origin": cycle["origin"], "severity": severity, "scanner_severity": seen[0]["native"],
        "scanners": sorted({o["scanner"] for o in seen}), "title": finding["first"]["title"],
        "asset_id": asset["asset_id"] if asset else None,
        "application": (asset["application"] or None) if asset else None,
        "business_unit": (asset["business_unit"] or None) if asset else None,
        "environment": (asset["environment"] or None) if asset else None,
        "team": team, "owner_id": decision["person"]["person_id"] if decision["person"] else None,
        "acknowledgement_kind": "explicit" if t1 is not None else "inferred" if inferred else "none",
        "latency_seconds": None if t1 is None else seconds(t1 - t0),
        "latency_business_seconds": None if t1 is None else seconds(calendar.between(t0, t1)),
        "handoff_breached": breached, "remediation_breached": fix_breached, "breach_attribution": attribution,
        "is_mature": mature, "is_unacknowledged": unacknowledged, "is_open": is_open,
        "binding_status": status, "routing_status": decision["status"], "failure_mode": None, "failure_modes": [],
        "target": finding["first"]["target"], "own_ids": finding["own_ids"], "state": state,
        "engagement": seen[0]["engagement"], "capture_channel": seen[0]["capture_channel"],
        "misattributed": single_breached and breached and not fix_breached, "escalated_to": escalated,
        "control_seconds": 0.0 if t1 is None or fix_due is None else seconds(sum(max(0, min(b, fix_due) - max(a, t1)) for a, b in controls)),
        "severity_now": band_at(cycle, as_of), "team_now": team_at(world, finding, cycle, as_of),
        "captured_at": t0, "enriched_at": stages["enriched"], "routed_at": stages["routed"], "notified_at": stages["notified"],
        "acknowledged_at": t1, "triaged_at": stages["triaged"], "in_progress_at": earliest(cycle, "in_progress"),
        "resolved_at": cycle["resolved"], "verified_at": verified, "withdrawn_at": withdrawn,
        "inferred_at": min(inferred) if inferred else None, "handoff_due_at": due, "remediation_due_at": fix_due,
        "window_ends_at": window_end, "closed_at": verified if verified is not None else withdrawn, "single_sla_due_at": single_due,
    }
    if breached or unacknowledged:                                                            # the gate of section I
        row["failure_modes"] = failure_modes(world, finding, cycle, t0, t1, horizon, due, calendar, inferred)
        row["failure_mode"] = row["failure_modes"][0] if row["failure_modes"] else "unexplained"
    hidden = {"unrouted": unrouted, "reason": now["status"], "horizon": horizon, "single_breached": single_breached,
              "asset_now": binding_at(world, finding, as_of)[1], "finding": finding, "cycle": cycle, "calendar": calendar, "seen": seen,
              "acknowledger": acknowledger}
    return row, hidden


# ---------------------------------------------------------------- failure modes

def failure_modes(world, finding, cycle, t0, t1, horizon, due, calendar, inferred):
    """Rulings 60 to 65."""
    fired = set()
    upto = min(t1, horizon) if t1 is not None else horizon
    budget = calendar.between(t0, due)
    half = int(Fraction(str(world.policy["binding_due_share"])) * budget)                     # ambiguity 21
    x = min(calendar.after(t0, half), upto)
    events = sorted((e for e in cycle["events"] if e["at"] <= upto and not e["own"]), key=event_order)

    if binding_at(world, finding, x)[0] != "bound":                                           # 60
        fired.add("asset_binding_gap")

    def decayed(t):                                                                           # 61
        decision = decision_at(world, finding, cycle, t)
        return decision["person"] is None and (decision["by"] == "event" or decision["bound"])

    if any(e["event"] in NAMING and invalid_reason(world, e["target_person"], e["at"]) is not None for e in events):
        fired.add("decayed_routing")
    if decayed(x) or any(e["event"] == "notified" and decayed(e["at"]) for e in events):
        fired.add("decayed_routing")

    for e in events:                                                                          # 62
        if e["event"] == "routed" and e["severity"]:
            band = band_at(cycle, e["at"])
            if band != "unrated" and RANK[EVENT_SEVERITY[e["severity"].lower()]] > RANK[band]:
                fired.add("severity_mismatch")

    rules = world.policy["noise"]                                                             # 63
    window = wall(rules["window"])
    sent = {}
    for e in events:
        if e["event"] != "notified" or invalid_reason(world, e["target_person"], e["at"]) is not None:
            continue
        who = person_at(world, e["target_person"], e["at"])["person_id"]
        sent[who] = sent.get(who, 0) + 1
        count, digests = 0, set()
        for other in sorted((o for o in world.events if o["event"] == "notified" and o["at"] <= e["at"]), key=event_order):
            person = person_at(world, other["target_person"], other["at"])
            if person is None or person["person_id"] != who or (other["batch_id"] and other["batch_id"] in digests):
                continue                                                                      # a digest is one message, from its first event on
            digests.add(other["batch_id"])
            count += other["at"] > e["at"] - window
        if count >= int(rules["threshold"]):
            fired.add("notification_noise")
    if any(n >= int(rules["repeats"]) for n in sent.values()):
        fired.add("notification_noise")

    work = inferred + [e["at"] for e in cycle["events"] if e["event"] == "resolved"]          # 64
    if any(t <= horizon and (t1 is None or t1 > t) for t in work):
        fired.add("acknowledgement_ambiguity")
    return [m for m in MODES if m in fired]


# ---------------------------------------------------------------- aggregates

def quantile(values, q):
    """Linear interpolation, as quantile_cont."""
    if not values:
        return None
    values = sorted(values)
    place = (len(values) - 1) * Fraction(str(q))
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * float(place - low)


def kaplan_meier(pairs, level):
    """Ruling 68: the smallest t with S(t) <= level; pairs are (microseconds, observed)."""
    survival = Fraction(1)
    for t in sorted({d for d, observed in pairs if observed}):
        at_risk = sum(d >= t for d, _ in pairs)                     # censored at t are still at risk: events come first
        died = sum(d == t and observed for d, observed in pairs)
        survival *= Fraction(at_risk - died, at_risk)
        if float(survival) <= level + 1e-12:
            return seconds(t)
    return None


def period(world, at, grain):
    """Rulings 67, 71."""
    if grain == "all":
        return None
    day = moment(at).astimezone(ZoneInfo(world.policy["reporting_zone"])).date()
    if grain == "week":
        day -= timedelta(days=day.weekday())
    elif grain == "month":
        day = date(day.year, day.month, 1)
    elif grain == "quarter":
        day = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return day.isoformat()


GRAINS = ("all", "day", "month", "quarter", "week")
DIMENSIONS = ("all", "business_unit", "capture_channel", "engagement", "environment", "failure_mode", "origin", "scanner", "team")


def dimension_values(row, dimension):
    if dimension == "all":
        return ["all"]
    if dimension == "scanner":
        return row["scanners"]
    if dimension == "failure_mode":
        return [row["failure_mode"]] if row["failure_mode"] else []
    return [row[dimension] if row[dimension] is not None else "(none)"]


def verdict(world, severity, latencies, mature, rate):
    """Ruling 69."""
    rules = world.policy["verdict"]
    if severity == "all":
        return None
    if len(latencies) < int(rules["minimum"]) or mature < int(rules["minimum"]):
        return "too_few"
    target = rules[severity]
    if quantile(latencies, 0.5) > wall(target["median"]) / 1e6:
        return "slow"
    if quantile(latencies, 0.9) <= wall(target["p90"]) / 1e6 and rate <= float(target["rate"]):
        return "durable"
    return "structural_tail"


def handoff_latency(world, cycles):
    """Rulings 66 to 69, 71."""
    out = []
    for grain in GRAINS:
        for dimension in DIMENSIONS:
            if grain != "all" and dimension != "all":
                continue
            groups = {}
            for row, hidden in cycles:
                for value in dimension_values(row, dimension):
                    for severity in ("all", row["severity"]):
                        groups.setdefault((period(world, row["captured_at"], grain), value, severity), []).append((row, hidden))
            for (start, value, severity), members in sorted(groups.items(), key=lambda g: (g[0][0] or "", *g[0][1:])):
                rows = [r for r, _ in members]
                wall_times = [r["latency_seconds"] for r in rows if r["acknowledged_at"] is not None]
                business = [r["latency_business_seconds"] for r in rows if r["acknowledged_at"] is not None]
                pairs = [(r["acknowledged_at"] - r["captured_at"], True) if r["acknowledged_at"] is not None
                         else (h["horizon"] - r["captured_at"], False) for r, h in members]
                mature = sum(r["is_mature"] for r in rows)
                missing = sum(r["is_unacknowledged"] for r in rows)
                rate = missing / mature if mature else None
                median, p90 = quantile(wall_times, 0.5), quantile(wall_times, 0.9)
                gated = dimension == "failure_mode"
                out.append({
                    "period_grain": grain, "period_start": start, "dimension": dimension, "dimension_value": value, "severity": severity,
                    "handoffs": len(rows), "acknowledged": len(wall_times), "median_seconds": median, "p90_seconds": p90,
                    "median_business_seconds": quantile(business, 0.5), "p90_business_seconds": quantile(business, 0.9),
                    "km_median_seconds": kaplan_meier(pairs, 0.5), "km_p90_seconds": kaplan_meier(pairs, 0.1),
                    "mature": mature, "unacknowledged": missing, "no_acknowledgement_rate": None if gated else rate,
                    "handoff_breaches": sum(r["handoff_breached"] for r in rows), "unrouted": sum(h["unrouted"] for _, h in members),
                    "tail_seconds": None if median is None else p90 - median,
                    "verdict": None if gated else verdict(world, severity, wall_times, mature, rate),
                })
    return out


def no_acknowledgement(world, cycles):
    """Ruling 87."""
    out = []
    for grain in GRAINS:
        groups = {}
        for row, _ in cycles:
            for severity in ("all", row["severity"]):
                groups.setdefault((period(world, row["captured_at"], grain), severity), []).append(row)
        for (start, severity), rows in sorted(groups.items(), key=lambda g: (g[0][0] or "", g[0][1])):
            mature = sum(r["is_mature"] for r in rows)
            for mode in (*MODES, "unexplained"):
                missing = sum(r["is_unacknowledged"] and r["failure_mode"] == mode for r in rows)
                if missing:
                    out.append({"period_grain": grain, "period_start": start, "severity": severity, "failure_mode": mode, "mature": mature,
                                "unacknowledged": missing, "rate": missing / mature})
    return out


def sla_breaches(cycles):
    """Ruling 85."""
    out = []
    for row, hidden in cycles:
        for sla, breached, due in (("handoff", row["handoff_breached"], row["handoff_due_at"]),
                                   ("remediation", row["remediation_breached"], row["remediation_due_at"]),
                                   ("single", hidden["single_breached"], row["single_sla_due_at"])):
            if breached:
                out.append({"title": row["title"], "cycle": row["cycle"], "sla": sla, "due_at": text_of(due), "breached_at": text_of(due),
                            "failure_mode": row["failure_mode"]})
    return out


# ---------------------------------------------------------------- the whole

def build_world(landing, policy, as_of):
    """The landing zone read, settled, grouped; findings without events."""
    at = parse_instant(as_of, "UTC")[0]
    world = World(load_policy(policy), at)
    # aliases are needed to read scans: the reference folder goes first
    root = Path(landing)
    read_landing_in_order(world, root)
    world.assets = Register(world, "asset")
    world.people = Register(world, "person")
    world.ownership = Register(world, "ownership")
    kept, world.conflicts = settle_observations(world)
    world.recorded = len(kept)
    world.seen = [o for o in kept if o["at"] <= at]                                           # ruling 3
    world.stated_rows = [set(o["ids"]) for o in world.seen if len(set(o["ids"])) > 1]
    for o in kept:
        o["key"] = vulnerability_key(world, o, clean(o["item"].get("vuln_id_from_tool")))
        o["band"] = workspace_band(world, o)
    world.findings = make_findings(world, world.seen)
    accepted = settle_events(world)
    world.accepted = len(accepted)
    world.events = [e for e in accepted if e["at"] <= at]
    return world


def read_landing_in_order(world, root):
    """Reads everything; keys of observations are set once all aliases are known."""
    read_landing(world, root)
    for o in world.items:
        o["key"] = vulnerability_key(world, o, clean(o["item"].get("vuln_id_from_tool")))


def evaluated(landing, policy, as_of, earlier_own_events=()):
    """The world of one run and its cycles, [(row of mart.handoff in microseconds, what stands behind it)] by title and cycle, and how many events wait."""
    world = build_world(landing, policy, as_of)
    waiting = resolve_refs(world, world.findings, world.events)
    for number, own in enumerate(earlier_own_events):
        for f in world.findings:
            if f["first"] is not None and f["first"]["title"] == own["title"]:
                e = dict.fromkeys((*EVENT_COLUMNS, "batch_id"), "")
                e.update(event=own["event"], at=parse_instant(own["occurred_at"], "UTC")[0], own=True, event_id=f"own-{number}")
                f["events"].append(e)
    cycles = []
    for f in world.findings:
        for cycle in make_cycles(world, f):
            found = evaluate_cycle(world, f, cycle)
            if found is not None:
                cycles.append(found)
    cycles.sort(key=lambda c: (c[0]["title"], c[0]["cycle"]))
    return world, cycles, waiting


def expected(landing, policy, as_of, earlier_own_events=()):
    """What mart must hold after one run. earlier_own_events: dicts {title, event: enriched|routed, occurred_at} of earlier runs (ruling 51)."""
    return expected_of(as_of, *evaluated(landing, policy, as_of, earlier_own_events))


def expected_of(as_of, world, cycles, waiting):
    """The same of a world that is already evaluated."""
    handoff = [{k: text_of(v) if k.endswith("_at") else v for k, v in row.items()} for row, _ in cycles]
    queue = [{"title": r["title"], "cycle": r["cycle"], "severity": r["severity"], "reason": h["reason"], "captured_at": text_of(r["captured_at"]),
              "age_seconds": seconds(world.as_of - r["captured_at"]), "asset_id": h["asset_now"]["asset_id"] if h["asset_now"] else None,
              "target": r["target"]} for r, h in cycles if h["unrouted"]]
    modes = []
    for r, _ in cycles:
        for mode in r["failure_modes"] or ([r["failure_mode"]] if r["failure_mode"] else []):
            modes.append({"title": r["title"], "cycle": r["cycle"], "mode": mode, "is_primary": mode == r["failure_mode"]})
    return {
        "as_of": as_of, "handoff": handoff, "handoff_latency": handoff_latency(world, cycles), "unrouted_queue": queue, "failure_mode": modes,
        "sla_breach": sla_breaches(cycles), "no_acknowledgement": no_acknowledgement(world, cycles),
        "counts": {"observations": world.recorded, "observation_conflicts": world.conflicts,
                   "unrated": sum(o["band"] == "unrated" for o in world.seen), "findings": len(world.findings), "cycles": len(handoff),
                   "events": world.accepted, "events_waiting": waiting, "rejected": world.rejected},
    }


if __name__ == "__main__":
    import sys
    print(json.dumps(expected(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] != "-" else None, sys.argv[3]), indent=1))
