-- The five numbers of the current week by severity and clock.
SELECT number, severity, clock, value, unit, target, population, previous_value, previous_population, dated_by, period_start
FROM mart.dashboard
WHERE period_grain = 'week' AND failure_mode IS NULL
