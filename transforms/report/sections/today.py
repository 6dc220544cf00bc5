"""What waits for a person when the week begins: tasks with their command, the handoffs that fall due next, and early warnings with whom to call.

Whom to call is a person: this section stands in the report for security operations alone, and names nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.forewarning import summary_of
from transforms.report import fragments
from transforms.report.fragments import Column
from transforms.report.period import Period
from transforms.report.wording import count, instant, listed, none_or, reason_label, sentence_case, verb

NAME = "today"
TITLE = "What to do now"
ORDER = 15
QUERIES = ("due_next", "early_warning", "to_do")
KINDS = ("week",)

#: Task: (singular, plural, what to do, the command that does it or lists it).
_TASKS = {
    "overdue": ("open handoff past due without an acknowledgement", "open handoffs past due without an acknowledgement", "ask the owner for an answer", "handoff dispatch"),
    "bind": ("handoff on a target bound to no single active asset", "handoffs on targets bound to no single active asset", "correct the asset register", "handoff sql 'FROM mart.binding_gap'"),
    "reassign": ("handoff routed to nobody valid", "handoffs routed to nobody valid", "name an owner", "handoff sweep"),
    "held": ("held file", "held files", "release or discard it", "handoff release SHA256"),
    "quarantined": ("quarantined file", "quarantined files", "mend it and deliver it again", "handoff status"),
}


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    items = _items(frames)
    due = _due(frames["due_next"])
    waiting = [count(items[task], one, many) for task, (one, many, _, _) in _TASKS.items() if items[task]]
    first = f"{none_or(due, 'open handoff')} {verb(due, 'falls', 'fall')} due in the next 48 hours"
    if not waiting:
        return sentence_case(f"{first}, and nothing else waits for a person.{_warned(frames['early_warning'])}")
    return sentence_case(f"{first}; {verb(sum(items.values()), 'there is', 'there are')} {listed(waiting)}.{_warned(frames['early_warning'])}")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    items = _items(frames)
    parts = []
    if any(items.values()):
        rows = [[sentence_case(many), fragments.amount(items[task]), do, Markup("<code>{}</code>").format(command)] for task, (_, many, do, command) in _TASKS.items()]
        as_of = instant(Period.of(frames).as_of)
        columns = [Column("What waits", False), Column("Count"), Column("What to do", False), Column("Command", False)]
        parts.append(fragments.table(f"What waits for a person, as of {as_of}; a handoff can stand in several lines", columns, rows, is_wide=True))
    if _due(frames["due_next"]):
        parts.append(_next(frames["due_next"], Period.of(frames)))
    if not frames["early_warning"].is_empty():
        parts.append(_warnings(frames["early_warning"]))
    return fragments.join(parts)


def _items(frames: Mapping[str, polars.DataFrame]) -> dict[str, int]:
    return {row["task"]: row["items"] for row in frames["to_do"].iter_rows(named=True)}


def _due(frame: polars.DataFrame) -> int:
    return 0 if frame.is_empty() else frame["handoffs"][0]


def _warned(frame: polars.DataFrame) -> str:
    return "" if frame.is_empty() else f" Early warning: {summary_of({one['kind']: one['warnings'] for one in frame['kinds'][0]})}."


def _warnings(frame: polars.DataFrame) -> Markup:
    rows = [
        [
            sentence_case(row["kind"].replace("_", " ")),
            fragments.band(row["severity"]),
            Markup("{} <code>{}</code>").format(fragments.foreign(row["detail"]), row["subject_id"]) if row["subject_kind"] == "handoff" else fragments.foreign(row["detail"]),
            fragments.foreign(", then ".join(row["call"]), "nobody is known"),
            fragments.foreign(row["action"]),
        ]
        for row in frame.iter_rows(named=True)
    ]
    total = frame["warnings"][0]
    shown = f"the first {len(rows)} of {total:,} (all: handoff warnings)" if total > len(rows) else f"all {total:,}" if total > 1 else "the only one"
    columns = [Column("Early warning", False), Column("Severity", False), Column("What is expected", False), Column("Whom to call", False), Column("What to do", False)]
    return fragments.table(f"What is expected to go wrong soon, the most urgent first: {shown}", columns, rows, is_wide=True)


def _next(frame: polars.DataFrame, period: Period) -> Markup:
    total = _due(frame)
    rows = [
        [
            fragments.handoff(row["finding_id"], row["cycle"], row["title"], period.desk_url),
            fragments.band(row["severity"]),
            fragments.foreign(row["target"]),
            fragments.foreign(row["team"], "no team"),
            "named" if row["routing_status"] == "routed" else Markup("<strong>none</strong>: {}").format(reason_label(row["routing_status"])),
            instant(row["handoff_due_at"]),
        ]
        for row in frame.iter_rows(named=True)
    ]
    shown = f"the next {len(rows)} of {total:,}" if total > len(rows) else f"all {total:,}" if total > 1 else "the only one"
    return fragments.table(
        f"Falling due in the next 48 hours without an acknowledgement: {shown}",
        [Column("Handoff", False), Column("Severity", False), Column("Target", False), Column("Team", False), Column("Owner", False), Column("Handoff SLA due")],
        rows,
        is_wide=True,
    )
