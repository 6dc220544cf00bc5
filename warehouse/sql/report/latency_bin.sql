-- Handoffs acknowledged in the period, by band and latency in business time: bins that double, each without its lower end, and of them those that broke the SLA.
WITH edges AS (
    SELECT unnest([0, 15, 30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360]) * 60 AS from_seconds
),
bins AS (
    SELECT from_seconds, lead(from_seconds) OVER (ORDER BY from_seconds) AS to_seconds
    FROM edges
),
acknowledged AS (
    SELECT report_period.period_grain, handoff.severity, handoff.latency_business_seconds, handoff.handoff_breached
    FROM report_period
    JOIN mart.handoff AS handoff
        ON handoff.acknowledged_at BETWEEN report_period.starts_at AND report_period.as_of
),
bands AS (
    SELECT DISTINCT period_grain, severity
    FROM acknowledged
)
SELECT
    bands.period_grain, bands.severity, bins.from_seconds, bins.to_seconds,
    count(acknowledged.severity) AS handoffs,
    count(*) FILTER (WHERE acknowledged.handoff_breached) AS breaches
FROM bands
CROSS JOIN bins
LEFT JOIN acknowledged
    ON acknowledged.period_grain = bands.period_grain AND acknowledged.severity = bands.severity
    -- The first bin holds its own lower end: captured and acknowledged out of hours is no open time at all.
    AND (acknowledged.latency_business_seconds > bins.from_seconds OR bins.from_seconds = 0)
    AND (acknowledged.latency_business_seconds <= bins.to_seconds OR bins.to_seconds IS NULL)
GROUP BY ALL
ORDER BY period_grain, severity, from_seconds
