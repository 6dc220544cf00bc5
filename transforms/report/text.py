"""The report as plain text for mail: the five numbers as an aligned table, and the sentence that each section opens with."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import polars

from transforms.report import sections
from transforms.report.fragments import harmless
from transforms.report.headlines import Headline, headlines
from transforms.report.period import Period
from transforms.report.wording import instant, percent, sentence_case

WIDTH = 78


def render(frames: Mapping[str, polars.DataFrame]) -> str:
    """The text of one grain's frames; no line is longer than WIDTH but the desk's address, the last one ends too."""
    period = Period.of(frames)
    as_of = f"As of {instant(period.as_of)}" + (f" ({instant(period.local_as_of, period.zone)})" if period.zone != "UTC" else "") + f". {period.progress}"
    lines = [*_wrapped(f"Security handoffs, {period.grain}ly report {period.audience}"), *_wrapped(period.title), "=" * len(period.title), "", *_wrapped(as_of), ""]
    lines += _table(headlines(frames), period)
    for section in sections.in_order(period.grain):
        lines += ["", section.TITLE, "-" * len(section.TITLE), *_wrapped(section.lede(frames))]
    if period.desk_url:
        # Never broken: half an address leads nowhere.
        lines += ["", "Every finding, to search and filter:", period.desk_url.rstrip("/") + "/index.html"]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _wrapped(text: str) -> list[str]:
    # What a source wrote may have no space in it, and may hold any character.
    return textwrap.wrap(" ".join(harmless(text).split()), WIDTH) or [""]


def _table(found: Sequence[Headline], period: Period) -> list[str]:
    heads = ("", "Now", "Target", sentence_case(period.last), "Covered", "Confidence", "")
    rows = [
        (
            headline.label, headline.value, headline.said_target, headline.previous or "-", percent(headline.coverage) if headline.coverage is not None else "-",
            headline.confidence or "-", headline.behind,
        )
        for headline in found
    ]  # fmt: skip
    cells = [[cell.replace("\N{NO-BREAK SPACE}", " ").replace("\N{EN DASH}", "-") for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(heads) - 1)]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= WIDTH else " "
    lines = []
    for row, headline in zip(cells, (None, *found), strict=True):
        lines.append(gap.join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:], strict=True))]))
        if headline:
            behind = f"{headline.unit}; {row[-1]}; dated by {headline.dated_by}"
            lines += textwrap.wrap(behind, WIDTH, initial_indent="  ", subsequent_indent="  ")
    return lines
