"""What comes in against what gets through, and the breaches expected of what waits, where past forecasts were better than last week's count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import BAND_RANK
from transforms.report import charts, fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.groups import names_team
from transforms.report.period import Period
from transforms.report.wording import count, day, duration, instant, none_or, number, percent, sentence_case, verb

NAME = "ingest_capacity"
TITLE = "Ingest capacity and expected breaches"
ORDER = 50
QUERIES = ("breach_forecast", "breach_likeliest", "forecast_calibration", "forecast_error", "ingest_capacity")
KINDS = ("week", "month", "quarter")

#: Past weeks with something to forecast that there must be before a forecast is believed.
_MINIMUM_WEEKS = 4


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    flow = frames["ingest_capacity"].rows(named=True)
    if not flow:
        return "No handoff was ever opened, so there is no capacity to measure and nothing to forecast."
    return _sentence(flow, frames["breach_forecast"].rows(named=True), _is_proven(frames["forecast_error"].row(0, named=True)))


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    flow = frames["ingest_capacity"].rows(named=True)
    tested = frames["forecast_error"].row(0, named=True)
    forecast = sorted(frames["breach_forecast"].rows(named=True), key=lambda row: BAND_RANK[row["severity"]])
    if not flow:
        return Markup("")
    is_proven = _is_proven(tested)
    parts = [_capacity(flow), _steps(flow), _units(flow)]
    parts.append(fragments.note(_reason(tested, is_proven)))
    if is_proven and forecast:
        parts += [_forecast(forecast), _likeliest(frames["breach_likeliest"], Period.of(frames))]
    calibration = frames["forecast_calibration"].rows(named=True)
    if calibration:
        parts.append(_calibration(calibration))
    return fragments.join(parts)


def _is_proven(tested: Mapping[str, Any]) -> bool:
    return tested["listed_weeks"] >= _MINIMUM_WEEKS and tested["forecast_error"] < tested["last_week_error"]


def _sentence(flow: list[dict], forecast: list[dict], is_proven: bool) -> str:
    row = next(row for row in flow if row["business_unit"] == "all" and row["step"] == "acknowledged")
    opened = f"{none_or(row['opened'], 'handoff')} {verb(row['opened'], 'was', 'were')} opened in the week from {day(row['week_start'])}"
    first = f"{opened}, where {number(row['throughput'])} a week are acknowledged in the mean of four"
    if row["weeks_above"]:
        first += f", and more came in than that for {count(row['weeks_above'], 'week')} in a row"
    if not is_proven:
        return sentence_case(f"{first}; breaches are not forecast.")
    listed = sum(row["listed"] for row in forecast)
    if not listed:
        return sentence_case(f"{first}; no open handoff falls due in the next five business days.")
    expected = number(sum(row["expected"] for row in forecast))
    breaches = "breach" if expected == "1" else "breaches"
    return sentence_case(f"{first}; {count(listed, 'open handoff')} {verb(listed, 'falls', 'fall')} due in the next five business days, with {expected} {breaches} expected.")


def _capacity(flow: list[dict]) -> Markup:
    drawn = [
        charts.Bar(
            row["step"],
            row["utilisation"],
            f"{row['opened']:,} opened, " + (f"throughput {number(row['throughput'])}" if row["throughput"] else "no throughput"),
            1.0,
            "fill-within" if row["utilisation"] is not None and row["utilisation"] <= 1 else "fill-over",
        )
        for row in flow
        if row["business_unit"] == "all"
    ]
    chart = charts.bars(
        "capacity-chart",
        "Handoffs opened this week as a share of each step's throughput",
        "; ".join(f"{bar.label}: {bar.text}" for bar in drawn),
        drawn,
        ceiling=max([1.25, *(bar.value or 0 for bar in drawn)]),
    )
    return fragments.figure(chart, "Opened in the week against each step's weekly throughput: the upright line is as many as get through, and no bar is no throughput.")


def _steps(flow: list[dict]) -> Markup:
    rows = [[row["step"], *_figures(row)] for row in flow if row["business_unit"] == "all"]
    return fragments.table(
        f"Each step in the week from {day(flow[0]['week_start'])} up to now; a week's throughput is the mean of it and the three before it",
        [Column("Step", False), *_COLUMNS],
        rows,
        is_wide=True,
    )


def _units(flow: list[dict]) -> Markup:
    rows = [
        [fragments.foreign(None if row["business_unit"] == "(none)" else row["business_unit"], "no business unit"), *_figures(row)]
        for row in flow
        if row["business_unit"] != "all" and row["step"] == "acknowledged"
    ]
    return fragments.table("Acknowledgement by business unit", [Column("Business unit", False), *_COLUMNS], rows, is_wide=True)


_COLUMNS = (
    Column("Opened"), Column("Completed"), Column("Waiting for it"), Column("Throughput a week"), Column("Opened against throughput"),
    Column("Expected wait, wall"), Column("Weeks in a row above"),
)  # fmt: skip


def _figures(row: dict) -> list[str | Markup]:
    return [
        fragments.amount(row["opened"]),
        fragments.amount(row["completed"]),
        fragments.amount(row["queue"]),
        number(row["throughput"]),
        EMPTY if row["utilisation"] is None else percent(row["utilisation"]),
        EMPTY if row["expected_wait_seconds"] is None else duration(row["expected_wait_seconds"], "wall"),
        fragments.amount(row["weeks_above"]),
    ]


def _reason(tested: Mapping[str, Any], is_proven: bool) -> str:
    if tested["weeks"] == 0:
        return "Breaches are not forecast: no past week's end lies far enough inside the record to hold a forecast to what happened."
    errors = (
        f"over {count(tested['weeks'], 'past week')}, {tested['listed_weeks']:,} of them with something to forecast, it was off by {_error(tested['forecast_error'])} "
        f"in the mean, and a guess of as many as in the week before by {_error(tested['last_week_error'])}"
    )
    if is_proven:
        return f"The forecast was the better guess: {errors}."
    if tested["listed_weeks"] < _MINIMUM_WEEKS:
        return f"Breaches are not forecast, for fewer than {_MINIMUM_WEEKS} past weeks had something to forecast: {errors}."
    return f"Breaches are not forecast, for the forecast would not have been the better guess: {errors}."


def _error(mean: float) -> str:
    return f"{mean:.2f} breaches"


def _forecast(rows: list[dict]) -> Markup:
    cells = [[fragments.band(row["severity"]), f"{row['listed']:,}", number(row["expected"])] for row in rows]
    cells.append(["all", f"{sum(row['listed'] for row in rows):,}", number(sum(row["expected"] for row in rows))])
    return fragments.table(
        "Open handoffs whose handoff SLA falls due in the next five business days (default calendar), and the breaches expected of them",
        [Column("Severity", False), Column("Falling due"), Column("Breaches expected")],
        cells,
    )


def _likeliest(frame: polars.DataFrame, period: Period) -> Markup:
    is_named = names_team(period.grain)
    rows = [
        [
            fragments.handoff(row["finding_id"], row["cycle"], row["title"], period.desk_url),
            fragments.band(row["severity"]),
            *([fragments.foreign(row["team"], "no team")] if is_named else []),
            instant(row["handoff_due_at"]),
            percent(row["breach_probability"]),
        ]
        for row in frame.iter_rows(named=True)
    ]
    return fragments.table(
        "Those that most likely break it",
        [Column("Handoff", False), Column("Severity", False), *([Column("Team", False)] if is_named else []), Column("Falls due"), Column("Probability of a breach")],
        rows,
        is_wide=True,
    )


def _calibration(rows: list[dict]) -> Markup:
    return fragments.table(
        "Calibration: of the handoffs forecast at past weeks' ends, the breaches expected and those that there were, by forecast probability",
        [Column("Forecast probability", False), Column("Handoffs"), Column("Breaches expected"), Column("Breaches")],
        [
            [f"{percent(row['probability_from'])} to {percent(row['probability_to'])}", f"{row['listed']:,}", number(row["expected"]), fragments.amount(row["actual"])]
            for row in rows
        ],
    )
