-- Handoffs opened, acknowledged and closed in the period and in the one before it, by band; each by its own instant.
SELECT
    report_period.period_grain, throughput.severity,
    throughput.period_start = report_period.period_start AS is_current,
    throughput.opened, throughput.acknowledged, throughput.closed
FROM report_period
JOIN mart.throughput AS throughput
    ON throughput.period_grain = report_period.period_grain
    AND throughput.period_start IN (report_period.period_start, report_period.previous_start)
ORDER BY period_grain, severity, is_current
