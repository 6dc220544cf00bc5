"""Where the time of the acknowledged handoffs went: spans by stage with coverage beside them, 'not observed' where a stage has no event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import RATED_BANDS
from transforms.report import charts, fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.wording import count, duration, listed, percent, sentence_case, stage, verb

NAME = "stage_decomposition"
TITLE = "Stage decomposition"
ORDER = 20
QUERIES = ("stage_merged", "stage_span")
KINDS = ("week", "month", "quarter")

_NOT_OBSERVED = Markup('<span class="empty">not observed</span>')


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    period = Period.of(frames)
    whole, total = _whole(frames["stage_span"])
    if not whole:
        return f"No handoff was acknowledged {period.this}, so there is no time to part by stage."
    return _sentence(whole, total, period)


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    spans = frames["stage_span"]
    whole, total = _whole(spans)
    if not whole:
        return Markup("")
    parts = []
    if total:
        parts.append(fragments.figure(_chart(whole, total), "Summed wall time from capture to triage entry, by the stage at which it was recorded, in stage order."))
    parts += [_stages(whole, total), _merged(frames["stage_merged"]), _bands(spans)]
    return fragments.join(parts)


def _whole(spans: polars.DataFrame) -> tuple[list[dict[str, Any]], float]:
    """(a row for each stage after capture, in stage order, of all severities; their summed seconds)."""
    rows = spans.filter((polars.col("severity") == "all") & (polars.col("stage") != "capture")).sort("stage_number").rows(named=True)
    return rows, sum(row["total_seconds"] for row in rows)


def _sentence(rows: list[dict[str, Any]], total: float, period: Period) -> str:
    handoffs = rows[0]["handoffs"]
    merged = sum(row["merged"] for row in rows)
    spans = sum(row["alone"] + row["merged"] for row in rows)
    if not total:
        return f"The {count(handoffs, 'handoff')} acknowledged {period.this} took no time between capture and triage entry."
    largest = max(rows, key=lambda row: (row["total_seconds"], -row["stage_number"]))
    opening = f"in the {count(handoffs, 'handoff')} acknowledged {period.this}" if handoffs > 1 else f"in the one handoff acknowledged {period.this}"
    second = (
        f"{merged:,} of {count(spans, 'span')} also {verb(merged, 'holds', 'hold')} stages that were not observed"
        if merged
        else "every span is that of one stage alone"
    )
    return sentence_case(f"{opening}, {stage(largest['stage'])} holds the largest share of the time, {percent(largest['total_seconds'] / total)}; {second}.")


def _chart(rows: list[dict[str, Any]], total: float) -> Markup:
    steps = [
        charts.Step(
            f"{row['stage_number']} {stage(row['stage'])}",
            row["total_seconds"],
            f"{percent(row['total_seconds'] / total)}, {duration(row['total_seconds'], 'wall')}" if row["observed"] else "not observed",
            f"stage-{row['stage_number']}",
        )
        for row in rows
    ]
    description = "; ".join(f"{step.label}: {step.text}" for step in steps)
    return charts.waterfall("stage-chart", "Share of handoff time by stage", description, steps)


def _stages(rows: list[dict[str, Any]], total: float) -> Markup:
    body = []
    for row in rows:
        coverage = f"{percent(row['observed_past'] / row['past'])}, {row['observed_past']:,} of {row['past']:,}" if row["past"] else EMPTY
        body.append(
            [
                f"{row['stage_number']} {stage(row['stage'])}",
                coverage,
                duration(row["alone_median_seconds"], "wall") if row["alone"] else _NOT_OBSERVED,
                fragments.amount(row["alone"]),
                duration(row["merged_median_seconds"], "wall") if row["merged"] else EMPTY,
                fragments.amount(row["merged"]),
                (percent(row["total_seconds"] / total) if total else EMPTY) if row["observed"] else _NOT_OBSERVED,
                fragments.amount(row["out_of_sequence"]),
            ]
        )
    return fragments.join(
        [
            fragments.table(
                "Stages of the handoffs acknowledged in the period, dated by the acknowledgement; wall time",
                [
                    Column("Stage", False), Column("Coverage"), Column("Median span, stage alone"), Column("Spans"),
                    Column("Median span with stages before it"), Column("Spans"), Column("Share of time"), Column("Out of sequence"),
                ],
                body,
                is_wide=True,
            ),  # fmt: skip
            fragments.note(
                "Coverage: of the handoffs that went past a stage, those in which it was observed. A stage without an event is not observed, never zero: "
                "its time stands at the next stage that was, in the column of spans that hold stages before it too. "
                "Out of sequence: observed before a stage that precedes it, so without a span."
            ),
        ]
    )


def _merged(frame: polars.DataFrame) -> Markup:
    if frame.is_empty():
        return Markup("")
    rows = [
        [
            f"{row['stage_number']} {stage(row['stage'])}",
            sentence_case(listed([stage(name) for name in row["covers"]])),
            f"{row['handoffs']:,}",
            duration(row["median_seconds"], "wall"),
        ]
        for row in frame.sort(["stage_number", "handoffs", "covers"], descending=[False, True, False]).iter_rows(named=True)
    ]
    return fragments.table(
        "Spans that hold the time of several stages", [Column("Recorded at", False), Column("Holds", False), Column("Handoffs"), Column("Median span")], rows
    )


def _bands(spans: polars.DataFrame) -> Markup:
    bands = [severity for severity in RATED_BANDS if not spans.filter(polars.col("severity") == severity).is_empty()]
    if len(bands) < 2:
        return Markup("")
    by_key = {(row["severity"], row["stage_number"]): row for row in spans.iter_rows(named=True)}
    rows = []
    for number in range(2, 7):
        cells: list[str | Markup] = [f"{number} {stage(by_key['all', number]['stage'])}"]
        for severity in bands:
            row = by_key[severity, number]
            cells.append(f"{duration(row['alone_median_seconds'], 'wall')} ({row['alone']:,})" if row["alone"] else _NOT_OBSERVED)
        rows.append(cells)
    return fragments.table(
        "Median span by severity, stage alone, wall time; in brackets the spans behind it",
        [Column("Stage", False), *(Column(severity) for severity in bands)],
        rows,
    )
