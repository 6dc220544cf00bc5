"""How the command line shows itself: commands under who uses them, whole sentences, examples as they are typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

#: Commands under the heading that help shows them by; one that stands nowhere is shown last.
AUDIENCES = {
    "Run it": ("run", "pull", "status", "release", "discard", "retract", "reprocess", "rebuild", "verify"),
    "Ask": ("sql", "explain", "whatif", "formats", "trackers"),
    "Answer and tell": ("ack", "decline", "reassign", "link", "dispatch", "tickets", "sweep"),
    "Hand over": ("report", "desk", "evidence", "export", "redact"),
    "Keep it running": ("serve", "doctor", "watchdog", "simulate"),
}
_REST = "Commands"
#: Columns that help takes at most, however wide the terminal is.
_WIDTH = 120


class App(typer.Typer):
    """A group of commands that show themselves so."""

    def __init__(self, **settings: Any) -> None:
        # What rich makes of help is boxes that are hard to copy from.
        # Its sub-commands take the width over.
        super().__init__(cls=_Group, no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": _WIDTH}, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable:
        return super().command(name, cls=_Command, **settings)


class _Epilog:
    """Help that ends with an example in one line, which a narrow terminal must not break."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(f"{self.epilog}\n")


class _Command(_Epilog, TyperCommand):
    pass


class _Group(_Epilog, TyperGroup):
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        by_heading = by_audience(self.list_commands(ctx)) if ctx.parent is None else {_REST: self.list_commands(ctx)}
        for heading, names in by_heading.items():
            with formatter.section(heading):
                formatter.write_dl([(name, first_sentence(self.commands[name].help or "")) for name in names])


def by_audience(names: list[str]) -> dict[str, list[str]]:
    """Commands under their headings, in the order of both."""
    placed = {heading: [name for name in group if name in names] for heading, group in AUDIENCES.items()}
    placed[_REST] = [name for name in names if not any(name in group for group in AUDIENCES.values())]
    return {heading: group for heading, group in placed.items() if group}


def first_sentence(text: str) -> str:
    """As far as the first full stop that ends one."""
    sentence = " ".join(text.partition("\n\n")[0].split()).partition(". ")[0]
    return sentence if sentence.endswith((".", "…")) else f"{sentence}."
