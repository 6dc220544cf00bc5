"""The curves of the section on time to acknowledgement against lifelines: every step that is kept, and what stands in the table at its marks."""

from __future__ import annotations

import random
import warnings

import duckdb
import pandas
import pytest

from warehouse.schema import sql_file

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    lifelines = pytest.importorskip("lifelines")

TICKS = (0, 60, 600, 3_600, 14_400, 86_400, 259_200, 604_800, 2_592_000, 7_776_000, 31_536_000)
#: Durations in seconds, each with whether it ended in an acknowledgement.
BY_HAND: dict[str, list[tuple[float, bool]]] = {
    "one event": [(5, True)],
    "one waiting": [(5, False)],
    "at zero": [(0, True), (0, False), (3, True)],
    "all at once": [(7, True)] * 20,
    "waiting at the instant of an event": [(1, True), (2, True), (2, False), (2, False), (3, True), (4, False)],
    "at the marks themselves": [(tick, bool(number % 3)) for number, tick in enumerate(TICKS)],
    "steps beside each mark": [(tick + beside, True) for tick in TICKS[1:] for beside in (-0.000001, 0, 0.000001)],
}


def generated() -> dict[str, list[tuple[float, bool]]]:
    found = {}
    for seed in range(14):
        chance = random.Random(seed)
        share, size, longest = chance.choice([0, 0.3, 0.9, 1]), chance.choice([1, 3, 40, 300]), chance.choice([100, 90_000, 40_000_000])
        found[f"seed {seed}"] = [(chance.randrange(longest), chance.random() < share) for _ in range(size)]
    return found


SAMPLES = BY_HAND | generated()


@pytest.fixture(scope="module")
def curves() -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """(steps, at risk at the marks) of every sample, each a band of its own."""
    rows = [(name, round(seconds * 1e6), is_event) for name, sample in SAMPLES.items() for seconds, is_event in sample]
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("frame", pandas.DataFrame(rows, columns=["severity", "us", "is_event"]))
        connection.execute(
            "CREATE SCHEMA mart; CREATE TABLE mart.handoff AS SELECT severity, TIMESTAMP '2020-01-01' AS captured_at, "
            "make_timestamp(epoch_us(captured_at) + us) AS horizon_at, CASE WHEN is_event THEN horizon_at END AS acknowledged_at FROM frame"
        )
        return connection.execute(sql_file("report/survival.sql")).df(), connection.execute(sql_file("report/survival_at_risk.sql")).df()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_curve_is_that_of_lifelines(curves, name):
    steps, at_risk = (frame[frame.severity == name] for frame in curves)
    sample = SAMPLES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = lifelines.KaplanMeierFitter().fit(*zip(*sample, strict=True))
    surviving = fitted.survival_function_.iloc[:, 0]
    low, high = (fitted.confidence_interval_[column] for column in fitted.confidence_interval_)
    for row in steps.itertuples():
        assert row.surviving == pytest.approx(surviving[row.seconds], abs=1e-9)
        assert row.at_risk == fitted.event_table.at_risk[row.seconds]
        assert row.acknowledged == sum(is_event and seconds <= row.seconds for seconds, is_event in sample)
        assert row.low == pytest.approx(low[row.seconds], abs=1e-9)
        if row.surviving > 0:
            assert row.high == pytest.approx(high[row.seconds], abs=1e-9)
        else:
            assert pandas.isna(row.high), "nobody is left: the upper end is not known"
    assert len(steps) == 0 or steps.seconds.is_monotonic_increasing
    for row in at_risk.itertuples():
        assert row.at_risk == sum(seconds >= row.seconds for seconds, _ in sample)
        assert row.longest_seconds == pytest.approx(max(seconds for seconds, _ in sample))
        kept = steps[steps.seconds <= row.seconds]
        before = surviving[surviving.index <= row.seconds].iloc[-1]
        assert (kept.iloc[-1].surviving if len(kept) else 1) == pytest.approx(before, abs=1e-9), "what a drawing need not show is still right at the marks"


def test_few_steps_are_kept_of_many(curves):
    steps, _ = curves
    most = max(SAMPLES.values(), key=lambda sample: sum(is_event for _, is_event in sample))
    assert max(steps.groupby("severity").size()) < sum(is_event for _, is_event in most)
