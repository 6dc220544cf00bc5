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
    """A table within the terminal's width; tab-separated and whole when piped."""
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for row in rows:
            print("\t".join("" if value is None else str(value).replace("\t", " ").replace("\n", " ") for value in row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    Console().print(table)


def print_pairs(pairs: dict[str, str]) -> None:
    """Names and what each is, a line each; wrapped within the terminal's width, tab-separated and whole when piped."""
    width = max(map(len, pairs)) + 2
    for name, text in pairs.items():
        if not sys.stdout.isatty():
            print(f"{name}\t{text}")
            continue
        room = max(shutil.get_terminal_size().columns - width, _NARROWEST)
        for number, part in enumerate(textwrap.wrap(text, room, break_on_hyphens=False)):
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
