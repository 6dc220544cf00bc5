-- One row per grain: the period that contains as_of, with the instants where it and the period before it begin.
-- Every other query of the report reads it as the view report_period; with `target` it alone reads the run's parameters.
SELECT
    period.period_grain, period.period_start, period.period_end, period.starts_at, period.previous_start, period.previous_starts_at,
    parameter.as_of,
    timezone(parameter.reporting_zone, timezone('UTC', parameter.as_of)) AS local_as_of,
    parameter.reporting_zone, parameter.policy_digest
FROM derived.period AS period
CROSS JOIN derived.parameter AS parameter
ORDER BY period_grain
