"""How the command line shows itself: commands under who uses them, whole sentences, examples as they are typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

#: Commands under the heading that help shows them by; one that stands nowhere is shown last.
AUDIENCES = {
    "Run it": ("run", "pull", "status", "release", "discard", "retract", "reprocess", "rebuild", "verify"),
    "Ask": ("sql", "explain", "warnings", "whatif", "formats", "trackers"),
    "Answer and tell": ("ack", "decline", "reassign", "link", "dispatch", "tickets", "sweep"),
    "Hand over": ("report", "desk", "evidence", "export", "redact"),
    "Keep it running": ("serve", "doctor", "watchdog", "simulate"),
}
_REST = "Commands"
#: What the exit code of any command says.
EXIT_CODES = {
    0: "good; for `run`: published, whatever the input was like",
    1: "it could not do its work, or what it checks is not so: another run holds the home, a disk is full, a tracker did not answer, a digest differs",
    2: "wrong usage: an option, an id that nobody knows, the policy (named with key and line), a home without a published copy",
    3: "done, but one of our own laws failed: nothing is published, `handoff status` says which",
    130: "ended with Ctrl-C; what was committed stays",
}
#: Commands without --json, and why.
WITHOUT_JSON = {"serve ack": "none: it serves until it is ended", "serve scheduler": "none: it serves until it is ended"}
#: The keys of the object that each command prints for --json. They stay; others may come.
JSON_KEYS = {
    "run": ("run_id", "as_of", "home", "files_seen", "files_new", "files_quarantined", "files_held", "rows_in", "rows_new", "rows_duplicate", "rows_rejected", "own_events",
            "findings", "handoffs", "open", "unrouted", "flags", "laws_broken", "problems", "quarantined", "published", "report"),
    "pull": ("rows",),
    "status": ("home", "published_as_of", "last_runs", "five_numbers", "queue", "waiting_files", "failed_expectations"),
    "release": ("decision", "path"),
    "discard": ("decision", "path"),
    "retract": ("decision", "path"),
    "reprocess": ("decision", "path"),
    "rebuild": ("as_of", "out", "said"),
    "verify": ("rows",),
    "sql": ("rows",),
    "explain": ("finding_id", "title", "severity", "severity_rule", "state", "is_open", "asset_id", "target", "scanners", "handoffs", "presence", "timeline", "parts", "records"),
    "whatif": ("as_of", "runs_replayed", "is_other_code", "out", "policy_change", "difference"),
    "formats": ("rows",),
    "trackers": ("rows",),
    "ack": ("events", "warnings"),
    "decline": ("events", "warnings"),
    "reassign": ("events", "warnings"),
    "link": ("url", "finding_id", "cycle", "person_id", "expires_at"),
    "dispatch": ("as_of", "counts", "steps"),
    "tickets": ("rows",),
    "sweep": ("open", "settled", "ownership", "reassignments", "aliases", "links", "attestations", "without_proposal", "files"),
    "warnings": ("rows",),
    "report": ("period", "report"),
    "desk": ("folder", "is_redacted", "rows", "files", "bytes"),
    "evidence": ("rows",),
    "export": ("export", "version", "as_of", "digests", "format", "writer", "tables"),
    "redact": ("redacted",),
    "doctor": ("rows",),
    "watchdog": ("as_of", "age_seconds", "running", "running_seconds"),
    "simulate": ("files", "bytes", "out", "command"),
}  # fmt: skip
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
