-- The five numbers of each period that leads to the current one, without their failure modes.
SELECT period_grain, period_start, is_current, number, severity, clock, value, population
FROM mart.dashboard_trend
WHERE failure_mode IS NULL
ORDER BY period_grain, number, clock, severity, period_start
