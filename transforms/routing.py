"""Asset → named person, at an instant: the directory, the ownership mapping, and who is a valid candidate (rulings 31 to 36)."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from transforms.binding import Binding, address, names, network, pattern
from transforms.versions import ALWAYS, Timeline

_KIND_RANK = {"asset": 0, "application": 1, "name": 2, "cidr": 3, "path": 4}
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


class Directory:
    """People by id or mail address, at an instant."""

    def __init__(self, people: Timeline) -> None:
        self._people = people
        self._answers: dict[tuple[str, int], Person] = {}
        self._mail: dict[int, dict[str, str | None]] = {}
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
                record["team"].lower() for record in self._in_force(instant) if record["team"] and record["kind"] == "human" and record["status"] == "active"
            }
        return team.lower() in self._teams[epoch]

    def _in_force(self, instant: int) -> list[Mapping[str, Any]]:
        return [record for key in self._people if (record := self._people.at(key, instant)) is not None]

    def _resolve(self, reference: str, epoch: int, instant: int) -> Person:
        record = self._people.at(reference, instant)
        if record is None:
            person_id = self._by_mail(epoch, instant).get(reference.strip().lower())
            record = self._people.at(person_id, instant) if person_id else None
        if record is None:
            return Person(reference, None, "unknown_person")
        return Person(record["person_id"], record, _reason_against(record))

    def _by_mail(self, epoch: int, instant: int) -> dict[str, str | None]:
        if epoch not in self._mail:
            addresses: dict[str, str | None] = {}
            for record in self._in_force(instant):
                if record["email"]:
                    mail = record["email"].strip().lower()
                    # One address of two people names neither: a guess would blame the wrong one.
                    addresses[mail] = None if mail in addresses else record["person_id"]
            self._mail[epoch] = addresses
        return self._mail[epoch]


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


class Ownership:
    """The mapping from assets to people, at an instant; answers are kept between two changes of any register."""

    def __init__(self, ownership: Timeline, directory: Directory) -> None:
        self._ownership, self._directory = ownership, directory
        self._ends = sorted({values["effective_to"] for values in self._all_values() if values["effective_to"] is not None})
        self._matches: dict[tuple, list[_Mapping]] = {}
        self._decisions: dict[tuple, Decision] = {}
        self._in_force: dict[tuple[int, int], dict[str | None, list[tuple[Mapping[str, Any], int]]]] = {}

    @property
    def changes(self) -> list[int]:
        return [*self._ownership.changes, *self._ends]

    def _all_values(self) -> list[Mapping[str, Any]]:
        instants = [ALWAYS, *self._ownership.changes]
        return [values for key in self._ownership for at in instants if (values := self._ownership.at(key, at)) is not None]

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
                    priority = DEFAULT_PRIORITY if row["priority"] is None else row["priority"]
                    order = (priority, _KIND_RANK[kind], -since, row["person_id"] or "", row["match"], row["team"] or "")
                    found.append(_Mapping(order, row, since))
            found.sort(key=lambda mapping: mapping.rank)
            self._matches[where] = found
        return found

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
        """The rows in force that may fit the asset: those that name it or its application, and every pattern."""
        index = self._in_force.get(epoch)
        if index is None:
            index = self._in_force[epoch] = defaultdict(list)
            for key in self._ownership:
                values = self._ownership.at(key, instant)
                if values is not None and (values["effective_to"] is None or instant < values["effective_to"]):
                    since = self._ownership.start(key, instant)
                    index[_exact(values["match"])].append((values, ALWAYS if since is None else since))
        names = {asset["asset_id"].strip().lower(), (asset["application"] or "").strip().lower()} - {""}
        return [row for name in (None, *sorted(names)) for row in index.get(name, ())]


def _exact(match: str) -> str | None:
    """The one asset or application that a mapping can only be of, None for a pattern: what its rows are looked up by."""
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
