"""What the command line prints: an object for machines, a table for people, a sentence for what went wrong."""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import typer

from transforms.domain.errors import HandoffError

#: Columns below which nothing is wrapped any more.
_NARROWEST = 40
#: A longer word of a sentence may be broken.
_WORD = 20
#: Blank columns between two of a table.
_GAP = 2


def print_json(value: Any, require: Callable[[], None] | None = None) -> None:
    """One object on stdout; rows by themselves become its `rows`.

    `require` says whether what was done is all that was to be done: the error that it raises stands in the same object, as `error`.
    """
    found = value if isinstance(value, dict) else {"rows": value}
    try:
        if require is not None:
            require()
    except HandoffError as error:
        print(_text({**found, "error": error.as_json()}))
        print_error(error)
        raise typer.Exit(error.exit_code) from None
    print(_text(found))


def print_error(error: HandoffError, *, as_json: bool = False) -> None:
    """The sentence on stderr, for whoever reads along; for a machine also an object with `error` on stdout, where nothing else was printed."""
    if as_json:
        print(_text({"error": error.as_json()}))
    print(f"handoff: {error}", file=sys.stderr)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table within the terminal's width, row by row where that would break words; tab-separated and whole when piped."""
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for row in texts:
            print("\t".join(text.replace("\t", " ").replace("\n", " ") for text in row))
    elif _width(columns, texts) > shutil.get_terminal_size().columns:
        for number, row in enumerate(texts, 1):
            print(f"row {number} of {len(texts)}")
            print_pairs({f"  {name}": text for name, text in zip(columns, row, strict=True) if text})
    else:
        _draw(columns, texts)


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns of a terminal that a table takes at least: an id is not broken, nor a short word of a sentence."""
    longest = [len(name) for name in columns]
    for row in rows:
        longest = [max(before, _narrowest(text)) for before, text in zip(longest, row, strict=True)]
    return sum(longest) + _GAP * len(columns)


def _narrowest(text: str) -> int:
    words = text.split()
    return len(text) if len(words) < 2 else min(max(map(len, words)), _WORD)


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def print_pairs(pairs: dict[str, str]) -> None:
    """Names and what each is, a line each; wrapped within the terminal's width, tab-separated and whole when piped."""
    width = max(map(len, pairs)) + 2
    for name, text in pairs.items():
        if not sys.stdout.isatty():
            print(f"{name}\t{text}")
            continue
        room = max(shutil.get_terminal_size().columns - width, _NARROWEST)
        for number, part in enumerate(textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=False) or [""]):
            print(f"{name if not number else '':<{width}}{part}")


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """A table of rows that all have the same keys, its columns; nothing where there are none."""
    if rows:
        print_table(list(rows[0]), [tuple(row.values()) for row in rows])


def line(item: Any) -> str:
    """What an object holds, in one line."""
    return ", ".join(f"{name} {value}" for name, value in item.items() if value is not None) if isinstance(item, dict) else str(item)


def _text(value: Any) -> str:
    try:
        return json.dumps(value, indent=2, default=str, ensure_ascii=False, allow_nan=False)
    except ValueError:  # JSON has no word for what is no number
        return json.dumps(_finite(value), indent=2, default=str, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
