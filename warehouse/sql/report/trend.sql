-- The five numbers of each period that leads to the current one, without their failure modes. A period that was over before the first capture on record
-- has no value: nothing was there to count, which is not the same as none.
SELECT
    period_grain, period_start, is_current, number, severity, clock,
    CASE WHEN is_current OR period_end > (SELECT min(captured_on) FROM mart.handoff) THEN value END AS value,
    population
FROM mart.dashboard_trend
WHERE failure_mode IS NULL
ORDER BY period_grain, number, clock, severity, period_start
