"""Small groups are not shown by themselves: with few handoffs a figure is somebody's. They stand together, and so that none can be had by
subtraction, never one alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


def names_team(grain: str) -> bool:
    """Whether a single handoff may stand with its team: in the weekly report, by which security operations works it; to leadership it would show a small one."""
    return grain == "week"


class Group(NamedTuple):
    """A group by name, how many handoffs (or findings) it is of, and figures that can be summed. What nobody owns is no people's: it hides nobody."""

    name: str
    size: int
    figures: Mapping[str, int]
    is_people: bool = True


class Pool(NamedTuple):
    """Groups that stand together: how many, of how many handoffs, and their figures summed."""

    groups: int
    size: int
    figures: Mapping[str, int]

    @property
    def label(self) -> str:
        return f"{self.groups:,} others, together" if self.groups > 1 else "the only one"


def pooled(groups: Sequence[Group], minimum: int) -> tuple[list[Group], Pool | None]:
    """(the groups that may be shown, the largest first, by name between equals, what is no people's last; the rest as one, or None).

    A group below `minimum` is pooled. A pool of one group, or one that is itself below `minimum`, would show what it hides beside the total:
    the smallest group that is left joins it, until it is of two or more and large enough, or nothing is left to be shown beside it.
    """
    ordered = sorted((group for group in groups if group.is_people), key=lambda group: (-group.size, group.name))
    shown = [group for group in ordered if group.size >= minimum]
    small = [group for group in ordered if group.size < minimum]
    while small and shown and (len(small) < 2 or sum(group.size for group in small) < minimum):
        small.append(shown.pop())
    shown += [group for group in groups if not group.is_people]
    if not small:
        return shown, None
    figures = {name: sum(group.figures[name] for group in small) for name in small[0].figures}
    return shown, Pool(len(small), sum(group.size for group in small), figures)
