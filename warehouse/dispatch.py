"""What dispatch decides from, of the published copy and of what waits to be landed. Never waits for a run, never writes."""

from __future__ import annotations

import csv
from typing import Any, NamedTuple

from transforms.dispatch import NOTICE, Case, Taken, directory_of
from transforms.domain.instants import parse_stamp
from transforms.domain.policy import Policy
from transforms.domain.vocabulary import EVENT_RANK
from transforms.routing import Directory
from warehouse import early_warning, history, originated
from warehouse.home import Home
from warehouse.published import dicts, open_copy
from warehouse.schema import sql_file

#: What a `notified` event of ours says first in its comment; behind it, the words of its decisions.
_MARK = "handoff dispatch: "
#: Answers that the next run judges: until then nobody is told of what has just been answered. A withdrawal leaves it unanswered again.
_ANSWERS = ("acknowledged", "declined", "reassigned")
_WITHDRAWAL = "acknowledgement_withdrawn"


class Facts(NamedTuple):
    """Open cycles, people, and what was said before, as of `as_of_us` under `policy`."""

    as_of_us: int
    policy: Policy
    cases: list[Case]
    directory: Directory
    #: What the record has as dispatched, by whomever.
    taken: list[Taken]
    #: Ids of the notified events that the record has, or that wait to be landed.
    event_ids: frozenset[str]
    #: Every sighting's id → the finding that it is of now.
    findings: dict[str, str]
    #: Rows of mart.early_warning; none of a finding that somebody has just answered.
    warnings: list[dict[str, Any]]


def read(home: Home) -> Facts:
    """Raises `UsageError` where nothing is published yet."""
    past = history.past_at(home, None)
    with open_copy(home.folder) as connection:
        rows = dicts(connection, sql_file("published/dispatch_cases.sql"))
        directory = directory_of(dicts(connection, "FROM mart.person"))
        notified = dicts(connection, sql_file("published/dispatch_notified.sql"))
        warnings = early_warning.rows_of(connection)
        findings = dict(connection.execute("SELECT sighting_id, finding_id FROM mart.finding_alias").fetchall())
    waiting = list(_waiting(home))
    answers = sorted((row for row in waiting if row["event"] in (*_ANSWERS, _WITHDRAWAL)), key=lambda row: (parse_stamp(row["occurred_at"]).us, EVENT_RANK[row["event"]]))
    last = {findings.get(row["ref"], row["ref"]): row["event"] for row in answers}
    claimed = {finding_id for finding_id, event in last.items() if event != _WITHDRAWAL}
    taken = [
        Taken(row["finding_id"], row["cycle"], directory.person(row["target_person"], past.run_us).person_id or row["target_person"], word)
        for row in notified
        for word in words_of(row["comment"])
    ]
    ids = {row["event_id"] for row in notified} | {row["event_id"] for row in waiting if row["event"] == "notified"}
    return Facts(past.run_us, past.policy, [_case(row, claimed) for row in rows], directory, taken, frozenset(ids), findings, _unanswered(warnings, claimed))


def comment_of(words: list[str]) -> str:
    """What the record keeps of the decisions behind a notification."""
    return _MARK + "; ".join(words)


def words_of(comment: str | None) -> list[str]:
    """The decisions behind a notification; whatever others dispatched is a notice."""
    return (comment or "").removeprefix(_MARK).split("; ") if (comment or "").startswith(_MARK) else [NOTICE]


def _waiting(home: Home) -> list[dict[str, str]]:
    return [row for found in originated.waiting(home) for row in csv.DictReader(found.content.decode("utf-8-sig").splitlines())]


def _unanswered(warnings: list[dict[str, Any]], claimed: set[str]) -> list[dict[str, Any]]:
    return [row for row in warnings if row["subject_kind"] != "handoff" or row["subject_id"] not in claimed]


def _case(row: dict[str, Any], claimed: set[str]) -> Case:
    declined = dict(zip(row.pop("decliners"), row.pop("declined_us"), strict=True))
    return Case(**row, declined=declined, is_claimed=row["finding_id"] in claimed)
