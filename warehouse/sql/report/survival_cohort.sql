-- Kaplan-Meier medians by band: of all handoffs, of those captured in the period, and of those captured in the one before; and how many of each still wait.
WITH cohorts AS (
    SELECT period_grain, 'all' AS cohort, 'all' AS cohort_grain, NULL::DATE AS cohort_start FROM report_period
    UNION ALL
    SELECT period_grain, 'this', period_grain, period_start FROM report_period
    UNION ALL
    SELECT period_grain, 'last', period_grain, previous_start FROM report_period
),
waiting AS (
    SELECT cohorts.period_grain, cohorts.cohort, handoff.severity, count(*) AS waiting
    FROM cohorts
    JOIN mart.handoff AS handoff
        ON cohorts.cohort_grain = 'all' OR date_trunc(cohorts.cohort_grain, handoff.captured_on)::DATE = cohorts.cohort_start
    WHERE handoff.is_open AND handoff.acknowledged_at IS NULL
    GROUP BY ALL
)
SELECT
    cohorts.period_grain, latency.severity, cohorts.cohort, latency.handoffs, latency.acknowledged,
    coalesce(waiting.waiting, 0) AS waiting,
    latency.km_median_seconds, latency.km_median_low_seconds, latency.km_median_high_seconds, latency.km_p90_seconds
FROM cohorts
JOIN mart.handoff_latency AS latency
    ON latency.period_grain = cohorts.cohort_grain AND latency.period_start IS NOT DISTINCT FROM cohorts.cohort_start
    AND latency.dimension = 'all' AND latency.severity <> 'all'
LEFT JOIN waiting ON waiting.period_grain = cohorts.period_grain AND waiting.cohort = cohorts.cohort AND waiting.severity = latency.severity
ORDER BY period_grain, severity, cohort
