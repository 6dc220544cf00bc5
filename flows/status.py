"""`handoff status` as one screen: what is published, what waits, what failed, what to do next."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from flows.freshness import CLOCK_SECONDS, span
from transforms import forewarning
from transforms.domain.instants import iso, to_us

#: Rows of a list that are shown; how many more there are is said.
_SHOWN = 5
#: Columns below which nothing is wrapped any more.
_NARROWEST = 60
_STALE_SECONDS = 26 * 3600
_BANDS = ("all", "critical", "high", "medium", "low")
_LABELS = {
    "median_handoff_latency": "median latency (business)",
    "p90_handoff_latency": "90% within (business)",
    "no_acknowledgement_rate": "never acknowledged",
    "handoff_sla_breaches": "SLA breaches",
    "unrouted_queue_depth": "unrouted",
}


class Line(NamedTuple):
    """A line of the screen; its style is a word of `rich`."""

    text: str
    style: str = ""


def show(found: dict[str, Any], now_us: int) -> None:
    """Prints the screen: within the terminal's width, whole and plain when piped."""
    if not sys.stdout.isatty():
        for line in screen(found, now_us):
            print(line.text)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in screen(found, now_us, max(console.width, _NARROWEST)):
        console.print(Text(line.text, style=line.style), no_wrap=True, overflow="ellipsis")


def screen(found: dict[str, Any], now_us: int, width: int | None = None) -> Iterator[Line]:
    """What `warehouse.published.status` says, as lines for a person; long lists of words are wrapped where there is a width."""
    yield from _head(found, now_us)
    if found["last_runs"]:
        yield Line("")
        yield Line("last runs (UTC)       published  files new   rows in   new  duplicate  rejected", "bold")
        for run in found["last_runs"]:
            is_published = "yes" if run["is_published"] else "NO"
            counts = f"{run['files_new']:>9} {run['rows_in']:>9} {run['rows_new']:>5} {run['rows_duplicate']:>10} {run['rows_rejected']:>9}"
            yield Line(f"{run['as_of']:%Y-%m-%d %H:%M:%S}   {is_published:<9}{counts}", "" if run["is_published"] else "red")
    if found["five_numbers"]:
        yield Line("")
        yield Line(f"{'week from ' + str(found['five_numbers'][0]['week_from'])[:10]:<26}" + "".join(f"{band:>10}" for band in _BANDS), "bold")
        for row in found["five_numbers"]:
            yield Line(f"{_LABELS[row['number']]:<26}" + "".join(f"{_value(row[band], row['unit']):>10}" for band in _BANDS))
    if queue := found["queue"]:
        yield Line("")
        waits = f"{queue['unacknowledged']} ({queue['unacknowledged_past_due']} past due, {queue['due_soon']} due soon)"
        yield Line(f"open {queue['open']}, not acknowledged {waits}, unrouted {queue['unrouted']}", "bold")
    yield from _ahead(found, width)
    yield from _waiting(found["waiting_files"])
    yield from _failed(found["failed_expectations"], width)
    yield from _next(found, now_us)


def _head(found: dict[str, Any], now_us: int) -> Iterator[Line]:
    as_of = found["published_as_of"]
    if as_of is None:
        yield Line(f"{found['home']}: nothing is published", "bold red")
        return
    age = (now_us - _us(as_of)) / 1e6
    old = f"{span(age)} old" if age >= 0 else f"{span(age)} from now"
    yield Line(f"{found['home']}: published as of {iso(_us(as_of))}, {old}", "bold" if -CLOCK_SECONDS <= age <= _STALE_SECONDS else "bold red")


def _ahead(found: dict[str, Any], width: int | None) -> Iterator[Line]:
    """A sentence each of what will hurt soon, with whom to call first, and of what only a person can settle."""
    if warnings := found["early_warning"]:
        people = list(dict.fromkeys(row["call"][0] for row in warnings if row["call"]))
        more = f" and {len(people) - _SHOWN} more" if len(people) > _SHOWN else ""
        text = f"early warning: {forewarning.summary(warnings)}" + (f"; call {', '.join(people[:_SHOWN])}{more}" if people else "")
        yield from (Line(part, "bold yellow") for part in _wrapped(text, width))
    if found["sweep"]:
        counts = (f"{row['open']} {row['kind'].replace('_', ' ')} ({row['proposed']} proposed)" for row in found["sweep"])
        yield from (Line(part) for part in _wrapped("for a person to settle: " + ", ".join(counts), width))


def _wrapped(text: str, width: int | None) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ") if width else [text]


def _waiting(files: list[dict[str, Any]]) -> Iterator[Line]:
    if not files:
        return
    yield Line("")
    counts = {status: len([row for row in files if row["status"] == status]) for status in ("held", "quarantined")}
    yield Line("files that wait for a person: " + ", ".join(f"{number} {status}" for status, number in counts.items() if number), "bold yellow")
    for row in files[-_SHOWN:]:
        yield Line(f"  {row['status']:<12}{row['sha256']}  {row['path']}")
    if len(files) > _SHOWN:
        yield Line(f"  and {len(files) - _SHOWN} before them: handoff status --json")


def _failed(failed: list[dict[str, Any]], width: int | None) -> Iterator[Line]:
    """A line a suite: which of its expectations found how much."""
    if not failed:
        return
    yield Line("")
    levels = {level: len(list(rows)) for level, rows in groupby(failed, key=lambda row: row["level"])}
    yield Line("expectations that do not hold: " + ", ".join(f"{number} {level}" for level, number in levels.items()), "bold yellow")
    for (level, suite), rows in groupby(failed, key=lambda row: (row["level"], row["suite"])):
        counts = ", ".join(f"{row['expectation']} {row['failed']}" for row in rows)
        head = f"  {level:<9}{suite:<19}"
        for text in textwrap.wrap(counts, width - len(head)) if width else [counts]:
            yield Line(head + text, "red" if level == "critical" else "")
            head = " " * len(head)


def _next(found: dict[str, Any], now_us: int) -> Iterator[Line]:
    steps = list(_steps(found, now_us))
    yield Line("")
    if not steps:
        yield Line("nothing waits for you", "green")
        return
    yield Line("what to do next", "bold")
    for step in steps:
        yield Line(f"  {step}")


def _steps(found: dict[str, Any], now_us: int) -> Iterator[str]:
    runs, as_of = found["last_runs"], found["published_as_of"]
    if runs and not runs[0]["is_published"]:
        yield "the last run was not published: see the critical expectations, and report it"
    if as_of is None or abs(now_us - _us(as_of)) / 1e6 > _STALE_SECONDS:
        yield "handoff doctor              why nothing newer is published"
    statuses = {row["status"] for row in found["waiting_files"]}
    if "held" in statuses:
        yield "handoff release|discard SHA what a held file is worth"
    if "quarantined" in statuses:
        yield "handoff reprocess SHA       once its file can be read; discard SHA if never"
    queue = found["queue"] or {}
    if found["early_warning"]:
        yield "handoff warnings            what will hurt soon, and whom to call"
    if any(row["proposed"] for row in found["sweep"]):
        yield "handoff sweep               what is proposed for what only a person can settle"
    if queue.get("unacknowledged_past_due"):
        yield "handoff sql 'FROM mart.handoff WHERE is_open AND handoff_breached'"
    if queue.get("due_soon"):
        yield "handoff sql 'FROM mart.breach_forecast'"
    if found["failed_expectations"]:
        yield "handoff status --json       what each expectation found (or expectations.html)"


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "seconds":
        return f"{value / 3600:.1f} h"
    return f"{value:.1%}" if unit == "rate" else f"{value:.0f}"


def _us(stored: datetime) -> int:
    """An instant of the warehouse, where all are UTC."""
    return to_us(stored.replace(tzinfo=UTC))
