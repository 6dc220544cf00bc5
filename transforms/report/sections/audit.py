"""The annex for an audit: controls and the state of their evidence, what answers them, the calendars, and how to print the page again."""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.report import fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.wording import count, instant, listed, none_or, percent, sentence_case, verb, words

NAME = "audit"
TITLE = "Audit annex"
ORDER = 95
QUERIES = ("calendar", "control", "digest", "obligation")
KINDS = ("quarter",)


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    controls = frames["control"].rows(named=True)
    populated = [row for row in controls if row["population"]]
    if not populated:
        return "The record holds nothing yet that a control could be answered from."
    failing = sum(1 for row in populated if row["exceptions"])
    frameworks = len({row["framework"] for row in controls})
    first = f"{none_or(failing, 'control')} of {len(populated)} with a population {verb(failing, 'has', 'have')} exceptions, in {count(frameworks, 'framework')}"
    worst = max(populated, key=lambda row: (row["exceptions"], row["framework"], row["control"]))
    if not failing:
        return sentence_case(f"{first}.")
    most = [f"{row['framework']} {row['control']}" for row in populated if row["exceptions"] == worst["exceptions"]]
    return sentence_case(f"{first}; {listed(most)} {verb(len(most), 'has', 'have')} the most, {worst['exceptions']:,} of {worst['population']:,}{' each' if len(most) > 1 else ''}.")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    return fragments.join([_controls(frames["control"]), _obligations(frames["obligation"]), _calendars(frames["calendar"]), _again(frames)])


def _controls(frame: polars.DataFrame) -> Markup:
    rows = [
        [
            Markup('{} <span class="again">{}</span>').format(row["control"], row["framework"]),
            row["title"],
            fragments.amount(row["population"]),
            fragments.amount(row["complete_chains"]),
            fragments.amount(row["exceptions"]),
            fragments.amount(row["pending"]),
            EMPTY if row["complete_rate"] is None else percent(row["complete_rate"]),
            EMPTY if row["oldest_exception_at"] is None else instant(row["oldest_exception_at"].replace(microsecond=0)),
        ]
        for row in frame.iter_rows(named=True)
    ]
    return fragments.join(
        [
            fragments.table(
                "Controls and their evidence; population = complete + exceptions + pending",
                [
                    Column("Control", False), Column("Title", False), Column("Population"), Column("Complete"), Column("Exceptions"), Column("Pending"),
                    Column("Complete rate"), Column("Oldest exception"),
                ],
                rows,
                is_wide=True,
            ),
            fragments.note(
                Markup("The rate leaves pending ones out: open, and not yet due. The chain of events behind each, who and when, is the control’s evidence pack: <code>handoff evidence CONTROL</code>.")
            ),
        ]
    )  # fmt: skip


def _obligations(frame: polars.DataFrame) -> Markup:
    if frame.is_empty():
        return Markup("")
    rows = [
        [sentence_case(words(row["obligation"])), row["subject"], *(fragments.amount(row[name]) for name in ("population", "complete", "exceptions", "pending"))]
        for row in frame.iter_rows(named=True)
    ]
    columns = [Column("Obligation", False), Column("One for each", False), Column("Population"), Column("Complete"), Column("Exceptions"), Column("Pending")]
    return fragments.table("What of the record answers them", columns, rows)


def _calendars(frame: polars.DataFrame) -> Markup:
    rows = [
        [
            fragments.foreign(row["calendar"]),
            row["time_zone"],
            ", ".join(row["days"]),
            ", ".join(row["windows"]),
            fragments.amount(row["holidays"]),
            row["holiday_region"] or EMPTY,
            "all others" if row["calendar"] == "default" else fragments.amount(row["teams"]),
        ]
        for row in frame.iter_rows(named=True)
    ]
    columns = [
        Column("Calendar", False), Column("Time zone", False), Column("Days", False), Column("Open", False), Column("Holidays of its own"), Column("Holidays of", False),
        Column("Teams"),
    ]  # fmt: skip
    return fragments.table("Calendars that business time is counted in", columns, rows, is_wide=True)


def _again(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period = Period.of(frames)
    command = f"handoff report {period.grain}ly --as-of {period.as_of.isoformat()}Z --out FILE"
    return fragments.note(
        Markup(
            "To print this page again, byte for byte, on any later day, with the code of the digest under definitions: <code>{}</code>. "
            "<code>handoff verify</code> proves that the record still is what its raw files say, and the digests of the marts."
        ).format(command)
    )
