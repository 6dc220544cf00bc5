"""Small groups are not shown by themselves: with few handoffs a figure is somebody's. They stand together, and never one alone, so that none can be
had by subtraction. A team is named throughout a report or nowhere in it, for two tables that differ in whom they hide show what each of them does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import polars

from transforms.report.thresholds import Thresholds

#: A name in a table of groups is cut here: beside figures a longer one is a column of letters.
LONGEST_NAME = 80
#: How marts call the group of what has none.
NONE = "(none)"


class Group(NamedTuple):
    """A group by name, how many handoffs (or findings) it is of, and figures that can be summed."""

    name: str
    size: int
    figures: Mapping[str, int]


class Pool(NamedTuple):
    """Groups that stand together: how many, and their figures summed."""

    groups: int
    figures: Mapping[str, int]

    @property
    def label(self) -> str:
        return f"{self.groups:,} others, together" if self.groups > 1 else "1 other"


def names_team(grain: str) -> bool:
    """Whether a single handoff may stand with its team: in the weekly report, by which security operations works it; to leadership it would show a small one."""
    return grain == "week"


def large_enough(groups: Sequence[Group], minimum: int) -> frozenset[str]:
    """The names of those that may be shown by themselves.

    None below `minimum`. What is left beside them would be shown by subtraction if it were one group, or were itself below `minimum`: the smallest
    (by name between equals, the last) that is still shown joins it, until neither is so or nothing is left to be shown. What nobody owns is no people's: it
    hides nobody, and takes no part.
    """
    ordered = sorted((group for group in groups if group.name != NONE), key=lambda group: (-group.size, group.name))
    shown = [group for group in ordered if group.size >= minimum]
    hidden = [group for group in ordered if group.size < minimum]
    while hidden and shown and (len(hidden) < 2 or sum(group.size for group in hidden) < minimum):
        hidden.append(shown.pop())
    return frozenset(group.name for group in shown)


def parted(groups: Sequence[Group], named: AbstractSet[str]) -> tuple[list[Group], Pool | None]:
    """(the groups that are shown, the largest first, by name between equals, and then what nobody owns; the others as one, or None)."""
    shown = [group for group in groups if group.name in named or group.name == NONE]
    others = [group for group in groups if group.name not in named and group.name != NONE]
    shown.sort(key=lambda group: (group.name == NONE, -group.size, group.name))
    if not others:
        return shown, None
    return shown, Pool(len(others), {name: sum(group.figures[name] for group in others) for name in others[0].figures})


def team_groups(frames: Mapping[str, polars.DataFrame]) -> list[Group]:
    """Owning teams by the handoffs under way in the period, from the frame `team_handoff`, with every count that it has of them."""
    counts = ("handoffs", "acknowledged", "fell_due", "breaches", "waiting", "misattributed")
    return [Group(row["team"], row["handoffs"], {name: row[name] for name in counts}) for row in frames["team_handoff"].iter_rows(named=True)]


def named_teams(frames: Mapping[str, polars.DataFrame]) -> frozenset[str]:
    """The teams that a report names, from the frames `team_handoff` and `threshold`."""
    return large_enough(team_groups(frames), Thresholds.of(frames).smallest_group)
