"""What the readers of registers, trackers and reference lists are told about a file before they open it."""

from __future__ import annotations

from typing import NamedTuple

from transforms.domain.instants import DateOrder, Stamp, parse_stamp
from transforms.domain.mapping import Mapping


class Source(NamedTuple):
    """How to read naive stamps of this file."""

    zone_name: str = "UTC"
    date_order: DateOrder = "mdy"
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
