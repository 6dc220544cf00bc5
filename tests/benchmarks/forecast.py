"""How good the breach forecast was: the back-test of a warehouse, as figures to hold a change of the estimator to.

    python tests/benchmarks/forecast.py FILE             FILE is a published copy or a working warehouse of a run

For each past week's end the breaches expected of the handoffs then open, those that there were, and as many as in the week before; the mean
absolute error of both guesses; the same without each week in turn, since one week can carry a mean; calibration, and the Brier score (mean squared
distance of probability from outcome) beside that of saying the share of breaches of every handoff.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import duckdb

_BRIER = (
    "SELECT avg((breach_probability - breached::INTEGER) ** 2), var_pop(breached::INTEGER), sum(breach_probability), count(*) FILTER (WHERE breached), count(*) "
    "FROM mart.forecast_listing WHERE week_start IS NOT NULL"
)


def report(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The lines of the tables."""
    weeks = connection.execute(
        "SELECT week_start, listed, expected, actual, last_week, forecast_error, last_week_error FROM mart.forecast_backtest WHERE severity = 'all' ORDER BY week_start"
    ).fetchall()
    if not weeks:
        yield "No past week's end lies far enough inside the record to hold a forecast to what happened."
        return
    yield _line("week from", "listed", "expected", "actual", "last week", "error", "last's")
    for week, listed, expected, actual, last_week, error, last_week_error in weeks:
        yield _line(week, listed, f"{expected:.1f}", actual, last_week, f"{error:.1f}", f"{last_week_error:.1f}")
    yield _line("mean", "", "", "", "", f"{_mean([row[5] for row in weeks]):.2f}", f"{_mean([row[6] for row in weeks]):.2f}")
    if len(weeks) > 1:
        left_out = [[row for row in weeks if row is not one] for one in weeks]
        ratios = [_mean([row[5] for row in rows]) / (_mean([row[6] for row in rows]) or float("nan")) for rows in left_out]
        yield f"forecast error / last week's error, leaving one week out: {min(ratios):.2f} to {max(ratios):.2f}"
    yield ""
    yield _line("severity", "weeks", "listed", "expected", "actual", "error", "last's")
    rows = connection.execute(
        "SELECT severity, count(*), sum(listed), sum(expected), sum(actual), avg(forecast_error), avg(last_week_error) FROM mart.forecast_backtest "
        "GROUP BY severity ORDER BY list_position(['critical', 'high', 'medium', 'low', 'all'], severity)"
    ).fetchall()
    for severity, count, listed, expected, actual, error, last_week_error in rows:
        yield _line(severity, count, listed, f"{expected:.1f}", actual, f"{error:.2f}", f"{last_week_error:.2f}")
    yield ""
    yield _line("probability", "", "listed", "expected", "actual", "", "")
    bands = connection.execute(
        "SELECT probability_from, probability_to, listed, expected, actual FROM mart.forecast_calibration WHERE severity = 'all' ORDER BY probability_from"
    ).fetchall()
    for low, high, listed, expected, actual in bands:
        yield _line(f"{low:.1f} to {high:.1f}", "", listed, f"{expected:.1f}", actual, "", "")
    brier, spread, expected, actual, listed = connection.execute(_BRIER).fetchone() or (None,) * 5
    if listed:
        yield f"Brier score {brier:.4f}, of the share of breaches {spread:.4f}; {expected:.1f} expected, {actual} of {listed} broken"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _line(*cells: object) -> str:
    return "".join(f"{cell!s:<14}" if number == 0 else f"{cell!s:>10}" for number, cell in enumerate(cells)).rstrip()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with duckdb.connect(sys.argv[1], read_only=True) as warehouse:
        print("\n".join(report(warehouse)))
