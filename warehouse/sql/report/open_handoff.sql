-- Open handoff cycles at as_of, by band now and age since t0.
WITH aged AS (
    SELECT handoff.severity_now AS severity, handoff.acknowledged_at IS NOT NULL AS is_acknowledged,
        (epoch_us(report_period.as_of) - epoch_us(handoff.captured_at)) / 1e6 AS age_seconds
    FROM mart.handoff AS handoff
    JOIN report_period ON report_period.period_grain = 'week'
    WHERE handoff.is_open
)
SELECT
    severity,
    count(*) FILTER (WHERE age_seconds < 7 * 86400) AS under_7_days,
    count(*) FILTER (WHERE age_seconds >= 7 * 86400 AND age_seconds < 30 * 86400) AS under_30_days,
    count(*) FILTER (WHERE age_seconds >= 30 * 86400 AND age_seconds < 90 * 86400) AS under_90_days,
    count(*) FILTER (WHERE age_seconds >= 90 * 86400) AS from_90_days,
    count(*) AS handoffs,
    count(*) FILTER (WHERE is_acknowledged) AS acknowledged,
    max(age_seconds) AS oldest_seconds
FROM aged
GROUP BY severity
ORDER BY severity
