"""A finding's life on a terminal of 80 columns, and as a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap

from flows import settings
from transforms.domain.errors import UsageError
from transforms.explanation import Entry, Grid, Life, Part, stamp
from transforms.report import finding
from transforms.report.fragments import plain

WIDTH = 80
_GAP = 2
_VOID = "x"
#: After what a word that is too long may go on in the next line.
_JOINT = re.compile(r"[^._/:,-]*[._/:,-]+|[^._/:,-]+")
#: A column is not made narrower than its longest word, up to this.
_LONGEST_WORD = 17
#: A sentence of ours with what sources wrote in it.
_LONGEST = 4_000


def text(life: Life) -> str:
    """The whole life, no line longer than `WIDTH`."""
    lines = [*_wrapped(life.title, ""), ""]
    label = max(len(name) for name, _ in life.facts)
    for name, value in life.facts:
        lines += _wrapped(value, f"{name:<{label}}  ")
    for part in life.parts:
        lines += ["", *_part(part)]
    return "\n".join(lines)


def write_page(life: Life, path: Path) -> Path:
    """Writes the page. Raises `UsageError` where it cannot be written."""
    page = finding.render(life, settings.desk_url())
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError("--html", seen=f"{path}: {error.strerror}", expected="a file that can be written") from None
    return path


def _part(part: Part) -> list[str]:
    lines = [*_wrapped(part.title, "== "), *_wrapped(part.sentence, "")]
    for grid in part.grids:
        lines += ["", *_grid(grid)]
    if part.entries:
        lines += ["", "Timeline (UTC)"]
        for entry in part.entries:
            lines += _entry(entry)
        if not all(entry.counts for entry in part.entries):
            lines.append(f"{_VOID} counted for nothing")
    return lines


def _entry(entry: Entry) -> list[str]:
    """When, what, who; then what there is to say of it, below. What counted for nothing has a mark of its own."""
    mark = "  " if entry.counts else f"{_VOID} "
    who = f"  {plain(entry.who)}" if entry.who else ""
    head = _wrapped(f"{entry.what}{who}", f"{mark}{stamp(entry.at)}  ")
    return [*head, *(_wrapped(entry.detail, " " * 6) if entry.detail else [])]


def _grid(grid: Grid) -> list[str]:
    cells = [[plain(cell, _LONGEST) for cell in row] for row in grid.rows]
    widths = _widths([list(grid.columns), *cells])
    lines = [grid.caption, _line(grid.columns, widths, ())[0], "  ".join("-" * width for width in widths)]
    for row in cells:
        lines += _line(row, widths, grid.figures)
    return lines


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Widths of columns that together fit: the widest gives way first."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    least = [max(min(len(word), _LONGEST_WORD) for cell in column for word in (cell.split() or [""])) for column in zip(*rows, strict=True)]
    room = WIDTH - _GAP * (len(widths) - 1)
    while sum(widths) > room:
        number = max(range(len(widths)), key=lambda place: (widths[place] > least[place], widths[place]))
        if widths[number] <= least[number]:
            least = [min(width, 6) for width in least]
        widths[number] -= 1
    return widths


def _line(row: Sequence[str], widths: Sequence[int], figures: Sequence[int]) -> list[str]:
    columns = [wrap(_parted(cell, width), width, break_on_hyphens=False) or [""] for cell, width in zip(row, widths, strict=True)]
    lines = zip_longest(*columns, fillvalue="")
    placed = (
        (f"{cell:>{width}}" if number in figures else f"{cell:<{width}}" for number, (cell, width) in enumerate(zip(line, widths, strict=True))) for line in lines
    )
    return ["  ".join(line).rstrip() for line in placed]


def _parted(cell: str, width: int) -> str:
    """A cell whose words that are longer than a line have a gap behind a joint: the two parts never fit one line, so the gap is where it ends."""
    words = []
    for word in cell.split(" "):
        part = ""
        for piece in _JOINT.findall(word) if len(word) > width else ():
            if part and len(part) + len(piece) > width:
                words.append(part)
                part = ""
            part += piece
        words.append(part or word)
    return " ".join(words)


def _wrapped(value: str, first: str) -> list[str]:
    """Text behind what opens its first line, the next ones under it."""
    return wrap(plain(value, _LONGEST), WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False) or [first.rstrip()]
