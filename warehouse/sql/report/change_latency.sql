-- Handoffs acknowledged in the period and in the one before it, with their summed business time, by band.
SELECT
    report_period.period_grain, handoff.severity,
    handoff.acknowledged_at >= report_period.starts_at AS is_current,
    count(*) AS acknowledged,
    sum(handoff.latency_business_seconds ORDER BY handoff.finding_id, handoff.cycle) AS business_seconds
FROM report_period
JOIN mart.handoff AS handoff
    ON handoff.acknowledged_at BETWEEN report_period.previous_starts_at AND report_period.as_of
GROUP BY ALL
ORDER BY period_grain, severity, is_current
