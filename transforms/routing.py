"""Asset → named person, at an instant: the directory, the ownership mapping, and who is a valid candidate (rulings 31 to 36)."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from transforms.binding import Binding, address, forms, names, network, pattern
from transforms.domain import codeowners
from transforms.versions import ALWAYS, Timeline

#: A rule of the repository's own CODEOWNERS says more of a path than a prefix that holds in any repository; whoever is on call for the team
#: comes after all who are named for the asset itself.
_KIND_RANK = {"asset": 0, "application": 1, "name": 2, "cidr": 3, "codeowners": 4, "path": 5, "team": 6}
_RULES, _TEAM = "codeowners:", "team:"
_GLOB = frozenset("*?[")
DEFAULT_PRIORITY = 100


class Person(NamedTuple):
    """A reference to a person, resolved at an instant. `person_id` is the directory's, else the reference itself; `record` None if unknown."""

    person_id: str | None
    record: Mapping[str, Any] | None
    #: None for a valid candidate, else the first reason against them.
    reason: str | None

    @property
    def is_valid(self) -> bool:
        return self.reason is None

    @property
    def is_active_human(self) -> bool:
        """What an acknowledger must be: role and channel are not asked."""
        return self.record is not None and self.record["kind"] == "human" and self.record["status"] == "active"

    @property
    def team(self) -> str | None:
        return self.record["team"] if self.record else None


NOBODY = Person(None, None, "nobody")


def person_key(person_id: str) -> str:
    """What two ids that differ only in case have in common."""
    return person_id.lower()


class Directory:
    """People by id, alias or mail address, at an instant.

    `people`: by `person_key`, as two ids that differ only in case are one person. `spellings`: every id as a directory has it, with its key.
    """

    def __init__(self, people: Timeline, spellings: Mapping[str, str]) -> None:
        self._people, self._spellings = people, spellings
        self._answers: dict[tuple[str, int], Person] = {}
        self._references: dict[int, tuple[dict[str, set[str]], dict[str, set[str]]]] = {}
        self._teams: dict[int, set[str]] = {}

    @property
    def changes(self) -> list[int]:
        return self._people.changes

    def epoch(self, instant: int) -> int:
        """The same for two instants between which nobody changed."""
        return self._people.epoch(instant)

    def person(self, reference: str | None, instant: int) -> Person:
        """Who a reference names at that instant, and whether they can be a candidate."""
        if not reference:
            return NOBODY
        where = (reference, self._people.epoch(instant))
        found = self._answers.get(where)
        if found is None:
            found = self._answers[where] = self._resolve(reference, where[1], instant)
        return found

    def is_same(self, one: str | None, other: str | None, instant: int) -> bool:
        """Whether two references name one known person at that instant."""
        first, second = self.person(one, instant), self.person(other, instant)
        return first.record is not None and first.person_id == second.person_id

    def known(self, instant: int) -> Iterator[tuple[Mapping[str, Any], Person]]:
        """Everybody who was ever in it, as last known, with what they are at that instant: who has left still has a manager."""
        for key in self._people:
            record = self._people.last(key, instant)
            if record is not None:
                yield record, self.person(record["person_id"], instant)

    def has_active_human(self, team: str, instant: int) -> bool:
        epoch = self._people.epoch(instant)
        if epoch not in self._teams:
            self._teams[epoch] = {
                record["team"].lower() for record in self.in_force(instant) if record["team"] and record["kind"] == "human" and record["status"] == "active"
            }
        return team.lower() in self._teams[epoch]

    def in_force(self, instant: int) -> list[Mapping[str, Any]]:
        """The people in force, by id."""
        found = ((key, self._people.at(key, instant)) for key in self._people)
        return [record for _, record in sorted((pair for pair in found if pair[1] is not None), key=lambda pair: pair[0])]  # type: ignore[type-var]

    def since(self, person_id: str, instant: int) -> int | None:
        """Since when the person's version in force holds; None for one that always did."""
        return self._people.start(person_key(person_id), instant)

    def shared(self, instant: int) -> list[tuple[str, str, list[str]]]:
        """(alias or email, the text, the people) of every alias and mail address that several people have: it names none of them."""
        aliases, addresses = self._by_reference(instant)
        return [(what, text, sorted(ids)) for what, known in (("alias", aliases), ("email", addresses)) for text, ids in sorted(known.items()) if len(ids) > 1]

    def _resolve(self, reference: str, epoch: int, instant: int) -> Person:
        key = self._spellings.get(reference)
        record = self._people.at(key, instant) if key is not None else None
        if record is None:
            text = reference.strip().lower()
            # One alias or address of two people names neither: a guess would blame the wrong one.
            named = next((known[text] for known in self._by_reference(instant) if text in known), set())
            record = self._people.at(person_key(*named), instant) if len(named) == 1 else None
        if record is None:
            return Person(reference, None, "unknown_person")
        return Person(record["person_id"], record, _reason_against(record))

    def _by_reference(self, instant: int) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        """Who goes by an alias, and who by a mail address, in lower case."""
        epoch = self._people.epoch(instant)
        if epoch not in self._references:
            aliases: dict[str, set[str]] = defaultdict(set)
            addresses: dict[str, set[str]] = defaultdict(set)
            for record in self.in_force(instant):
                for alias in record["aliases"] or ():
                    aliases[alias.strip().lower()].add(record["person_id"])
                if record["email"]:
                    addresses[record["email"].strip().lower()].add(record["person_id"])
            self._references[epoch] = aliases, addresses
        return self._references[epoch]


def _reason_against(record: Mapping[str, Any]) -> str | None:
    if record["kind"] != "human":
        return "group_inbox" if record["kind"] == "group" else "bot"
    if record["status"] != "active":
        return "departed_person" if record["status"] == "departed" else "inactive_person"
    if not record["role"]:
        return "no_role"
    return None if record["channel"] else "no_channel"


class Decision(NamedTuple):
    """Whom routing names: `status` is `routed` or the reason why nobody valid is named."""

    status: str
    #: The reference as the mapping or the event has it, and who that is.
    reference: str | None
    person: Person
    #: The mapping row (`match`) that named them, None for an event or where no row matched.
    primitive: str | None
    #: Since when that mapping holds, None where it always did.
    since_us: int | None
    rejected: tuple[str, ...] = ()
    is_event: bool = False

    @property
    def owner_id(self) -> str | None:
        return self.person.person_id if self.status == "routed" else None


class _Mapping(NamedTuple):
    rank: tuple
    row: Mapping[str, Any]
    since_us: int


def _mapping(kind: str, row: Mapping[str, Any], since: int, place: tuple[bool, int] = (False, 0)) -> _Mapping:
    priority = DEFAULT_PRIORITY if row["priority"] is None else row["priority"]
    return _Mapping((priority, _KIND_RANK[kind], *place, -since, row["person_id"] or "", row["match"], row["team"] or ""), row, since)


class Ownership:
    """The mapping from assets to people, at an instant; answers are kept between two changes of any register."""

    def __init__(self, ownership: Timeline, directory: Directory) -> None:
        self._ownership, self._directory = ownership, directory
        self._ends = sorted({values["effective_to"] for values in ownership.values() if values["effective_to"] is not None})
        self._matches: dict[tuple, list[_Mapping]] = {}
        self._decisions: dict[tuple, Decision] = {}
        self._rules: dict[tuple, list[tuple[Mapping[str, Any], int]]] = {}
        self._owners: dict[tuple[int, str], list[_Mapping]] = {}
        self._in_force: dict[tuple[int, int], dict[str | None, list[tuple[Mapping[str, Any], int]]]] = {}

    @property
    def changes(self) -> list[int]:
        return [*self._ownership.changes, *self._ends]

    def matches(self, binding: Binding, target: str, file_path: str | None, instant: int) -> list[_Mapping]:
        """The mapping rows in force that fit the asset, the first to try first; none for a finding without an asset."""
        asset = binding.asset
        if asset is None:
            return []
        epoch = self._epoch(instant)
        where = (id(asset), target, file_path, epoch)
        found = self._matches.get(where)
        if found is None:
            addresses = [a for text in (target.strip(), *names(asset)) if (a := address(text))]
            found = []
            for row, since in self._rows(epoch, instant, asset):
                kind = _kind(row["match"], asset, addresses, file_path)
                if kind is not None:
                    found.append(_mapping(kind, row, since))
            found += self._of_rules(epoch, instant, asset, target, file_path)
            found.sort(key=lambda mapping: mapping.rank)
            found += self._of_team(epoch, instant, asset["owner_team"] or next((mapping.row["team"] for mapping in found if mapping.row["team"]), None))
            found.sort(key=lambda mapping: mapping.rank)
            self._matches[where] = found
        return found

    def _of_rules(self, epoch: tuple[int, int], instant: int, asset: Mapping[str, Any], target: str, file_path: str | None) -> list[_Mapping]:
        """Of the CODEOWNERS of the repository that the asset is: the owners by the last rule that fits the path, in each section."""
        if not file_path:
            return []
        index = self._index(epoch, instant)
        repositories = {asset["asset_id"].strip().lower(), *(name.strip().lower() for name in names(asset)), *forms(target)}
        files = (index[key] for repository in sorted(repositories) if (key := f"{_RULES}{repository}") in index)
        return [mapping for rows in files for mapping in self._by_last_rule(rows, file_path)]

    def _by_last_rule(self, rows: list[tuple[Mapping[str, Any], int]], file_path: str) -> list[_Mapping]:
        """The owners of a path by one repository's rules; the same list of rows is the same at every instant (see `_index`)."""
        where = id(rows), file_path
        if where in self._owners:
            return self._owners[where]
        last: dict[str | None, int] = {}
        fitting: list[tuple[codeowners.Rule, Mapping[str, Any], int]] = []
        excluded = set()
        for row, since in rows:
            rule = codeowners.read(row["match"])
            if rule is None or not rule.fits(file_path):
                continue
            if rule.is_exclusion:
                excluded.add(rule.section)
            fitting.append((rule, row, since))
            last[rule.section] = max(last.get(rule.section, 0), row["position"] or 0)
        # Where two files of one repository claim one place, their owners stand beside each other.
        found = self._owners[where] = [
            _mapping("codeowners", row, since, (rule.is_optional, -(row["position"] or 0)))
            for rule, row, since in fitting
            if rule.section not in excluded and (row["position"] or 0) == last[rule.section]
        ]
        return found

    def _of_team(self, epoch: tuple[int, int], instant: int, team: str | None) -> list[_Mapping]:
        """Who is named for the owning team."""
        if not team:
            return []
        rows = self._index(epoch, instant).get(f"{_TEAM}{team.strip().lower()}", ())
        return [_mapping("team", row, since, (False, row["position"] or 0)) for row, since in rows]

    def decide(self, binding: Binding, target: str, file_path: str | None, instant: int) -> Decision:
        """What the ownership primitive names at that instant."""
        if binding.status != "bound":
            return Decision(binding.status, None, NOBODY, None, None)
        where = (id(binding.asset), target, file_path, self._epoch(instant), self._directory.epoch(instant))
        found = self._decisions.get(where)
        if found is None:
            found = self._decisions[where] = self._decide(binding, target, file_path, instant)
        return found

    def _decide(self, binding: Binding, target: str, file_path: str | None, instant: int) -> Decision:
        rejected: list[str] = []
        first: Decision | None = None
        for mapping in self.matches(binding, target, file_path, instant):
            row = mapping.row
            person = self._directory.person(row["person_id"], instant)
            reason = person.reason
            if not row["person_id"]:
                has_team = bool(row["team"])
                reason = "dissolved_team" if has_team and not self._directory.has_active_human(row["team"], instant) else "nobody"
            since = None if mapping.since_us == ALWAYS else mapping.since_us
            if reason is None:
                return Decision("routed", row["person_id"], person, row["match"], since, tuple(rejected))
            rejected.append(f"{row['person_id'] or row['team'] or ''}: {reason} ({row['match']})")
            first = first or Decision(reason, row["person_id"], person, row["match"], since)
        return first._replace(rejected=tuple(rejected)) if first else Decision("nobody", None, NOBODY, None, None)

    def team(self, binding: Binding, target: str, file_path: str | None, instant: int) -> str | None:
        """The team of the asset, else of the first matching mapping that names one (the first two steps of ruling 36)."""
        if binding.asset is None:
            return None
        return binding.asset["owner_team"] or next(
            (mapping.row["team"] for mapping in self.matches(binding, target, file_path, instant) if mapping.row["team"]), None
        )

    def _epoch(self, instant: int) -> tuple[int, int]:
        return self._ownership.epoch(instant), bisect_right(self._ends, instant)

    def _rows(self, epoch: tuple[int, int], instant: int, asset: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], int]]:
        """The rows in force that may fit the asset itself: those that name it or its application, and every pattern."""
        index = self._index(epoch, instant)
        names = {asset["asset_id"].strip().lower(), (asset["application"] or "").strip().lower()} - {""}
        return [row for name in (None, *sorted(names)) for row in index.get(name, ())]

    def _index(self, epoch: tuple[int, int], instant: int) -> dict[str | None, list[tuple[Mapping[str, Any], int]]]:
        """The rows in force by what they can only be of, None for a pattern."""
        index = self._in_force.get(epoch)
        if index is None:
            index = self._in_force[epoch] = defaultdict(list)
            for key in self._ownership:
                values = self._ownership.at(key, instant)
                if values is not None and (values["effective_to"] is None or instant < values["effective_to"]):
                    since = self._ownership.start(key, instant)
                    index[_exact(values["match"])].append((values, ALWAYS if since is None else since))
            for name, rows in index.items():
                if name is not None and name.startswith(_RULES):
                    # One list for as long as none of the file's rules changes: a shift that ends elsewhere asks nothing anew.
                    index[name] = self._rules.setdefault(tuple((id(values), since) for values, since in rows), rows)
        return index


def _exact(match: str) -> str | None:
    """The one asset, application, repository or team that a mapping can only be of, None for a pattern: what its rows are looked up by."""
    if rule := codeowners.read(match):
        return f"{_RULES}{rule.repository.lower()}"
    if match.strip().lower().startswith(_TEAM):
        return f"{_TEAM}{match.strip()[len(_TEAM) :].strip().lower()}"
    prefixed = pattern(match)
    if prefixed:
        return prefixed[1].strip().lower() if prefixed[0] in ("asset", "application") else None
    return None if _GLOB & set(match) or network(match) is not None else match.strip().lower()


def _kind(match: str, asset: Mapping[str, Any], addresses: list, file_path: str | None) -> str | None:
    """Which kind of match a mapping row is for this asset, None where it does not fit (ruling 33)."""
    prefixed = pattern(match)
    if prefixed:
        kind, text = prefixed
        return kind if _fits(kind, text, asset, addresses, file_path) else None
    for kind in ("asset", "application"):
        if _fits(kind, match, asset, addresses, file_path):
            return kind
    if _GLOB & set(match):
        return "name" if _fits("name", match, asset, addresses, file_path) else None
    return "cidr" if _fits("cidr", match, asset, addresses, file_path) else None


def _fits(kind: str, text: str, asset: Mapping[str, Any], addresses: list, file_path: str | None) -> bool:
    text = text.strip()
    if kind == "asset":
        return text.lower() == asset["asset_id"].strip().lower()
    if kind == "application":
        return bool(asset["application"]) and text.lower() == asset["application"].strip().lower()
    if kind == "name":
        return any(fnmatchcase(name.strip().lower(), text.lower()) for name in names(asset))
    if kind == "cidr":
        net = network(text)
        return net is not None and any(a in net for a in addresses)
    return bool(text and file_path) and file_path.startswith(text)
