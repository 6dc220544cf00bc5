"""Schema `derived`: what the transforms made of the record at one as_of, the parameters of the run as one-row tables, and the cohorts' macros."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from transforms.domain import tables
from transforms.domain.calendar import Calendar
from transforms.domain.horizons import business_days, horizons
from transforms.domain.instants import DAY_US
from transforms.domain.periods import current_periods, trends
from transforms.domain.policy import Policy
from transforms.domain.vocabulary import BANDS, RATED_BANDS
from warehouse.schema import create_table, sql_file


def write(connection: duckdb.DuckDBPyConnection, frames: dict[str, pa.Table], policy: Policy, as_of_us: int) -> None:
    """Replaces the derived tables and the parameters, within the caller's transaction."""
    connection.execute("DROP SCHEMA IF EXISTS derived CASCADE")
    connection.execute("CREATE SCHEMA derived")
    for name, frame in frames.items():
        create_table(connection, "derived", tables.DERIVED_TABLES[name])
        connection.register("frame", frame)
        connection.execute(f"INSERT INTO derived.{name} SELECT * FROM frame")  # the name is our own declaration
        connection.unregister("frame")
    connection.execute(sql_file("derived/cohorts.sql"))
    _write_parameters(connection, policy, as_of_us)


def _write_parameters(connection: duckdb.DuckDBPyConnection, policy: Policy, as_of_us: int) -> None:
    connection.execute(
        "CREATE TABLE derived.parameter AS SELECT make_timestamp(?::BIGINT) AS as_of, ?::VARCHAR AS reporting_zone, ?::INTEGER AS verdict_minimum, "
        "?::VARCHAR AS policy_digest, ?::BIGINT AS bulk_count, ?::BIGINT AS bulk_window_us, ?::BIGINT AS scan_cadence_us, "
        "?::BIGINT AS mapping_age_us, ?::BIGINT AS acknowledged_within_us, ?::VARCHAR[] AS ticket_labels, "
        "?::BIGINT AS drift_recent_us, ?::BIGINT AS drift_before_us, ?::DOUBLE AS drift_change, ?::BIGINT AS drift_minimum, ?::BIGINT AS drift_scored, "
        "?::VARCHAR AS escalation_default, ?::BIGINT AS attestation_us",
        [
            as_of_us,
            policy.reporting_zone,
            policy.verdict.minimum,
            policy.digest,
            policy.time_quality.bulk_count,
            policy.time_quality.bulk_window.wall_us(),
            policy.scans.cadence.wall_us(),
            policy.routing.mapping_age.wall_us(),
            policy.routing.acknowledged_within.wall_us(),
            [label.strip().lower() for label in policy.disagreement.labels],
            policy.severity.drift.recent.wall_us(),
            policy.severity.drift.before.wall_us(),
            policy.severity.drift.change,
            policy.severity.drift.minimum,
            policy.severity.drift.scored,
            policy.routing.escalation_default,
            policy.controls.attestation.wall_us(),
        ],
    )
    connection.execute(
        "CREATE TABLE derived.band (severity VARCHAR, rank INTEGER, median_target_seconds DOUBLE, p90_target_seconds DOUBLE, rate_target DOUBLE, "
        "handoff_sla VARCHAR, remediation_sla VARCHAR, acknowledgement_window VARCHAR, handoff_budget_seconds DOUBLE, is_handoff_business BOOLEAN, score_floor DOUBLE)"
    )
    default = policy.calendars["default"].business_day.wall_us()
    rows = []
    for rank, band in enumerate(BANDS):
        if band not in RATED_BANDS:
            continue
        target, sla = policy.verdict.of(band), policy.handoff_sla.of(band)
        budget = sla.business_us(default) if sla.is_business else sla.wall_us()
        texts = [f"{d.amount}{d.unit}" for d in (sla, policy.remediation_sla.of(band), policy.acknowledgement_window.of(band))]
        rows.append(
            [band, rank, target.median.wall_us() / 1e6, target.p90.wall_us() / 1e6, target.rate, *texts, budget / 1e6, sla.is_business, getattr(policy.severity.bands, band)]
        )
    connection.execute(
        "CREATE TABLE derived.period (period_grain VARCHAR, period_start DATE, period_end DATE, starts_at TIMESTAMP, previous_start DATE, "
        "previous_starts_at TIMESTAMP)"
    )
    connection.executemany(
        "INSERT INTO derived.period VALUES (?, ?, ?, make_timestamp(?::BIGINT), ?, make_timestamp(?::BIGINT))",
        [list(period) for period in current_periods(as_of_us, policy.reporting_zone)],
    )
    connection.execute(
        "CREATE TABLE derived.trend (period_grain VARCHAR, period_start DATE, period_end DATE, starts_at TIMESTAMP, ends_at TIMESTAMP, is_current BOOLEAN)"
    )
    connection.executemany(
        "INSERT INTO derived.trend VALUES (?, ?, ?, make_timestamp(?::BIGINT), make_timestamp(?::BIGINT), ?)",
        [list(span) for span in trends(as_of_us, policy.reporting_zone)],
    )
    connection.executemany("INSERT INTO derived.band VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    _write_horizons(connection, policy, as_of_us)
    _write_early_warning(connection, policy, as_of_us)


def _write_early_warning(connection: duckdb.DuckDBPyConnection, policy: Policy, as_of_us: int) -> None:
    rules = policy.early_warning
    connection.execute(
        "CREATE TABLE derived.early_warning AS SELECT make_timestamp(?::BIGINT) AS before_at, ?::DOUBLE AS breach_probability, ?::BIGINT AS capacity_weeks, "
        "?::DOUBLE AS ownership_drop, ?::DOUBLE AS coverage_drop, ?::BIGINT AS minimum, ?::DOUBLE AS silence, ?::BIGINT AS deliveries, "
        "?::BIGINT AS history_days, ?::BIGINT AS given_up_us",
        [
            as_of_us - rules.period.wall_us(), rules.breach_probability, rules.capacity_weeks, rules.ownership_drop, rules.coverage_drop, rules.minimum,
            rules.silence, rules.deliveries, rules.history.wall_us() // DAY_US, rules.given_up.wall_us(),
        ],
    )  # fmt: skip
    connection.execute("CREATE TABLE derived.stated_cadence (source VARCHAR, cadence_us BIGINT)")
    for name, source in policy.sources.items():
        if source.cadence:
            connection.execute("INSERT INTO derived.stated_cadence VALUES (?, ?)", [name, source.cadence.wall_us()])
    days = (rules.history.wall_us() + rules.given_up.wall_us()) // DAY_US + 1
    connection.execute("CREATE TABLE derived.business_day (day DATE, number BIGINT)")
    counted = business_days(as_of_us, days, policy.reporting_zone, Calendar("default", policy.calendars["default"]))
    connection.execute("INSERT INTO derived.business_day SELECT unnest(?::DATE[]), unnest(?::BIGINT[])", [list(column) for column in zip(*counted, strict=True)])


def _write_horizons(connection: duckdb.DuckDBPyConnection, policy: Policy, as_of_us: int) -> None:
    calendars = {name: Calendar(name, calendar) for name, calendar in policy.calendars.items()}
    found = horizons(as_of_us, policy.reporting_zone, calendars["default"])
    connection.execute("CREATE TABLE derived.horizon (starts_at TIMESTAMP, week_start DATE, ends_at TIMESTAMP, previous_from TIMESTAMP, previous_to TIMESTAMP)")
    connection.executemany(
        "INSERT INTO derived.horizon VALUES (make_timestamp(?::BIGINT), ?, make_timestamp(?::BIGINT), make_timestamp(?::BIGINT), make_timestamp(?::BIGINT))",
        [list(horizon) for horizon in found],
    )
    # Open microseconds from each start to as_of: what a cycle's own open time until as_of had not yet reached then.
    connection.execute("CREATE TABLE derived.horizon_calendar (starts_at TIMESTAMP, calendar VARCHAR, open_us BIGINT)")
    connection.executemany(
        "INSERT INTO derived.horizon_calendar VALUES (make_timestamp(?::BIGINT), ?, ?)",
        [[horizon.starts_us, name, calendar.business_us(horizon.starts_us, as_of_us)] for horizon in found for name, calendar in calendars.items()],
    )
