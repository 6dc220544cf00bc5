"""Why handoffs failed, and what each reason cost in hours: a Pareto of primary modes, and breaches by severity and mode."""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.report import charts, fragments
from transforms.report.dashboard import BANDS, MODES, Dashboard
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.wording import count, hour_words, hours, listed, mode, percent, sentence_case

NAME = "failure_modes"
TITLE = "Failure modes"
ORDER = 30
QUERIES = ("dashboard", "failed_handoff")
KINDS = ("week", "month", "quarter")


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    period = Period.of(frames)
    rows, failed = _failed(frames)
    if not failed:
        return f"No handoff broke its SLA or its acknowledgement window {period.this}, so there is no failure mode to name."
    return _sentence(rows, failed, period)


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period = Period.of(frames)
    rows, failed = _failed(frames)
    if not failed:
        return Markup("")
    return fragments.join([_pareto(rows, failed), _cost(rows, period), _matrix(Dashboard(frames["dashboard"]), period)])


def _pareto(rows: list[dict], failed: int) -> Markup:
    chart = charts.bars(
        "mode-chart",
        "Failed handoffs by primary failure mode",
        "; ".join(f"{mode(row['failure_mode'])}: {row['handoffs']}" for row in rows),
        [charts.Bar(mode(row["failure_mode"]), row["handoffs"], f"{row['handoffs']:,}", style=f"mode-{row['position']}") for row in rows],
        ceiling=failed,
    )
    body, running = [], 0
    for row in rows:
        running += row["handoffs"]
        body.append(
            [
                mode(row["failure_mode"]),
                fragments.amount(row["handoffs"]),
                percent(row["handoffs"] / failed),
                percent(running / failed),
                fragments.amount(row["breaches"]),
                fragments.amount(row["unacknowledged"]),
                # Unexplained is what is left where nothing fired.
                EMPTY if row["failure_mode"] == "unexplained" else fragments.amount(row["fired"]),
            ]
        )
    return fragments.join(
        [
            fragments.figure(chart, f"Handoffs by primary mode; a full bar is all {failed:,}." if failed > 1 else "Handoffs by primary mode."),
            fragments.table(
                "Handoffs whose SLA or window broke in the period, by primary mode: the first broken link in stage order",
                [
                    Column("Failure mode", False), Column("Handoffs"), Column("Share"), Column("Cumulated"), Column("SLA broken"),
                    Column("Window ended unacknowledged"), Column("Fired at all"),
                ],
                body,
                is_wide=True,
            ),  # fmt: skip
            fragments.note("Dated by the due instant of the SLA and by the end of the window; a handoff with both in the period counts once. Several modes can fire on one handoff."),
        ]
    )


def _cost(rows: list[dict], period: Period) -> Markup:
    """The hours that the same handoffs ran past due, by mode, the dearest first."""
    total = sum(row["lost_us"] for row in rows)
    if not total:
        return Markup("")
    dearest = sorted(rows, key=lambda row: (-row["lost_us"], row["position"]))
    chart = charts.bars(
        "cost-chart",
        "Hours past due by primary failure mode",
        "; ".join(f"{mode(row['failure_mode'])}: {hours(row['lost_us'])}" for row in dearest),
        [charts.Bar(mode(row["failure_mode"]), row["lost_us"], hours(row["lost_us"]), style=f"mode-{row['position']}") for row in dearest],
        ceiling=total,
    )
    body, running = [], 0
    for row in dearest:
        running += row["lost_us"]
        body.append([mode(row["failure_mode"]), hours(row["lost_us"]), percent(row["lost_us"] / total), percent(running / total), fragments.amount(row["late"])])
    body.append(["all", hours(total), percent(1), EMPTY, f"{sum(row['late'] for row in rows):,}"])
    return fragments.join(
        [
            fragments.figure(chart, f"Wall hours past due by primary mode; a full bar is all {hours(total)}."),
            fragments.table(
                f"What each mode cost: wall hours past due of the handoffs that failed {period.this}",
                [Column("Failure mode", False), Column("Hours past due"), Column("Share"), Column("Cumulated"), Column("Handoffs past due")],
                body,
                is_wide=True,
            ),
            fragments.note(
                "Cost is the wall time from the due instant of the handoff SLA to the acknowledgement, or to the report's instant or the handoff's end where there is none, "
                "charged whole to the primary mode (mart.lag_attribution). A window that ended before the SLA fell due costs nothing until then."
            ),
        ]
    )


def _failed(frames: Mapping[str, polars.DataFrame]) -> tuple[list[dict], int]:
    """(a row for each primary mode, the commonest first; the handoffs that failed)."""
    rows = frames["failed_handoff"].sort(["handoffs", "position"], descending=[True, False]).rows(named=True)
    return rows, rows[0]["failed"] if rows else 0


def _sentence(rows: list[dict], failed: int, period: Period) -> str:
    unexplained = next((row["handoffs"] for row in rows if row["failure_mode"] == "unexplained"), 0)
    explained = [row for row in rows if row["failure_mode"] != "unexplained" and row["handoffs"]]
    opening = f"{count(failed, 'handoff')} broke {'its' if failed == 1 else 'their'} SLA or acknowledgement window {period.this}"
    lost_us = sum(row["lost_us"] for row in rows)
    cost = f" and ran {hour_words(lost_us)} past due" if lost_us else ""
    if not explained:
        return f"{opening}{cost}; no failure mode explains {'it' if failed == 1 else 'any of them'}."
    if failed == 1:
        return f"{opening}{cost}; {mode(explained[0]['failure_mode'])} explains it."
    most = explained[0]["handoffs"]
    first = [mode(row["failure_mode"]) for row in explained if row["handoffs"] == most]
    each = " each" if len(first) > 1 else ""
    second = f"{listed(first)} explain{'' if each else 's'} the most ({most:,} of {failed:,}{each})"
    third = f"{unexplained:,} {'stays' if unexplained == 1 else 'stay'} unexplained" if unexplained else "none stays unexplained"
    return sentence_case(f"{opening}{cost}; {second}, and {third}.")


def _matrix(board: Dashboard, period: Period) -> Markup:
    name = "handoff_sla_breaches"
    if not board.amount(name, "all"):
        return Markup("")
    rows = [[mode(cause), *(fragments.amount(board.amount(name, severity, cause)) for severity in BANDS)] for cause in MODES]
    rows.append(["all", *(fragments.amount(board.amount(name, severity)) for severity in BANDS)])
    return fragments.table(
        f"Handoff SLA breaches {period.this}, by severity and primary failure mode", [Column("Failure mode", False), *map(Column, BANDS)], rows
    )
