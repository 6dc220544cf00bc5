"""Why handoffs failed: a Pareto of primary modes, and breaches by severity and mode."""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import FAILURE_MODES, RATED_BANDS
from transforms.report import charts, fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.sections.five_numbers import Numbers
from transforms.report.wording import count, mode, percent, sentence_case

NAME = "failure_modes"
TITLE = "Failure modes"
ORDER = 30
QUERIES = ("dashboard", "failed_handoff")

_MODES = (*FAILURE_MODES, "unexplained")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period = Period.of(frames)
    rows = frames["failed_handoff"].sort(["handoffs", "position"], descending=[True, False]).rows(named=True)
    failed = rows[0]["failed"] if rows else 0
    if not failed:
        return fragments.sentence(f"No handoff broke its SLA or its acknowledgement window {period.this}, so there is no failure mode to name.")
    chart = charts.bars(
        "mode-chart",
        "Failed handoffs by primary failure mode",
        "; ".join(f"{mode(row['failure_mode'])}: {row['handoffs']}" for row in rows),
        [
            charts.Bar(mode(row["failure_mode"]), row["handoffs"], f"{row['handoffs']:,}", style=f"mode-{row['position']}")
            for row in rows
        ],
        ceiling=failed,
    )
    body, running = [], 0
    for row in rows:
        running += row["handoffs"]
        body.append(
            [
                mode(row["failure_mode"]),
                f"{row['handoffs']:,}",
                percent(row["handoffs"] / failed),
                percent(running / failed),
                f"{row['breaches']:,}",
                f"{row['unacknowledged']:,}",
                # Unexplained is what is left where nothing fired.
                EMPTY if row["failure_mode"] == "unexplained" else f"{row['fired']:,}",
            ]
        )
    return fragments.join(
        [
            fragments.sentence(_sentence(rows, failed, period)),
            fragments.figure(chart, f"Handoffs by primary mode; a full bar is all {failed:,}." if failed > 1 else "Handoffs by primary mode."),
            fragments.table(
                "Handoffs whose SLA or window broke in the period, by primary mode: the first broken link in stage order",
                [
                    Column("Failure mode", False), Column("Handoffs"), Column("Share"), Column("Cumulated"), Column("SLA broken"),
                    Column("Window ended in silence"), Column("Fired at all"),
                ],
                body,
                is_wide=True,
            ),  # fmt: skip
            fragments.note("Dated by the due instant of the SLA and by the end of the window; a handoff with both in the period counts once. Several modes can fire on one handoff."),
            _matrix(Numbers(frames["dashboard"]), period),
        ]
    )


def _sentence(rows: list[dict], failed: int, period: Period) -> str:
    unexplained = next((row["handoffs"] for row in rows if row["failure_mode"] == "unexplained"), 0)
    explained = [row for row in rows if row["failure_mode"] != "unexplained" and row["handoffs"]]
    opening = f"{count(failed, 'handoff')} broke {'its' if failed == 1 else 'their'} SLA or acknowledgement window {period.this}"
    if not explained:
        return f"{opening}; no failure mode explains {'it' if failed == 1 else 'any of them'}."
    top = explained[0]
    second = f"the first explained cause is {mode(top['failure_mode'])} ({top['handoffs']:,} of {failed:,})"
    third = f"{unexplained:,} {'stays' if unexplained == 1 else 'stay'} unexplained" if unexplained else "none stays unexplained"
    return sentence_case(f"{opening}; {second}, and {third}.")


def _matrix(numbers: Numbers, period: Period) -> Markup:
    name = "handoff_sla_breaches"
    if not numbers.get(name, "all").get("value"):
        return Markup("")
    rows = []
    for cause in _MODES:
        counts = [int(numbers.get(name, severity, None, cause).get("value") or 0) for severity in (*RATED_BANDS, "all")]
        rows.append([mode(cause), *(f"{amount:,}" for amount in counts)])
    rows.append(["all", *(f"{int(numbers.get(name, severity).get('value') or 0):,}" for severity in (*RATED_BANDS, "all"))])
    return fragments.table(
        f"Handoff SLA breaches {period.this}, by severity and primary failure mode",
        [Column("Failure mode", False), *(Column(severity) for severity in (*RATED_BANDS, "all"))],
        rows,
    )
