"""Anchors of code results that have no fingerprint: the rule, and which of its places in the file this is.

Counting the places of one rule in one file keeps the anchor when lines are added above it. The count is by position,
not by the order of the report, so that the same results in another order have the same anchors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec


class Place(msgspec.Struct, frozen=True, order=True, gc=False):
    """A result's place: the thing counted within (file and rule), and a position that sorts."""

    within: tuple[str, ...]
    position: tuple[int, int, str]


def ordinals(places: Iterable[Place]) -> dict[Place, int]:
    """Of each place, how many other places of the same kind stand before it."""
    ranks: dict[Place, int] = {}
    same: dict[tuple[str, ...], set[Place]] = {}
    for place in places:
        ranks[place] = 0
        same.setdefault(place.within, set()).add(place)
    for found in same.values():
        if len(found) > 1:
            ranks.update((place, number) for number, place in enumerate(sorted(found)))
    return ranks


def anchor(rule: str, ordinal: int) -> str:
    """The rule alone for the first place, so that a file with one place of it reads well."""
    return f"{rule}#{ordinal}" if ordinal else rule


def snippet(code: str | None) -> str | None:
    """A fingerprint of the code itself, whatever its indentation; None where there is none."""
    flat = " ".join(code.split()) if code else ""
    return hashlib.sha256(flat.encode("utf-8", "replace")).hexdigest()[:16] if flat else None
