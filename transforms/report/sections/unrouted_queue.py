"""Handoffs that wait with nobody valid named: by reason and age, and the oldest of them."""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.report import charts, fragments
from transforms.report.fragments import Column
from transforms.report.wording import count, duration, duration_words, reason, verb

NAME = "unrouted_queue"
TITLE = "Unrouted queue"
ORDER = 40
QUERIES = ("unrouted_oldest", "unrouted_reason")

_AGES = {
    "under_1_day": "under 1 day",
    "under_7_days": "1 to 7 days",
    "under_30_days": "7 to 30 days",
    "under_90_days": "30 to 90 days",
    "from_90_days": "90 days and more",
}


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    rows = frames["unrouted_reason"].rows(named=True)
    depth = sum(row["handoffs"] for row in rows)
    if not depth:
        return fragments.sentence("No handoff waits without a valid person named: the unrouted queue is empty.")
    oldest = max(row["oldest_seconds"] for row in rows)
    escalated = sum(row["escalated"] for row in rows)
    first = rows[0]
    styles = {age: f"age-{number}" for number, age in enumerate(_AGES, 1)}
    chart = charts.stacked_bars(
        "reason-chart",
        "Unrouted queue by reason and age",
        "; ".join(f"{reason(row['reason'])}: {row['handoffs']}" for row in rows),
        [(reason(row["reason"]), f"{row['handoffs']:,}", {age: row[age] for age in _AGES}) for row in rows],
        styles,
    )
    waiting = f"{count(depth, 'handoff')} {verb(depth, 'waits', 'wait')} with nobody valid named"
    aged = f"for {duration_words(oldest, 'wall')}" if depth == 1 else f"the oldest for {duration_words(oldest, 'wall')}"
    cause = f"because the {reason(first['reason'])}" if False else f"the reason behind {first['handoffs']:,} of them: {reason(first['reason'])}"
    lede = f"{waiting}, {aged}: {reason(first['reason'])}." if depth == 1 else f"{waiting}, {aged}; {cause}."
    parts = [
        fragments.sentence(lede),
        fragments.figure(chart, "Open handoffs at as_of by reason, parted by age since capture (wall time).", fragments.key([(styles[age], text) for age, text in _AGES.items()])),
        fragments.table(
            "Unrouted queue at as_of, by reason and age since capture (wall time)",
            [Column("Reason", False), *(Column(text) for text in _AGES.values()), Column("All"), Column("Oldest")],
            [
                [reason(row["reason"]), *(f"{row[age]:,}" for age in _AGES), f"{row['handoffs']:,}", duration(row["oldest_seconds"], "wall")]
                for row in rows
            ],
            is_wide=True,
        ),
    ]
    if escalated:
        parts.append(fragments.note(f"Notices of {escalated:,} of them go to the escalation default of the policy; they stay in the queue."))
    parts.append(_oldest(frames["unrouted_oldest"], depth))
    return fragments.join(parts)


def _oldest(frame: polars.DataFrame, depth: int) -> Markup:
    rows = [
        [
            handoff(row),
            fragments.band(row["severity"]),
            fragments.foreign(row["target"]),
            fragments.foreign(row["team"], "no team"),
            reason(row["reason"]),
            duration(row["age_seconds"], "wall"),
            "past due" if row["is_overdue"] else "not yet due",
        ]
        for row in frame.iter_rows(named=True)
    ]
    return fragments.table(
        f"The {len(rows)} oldest of {depth:,}" if depth > len(rows) else "The whole queue, oldest first",
        [
            Column("Handoff", False), Column("Severity", False), Column("Target", False), Column("Team", False), Column("Reason", False),
            Column("Waiting"), Column("Handoff SLA", False),
        ],
        rows,
        is_wide=True,
    )  # fmt: skip


def handoff(row: Mapping) -> Markup:
    """A handoff by its title, and under it the finding's id, by which every command takes it."""
    again = Markup(' <span class="again">cycle {}</span>').format(row["cycle"]) if row["cycle"] > 1 else Markup("")
    return Markup('<span class="title">{}</span>{} <code>{}</code>').format(fragments.foreign(row["title"], "no title"), again, row["finding_id"])
