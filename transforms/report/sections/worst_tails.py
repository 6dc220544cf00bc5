"""The tails that a median hides: the slowest acknowledged handoffs of the period, and those that have waited longest."""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import BAND_RANK
from transforms.report import fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.groups import names_team
from transforms.report.period import Period
from transforms.report.wording import count, duration, duration_words, instant, mode, reason_label, sentence_case, verb

NAME = "worst_tails"
TITLE = "Worst tails"
ORDER = 28
QUERIES = ("longest_waiting", "slowest_acknowledged")
KINDS = ("week", "month", "quarter")


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    return _sentence(*_tails(frames), Period.of(frames))


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period = Period.of(frames)
    slow, waiting = _tails(frames)
    parts = []
    if waiting:
        parts.append(_waiting(waiting, period))
    if slow:
        parts.append(_slow(slow, period))
    return fragments.join(parts)


def _tails(frames: Mapping[str, polars.DataFrame]) -> tuple[list[dict], list[dict]]:
    """(the slowest acknowledged, the longest waiting)."""
    return _by_band(frames["slowest_acknowledged"], "latency_seconds"), _by_band(frames["longest_waiting"], "age_seconds")


def _by_band(frame: polars.DataFrame, by: str) -> list[dict]:
    return sorted(frame.rows(named=True), key=lambda row: (BAND_RANK[row["severity"]], -row[by], row["finding_id"], row["cycle"]))


def _total(rows: list[dict]) -> int:
    return sum({row["severity"]: row["of_band"] for row in rows}.values())


def _sentence(slow: list[dict], waiting: list[dict], period: Period) -> str:
    if waiting:
        longest = max(waiting, key=lambda row: row["age_seconds"])
        total = _total(waiting)
        first = f"{count(total, 'open handoff')} {verb(total, 'waits', 'wait')} for an acknowledgement, "
        first += f"{'' if total == 1 else 'the longest '}for {duration_words(longest['age_seconds'], 'wall')} ({longest['severity']})"
    else:
        first = "no open handoff waits for an acknowledgement"
    if slow:
        slowest = max(slow, key=lambda row: row["latency_seconds"])
        total = _total(slow)
        second = f"the slowest of the {total:,} acknowledged {period.this}" if total > 1 else f"the one acknowledged {period.this}"
        second += f" took {duration_words(slowest['latency_seconds'], 'wall')} ({slowest['severity']})"
    else:
        second = f"none was acknowledged {period.this}"
    return sentence_case(f"{first}; {second}.")


def _waiting(rows: list[dict], period: Period) -> Markup:
    is_named = names_team(period.grain)
    body = [
        [
            fragments.handoff(row["finding_id"], row["cycle"], row["title"], period.desk_url),
            fragments.band(row["severity"]),
            fragments.foreign(row["target"]),
            *([fragments.foreign(row["team"], "no team")] if is_named else []),
            "named" if row["routing_status"] == "routed" else Markup("<strong>none</strong>: {}").format(reason_label(row["routing_status"])),
            duration(row["age_seconds"], "wall"),
            "broken" if row["handoff_breached"] else "running",
            mode(row["failure_mode"]) if row["failure_mode"] else EMPTY,
        ]
        for row in rows
    ]
    return fragments.table(
        _caption(f"Longest waiting as of {instant(period.as_of)}", rows),
        [
            Column("Handoff", False), Column("Severity", False), Column("Target", False), *([Column("Team", False)] if is_named else []), Column("Owner", False),
            Column("Waiting, wall"), Column("Handoff SLA", False), Column("Failure mode", False),
        ],
        body,
        is_wide=True,
    )  # fmt: skip


def _slow(rows: list[dict], period: Period) -> Markup:
    is_named = names_team(period.grain)
    body = [
        [
            fragments.handoff(row["finding_id"], row["cycle"], row["title"], period.desk_url),
            fragments.band(row["severity"]),
            fragments.foreign(row["target"]),
            *([fragments.foreign(row["team"], "no team")] if is_named else []),
            duration(row["latency_seconds"], "wall"),
            duration(row["latency_business_seconds"], "business"),
            "broken" if row["handoff_breached"] else "kept",
            mode(row["failure_mode"]) if row["failure_mode"] else EMPTY,
        ]
        for row in rows
    ]
    return fragments.table(
        _caption("Slowest acknowledged in the period, dated by the acknowledgement", rows),
        [
            Column("Handoff", False), Column("Severity", False), Column("Target", False), *([Column("Team", False)] if is_named else []), Column("Took, wall"),
            Column("Took, business"), Column("Handoff SLA", False), Column("Failure mode", False),
        ],
        body,
        is_wide=True,
    )  # fmt: skip


def _caption(what: str, rows: list[dict]) -> str:
    total = _total(rows)
    shown = f"{len(rows)} of {total:,}, up to five of each severity" if total > len(rows) else f"all {total:,}" if total > 1 else "the only one"
    return f"{what}: {shown}"
