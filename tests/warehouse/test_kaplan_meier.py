"""The Kaplan-Meier columns of mart.handoff_latency (ruling 68) against lifelines.

Both draw the same curve and the same Greenwood log-log interval round it. Two conventions are ours: a quantile is the first duration at which
a curve comes down to it within 1e-12, so that 0.5 is met although the product of the steps is 0.5000000000000001; and where the curve itself
falls to 0 it has no variance, so that the upper end is unknown there, where lifelines draws it down to 0 with the curve.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator

import duckdb
import pandas
import pytest

from warehouse import derived, models

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    lifelines = pytest.importorskip("lifelines")

COLUMNS = ("km_median_seconds", "km_p90_seconds", "km_median_low_seconds", "km_median_high_seconds", "km_p90_low_seconds", "km_p90_high_seconds")
#: Durations in seconds, each with whether it ended in an acknowledgement.
Sample = list[tuple[float, bool]]

BY_HAND: dict[str, Sample] = {
    "one event": [(5, True)],
    "one censored": [(5, False)],
    "no event": [(1, False), (2, False), (2, False)],
    "event at zero": [(0, True), (0, False), (3, True)],
    "all at once": [(7, True)] * 20,
    "all at once, one left": [(7, True)] * 20 + [(7, False)],
    "censored at the instant of an event": [(1, True), (2, True), (2, False), (2, False), (3, True), (4, False)],
    "half exactly": [(second, True) for second in range(1, 7)],
    "a tenth exactly": [(second, True) for second in range(1, 11)],
    "censored last": [(second, True) for second in range(1, 40)] + [(99, False)],
}


def generated(count: int) -> Iterator[tuple[str, Sample]]:
    """Samples of 1 to 200 durations on a grid, coarse ones with many ties, from nearly all censored to none."""
    for seed in range(count):
        chance = random.Random(seed)
        grid, share = chance.choice([0.000001, 0.5, 60, 7_200, 86_400]), chance.choice([0, 0.1, 0.5, 0.95, 1])
        size, steps = chance.choice([1, 2, 3, 5, 10, 60, 200]), chance.choice([2, 5, 40, 1_000_000])
        yield f"seed {seed}", [(chance.randrange(steps) * grid, chance.random() < share) for _ in range(size)]


SAMPLES = BY_HAND | dict(generated(150))


def theirs(sample: Sample) -> list[float | None]:
    fitted = lifelines.KaplanMeierFitter().fit(*zip(*sample, strict=True))
    surviving = fitted.survival_function_.iloc[:, 0]
    low, high = (fitted.confidence_interval_[column] for column in fitted.confidence_interval_)
    high = high[surviving > 0]
    return [reached(curve, share) for curve, share in ((surviving, 0.5), (surviving, 0.1), (low, 0.5), (high, 0.5), (low, 0.1), (high, 0.1))]


def reached(curve: pandas.Series, share: float) -> float | None:
    below = curve.index[curve <= share + 1e-12]
    return float(below[0]) if len(below) else None


def agree(ours: list[float | None], others: list[float | None]) -> bool:
    return [None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9) for value in others] == ours


@pytest.fixture(scope="module")
def computed(tools) -> dict[str, list[float | None]]:
    """What the mart makes of every sample, each a team of its own."""
    rows = [(team, round(seconds * 1e6), is_event) for team, sample in SAMPLES.items() for seconds, is_event in sample]
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        derived.write(connection, {}, tools.make_policy(), tools.us("2026-05-01T00:00:00Z"))
        connection.execute("CREATE SCHEMA mart")
        connection.execute("CREATE TABLE sample (team VARCHAR, duration_us BIGINT, is_event BOOLEAN)")
        connection.register("frame", pandas.DataFrame(rows, columns=["team", "duration_us", "is_event"]))
        connection.execute(
            "CREATE TABLE mart.handoff AS SELECT 'high' AS severity, DATE '2026-01-01' AS captured_on, team, NULL::VARCHAR AS business_unit, "
            "NULL::VARCHAR AS environment, 'first_time' AS origin, NULL::VARCHAR AS failure_mode, NULL::VARCHAR AS engagement, 'scanner' AS capture_channel, "
            "['one'] AS scanners, CASE WHEN is_event THEN duration_us / 1e6 END AS latency_seconds, NULL::DOUBLE AS latency_business_seconds, "
            "false AS is_mature, false AS is_unacknowledged, false AS handoff_breached, NOT is_event AS is_open, 'routed' AS routing_status, "
            "TIMESTAMP '2026-01-01' AS captured_at, make_timestamp(epoch_us(captured_at) + duration_us) AS horizon_at, "
            "CASE WHEN is_event THEN horizon_at END AS acknowledged_at, NULL::TIMESTAMP AS triaged_at, NULL::TIMESTAMP AS in_progress_at, "
            "NULL::TIMESTAMP AS resolved_at, NULL::TIMESTAMP AS verified_at FROM frame"
        )
        found = connection.execute(
            f"SELECT dimension_value, {', '.join(COLUMNS)} FROM ({models.models()['handoff_latency'].query}) "
            "WHERE dimension = 'team' AND period_grain = 'all' AND severity = 'all'"
        ).fetchall()
    return {team: values for team, *values in found}


def test_the_samples_hold_what_can_go_wrong():
    events = [[is_event for _, is_event in sample] for sample in SAMPLES.values()]
    assert sum(not any(sample) for sample in events) > 20
    assert sum(all(sample) for sample in events) > 20
    assert sum(len(sample) == 1 for sample in events) > 10
    assert sum(any((seconds, not is_event) in sample for seconds, is_event in sample) for sample in SAMPLES.values()) > 20


def test_every_sample_agrees_with_lifelines(computed):
    others = {team: theirs(sample) for team, sample in SAMPLES.items()}
    assert {team: (computed[team], others[team]) for team in SAMPLES if not agree(computed[team], others[team])} == {}
    for number in range(len(COLUMNS)):
        assert sum(values[number] is None for values in computed.values()) > 20
        assert sum(values[number] is not None for values in computed.values()) > 5


def test_worked_by_hand(computed):
    # Six events: S falls by a sixth each second; lower ends 0.27, 0.19, 0.11, 0.046 …, upper ends 0.97, 0.90, 0.80, 0.68, 0.52.
    assert computed["half exactly"] == [3, 6, 1, None, 4, None]
    assert computed["one censored"] == [None] * 6
    assert computed["one event"] == [5, 5, 5, None, 5, None]


@pytest.mark.filterwarnings("ignore")
def test_every_band_of_a_generated_programme_agrees_with_lifelines(built_warehouse):
    with built_warehouse.open() as connection:
        cycles = connection.execute(
            "SELECT severity, (epoch_us(coalesce(acknowledged_at, horizon_at)) - epoch_us(captured_at)) / 1e6, acknowledged_at IS NOT NULL FROM mart.handoff"
        ).fetchall()
        query = f"SELECT severity, {', '.join(COLUMNS)} FROM mart.handoff_latency WHERE dimension = 'all' AND period_grain = 'all'"
        ours = {severity: values for severity, *values in connection.execute(query).fetchall()}
    assert len(ours) == 5
    for severity, found in ours.items():
        others = theirs([(seconds, is_event) for band, seconds, is_event in cycles if severity in ("all", band)])
        assert agree(found, others), (severity, found, others)
