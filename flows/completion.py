"""What the shell completes: ids, names and words that the home or the code knows. It never fails: where nothing is known, nothing is offered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from flows import settings
from transforms.domain.errors import HandoffError

#: A word and what it is.
Word = tuple[str, str]


def findings(ctx: typer.Context, incomplete: str) -> list[Word]:
    """Open findings, the worst first."""
    return _asked(ctx, "complete_findings", {"begin": incomplete})


def tables(ctx: typer.Context, incomplete: str) -> list[Word]:
    """The last of several names with commas between them."""
    before, comma, name = incomplete.rpartition(",")
    return [(f"{before}{comma}{word}", what) for word, what in _asked(ctx, "complete_tables") if word.startswith(name)]


def queries(ctx: typer.Context, incomplete: str) -> list[Word]:
    """Tables and questions as whole queries; quoted by us where the shell has no quote open yet."""
    quote = "" if incomplete else "'"
    return [(f"{quote}FROM {word}{quote}", what) for word, what in _asked(ctx, "complete_tables") if f"FROM {word}".startswith(incomplete)]


def controls(incomplete: str) -> list[Word]:
    from warehouse.obligations import controls as known

    return [(control.control, control.title) for control in known() if control.control.startswith(incomplete)]


def waiting_files(ctx: typer.Context, incomplete: str) -> list[Word]:
    """Files that were quarantined or held."""
    from warehouse import published

    try:
        found = published.status(_home(ctx))["waiting_files"]
    except HandoffError:
        return []
    return [(row["sha256"], f"{row['status']} {row['path']}") for row in found if row["sha256"].startswith(incomplete)]


def words(*known: str) -> Any:
    """One of a few words."""

    def complete(incomplete: str) -> Iterator[str]:
        yield from (word for word in known if word.startswith(incomplete))

    return complete


def _asked(ctx: typer.Context, name: str, parameters: dict[str, str] | None = None) -> list[Word]:
    from warehouse import published

    try:
        return published.ask(_home(ctx), name, parameters)
    except HandoffError:
        return []


def _home(ctx: typer.Context) -> Path:
    """The home of --home where it was typed already."""
    return settings.home_folder(ctx.params.get("home"))
