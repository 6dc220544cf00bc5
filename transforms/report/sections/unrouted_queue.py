"""Handoffs that wait with nobody valid named: by reason and age, and the oldest of them."""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.report import charts, fragments
from transforms.report.fragments import Column
from transforms.report.groups import names_team
from transforms.report.period import Period
from transforms.report.wording import count, duration, duration_words, instant, reason, reason_label, verb

NAME = "unrouted_queue"
TITLE = "Unrouted queue"
ORDER = 40
QUERIES = ("unrouted_oldest", "unrouted_reason")
KINDS = ("week", "month")

_AGES = {
    "under_1_day": "under 1 day",
    "under_7_days": "1 to 7 days",
    "under_30_days": "7 to 30 days",
    "under_90_days": "30 to 90 days",
    "from_90_days": "90 days and more",
}


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    rows = frames["unrouted_reason"].rows(named=True)
    depth = sum(row["handoffs"] for row in rows)
    if not depth:
        return "No handoff waits without a valid person named: the unrouted queue is empty."
    return _sentence(rows, depth, max(row["oldest_seconds"] for row in rows))


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    as_of = instant(Period.of(frames).as_of)
    rows = frames["unrouted_reason"].rows(named=True)
    depth = sum(row["handoffs"] for row in rows)
    if not depth:
        return Markup("")
    escalated = sum(row["escalated"] for row in rows)
    styles = {age: f"age-{number}" for number, age in enumerate(_AGES, 1)}
    chart = charts.stacked_bars(
        "reason-chart",
        "Unrouted queue by reason and age",
        "; ".join(f"{reason_label(row['reason'])}: {row['handoffs']}" for row in rows),
        [(reason_label(row["reason"]), f"{row['handoffs']:,}", {age: row[age] for age in _AGES}) for row in rows],
        styles,
    )
    parts = [
        fragments.figure(chart, f"By reason, parted by age since capture (wall time), as of {as_of}.", fragments.key([(styles[age], text) for age, text in _AGES.items()])),
        fragments.table(
            f"Unrouted queue by reason and age since capture (wall time), as of {as_of}",
            [Column("Reason", False), *(Column(text) for text in _AGES.values()), Column("All"), Column("Oldest, wall")],
            [
                [reason_label(row["reason"]), *(fragments.amount(row[age]) for age in _AGES), f"{row['handoffs']:,}", duration(row["oldest_seconds"], "wall")]
                for row in rows
            ],
            is_wide=True,
        ),
    ]
    if escalated:
        parts.append(fragments.note(f"Notices of {escalated:,} of them go to the escalation default of the policy; they stay in the queue."))
    parts.append(_oldest(frames["unrouted_oldest"], depth, Period.of(frames)))
    return fragments.join(parts)


def _sentence(rows: list[dict], depth: int, oldest: float) -> str:
    waiting = f"{count(depth, 'handoff')} {verb(depth, 'waits', 'wait')} with nobody valid named"
    most = rows[0]["handoffs"]
    first = [reason(row["reason"]) for row in rows if row["handoffs"] == most]
    if len(rows) == 1:
        return f"{waiting}, {'' if depth == 1 else 'the oldest '}for {duration_words(oldest, 'wall')}, because {first[0]}."
    if len(first) > 1:
        return f"{waiting}, the oldest for {duration_words(oldest, 'wall')}; {len(first)} reasons lead with {most:,} each."
    return f"{waiting}, the oldest for {duration_words(oldest, 'wall')}; {most:,} of them because {first[0]}."


def _oldest(frame: polars.DataFrame, depth: int, period: Period) -> Markup:
    is_named = names_team(period.grain)
    rows = [
        [
            fragments.handoff(row["finding_id"], row["cycle"], row["title"], period.desk_url),
            fragments.band(row["severity"]),
            fragments.foreign(row["target"]),
            *([fragments.foreign(row["team"], "no team")] if is_named else []),
            reason_label(row["reason"]),
            duration(row["age_seconds"], "wall"),
            "past due" if row["is_overdue"] else "not yet due",
        ]
        for row in frame.iter_rows(named=True)
    ]
    return fragments.table(
        f"The {len(rows)} oldest of {depth:,}" if depth > len(rows) else "The whole queue, oldest first",
        [
            Column("Handoff", False), Column("Severity", False), Column("Target", False), *([Column("Team", False)] if is_named else []), Column("Reason", False),
            Column("Waiting, wall"), Column("Handoff SLA", False),
        ],
        rows,
        is_wide=True,
    )  # fmt: skip

