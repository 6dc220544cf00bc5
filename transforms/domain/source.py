"""What the readers of registers, trackers and reference lists are told about a file before they open it."""

from __future__ import annotations

from typing import NamedTuple

from transforms.domain.instants import DateOrder, Stamp, parse_stamp
from transforms.domain.mapping import Mapping
from transforms.domain.policy import Directory, RegisterNames, RegisterTerms


class Source(NamedTuple):
    """How to read naive stamps of this file, what a register's own names and words mean, and what it does not say of itself."""

    zone_name: str = "UTC"
    date_order: DateOrder = "mdy"
    names: RegisterNames = RegisterNames()
    terms: RegisterTerms = RegisterTerms.model_validate({})
    directory: Directory = Directory()
    #: Where it was found, below the landing zone.
    path: str = ""
    #: The sidecar's `target`: what a whole file is of, where it does not say it: a cluster, a repository, a team.
    target: str | None = None
    #: When the snapshot was taken: sidecar captured_at, else when it was recorded.
    snapshot_us: int = 0
    #: Whether it claims to hold every row of its source.
    is_complete: bool = True
    #: What the tracker's words and columns mean; None where there is no mapping.
    mapping: Mapping | None = None

    def stamp(self, value: object) -> Stamp:
        """The instant of a cell; raises ValueError."""
        return parse_stamp(value, zone_name=self.zone_name, date_order=self.date_order)

    def cell(self, cells: dict[str, str], name: str) -> int | None:
        """The instant in a cell, in microseconds; None where it is blank. Raises ValueError `bad_instant: …` for anything else."""
        if name not in cells:
            return None
        try:
            return self.stamp(cells[name]).us
        except (ValueError, OverflowError):
            raise ValueError(f"bad_instant: {name} {cells[name]!r}, expected ISO 8601") from None
