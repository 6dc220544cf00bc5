"""Events → the findings that they concern (rulings 38, 39)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import polars as pl

Status = Literal["matched", "ambiguous_ref", "no_match"]


class References:
    """What a `ref` may say: a sighting, `scanner:own id`, a bare own id, a ticket; the first form that is known decides.

    `captures`: `sighting_id, scanner, own_id, finding`, one row for each observation that counts.
    """

    def __init__(self, captures: pl.DataFrame) -> None:
        sightings = captures.select("sighting_id", "finding").unique()
        self._sightings: dict[str, int] = dict(zip(sightings["sighting_id"].to_list(), sightings["finding"].to_list(), strict=True))
        named = captures.filter(pl.col("own_id").str.len_bytes() > 0)
        qualified = named.select(ref=pl.concat_str("scanner", "own_id", separator=":"), finding="finding")
        self._own = [_one_each(qualified), _one_each(named.select(ref="own_id", finding="finding"))]
        self._tickets: dict[str, dict[int, None]] = {}

    def link(self, ticket: str, findings: Iterable[int]) -> bool:
        """Ties a ticket to findings; whether that is more than was known."""
        known, more = self._tickets.get(ticket, {}), dict.fromkeys(findings)
        if more.keys() <= known.keys():
            return False
        self._tickets[ticket] = {**known, **more}
        return True

    def follow(self, names: Sequence[tuple[str, str]]) -> None:
        """Ties each (ref, ticket) where the ref is another ticket, as a tracker's key is to its number, whatever the order of links."""
        is_changed = True
        while is_changed:
            is_changed = any([self.link(ticket, self._tickets[ref]) for ref, ticket in names if ref in self._tickets and not self._is_named(ref)])

    def _is_named(self, ref: str) -> bool:
        return ref in self._sightings or any(ref in known for known in self._own)

    def resolve(self, ref: str, *, with_tickets: bool = True) -> tuple[list[int], Status]:
        """The findings, by number, and whether that is certain."""
        found = self._sightings.get(ref)
        if found is not None:
            return [found], "matched"
        for known in self._own:
            if ref in known:
                found = known[ref]
                return ([], "ambiguous_ref") if found is None else ([found], "matched")
        if with_tickets and ref in self._tickets:
            return list(self._tickets[ref]), "matched"
        return [], "no_match"


def _one_each(named: pl.DataFrame) -> dict[str, int | None]:
    """Name → its finding; None where several carry it."""
    counted = named.unique().group_by("ref").agg(pl.col("finding").first(), several=pl.len() > 1)
    return {ref: None if several else finding for ref, finding, several in counted.select("ref", "finding", "several").iter_rows()}
