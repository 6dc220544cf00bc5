"""The period of a page: which one, in the words that a reader uses for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

import polars

from transforms.domain.errors import UsageError
from transforms.report.wording import MONTHS, day

#: What the command line and a schedule call each grain.
GRAINS = {"week": "week", "weekly": "week", "month": "month", "monthly": "month", "quarter": "quarter", "quarterly": "quarter"}


#: What the command line takes.
PERIODS = ("weekly", "monthly", "quarterly")

_AUDIENCES = {
    "week": "for security operations: the queue, and what to do today",
    "month": "for leadership: five numbers, what they ask for, and where they lead",
    "quarter": "for steering and audit: trends, controls, and what the figures were made from",
}


def grain_of(period: str) -> str:
    """week, month or quarter. Raises `UsageError` for another word."""
    try:
        return GRAINS[period]
    except KeyError:
        raise UsageError("report period", seen=repr(period), expected="weekly, monthly or quarterly") from None


class Period(NamedTuple):
    """[start, end) in local days of the reporting zone; as_of lies in it, so it is never over. `desk_url`: where its findings can be looked up."""

    grain: str
    start: date
    end: date
    previous_start: date
    as_of: datetime
    local_as_of: datetime
    zone: str
    desk_url: str | None = None

    @classmethod
    def of(cls, frames: Mapping[str, polars.DataFrame]) -> Period:
        """From the frame `period`, which holds one row once a grain is chosen."""
        row = frames["period"].row(0, named=True)
        return cls(
            row["period_grain"], row["period_start"], row["period_end"], row["previous_start"], row["as_of"], row["local_as_of"], row["reporting_zone"],
            row.get("desk_url"),
        )  # fmt: skip

    @property
    def this(self) -> str:
        return f"this {self.grain}"

    @property
    def last(self) -> str:
        return f"last {self.grain}"

    @property
    def audience(self) -> str:
        """For whom the page is, and what they want of it."""
        return _AUDIENCES[self.grain]

    @property
    def progress(self) -> str:
        return f"The {self.grain} is not over: its figures hold what happened from {day(self.start)} up to that instant. Beside them stands {self.previous_title}, whole."

    @property
    def title(self) -> str:
        return _title(self.grain, self.start, self.end)

    @property
    def previous_title(self) -> str:
        return _title(self.grain, self.previous_start, self.start)


def short_title(grain: str, start: date) -> str:
    """A period in the room of a table's cell: 'Q2 2026', 'May 2026', a week by its first day, '4 May 2026'; never broken over lines."""
    month = MONTHS[start.month - 1][:3]
    text = f"Q{(start.month + 2) // 3} {start.year}" if grain == "quarter" else f"{month} {start.year}" if grain == "month" else f"{start.day} {month} {start.year}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _title(grain: str, start: date, end: date) -> str:
    if grain == "quarter":
        return f"Quarter {(start.month + 2) // 3} of {start.year}"
    if grain == "month":
        return f"{MONTHS[start.month - 1]} {start.year}"
    return f"{day(start)} to {day(end - timedelta(days=1))}"
