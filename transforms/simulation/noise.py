"""The second kind of programme: the same truth, badly recorded. Each row and each report is spoilt with the same small probability."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from transforms.domain.instants import from_us, zone
from transforms.simulation.hours import CALENDARS
from transforms.simulation.reports import Seen


class Noise:
    """Spoils what one cell writes; a rate of 0 changes nothing. It draws from a chance of its own, so that the truth stays as it was."""

    def __init__(self, seed: int, cell: int, rate: float, calendar: str) -> None:
        self._rng, self._rate = Random(f"{seed}/{cell}/noise"), rate
        self._zone = zone(CALENDARS[calendar][0])

    def row(self, row: dict[str, str], at: int, others: Sequence[str]) -> dict[str, str] | None:
        """An activity row: missing (None), without its zone, with a name mistyped, or about another finding or none."""
        if self._rng.random() >= self._rate:
            return row
        kind = self._rng.randrange(5)
        if kind == 0:
            return None
        if kind == 1:
            return row | {"occurred_at": from_us(at).astimezone(self._zone).replace(tzinfo=None).isoformat(sep=" ")}
        if kind == 2:
            return row | {name: _mistyped(row.get(name, ""), self._rng) for name in ("actor", "target_person")}
        if kind == 3:
            return row | {"ref": self._rng.choice(others)}
        return row | {"ref": f"see mail of {from_us(at):%Y-%m-%d}"}

    def report(self, seen: list[Seen]) -> list[Seen]:
        """A scan: lost as a whole (no results), or results without their own id or with that of another one."""
        if self._rng.random() < self._rate / 2:
            return []
        spoilt = []
        for one in seen:
            roll = self._rng.random()
            if one.own_id and roll < self._rate / 3:
                one = one._replace(own_id="")
            elif one.own_id and roll < self._rate / 2:
                one = one._replace(own_id=self._rng.choice(seen).own_id)
            spoilt.append(one)
        return spoilt


def _mistyped(name: str, rng: Random) -> str:
    """Two neighbouring letters of a name changed over."""
    if len(name) < 3:
        return name
    at = rng.randrange(len(name) - 1)
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
