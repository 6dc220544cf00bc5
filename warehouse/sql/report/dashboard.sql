-- The five numbers, for every grain: value, target and last period, by band and by failure mode.
SELECT
    period_grain, period_start, period_end, number, severity, failure_mode, clock, value, unit, target, population, previous_value, previous_population,
    dated_by, low, high, eligible
FROM mart.dashboard
ORDER BY period_grain, number, clock, severity, failure_mode
