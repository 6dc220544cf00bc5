-- Handoffs acknowledged in the period by how they began, with the axes of their latency.
SELECT
    report_period.period_grain, handoff.origin,
    count(*) AS acknowledged,
    count(*) FILTER (WHERE handoff.handoff_breached) AS breaches,
    quantile_cont(handoff.latency_seconds, 0.5) AS median_seconds,
    quantile_cont(handoff.latency_seconds, 0.9) AS p90_seconds,
    quantile_cont(handoff.latency_business_seconds, 0.5) AS median_business_seconds
FROM report_period
JOIN mart.handoff AS handoff ON handoff.acknowledged_at BETWEEN report_period.starts_at AND report_period.as_of
GROUP BY ALL
ORDER BY period_grain, origin
