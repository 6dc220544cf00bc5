"""How our reading of Jira's changelog compares with the histories that Apache DevLake made of the same issues.

A transition and an assignment of ours against a row of theirs: issue, instant and what it became. Every difference has its reason in
tests/golden/trackers/jira/differences.yaml.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from typing import NamedTuple

import tracker_golden as golden
import yaml

from transforms.domain.instants import iso, parse_stamp
from transforms.domain.mapping import shipped
from transforms.domain.source import Source
from transforms.domain.tracked import Fact, Ticket
from transforms.trackers import jira

FILES = ("devlake_issues.json", "devlake_rows.csv")
HISTORIES = ("status", "first_status", "assignee")

Row = tuple[str, str, str]


class Comparison(NamedTuple):
    """One history of one file: their rows, ours, and those of each that the other lacks."""

    file: str
    history: str
    theirs: set[Row]
    ours: set[Row]


def comparisons() -> list[Comparison]:
    theirs = expected()
    return [Comparison(file, history, theirs[history], ours) for file in FILES for history, ours in reading(file).items()]


def expected() -> dict[str, set[Row]]:
    """DevLake's histories: (issue, instant, what it became)."""
    status, assignee = (_table(f"devlake_expected_{name}_history.csv.gz") for name in ("status", "assignee"))
    return {
        "status": {_row(row, "original_status") for row in status if row["is_first_status"] == "0"},
        "first_status": {_row(row, "original_status") for row in status if row["is_first_status"] == "1"},
        "assignee": {_row(row, "assignee") for row in assignee},
    }


def reading(file: str) -> dict[str, set[Row]]:
    """The same of our facts; the first status of an issue only where the file says when it was created."""
    (content,) = (export.content for export in golden.exports() if (export.format, export.name) == ("jira", file))
    items = list(jira.parse(content, Source(mapping=shipped()["jira"])))
    number = {item.ticket: (item.other_names or (item.ticket,))[0] for item in items if isinstance(item, Ticket)}
    facts = sorted((item for item in items if isinstance(item, Fact)), key=lambda fact: fact.at.us)
    found: dict[str, set[Row]] = {"status": set(), "assignee": set()}
    for fact in facts:
        issue = number.get(fact.ticket, fact.ticket).removeprefix("jira:")
        if fact.section == "status":
            found["status"].add((issue, iso(fact.at.us), _sides(fact)[1]))
        elif fact.section == "assignment" and fact.target_person:
            found["assignee"].add((issue, iso(fact.at.us), fact.target_person))
    if number:
        found["first_status"] = set()
        for item in (item for item in items if isinstance(item, Ticket)):
            moves = [fact for fact in facts if fact.section == "status" and fact.ticket == item.ticket]
            if moves and item.created:
                found["first_status"].add((number[item.ticket].removeprefix("jira:"), iso(item.created.us), _sides(moves[0])[0]))
    return found


def _sides(fact: Fact) -> tuple[str, str]:
    old, _, new = (fact.text or "").partition(" → ")
    return old, new.rpartition(" (")[0] if new.endswith(")") else new


def _row(row: dict[str, str], name: str) -> Row:
    return row["issue_id"].rpartition(":")[2], iso(parse_stamp(row["start_date"]).us), row[name].rpartition(":")[2]


def _table(name: str) -> list[dict[str, str]]:
    import gzip

    return list(csv.DictReader(io.StringIO(gzip.decompress((golden.GOLDEN / "jira" / name).read_bytes()).decode())))


def listed() -> list[dict]:
    """The differences that are known, each with its reason."""
    return yaml.safe_load((golden.GOLDEN / "jira" / "differences.yaml").read_text(encoding="utf-8"))


def found() -> Counter[tuple[str, str, str, str]]:
    """Differing rows by (file, history, whose, issue)."""
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for one in comparisons():
        for side, rows in (("devlake", one.theirs - one.ours), ("ours", one.ours - one.theirs)):
            counted.update((one.file, one.history, side, issue) for issue, _, _ in rows)
    return counted
