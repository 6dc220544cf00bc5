"""Native severity → workspace band, with the rule that set it (rulings 22 to 27)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

from transforms.domain.policy import Policy
from transforms.domain.vocabulary import BAND_RANK

#: Which version's vector sets the band, the first that a report has (record.md).
_PREFERENCE = ("4.0", "3.1", "3.0", "2")
#: What the calibration calls a result that states neither term, score nor vector: a team can rate what a scanner leaves open.
NO_TERM = "(no term)"
_ENVIRONMENTAL_V3 = ("CR", "IR", "AR", "MAV", "MAC", "MPR", "MUI", "MS", "MC", "MI", "MA")
_ENVIRONMENTAL_V2 = ("CDP", "TD", "CR", "IR", "AR")


class Band(NamedTuple):
    """A band and the rule that set it, as text for `severity_rule`."""

    band: str
    rule: str


class Environment(NamedTuple):
    """What the asset adds to a vector: the requirement (H, M, L, X) and whether an attacker must be near."""

    requirement: str = "X"
    is_adjacent: bool = False


NO_ENVIRONMENT = Environment()


def environment(asset: Mapping[str, object] | None, policy: Policy) -> Environment:
    """The environment of an asset; none without one."""
    if asset is None:
        return NO_ENVIRONMENT
    requirement = getattr(policy.severity.requirements, str(asset["criticality"])) if asset["criticality"] else "X"
    is_adjacent = policy.severity.not_internet_facing == "adjacent" and asset["internet_facing"] is False
    return Environment(requirement, is_adjacent)


class Calibrator:
    """Sets the band of an observation under one policy. Equal inputs are answered from a cache."""

    def __init__(self, policy: Policy, format_tables: Mapping[str, Mapping[str, str]], known_exploited: Collection[str], epss: Mapping[str, float]) -> None:
        self._policy, self._formats = policy, format_tables
        self._known_exploited, self._epss = known_exploited, epss
        self._cache: dict[tuple, Band] = {}
        self._own_words: dict[tuple, str] = {}

    def band(
        self,
        *,
        scanner: str,
        format: str,
        native_severity: str | None,
        native_score: float | None,
        cvss_vectors: Sequence[str],
        vulnerability_ids: Sequence[str],
        known_exploited: bool,
        epss: float | None,
        environment: Environment,
    ) -> Band:
        """The workspace band of one observation."""
        kev, probability = self._exploited(vulnerability_ids, known_exploited), self._probability(vulnerability_ids, epss)
        where = (scanner, format, native_severity, native_score, tuple(cvss_vectors), kev, probability, environment)
        found = self._cache.get(where)
        if found is None:
            found = self._rate(scanner, format, native_severity, native_score, cvss_vectors, environment)
            found = self._cache[where] = self._raise(found, kev, probability)
        return found

    def scanner_band(self, scanner: str, format: str, term: str | None, score: float | None) -> str:
        """The band of the scanner's own word: its term, its score where it has none; no vector, no asset, no exploitation."""
        where = (scanner, format, term, score)
        found = self._own_words.get(where)
        if found is None:
            found = self._own_words[where] = self._rate(scanner, format, term, score, (), NO_ENVIRONMENT).band
        return found

    def native_rank(self, scanner: str, format: str, term: str | None) -> int:
        """How severe the scanner's own term is, 0 the most: what decides between two contents of one observation."""
        return BAND_RANK[self._calibrate(scanner, format, term).band]

    def _rate(self, scanner: str, format: str, term: str | None, score: float | None, vectors: Sequence[str], environment: Environment) -> Band:
        rated = _best_vector(tuple(vectors), environment)
        if rated is not None:
            version, value, kind = rated
            return Band(self._policy.severity.bands.band(value), f"cvss {version} {kind} {value:.1f}")
        if term is not None and term.strip():
            return self._calibrate(scanner, format, term)
        if score is not None:
            return Band(self._policy.severity.bands.band(score), f"score {score:g}")
        found = self._calibrate(scanner, format, None)
        return Band("unrated", "no term, score or vector") if found.band == "unrated" else found

    def _calibrate(self, scanner: str, format: str, term: str | None) -> Band:
        word = native_term(term)
        tables = self._policy.severity.calibration
        for name, table in ((scanner, tables.get(scanner)), (format, tables.get(format)), (format, self._formats.get(format)), ("*", tables.get("*"))):
            if table and word in table:
                return Band(table[word], f"calibration {name}: {word}")
        return Band("unrated", f"no calibration for {scanner}: {word!r}")

    def _exploited(self, ids: Sequence[str], stated: bool) -> str | None:
        if self._policy.severity.kev is None:
            return None
        listed = next((id_ for id_ in ids if id_ in self._known_exploited), None)
        return listed or ("stated by the report" if stated else None)

    def _probability(self, ids: Sequence[str], stated: float | None) -> float | None:
        rule = self._policy.severity.epss
        if rule is None:
            return None
        probabilities = [self._epss[id_] for id_ in ids if id_ in self._epss] + ([stated] if stated is not None else [])
        return max(probabilities, default=None)

    def _raise(self, found: Band, kev: str | None, probability: float | None) -> Band:
        if found.band == "informational":
            return found
        severity = self._policy.severity
        if kev and severity.kev and BAND_RANK[severity.kev] < BAND_RANK[found.band]:
            found = Band(severity.kev, f"known exploited ({kev}), was {found.band} by {found.rule}")
        rule = severity.epss
        if rule and probability is not None and probability >= rule.at_least and BAND_RANK[rule.to] < BAND_RANK[found.band]:
            found = Band(rule.to, f"epss {probability:g}, was {found.band} by {found.rule}")
        return found


def native_term(term: str | None) -> str:
    """A scanner's own term as the calibration looks it up; `NO_TERM` where there is none."""
    return (term or "").strip().lower() or NO_TERM


def scanner_score(vectors: Sequence[str], score: float | None) -> float | None:
    """The score that stands beside a scanner's term, 0 to 10: of its vector without the asset's environment, else as the scanner states it."""
    rated = _best_vector(tuple(vectors), NO_ENVIRONMENT)
    return score if rated is None else rated[1]


@lru_cache(maxsize=131_072)
def _best_vector(vectors: tuple[str, ...], environment: Environment) -> tuple[str, float, str] | None:
    """(version, score, kind of score) of the vector that counts; None where no vector is one."""
    by_version: dict[str, tuple[str, float, str]] = {}
    for vector in vectors:
        version = _version(vector)
        if version not in by_version and (score := _score(vector.strip(), version, environment)) is not None:
            by_version[version] = (version, *score)
    return next((by_version[version] for version in _PREFERENCE if version in by_version), None)


def _version(vector: str) -> str:
    for version in _PREFERENCE[:-1]:
        if vector.strip().upper().startswith(f"CVSS:{version}/"):
            return version
    return "2"


def _score(vector: str, version: str, environment: Environment) -> tuple[float, str] | None:
    """The environmental score of a vector, or its base or temporal one where nothing environmental is set (ruling 25)."""
    prefix, _, body = vector.partition("/") if version != "2" else ("", "", vector.strip("()"))
    metrics = dict(part.split(":", 1) for part in body.split("/") if ":" in part)
    unset = "ND" if version == "2" else "X"
    if environment.requirement != "X":
        metrics |= dict.fromkeys(("CR", "IR", "AR"), environment.requirement)
    if environment.is_adjacent and version != "2" and metrics.get("MAV", "X").replace("X", metrics.get("AV", "")) == "N":
        metrics["MAV"] = "A"
    names = _ENVIRONMENTAL_V2 if version == "2" else _ENVIRONMENTAL_V3
    is_environmental = any(metrics.get(name, unset) != unset for name in names)
    text = "/".join([*([prefix] if prefix else []), *(f"{name}:{value}" for name, value in metrics.items())])
    try:
        if version == "4.0":
            return float(CVSS4(text).base_score), "environmental" if is_environmental else "score"
        base, temporal, environmental = (CVSS2 if version == "2" else CVSS3)(text).scores()
    except (CVSSError, ValueError, KeyError, ArithmeticError, AttributeError):
        return None
    if is_environmental:
        return float(environmental), "environmental"
    return (float(temporal), "temporal") if temporal is not None and temporal != base else (float(base), "base")


class Step(NamedTuple):
    """One step on the way to a band: the rule in words, and the key of the policy that decides it."""

    band: str
    words: str
    policy_key: str


_RAISED = re.compile(r"(?P<by>known exploited \([^)]*\)|epss [^,]+), was (?P<band>[a-z]+) by (?P<rule>.+)", re.DOTALL)
_CALIBRATED = re.compile(r"calibration (?P<table>.+?): (?P<word>.*)", re.DOTALL)
_UNKNOWN_TERM = re.compile(r"no calibration for (?P<scanner>.+?): (?P<word>.+)", re.DOTALL)


def steps(band: str, rule: str, policy: Policy) -> list[Step]:
    """What a `Band.rule` says, step by step, from what first rated the result to what raised it last."""
    if raised := _RAISED.fullmatch(rule):
        key = "severity.kev" if raised["by"].startswith("known exploited") else "severity.epss"
        return [*steps(raised["band"], raised["rule"], policy), Step(band, raised["by"], f"{key}: {_shown(getattr(policy.severity, key.partition('.')[2]))}")]
    if found := _CALIBRATED.fullmatch(rule):
        table, word = found["table"], found["word"]
        is_own = word in policy.severity.calibration.get(table, {})
        return [Step(band, f"the term {word!r}", f"severity.calibration[{table!r}][{word!r}]" if is_own else f"the shipped table of format {table}")]
    if found := _UNKNOWN_TERM.fullmatch(rule):
        return [Step(band, f"the term {found['word']}, which no calibration knows", f"severity.calibration[{found['scanner']!r}][{found['word']}] would rate it")]
    if rule.startswith(("cvss ", "score ")):
        floor = getattr(policy.severity.bands, band, None)
        key = f"severity.bands.{band}: {floor:g}" if floor is not None else "severity.bands"
        return [Step(band, rule.replace("cvss", "CVSS"), f"{key}; severity.requirements" if " environmental " in rule else key)]
    return [Step(band, rule, "")]


def _shown(rule: object) -> str:
    return "off" if rule is None else rule if isinstance(rule, str) else f"at least {rule.at_least:g} raises to {rule.to}"  # type: ignore[attr-defined]
