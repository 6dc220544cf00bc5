-- Handoffs opened, acknowledged and closed in the period and in the one before it, by band; each by its own instant.
WITH moments AS (
    SELECT severity, moment.*
    FROM mart.handoff
    CROSS JOIN LATERAL (
        VALUES ('opened', captured_at), ('acknowledged', acknowledged_at), ('closed', closed_at)
    ) AS moment (moment, instant)
    WHERE moment.instant IS NOT NULL
),
dated AS (
    SELECT
        report_period.period_grain, moments.severity, moments.moment,
        moments.instant >= report_period.starts_at AS is_in_period
    FROM report_period
    JOIN moments
        ON moments.instant BETWEEN report_period.previous_starts_at AND report_period.as_of
)
SELECT
    period_grain, severity,
    count(*) FILTER (WHERE moment = 'opened' AND is_in_period) AS opened,
    count(*) FILTER (WHERE moment = 'acknowledged' AND is_in_period) AS acknowledged,
    count(*) FILTER (WHERE moment = 'closed' AND is_in_period) AS closed,
    count(*) FILTER (WHERE moment = 'opened' AND NOT is_in_period) AS previous_opened,
    count(*) FILTER (WHERE moment = 'acknowledged' AND NOT is_in_period) AS previous_acknowledged,
    count(*) FILTER (WHERE moment = 'closed' AND NOT is_in_period) AS previous_closed
FROM dated
GROUP BY ALL
ORDER BY period_grain, severity
