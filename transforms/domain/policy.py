"""The policy: every choice that a programme may make for itself, with its default, validated once at the edge.

A policy is layers of YAML text: the default (`policy.yaml` at the top of the checkout) and the user's, overlaid key by key; a calendar is
replaced whole. Errors name file, line and key.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Generic, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from transforms.domain.errors import PolicyError
from transforms.domain.instants import DAY_US, MICROSECONDS, is_zone
from transforms.domain.mapping import Mapping, shipped, shipped_trees, word

T = TypeVar("T")
Band = Literal["critical", "high", "medium", "low", "informational"]
RatedBand = Literal["critical", "high", "medium", "low"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_UNITS = {"s": MICROSECONDS, "m": 60 * MICROSECONDS, "h": 3_600 * MICROSECONDS, "d": DAY_US}
_DURATION = re.compile(r"(\d+)(bh|bd|s|m|h|d)")
_WINDOW = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Duration(Strict):
    """A whole number of one unit. `bh` and `bd` are business time of a calendar, the others wall time."""

    amount: int
    unit: Literal["s", "m", "h", "d", "bh", "bd"]

    @property
    def is_business(self) -> bool:
        return self.unit in ("bh", "bd")

    def wall_us(self) -> int:
        return self.amount * _UNITS[self.unit]

    def business_us(self, business_day_us: int) -> int:
        return self.amount * (business_day_us if self.unit == "bd" else _UNITS["h"])


def _duration(value: object) -> object:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        # A century is longer than any SLA, and short enough that no due instant leaves the calendar.
        if len(match[1]) > 12 or int(match[1]) * _UNITS.get(match[2], _UNITS["h" if match[2] == "bh" else "d"]) > 36_525 * DAY_US:
            raise ValueError("a duration of at most a century")
        return Duration(amount=int(match[1]), unit=match[2])  # type: ignore[arg-type]
    if isinstance(value, Duration):
        return value
    raise ValueError("a whole number and a unit: s, m, h, d (wall time) or bh, bd (business hours, business days), as in 4bh")


def _wall(value: object) -> object:
    duration = _duration(value)
    if isinstance(duration, Duration) and duration.is_business:
        raise ValueError("wall time here: a whole number and s, m, h or d, as in 24h")
    return duration


AnyDuration = Annotated[Duration, BeforeValidator(_duration)]
WallDuration = Annotated[Duration, BeforeValidator(_wall)]


def _zone_name(value: object) -> object:
    if isinstance(value, str) and is_zone(value):
        return value
    raise ValueError("an IANA time zone, as in Europe/Berlin")


ZoneName = Annotated[str, BeforeValidator(_zone_name)]
Share = Annotated[float, Field(ge=0, le=1)]


def window_minutes(text: str) -> tuple[int, int]:
    """'22:00-30:00' as minutes of its start day; raises ValueError when it is no window."""
    match = _WINDOW.fullmatch(text.strip())
    if match:
        opens, closes = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if int(match[2]) < 60 and int(match[4]) < 60 and opens < closes and opens < 24 * 60 and closes <= 48 * 60:
            return opens, closes
    raise ValueError(f"{text!r} is no window: HH:MM-HH:MM, the end later than the start, after 24:00 for one past midnight")


def _check_windows(texts: list[str]) -> list[str]:
    spans = sorted(window_minutes(text) for text in texts)
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            raise ValueError("windows overlap")
    return texts


class CalendarPolicy(Strict):
    time_zone: ZoneName = "UTC"
    days: list[Weekday] = ["mon", "tue", "wed", "thu", "fri"]
    windows: list[str] = ["09:00-17:00"]
    holidays: list[date] = []
    holiday_region: str | None = None
    overrides: dict[date, list[str]] = {}
    business_day: WallDuration = Duration(amount=8, unit="h")

    @field_validator("windows")
    @classmethod
    def _windows(cls, texts: list[str]) -> list[str]:
        return _check_windows(texts)

    @field_validator("overrides")
    @classmethod
    def _overrides(cls, overrides: dict[date, list[str]]) -> dict[date, list[str]]:
        for texts in overrides.values():
            _check_windows(texts)
        return overrides

    @model_validator(mode="after")
    def _opens_at_all(self) -> CalendarPolicy:
        if not self.days or not self.windows:
            raise ValueError("a calendar needs at least one day and one window: with none, nothing would ever fall due")
        if self.business_day.amount == 0:
            raise ValueError("business_day must be longer than nothing")
        return self


class ByBand(Strict, Generic[T]):
    critical: T
    high: T
    medium: T
    low: T

    def of(self, band: str) -> T:
        return getattr(self, band)


class Acknowledgement(Strict):
    allowed: list[Literal["owner", "owning_team"]] = ["owner", "owning_team"]
    unowned: Literal["anyone", "nobody"] = "anyone"
    roles: Literal["any"] | list[str] = "any"
    trust: list[Literal["link", "tracker", "cli", "file"]] = ["link", "tracker", "cli", "file"]


class Noise(Strict):
    window: WallDuration
    threshold: Annotated[int, Field(ge=1)]
    repeats: Annotated[int, Field(ge=1)]


class Controls(Strict):
    attestation: WallDuration


class TimeQuality(Strict):
    bulk_count: Annotated[int, Field(ge=2)]
    bulk_window: WallDuration


class VerdictTarget(Strict):
    median: WallDuration
    p90: WallDuration
    rate: Share


class Verdict(ByBand[VerdictTarget]):
    minimum: Annotated[int, Field(ge=1)]


class BandFloors(Strict):
    critical: float
    high: float
    medium: float
    low: float

    @model_validator(mode="after")
    def _descend(self) -> BandFloors:
        if not 10 >= self.critical > self.high > self.medium > self.low > 0:
            raise ValueError("floors that descend from critical to low, within 0 and 10")
        return self

    def band(self, score: float) -> str:
        """The band of a score: the first whose floor it reaches; above 0 at least low, 0 is informational."""
        for band in ("critical", "high", "medium"):
            if score >= getattr(self, band):
                return band
        return "low" if score > 0 else "informational"


class Requirements(Strict):
    critical: Literal["H", "M", "L", "X"] = "H"
    high: Literal["H", "M", "L", "X"] = "H"
    medium: Literal["H", "M", "L", "X"] = "X"
    low: Literal["H", "M", "L", "X"] = "L"


class EpssRule(Strict):
    at_least: Share
    to: RatedBand


class SeverityDrift(Strict):
    """When a scanner's own ratings are said to have drifted: its last `recent` against the `before` that precedes them."""

    recent: WallDuration = Duration(amount=30, unit="d")
    before: WallDuration = Duration(amount=90, unit="d")
    change: Share = 0.25
    minimum: Annotated[int, Field(ge=1)] = 50
    scored: Annotated[int, Field(ge=1)] = 20


def _off(value: object) -> object:
    return None if value is False else value  # YAML reads a bare `off` as false


class SeverityPolicy(Strict):
    bands: BandFloors
    calibration: dict[str, dict[str, Band]]
    requirements: Requirements
    not_internet_facing: Literal["keep", "adjacent"]
    kev: Annotated[RatedBand | None, BeforeValidator(_off)]
    epss: Annotated[EpssRule | None, BeforeValidator(_off)]
    #: With a default of its own: policies kept before there was this key are read like any other.
    drift: SeverityDrift = SeverityDrift()

    @field_validator("calibration", mode="before")
    @classmethod
    def _terms(cls, tables: object) -> object:
        if not isinstance(tables, dict):
            return tables
        return {
            str(scanner).strip().lower(): {str(term).strip().lower(): band for term, band in table.items()} if isinstance(table, dict) else table
            for scanner, table in tables.items()
        }


class RegisterNames(Strict):
    """Under which names (columns, labels, tags, annotations) foreign registers state what; the first that is there is meant.

    Case does not matter, nor blank, hyphen and underscore. A name without a slash is also that of a label with any prefix (`example.com/team`).
    """

    asset: list[str] = ["asset", "asset_name", "resource", "resource_id", "repository", "repo", "hostname", "host", "service", "component", "table", "dataset", "name", "id"]
    name: list[str] = ["friendly_name", "display_name", "title", "name"]
    aliases: list[str] = [
        "aliases", "alias", "fqdn", "fully_qualified_domain_name", "host_name", "hostname", "ip_address", "dns_name", "url", "backstage.io/kubernetes-id",
        "github.com/project-slug", "gitlab.com/project-slug", "bitbucket.org/project-slug", "sonarqube.org/project-key", "argocd/app-name",
        "quay.io/repository-slug", "goharbor.io/repository-slug",
    ]  # fmt: skip
    owner: list[str] = ["owner", "owners", "owned_by", "technical_owner", "service_owner", "assigned_to", "contact"]
    team: list[str] = ["team", "owner_team", "owning_team", "squad", "support_group"]
    application: list[str] = ["app.kubernetes.io/part-of", "application", "app", "system", "product", "project"]
    business_unit: list[str] = ["business_unit", "bu", "department", "cost_center"]
    environment: list[str] = ["environment", "env", "stage", "used_for", "lifecycle"]
    criticality: list[str] = ["criticality", "business_criticality", "busines_criticality"]
    internet_facing: list[str] = ["internet_facing", "internet_exposed"]
    kind: list[str] = ["kind", "type", "class", "sys_class_name", "resource_type"]
    status: list[str] = ["status", "install_status", "operational_status", "life_cycle_stage_status", "life_cycle_stage"]
    labels: list[str] = ["labels", "tags"]


def _lower_terms(terms: object) -> object:
    return {str(term).strip().lower(): meaning for term, meaning in terms.items()} if isinstance(terms, dict) else terms


#: Words of a register → what they mean here, laid over the default ones.
_CRITICALITY_TERMS: dict[str, str] = {
    **{band: band for band in ("critical", "high", "medium", "low")},
    "1 - most critical": "critical", "2 - somewhat critical": "high", "3 - less critical": "medium", "4 - not critical": "low",
    "mission critical": "critical", "mission-critical": "critical", "business critical": "high", "business-critical": "high",
    "tier 0": "critical", "tier 1": "high", "tier 2": "medium", "tier 3": "low",
}  # fmt: skip
_STATUS_TERMS: dict[str, str] = {
    **dict.fromkeys(
        ("active", "installed", "on order", "in maintenance", "pending install", "pending repair", "in stock", "operational", "non-operational", "repair in progress",
         "dr standby", "ready", "pipeline", "catalog", "in use", "inventory", "deploy", "deprecated", "experimental", "development", "staging", "production"),
        "active",
    ),
    **dict.fromkeys(("retired", "stolen", "absent", "missing", "disposed", "decommissioned", "end of life"), "retired"),
}  # fmt: skip
_Terms = BeforeValidator(_lower_terms)


class RegisterTerms(Strict):
    """What the words of foreign registers mean; a word that is not there is a rejected row, never a guess."""

    criticality: Annotated[dict[str, RatedBand], _Terms] = {}
    status: Annotated[dict[str, Literal["active", "retired"]], _Terms] = {}

    @model_validator(mode="before")
    @classmethod
    def _over_defaults(cls, stated: object) -> object:
        if not isinstance(stated, dict):
            return stated
        defaults = {"criticality": _CRITICALITY_TERMS, "status": _STATUS_TERMS}
        return {**stated, **{key: {**terms, **_lower_terms(over)} for key, terms in defaults.items() if isinstance(over := stated.get(key, {}), dict)}}  # type: ignore[dict-item]


class Registers(Strict):
    maximum_loss: Share
    #: With defaults of their own: policies kept before there were these keys are read like any other.
    names: RegisterNames = RegisterNames()
    terms: RegisterTerms = RegisterTerms.model_validate({})


def _person_pattern(text: str) -> str:
    try:
        if "person" in re.compile(text).groupindex:
            return text
    except re.error:
        pass
    raise ValueError("a regular expression with a group (?P<person>…)")


def _named_in(text: str, what: str) -> str:
    try:
        text.format(person_id="", email="")
    except (KeyError, IndexError, ValueError, AttributeError):
        raise ValueError(f"{what} with {{person_id}} and {{email}} as its only names") from None
    return text


class Directory(Strict):
    """How directories are read: what is no person although a directory says so, and what those do not say that formats know nothing of."""

    #: Globs (only * and ? mean something, in any case) on person_id and email: whoever matches is kind group or bot, whatever their directory says.
    group_inboxes: list[str] = []
    bots: list[str] = []
    #: Of several groups of a person that match, the team is the first by this list, then by name.
    teams: list[str] = ["*"]
    #: By format: channel and role of its people without one, priority of its mappings without one.
    channels: dict[str, Annotated[str, AfterValidator(lambda text: _named_in(text, "a channel"))]] = {}
    roles: dict[str, str] = {}
    priorities: dict[str, int] = {}
    #: Who a shift's SUMMARY names, where the event has no attendee.
    on_call_person: Annotated[str, AfterValidator(_person_pattern)] = r"(?P<person>[^\s<>()\[\]:;,]+@[^\s<>()\[\]:;,]+)"
    #: How far beyond its snapshot a schedule's recurrences are laid out.
    on_call_horizon: WallDuration = Duration(amount=730, unit="d")


class Scans(Strict):
    maximum_collapse: Share
    minimum_results: Annotated[int, Field(ge=0)]
    cadence: WallDuration = Duration(amount=30, unit="d")
    authorized: list[str]

    @field_validator("authorized")
    @classmethod
    def _networks(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if "/" in pattern and pattern[:1].isdigit():
                ipaddress.ip_network(pattern, strict=False)
        return patterns


class Source(Strict):
    time_zone: ZoneName | None = None
    date_order: Literal["mdy", "dmy"] | None = None
    #: How long it may be silent; not stated, its own deliveries say how often it comes.
    cadence: WallDuration | None = None


class Routing(Strict):
    escalation_default: str | None = None
    #: A mapping older than it is due for a look, even where it names a valid person.
    mapping_age: WallDuration = Duration(amount=365, unit="d")
    #: How long somebody who acknowledged is remembered as one who could take the next.
    acknowledged_within: WallDuration = Duration(amount=180, unit="d")


class Reopen(Strict):
    grace: WallDuration


class Landing(Strict):
    settle: WallDuration


class Publish(Strict):
    redacted: bool = False


#: `business_day`: held back until the person's next business day begins, and sent in one message with all else that waits for it.
DigestWindow = Literal["at_once", "business_day"]


ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class Disagreement(Strict):
    #: Labels of the tickets that ought to have a finding; none: every open ticket that a tracker shows.
    labels: list[str] = []


def _clock_span(value: object) -> object:
    if value is None or (isinstance(value, str) and (match := _WINDOW.fullmatch(value)) and all(int(part) < limit for part, limit in zip(match.groups(), (24, 60) * 2, strict=True))):
        return value
    raise ValueError("local times HH:MM-HH:MM, as in 20:00-07:00 (past midnight where the end is the earlier one), or null")


class ByClass(Strict):
    """Names of channels: whose address is no part of the policy (docs/dispatching.md)."""

    urgent: ChannelName = "file"
    routine: ChannelName = "file"


class Dispatch(Strict):
    """Which notifications go out when. With defaults of their own: policies kept before there were these keys are read like any other."""

    #: Not stated, a band goes as handoff's own dispatch sends it by default; of what others dispatched, nothing is presumed.
    digest: ByBand[DigestWindow | None] = ByBand[DigestWindow | None](critical=None, high=None, medium=None, low=None)
    #: Bands that neither quiet hours nor the cap hold back, and that have a channel of their own.
    urgent: list[RatedBand] = ["critical"]
    channels: ByClass = ByClass()
    quiet_hours: Annotated[str | None, BeforeValidator(_clock_span)] = "20:00-07:00"
    #: Messages that are not urgent, per person and local day.
    cap_per_day: Annotated[int, Field(ge=1)] = 15
    #: How long what could not be delivered is left alone; doubled with every try up to `retry_limit`.
    retry: WallDuration = Duration(amount=5, unit="m")
    retry_limit: WallDuration = Duration(amount=4, unit="h")
    #: How long the links in a message hold: as long as the longest handoff budget, so that a notice outlives its due date.
    link_lifetime: WallDuration = Duration(amount=14, unit="d")


class Step(Strict, Generic[T]):
    """A rung of a ladder: `at`, the share of the budget after which `to` is told. Each `manager` stands one above the one before."""

    at: Annotated[float, Field(ge=0, le=10)]
    to: T


def _ascending(steps: list[Step]) -> list[Step]:
    if any((before.at, before.to) == (after.at, after.to) or before.at > after.at for before, after in pairwise(steps)):
        raise ValueError("steps in ascending order of `at`, no two alike")
    return steps


HandoffStep = Step[Literal["owner", "manager", "escalation_default"]]
RemediationStep = Step[Literal["owner", "manager"]]


class Escalation(Strict):
    """Who is told what is not acknowledged, or not fixed, as its due instant comes near. Remediation never goes to security."""

    handoff: Annotated[list[HandoffStep], AfterValidator(_ascending)] = [
        HandoffStep(at=0.5, to="owner"), HandoffStep(at=0.8, to="manager"), HandoffStep(at=0.9, to="manager"), HandoffStep(at=1.0, to="escalation_default"),
    ]  # fmt: skip
    remediation: Annotated[list[RemediationStep], AfterValidator(_ascending)] = [
        RemediationStep(at=0.75, to="owner"), RemediationStep(at=0.9, to="manager"), RemediationStep(at=1.0, to="manager"),
    ]  # fmt: skip
    #: How long a manager has to name somebody else for what an owner who has left, or declined, leaves behind.
    reassignment: WallDuration = Duration(amount=48, unit="h")


class EarlyWarning(Strict):
    """What is said before it hurts. With defaults of their own: policies kept before there were these keys are read like any other."""

    #: A handoff that will break its SLA with this probability or a higher one is called a breach to expect.
    breach_probability: Share = 0.5
    #: Whole weeks in a row in which more came in than got acknowledged.
    capacity_weeks: Annotated[int, Field(ge=1)] = 3
    #: What is so now is compared with what was so this long ago.
    period: WallDuration = Duration(amount=7, unit="d")
    #: Shares (0 to 1) that ownership currency and scan coverage may not fall by.
    ownership_drop: Share = 0.05
    coverage_drop: Share = 0.05
    #: Open findings, or assets, at both instants, below which a fall says nothing.
    minimum: Annotated[int, Field(ge=1)] = 10
    #: A source is silent after more than this many of the longest gaps that are usual with it, in business days.
    silence: Annotated[float, Field(ge=1, le=100)] = 2.0
    #: Days with a delivery, in the `history` that ends with the last of them, from which its gaps are known.
    deliveries: Annotated[int, Field(ge=2)] = 4
    history: WallDuration = Duration(amount=90, unit="d")
    #: A source that has been silent for longer is taken for one that was given up.
    given_up: WallDuration = Duration(amount=90, unit="d")


class Confidence(Strict):
    """What must be behind a figure at least for that much confidence in it."""

    count: Annotated[int, Field(ge=1)]
    coverage: Share


class Confidences(Strict):
    """Below both, confidence is low."""

    high: Confidence = Confidence(count=30, coverage=0.9)
    medium: Confidence = Confidence(count=10, coverage=0.5)

    @model_validator(mode="after")
    def _descend(self) -> Confidences:
        if self.high.count < self.medium.count or self.high.coverage < self.medium.coverage:
            raise ValueError("for high confidence no less than for medium")
        return self


class Reporting(Strict):
    """Thresholds of the words that reports use. With defaults of their own: policies kept before there were these keys are read like any other."""

    confidence: Confidences = Confidences()
    #: Share of the open findings of a band whose owner is still there, below which ownership is outdated.
    currency: Share = 0.9
    #: Share of the open handoffs without an acknowledgement that wait unrouted, above which the queue is long.
    queue: Share = 0.1
    #: Handoffs that a group of people must have for a figure of its own: a smaller one would show single people's work.
    smallest_group: Annotated[int, Field(ge=1)] = 5


class Policy(Strict):
    version: Literal[1]
    reporting_zone: ZoneName
    clock_tolerance: WallDuration
    calendars: dict[str, CalendarPolicy]
    team_calendars: dict[str, str]
    handoff_sla: ByBand[AnyDuration]
    remediation_sla: ByBand[WallDuration]
    acknowledgement_window: ByBand[WallDuration]
    acknowledgement: Acknowledgement
    binding_due_share: Share
    noise: Noise
    controls: Controls
    time_quality: TimeQuality
    verdict: Verdict
    severity: SeverityPolicy
    registers: Registers
    scans: Scans
    sources: dict[str, Source]
    routing: Routing
    reopen: Reopen
    landing: Landing
    #: With a default of its own: policies kept before there was this key are read like any other.
    disagreement: Disagreement = Disagreement()
    dispatch: Dispatch = Dispatch()
    escalation: Escalation = Escalation()
    early_warning: EarlyWarning = EarlyWarning()
    publish: Publish = Publish()
    report: Reporting = Reporting()
    #: Likewise; its own default is as it was before: nobody is anything but what their directory says.
    directory: Directory = Directory()
    #: What each tracker's words mean: the shipped mappings, and those of trackers of the programme's own that name one of them as `format`.
    trackers: dict[str, Mapping] = Field(default_factory=shipped)

    @model_validator(mode="after")
    def _names_resolve(self) -> Policy:
        if "default" not in self.calendars:
            raise ValueError("calendars needs one named default")
        for team, name in self.team_calendars.items():
            if name not in self.calendars:
                raise ValueError(f"team_calendars.{team} names {name!r}, which is no calendar; there are {', '.join(self.calendars)}")
        return self

    def mapping_of(self, tracker: str | None, format_name: str) -> Mapping | None:
        """The mapping of a tracker that has one of its own, else that of its format; None for a format without any."""
        own = self.trackers.get(tracker) if tracker else None
        return own if own is not None and own.format == format_name else self.trackers.get(format_name)

    @property
    def digest(self) -> str:
        """sha256 of the whole policy, defaults included, in a canonical form."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    @property
    def canonical(self) -> str:
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def calendar_of(self, team: str | None) -> str:
        """The calendar that dates this team's handoffs (ruling 36)."""
        return self.team_calendars.get(team, "default") if team is not None else "default"

    def zone_of(self, *sources: str | None) -> str:
        """The zone of a naive stamp: that of the first named source that declares one, else that of `*`."""
        return next((found.time_zone for name in (*sources, "*") if name and (found := self.sources.get(name)) and found.time_zone), "UTC")

    def date_order_of(self, *sources: str | None) -> Literal["mdy", "dmy"]:
        return next((found.date_order for name in (*sources, "*") if name and (found := self.sources.get(name)) and found.date_order), "mdy")

    @property
    def half_budget(self) -> Fraction:
        """`binding_due_share` exactly, so that half a budget is half and not a float near it."""
        return Fraction(str(self.binding_due_share))


def load_policy(*layers: tuple[str, str]) -> Policy:
    """The policy of (file name, YAML text) layers, later ones over earlier ones.

    Raises `PolicyError` naming file, line and key for an unknown key, a wrong unit or an impossible value.
    """
    return _load(shipped_trees(), layers)


def _load(trackers: dict[str, dict[str, Any]], layers: Sequence[tuple[str, str]]) -> Policy:
    """The policy of layers over these mappings of trackers."""
    merged: dict[str, Any] = {"trackers": trackers}
    lines: dict[tuple[str, ...], str] = {}
    for name, text in layers:
        tree = _read(name, text)
        lines.update(_lines(name, text))
        merged = _overlay(merged, tree)
    _found_on_formats(merged["trackers"], trackers, lines, layers[-1][0])
    try:
        return Policy.model_validate(merged)
    except ValidationError as error:
        raise _fault(error, lines, layers[-1][0]) from None


def _found_on_formats(trackers: Any, base: dict[str, dict[str, Any]], lines: dict[tuple[str, ...], str], name: str) -> None:
    """Lays each tracker of the programme's own over the mapping of the one that it names as its format. Raises `PolicyError` where it names none."""
    for tracker, tree in trackers.items() if isinstance(trackers, dict) else ():
        if tracker in base or not isinstance(tree, dict):
            continue
        if tree.get("format") not in base:
            raise PolicyError(
                lines.get(("trackers", str(tracker)), name),
                seen=f"trackers.{tracker} is no tracker that is shipped, and its format is {tree.get('format')!r}",
                expected=f"one of {', '.join(base)}, or a name of your own with one of them as its `format`",
                remedy="mend its name, or give its format",
            )
        trackers[tracker] = _overlay(base[tree["format"]], tree, ("trackers", tracker))


@lru_cache(maxsize=16)
def from_canonical(text: str) -> Policy:
    """The policy of `Policy.canonical`: what `record.policy` keeps."""
    return Policy.model_validate_json(_with_durations(text))


def overlaid(policy: Policy, name: str, text: str) -> Policy:
    """A policy with the keys of one more layer over it. Raises `PolicyError` for what that layer says."""
    # Over its own mappings: those that this code ships may know more words than it did.
    trackers = policy.model_dump(mode="json")["trackers"]
    return _load(trackers, [("the policy below", _with_durations(policy.canonical)), (name, text)])


def _with_durations(text: str) -> str:
    def compact(node: Any) -> Any:
        if isinstance(node, dict):
            return f"{node['amount']}{node['unit']}" if node.keys() == {"amount", "unit"} else {key: compact(value) for key, value in node.items()}
        return [compact(item) for item in node] if isinstance(node, list) else node

    return json.dumps(compact(json.loads(text)))


def _read(name: str, text: str) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise PolicyError(f"{name}:{mark.line + 1 if mark else 1}", seen=f"not YAML: {getattr(error, 'problem', error)}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise PolicyError(f"{name}:1", seen=f"a {type(tree).__name__}", expected="a mapping of policy keys")
    return tree


def _lines(name: str, text: str) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}

    def walk(node: yaml.Node, path: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                here = (*path, _key(path, key.value))
                found[here] = f"{name}:{key.start_mark.line + 1}"
                walk(value, here)

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None:
        walk(root, ())
    return found


def _overlay(under: dict[str, Any], over: dict[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    merged = dict(under)
    for key, value in ((_key(path, name), value) for name, value in over.items()) if _is_mapping(path) else over.items():
        below = merged.get(key)
        whole = len(path) == 1 and path[0] == "calendars"
        merged[key] = _overlay(below, value, (*path, str(key))) if isinstance(below, dict) and isinstance(value, dict) and not whole else value
    return merged


def _is_mapping(path: tuple[str, ...]) -> bool:
    return len(path) == 3 and path[0] == "trackers"


def _key(path: tuple[str, ...], key: object) -> str:
    """A key as it is found again: a tracker's words are compared without case."""
    return word(key) if _is_mapping(path) else str(key)


def _fault(error: ValidationError, lines: dict[tuple[str, ...], str], name: str) -> PolicyError:
    fault = error.errors()[0]
    path = tuple(str(part) for part in fault["loc"] if part not in ("list[str]", "literal['any']"))
    where = next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), name)
    key = ".".join(path) or "the policy"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if fault["type"] == "extra_forbidden":
        return PolicyError(where, seen=f"unknown key {key}{more}", expected="a key of policy.yaml", remedy="remove it or mend its name")
    if fault["type"] == "missing":
        return PolicyError(where, seen=f"no {key}{more}", expected="a value for it")
    message = fault["msg"].removeprefix("Value error, ")
    if not path:
        named = message.split(" ", 1)[0].split(".")[0]
        return PolicyError(lines.get((named,), name), seen=message, remedy=f"mend {named}")
    return PolicyError(where, seen=f"{key} is {fault['input']!r}{more}", expected=message, remedy=f"mend {key}")
