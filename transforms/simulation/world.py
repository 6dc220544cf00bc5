"""Who and what there is: teams with people in several zones, services with their registers, and whatever of these registers is wrong.

A cell is one team with its services, made from (seed, number) alone, so that a programme of any size is made one cell after the other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from transforms.domain.instants import iso
from transforms.simulation.hours import DAY, HOUR, at

#: The first scan lies after BEGIN; nothing happens after END; the first run is on a Saturday, the last on the Monday after it.
BEGIN, END = at("2026-01-19T00:00"), at("2026-05-29T20:00")
FIRST_RUN, AS_OF = at("2026-05-30T06:00"), at("2026-06-01T06:00")
#: When the directory's second export was taken.
SECOND_EXPORT = at("2026-03-23T05:00")
ROUND = 14 * DAY

SECURITY_TEAM = "security"
ANALYSTS = tuple(f"analyst-{number}" for number in range(1, 7))
DESK_BOT = "routing-bot"
_ZONES = {
    "berlin": ("Europe/Berlin", "Europe/Lisbon", "Africa/Nairobi"),
    "new_york": ("America/New_York", "America/Sao_Paulo"),
    "kolkata": ("Asia/Kolkata", "Australia/Sydney"),
}
_UNITS = ("retail", "banking", "logistics", "media", "health", "core")
_TRADES = ("payments", "catalogue", "identity", "search", "billing", "delivery", "ledger", "portal", "pricing", "messaging")
_NAMES = (
    "anna",
    "bo",
    "carla",
    "dev",
    "elif",
    "femi",
    "gita",
    "hugo",
    "ines",
    "jun",
    "kofi",
    "lena",
    "mei",
    "noor",
    "otto",
    "pia",
    "ravi",
    "sana",
    "tom",
    "uma",
)

PROFILES = ("image", "repository", "host", "web", "code", "cloud")
#: What may be wrong with a service in the registers, with its weight; `sound` and `former_owner` are not wrong at all.
CONDITIONS = {
    "sound": 58,
    "former_owner": 8,
    "owner_leaves": 5,
    "unregistered": 4,
    "ambiguous": 4,
    "retired": 4,
    "registered_late": 5,
    "departed_owner": 5,
    "unmapped": 2,
    "dissolved_team": 2,
    "inbox_owner": 2,
    "unreachable_owner": 1,
}
UNBOUND = {"unregistered": "unbound", "ambiguous": "ambiguous", "retired": "retired"}
#: Conditions whose mapping names nobody valid from the first day on.
UNOWNED = ("departed_owner", "unmapped", "dissolved_team", "inbox_owner", "unreachable_owner")
#: As many notifications to one person in a day as ordinary work may bring: well below what drowns anybody (20).
CALM = 15


@dataclass(eq=False)
class Person:
    """Somebody in the directory; `leaves_at` dates the departure, None for those who stay."""

    person_id: str
    team: str
    zone: str
    role: str = "engineer"
    channel: str = "chat"
    kind: str = "human"
    status: str = "active"
    leaves_at: int | None = None
    #: Every notification that they ever got, in order, and the spans that are kept free for a planned flood.
    notifications: list[int] = field(default_factory=list)
    reserved: list[tuple[int, int]] = field(default_factory=list)

    def is_active(self, instant: int) -> bool:
        return self.kind == "human" and self.status == "active" and (self.leaves_at is None or instant < self.leaves_at)

    def is_valid(self, instant: int) -> bool:
        """Whether they can be a candidate: an active human with a role and a channel."""
        return self.is_active(instant) and bool(self.role and self.channel)

    def notify(self, instant: int) -> None:
        insort(self.notifications, instant)

    def notified_within_a_day(self, instant: int) -> int:
        """Notifications in (instant - 24 h, instant]."""
        return bisect_right(self.notifications, instant) - bisect_right(self.notifications, instant - DAY)

    def is_calm(self, instant: int) -> bool:
        """Whether one more notification then leaves every day around it an ordinary one."""
        if any(start <= instant < end for start, end in self.reserved):
            return False
        return bisect_left(self.notifications, instant + DAY) - bisect_right(self.notifications, instant - DAY) < CALM

    def reserve(self, start: int, end: int) -> bool:
        """Keeps a span free of every other notification; False where it is not."""
        if any(start < other_end and other_start < end for other_start, other_end in self.reserved):
            return False
        if bisect_left(self.notifications, end) > bisect_left(self.notifications, start):
            return False
        self.reserved.append((start, end))
        return True


@dataclass(eq=False)
class Service:
    """One asset of a team, under the names that scanners know it by."""

    asset_id: str
    application: str
    profile: str
    condition: str
    criticality: str
    owner: Person
    targets: dict[str, str]
    phase: int
    offset: int
    registered_at: int | None = None

    def binding(self, instant: int) -> str:
        """bound, retired, ambiguous or unbound."""
        if self.condition == "registered_late":
            return "bound" if instant >= (self.registered_at or 0) else "unbound"
        return UNBOUND.get(self.condition, "bound")

    def mapped(self, instant: int) -> Person | None:
        """Whom the ownership mapping validly names; None for nobody."""
        if self.binding(instant) != "bound" or self.condition in UNOWNED:
            return None
        return self.owner if self.owner.is_valid(instant) else None

    @property
    def has_team(self) -> bool:
        """Whether the register says whose it is."""
        return self.condition not in ("unregistered", "ambiguous")


class Cell:
    """One team: its people, its services, its reorganisation."""

    def __init__(self, seed: int, number: int, findings: int) -> None:
        self.number, self.findings = number, findings
        self.rng = rng = Random(f"{seed}/{number}")
        self.calendar = ("berlin", "new_york", "kolkata")[number % 3]
        self.unit = _UNITS[number % len(_UNITS)]
        self.old_team = f"{_TRADES[number % len(_TRADES)]}-{number:03d}"
        self.new_team = f"{self.old_team}-platform"
        #: Every fourth team is renamed, people and services at one instant.
        self.renamed_at = at("2026-04-13T06:00") if number % 4 == 3 else None
        self._serial = 0
        self._make_people()
        #: When each profile's primary scanner first runs, and how much later (or some hours earlier) the second one does.
        self.phases = {profile: BEGIN + 9 * HOUR + rng.randrange(ROUND // 1_000_000) * 1_000_000 for profile in PROFILES}
        self.offsets = {
            profile: -rng.randrange(HOUR, 8 * HOUR, 1_000_000) if rng.random() < 0.5 else rng.randrange(HOUR, 4 * DAY, 1_000_000)
            for profile in PROFILES
        }
        self.services = [self._service(index) for index in range(max(12, findings // 25))]

    def team(self, instant: int) -> str:
        return self.new_team if self.renamed_at is not None and instant >= self.renamed_at else self.old_team

    # People

    def _person(self, **more: object) -> Person:
        self._serial += 1
        name = _NAMES[self._serial % len(_NAMES)]
        person_id, zone_name = f"{name}-{self.number:03d}-{self._serial:02d}", self.rng.choice(_ZONES[self.calendar])
        return Person(person_id, self.old_team, zone_name, **more)  # type: ignore[arg-type]

    def _make_people(self) -> None:
        self.engineers = [self._person() for _ in range(max(6, self.findings // 15))]
        #: They own nothing, so that what they are sent is what was planned.
        self.quiet = [self._person() for _ in range(max(4, self.findings // 20))]
        self.leavers = [self._person(leaves_at=SECOND_EXPORT), self._person(leaves_at=at("2026-04-20T15:00"))]
        self.gone = self._person(status="departed")
        self.inactive = self._person(status="inactive")
        self.inbox = self._person(kind="group", role="")
        self.bot = self._person(kind="bot")
        self.unreachable = self._person(channel="")
        self.without_role = self._person(role="")
        self.people = [
            *self.engineers,
            *self.quiet,
            *self.leavers,
            self.gone,
            self.inactive,
            self.inbox,
            self.bot,
            self.unreachable,
            self.without_role,
        ]

    # Services

    def _service(self, index: int) -> Service:
        rng = self.rng
        profile = PROFILES[index % len(PROFILES)]
        condition = rng.choices(tuple(CONDITIONS), tuple(CONDITIONS.values()))[0]
        name = f"{self.old_team}-{profile}-{index:02d}"
        owner = {
            "departed_owner": self.gone,
            "inbox_owner": self.inbox,
            "unreachable_owner": self.unreachable,
            "owner_leaves": rng.choice(self.leavers),
        }.get(condition) or rng.choice(self.engineers)
        phase = self.phases[profile]
        registered_at = phase + ROUND * rng.randrange(1, 8) + 5 * DAY if condition == "registered_late" else None
        return Service(
            asset_id=name,
            application=f"{name}-app",
            profile=profile,
            condition=condition,
            criticality=rng.choice(("critical", "high", "medium", "medium", "low", "")),
            owner=owner,
            targets=_targets(name, profile, rng),
            phase=phase,
            offset=self.offsets[profile],
            registered_at=registered_at,
        )

    # Registers

    def asset_rows(self) -> Iterator[dict[str, str]]:
        for service in self.services:
            if service.condition == "unregistered":
                continue
            row = {
                "asset_id": service.asset_id,
                "name": service.asset_id,
                "aliases": ";".join(sorted(set(service.targets.values()))),
                "kind": service.profile,
                "application": service.application,
                "business_unit": self.unit,
                "environment": "production",
                "criticality": service.criticality,
                "owner_team": self.old_team,
                "status": "retired" if service.condition == "retired" else "active",
            }
            if service.condition == "ambiguous":
                yield row | {"asset_id": f"{service.asset_id}-copy", "name": f"{service.asset_id}-copy"}
            started = service.registered_at
            if started is None or self.renamed_at is None or started < self.renamed_at:
                yield row | ({"effective_from": iso(started)} if started is not None else {})
            if self.renamed_at is not None:
                changed = max(self.renamed_at, started or 0)
                yield row | {"owner_team": self.new_team, "effective_from": iso(changed)}

    def people_rows(self, *, is_second: bool) -> Iterator[dict[str, str]]:
        """The rows of the directory's first or second export; changes after the second one are announced in it."""
        for person in self.people:
            row = {
                "person_id": person.person_id,
                "name": person.person_id.replace("-", " ").title(),
                "email": f"{person.person_id}@example.com",
                "team": person.team,
                "role": person.role,
                "channel": person.channel,
                "status": person.status,
                "kind": person.kind,
                "time_zone": person.zone,
            }
            if not is_second:
                yield row
                continue
            # Who left with this export has no date of their own; what comes after it is announced with one.
            yield row | ({"status": "departed"} if person.leaves_at == SECOND_EXPORT else {})
            for instant in sorted(
                {change for change in (person.leaves_at, self.renamed_at) if change is not None and change > SECOND_EXPORT}
            ):
                has_left = person.leaves_at is not None and person.leaves_at <= instant
                yield row | {"team": self.team(instant), "effective_from": iso(instant)} | ({"status": "departed"} if has_left else {})

    def ownership_rows(self) -> Iterator[dict[str, str]]:
        for service in self.services:
            match = f"asset:{service.asset_id}"
            row = {
                "match": f"application:{service.application}",
                "person_id": service.owner.person_id,
                "team": self.old_team,
                "priority": "20",
            }
            if service.condition == "unmapped":
                continue
            if service.condition == "dissolved_team":
                yield {"match": match, "team": f"{self.old_team}-dissolved"}
                continue
            if service.condition == "former_owner":
                # A better match that names somebody who left, and one that ended before the first day: neither counts.
                yield {"match": match, "person_id": self.gone.person_id, "team": self.old_team, "priority": "10"}
                yield {"match": match, "person_id": self.quiet[0].person_id, "priority": "5", "effective_to": iso(BEGIN)}
            yield row


def security_rows() -> Iterator[dict[str, str]]:
    """The people of the security team, who route and comment and own nothing."""
    for name in ANALYSTS:
        yield {
            "person_id": name,
            "name": name,
            "email": f"{name}@example.com",
            "team": SECURITY_TEAM,
            "role": "analyst",
            "channel": "chat",
            "kind": "human",
        }
    yield {"person_id": DESK_BOT, "name": DESK_BOT, "team": SECURITY_TEAM, "role": "bot", "channel": "chat", "kind": "bot"}


def _targets(name: str, profile: str, rng: Random) -> dict[str, str]:
    """What each scanner calls the service; for the profile's own scanners."""
    image, repository, host = f"registry.example.com/{name}", f"acme/{name}", f"{name}.example.com"
    instance = f"arn:aws:ec2:eu-west-1:{rng.randrange(10**11, 10**12)}:instance/i-{rng.getrandbits(68):017x}"
    container = f"arn:aws:ecr:eu-west-1:{rng.randrange(10**11, 10**12)}:repository/{name}"
    return {
        "image": {"inspector": container, rng.choice(("trivy", "grype", "cyclonedx")): image},
        "repository": {"github": repository, "snyk": repository},
        "host": {"nessus": host, "openvas": host},
        "web": {"pentest": host, "zap": host},
        "code": dict.fromkeys(rng.choice((("semgrep", "codeql"), ("codeql", "semgrep"))), repository),
        "cloud": {"securityhub": instance},
    }[profile]
