"""Small pieces of HTML. Whatever is not `Markup` already is escaped here: titles, targets and teams are hostile text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple
from unicodedata import east_asian_width

from markupsafe import Markup, escape

#: Control characters, and those that turn the direction of the text behind them: a title must not rewrite what stands beside it.
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_LONGEST = 240
#: Rows that a table shows: who wants to read more of them asks the published copy.
MOST_ROWS = 50
#: Columns that a phone has room for.
_ON_A_PHONE = 3

EMPTY = Markup('<span class="empty" title="no figure"><span aria-hidden="true">–</span><span class="unseen">no figure</span></span>')


class Column(NamedTuple):
    """A column's heading, and whether its cells are figures (right-aligned, one below the other)."""

    label: str
    is_figure: bool = True


def harmless(text: str) -> str:
    """Text of a source without characters that rewrite what stands beside it."""
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", text)


def foreign(text: str | None, absent: str = "not known", longest: int = _LONGEST) -> Markup:
    """Text of a source, escaped, isolated in its direction, without control characters, cut where it is longer than a line or three."""
    if text is None or not text.strip():
        return Markup('<span class="empty">{}</span>').format(absent)
    return Markup("<bdi>{}</bdi>").format(plain(text, longest))


def plain(text: str, longest: int = _LONGEST) -> str:
    """Text of a source without control characters, cut where it is longer than a line or three: it neither steers a terminal nor turns a page round."""
    safe = harmless(text.strip())
    return safe if len(safe) <= longest else safe[:longest] + "…"


def line(text: str, longest: int = 26) -> str:
    """The same for a chart's label, which knows no markup and does not wrap: cut to what stands beside a figure on a phone, wide letters counting as two."""
    safe = harmless(text.strip())
    room = list(accumulate(2 if letter in "MW@%" or east_asian_width(letter) in "WF" else 1 for letter in safe))
    if room and room[-1] > longest:
        safe = safe[: bisect_right(room, longest - 1)] + "…"
    return f"\N{FIRST STRONG ISOLATE}{safe}\N{POP DIRECTIONAL ISOLATE}"


def and_more(amount: int) -> str:
    """What stands where a list is cut."""
    return f"and {amount:,} more"


def note(text: str | Markup) -> Markup:
    return Markup('<p class="note">{}</p>\n').format(text)


def join(parts: Iterable[str | Markup]) -> Markup:
    return Markup("").join(escape(part) for part in parts)


def finding_address(desk_url: str, finding_id: str) -> str:
    """Where the desk that is served below `desk_url` shows a finding: for pages, reports and messages."""
    return f"{desk_url.rstrip('/')}/finding.html#{finding_id}"


def handoff(finding_id: str, cycle: int, title: str | None, desk_url: str | None) -> Markup:
    """A handoff by its title, and under it the finding's id, by which every command takes it. Where a desk is served, the title leads there."""
    again = Markup(' <span class="again">cycle {}</span>').format(cycle) if cycle > 1 else Markup("")
    shown = foreign(title, "no title")
    if desk_url:
        shown = Markup('<a href="{}">{}</a>').format(finding_address(desk_url, finding_id), shown)
    return Markup('<span class="title">{}</span>{} <code>{}</code>').format(shown, again, finding_id)


def amount(value: int) -> str | Markup:
    """A count in a table; a zero steps back, so that the eye finds the others."""
    return f"{value:,}" if value else Markup('<span class="zero">0</span>')


def band(severity: str) -> Markup:
    """A severity by word and, beside it, by mark; `all` has no mark."""
    return Markup('<span class="band band-{0}">{0}</span>').format(severity)


def table(caption: str | Markup, columns: Sequence[Column], rows: Sequence[Sequence[str | Markup]], *, header: int = 0, is_wide: bool = False) -> Markup:
    """A table in a container of its own that scrolls where the page is narrower; the cell at `header` heads its row.

    Of more than `MOST_ROWS` the first stand there, how many more there are, and the last, in which a total stands where there is one.
    The container of a table that is wider than a phone takes the keyboard's focus, so that it scrolls without a pointer.
    """
    head = join(
        Markup('<th scope="col"{}>{}</th>').format(Markup(' class="figure"') if column.is_figure else "", column.label) for column in columns
    )
    lines = [Markup("<tr>{}</tr>\n").format(_cells(columns, row, header)) for row in rows]
    if len(lines) > MOST_ROWS:
        more = Markup('<tr><td class="more" colspan="{}">{}</td></tr>\n').format(len(columns), and_more(len(lines) - MOST_ROWS))
        lines = [*lines[: MOST_ROWS - 1], more, lines[-1]]
    body = join(lines)
    # A short table stays on one printed page; a long one may go on over its heading on the next.
    kind = "scroll long" if len(rows) > 14 else "scroll"
    may_scroll = is_wide or len(columns) > _ON_A_PHONE
    focus = Markup(' tabindex="0" role="group" aria-label="{}"').format(Markup(caption).striptags()) if may_scroll else Markup("")
    return Markup('<div class="{}"{}><table{}>\n<caption><span>{}</span></caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n').format(
        kind, focus, Markup(' class="wide"') if is_wide else "", caption, head, body
    )


def _cells(columns: Sequence[Column], row: Sequence[str | Markup], header: int) -> Markup:
    cells = []
    for number, (column, cell) in enumerate(zip(columns, row, strict=True)):
        kind = Markup(' class="figure"') if column.is_figure else Markup("")
        cells.append(Markup('<th scope="row"{}>{}</th>' if number == header else "<td{}>{}</td>").format(kind, cell))
    return join(cells)


def figure(chart: Markup, caption: str | Markup, key: Markup | None = None) -> Markup:
    """A chart with what it shows, and the key of its colours."""
    return Markup("<figure>{}{}<figcaption>{}</figcaption></figure>\n").format(key or "", chart, caption)


def key(entries: Sequence[tuple[str, str]]) -> Markup:
    """The key of a chart: (style, words) in the order in which the chart stacks them."""
    items = join(Markup('<li><span class="swatch {}" aria-hidden="true"></span>{}</li>').format(style, text) for style, text in entries)
    return Markup('<ul class="key">{}</ul>').format(items)


def change(now: float | None, before: float | None, text: str) -> Markup:
    """The direction against last period; `text` is the size of the difference."""
    if now is None or before is None:
        return EMPTY
    if now == before:
        return Markup('<span class="change">unchanged</span>')
    arrow, word = ("↑", "up") if now > before else ("↓", "down")
    return Markup('<span class="change"><span aria-hidden="true">{}</span><span class="unseen">{}</span>\N{NO-BREAK SPACE}{}</span>').format(arrow, word, text)


def against(is_within: bool, text: str) -> Markup:
    """A figure against its target: said in words and by a mark, not by colour alone."""
    style, mark = ("within", "●") if is_within else ("over", "▲")
    return Markup('<span class="{}"><span class="mark" aria-hidden="true">{}</span> {}</span>').format(style, mark, text)
