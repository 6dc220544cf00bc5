-- Cycles completed in the period and in the one before, and of them those that had to be opened again: all, by band, and by how the cycle began.
SELECT
    report_period.period_grain, reopen.dimension, reopen.dimension_value, reopen.severity,
    reopen.period_start = report_period.period_start AS is_current,
    reopen.completed, reopen.reopened, reopen.median_seconds_to_reopen
FROM report_period
JOIN mart.reopen AS reopen
    ON reopen.period_grain = report_period.period_grain AND reopen.period_start IN (report_period.period_start, report_period.previous_start)
WHERE reopen.dimension = 'all' OR (reopen.dimension = 'origin' AND reopen.severity = 'all')
ORDER BY period_grain, dimension, dimension_value, severity, is_current
