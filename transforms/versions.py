"""Register snapshots → which version of each key is in force when (rulings 29, 30, 36, 37).

A row that differs from the last snapshot's opens a new version; a row absent from a complete snapshot is closed; nothing is
overwritten. The answer depends on what the snapshots say and when they were taken, never on the order in which they arrived.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

#: An instant before every other: 'has always been so'.
ALWAYS = -(2**62)


class Snapshot(NamedTuple):
    """One applied register file."""

    claim_id: str
    source: str
    snapshot_us: int
    path: str
    recorded_us: int
    is_complete: bool


class Row(NamedTuple):
    """One row of a snapshot. `content` orders and compares rows: their values as texts, in the record's column order."""

    key: Hashable
    effective_us: int | None
    content: tuple[bytes, ...]
    values: Mapping[str, Any]


class Version(NamedTuple):
    """A row and from when it holds; `values` is None where the key is closed from then on."""

    from_us: int
    values: Mapping[str, Any] | None


class Disagreement(NamedTuple):
    """Two contents for one key and instant, or one key active in two sources."""

    kind: str
    key: Hashable
    kept: tuple[bytes, ...]
    lost: tuple[bytes, ...]
    recorded_us: int


class _Statement(NamedTuple):
    from_us: int
    recorded_us: int
    row: Row | None  # None closes the key


class Timeline:
    """The versions of every key, and the instants at which any of them changes."""

    def __init__(self, versions: Mapping[Hashable, list[Version]], disagreements: list[Disagreement]) -> None:
        self._versions = versions
        self._starts = {key: [version.from_us for version in found] for key, found in versions.items()}
        self.disagreements = disagreements
        self.changes: list[int] = sorted({version.from_us for found in versions.values() for version in found})

    def at(self, key: Hashable, instant: int) -> Mapping[str, Any] | None:
        """The version in force, None for a key unknown or closed at that instant."""
        starts = self._starts.get(key)
        if not starts:
            return None
        index = bisect_right(starts, instant) - 1
        return self._versions[key][index].values if index >= 0 else None

    def last(self, key: Hashable, instant: int) -> Mapping[str, Any] | None:
        """The version in force, or the last that was: what is still known of a key that has been closed. None before its first."""
        known = self._versions.get(key, ())[: bisect_right(self._starts.get(key, ()), instant)]
        return next((version.values for version in reversed(known) if version.values is not None), None)

    def start(self, key: Hashable, instant: int) -> int | None:
        """Since when the version in force has held; None for one that always did."""
        starts = self._starts.get(key, [])
        index = bisect_right(starts, instant) - 1
        return starts[index] if index >= 0 and starts[index] != ALWAYS else None

    def first(self, key: Hashable) -> int | None:
        """From when the key first had a version; None for one that always did."""
        start = self._starts[key][0]
        return None if start == ALWAYS else start

    def epoch(self, instant: int) -> int:
        """A number that is the same for two instants between which nothing changed."""
        return bisect_right(self.changes, instant)

    def values(self) -> Iterator[Mapping[str, Any]]:
        """What every version of every key says."""
        return (version.values for found in self._versions.values() for version in found if version.values is not None)

    def __iter__(self) -> Iterator[Hashable]:
        """The keys that ever had a version."""
        return iter(self._versions)


def timeline(kind: str, snapshots: Iterable[Snapshot], rows: Mapping[str, list[Row]]) -> Timeline:
    """The versions that these snapshots give. `rows`: those of each snapshot by its claim id."""
    by_source: dict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in snapshots:
        by_source[snapshot.source].append(snapshot)
    disagreements: list[Disagreement] = []
    statements: dict[Hashable, dict[str, list[_Statement]]] = defaultdict(dict)
    for source in sorted(by_source):
        for key, found in _of_source(kind, by_source[source], rows, disagreements).items():
            statements[key][source] = found
    versions = {key: _merge(kind, key, by_source, disagreements) for key, by_source in statements.items()}
    return Timeline(versions, disagreements)


def _of_source(kind: str, snapshots: list[Snapshot], rows: Mapping[str, list[Row]], disagreements: list[Disagreement]) -> dict[Hashable, list[_Statement]]:
    ordered = sorted(snapshots, key=lambda snapshot: (snapshot.snapshot_us, snapshot.recorded_us, snapshot.path, snapshot.claim_id))
    stated: dict[Hashable, dict[int, _Statement]] = defaultdict(dict)
    present: dict[Hashable, set[tuple[int | None, tuple[bytes, ...]]]] = {}
    for number, snapshot in enumerate(ordered):
        here: dict[Hashable, list[Row]] = defaultdict(list)
        for row in rows.get(snapshot.claim_id, ()):
            here[row.key].append(row)
        for key, found in here.items():
            known = present.get(key)
            for row in found:
                if known is not None and (row.effective_us, row.content) in known:
                    continue
                if row.effective_us is None:
                    from_us = ALWAYS if number == 0 else snapshot.snapshot_us
                else:
                    from_us = row.effective_us if known is not None else max(row.effective_us, _closed_at(stated[key]))
                _state(kind, stated[key], _Statement(from_us, snapshot.recorded_us, row), disagreements)
            # An incomplete snapshot leaves the key's other versions as they were; of those that it restates, its own word is the last.
            restated = {row.effective_us for row in found}
            if snapshot.is_complete:
                # What was announced for later and is announced no more will not be: a shift that another one took.
                for later in [at for at, row in stated[key].items() if at > snapshot.snapshot_us and row.row is not None and row.row.effective_us not in restated]:
                    del stated[key][later]
            left = set() if snapshot.is_complete else {version for version in known or () if version[0] not in restated}
            present[key] = left | {(row.effective_us, row.content) for row in found}
        if snapshot.is_complete:
            for key in [key for key in present if key not in here]:
                # What was announced for later is closed with it.
                for later in [from_us for from_us in stated[key] if from_us > snapshot.snapshot_us]:
                    del stated[key][later]
                stated[key][snapshot.snapshot_us] = _Statement(snapshot.snapshot_us, snapshot.recorded_us, None)
                del present[key]
    return {key: sorted(found.values(), key=lambda statement: statement.from_us) for key, found in stated.items()}


def _closed_at(stated: dict[int, _Statement]) -> int:
    """When the key was last closed; a row that comes back after that cannot hold from before it."""
    return max((statement.from_us for statement in stated.values() if statement.row is None), default=ALWAYS)


def _state(kind: str, stated: dict[int, _Statement], new: _Statement, disagreements: list[Disagreement]) -> None:
    """Keeps one row for an instant: the later recorded, then the bytewise smallest."""
    old = stated.get(new.from_us)
    if old is None or old.row is None or new.row is None:
        stated[new.from_us] = new
        return
    if old.row.content == new.row.content:
        return
    kept, lost = (new, old) if (-new.recorded_us, new.row.content) < (-old.recorded_us, old.row.content) else (old, new)
    stated[new.from_us] = kept
    disagreements.append(Disagreement(kind, new.row.key, kept.row.content, lost.row.content, max(old.recorded_us, new.recorded_us)))  # type: ignore[union-attr]


def _merge(kind: str, key: Hashable, by_source: dict[str, list[_Statement]], disagreements: list[Disagreement]) -> list[Version]:
    """One timeline of several sources': at any instant the row that began last, then the later recorded, then the bytewise smallest."""
    if len(by_source) == 1:
        (only,) = by_source.values()
        return [Version(statement.from_us, statement.row.values if statement.row else None) for statement in only]
    versions: list[Version] = []
    clashes: dict[tuple, Disagreement] = {}
    for instant in sorted({statement.from_us for found in by_source.values() for statement in found}):
        active = [
            found[index] for found in by_source.values() if (index := bisect_right([s.from_us for s in found], instant) - 1) >= 0 and found[index].row is not None
        ]
        active.sort(key=lambda s: (-s.from_us, -s.recorded_us, s.row.content))  # type: ignore[union-attr]
        versions.append(Version(instant, active[0].row.values if active else None))  # type: ignore[union-attr]
        for other in active[1:]:
            pair = (active[0].row.content, other.row.content)  # type: ignore[union-attr]
            clashes[pair] = Disagreement(f"{kind}_source", key, *pair, max(active[0].recorded_us, other.recorded_us))
    disagreements.extend(clashes.values())
    return versions
