-- Each owning team's handoffs in the period: under way in any part of it, acknowledged, fallen due, broken, and waiting at as_of.
WITH moments AS (
    SELECT
        report_period.period_grain, coalesce(handoff.team, '(none)') AS team, handoff.latency_business_seconds, handoff.handoff_breached,
        handoff.acknowledged_at BETWEEN report_period.starts_at AND report_period.as_of AS is_acknowledged,
        -- As mart.dashboard has it: one that ended unacknowledged before its due instant never fell due.
        handoff.handoff_due_at BETWEEN report_period.starts_at AND report_period.as_of
            AND (handoff.acknowledged_at IS NOT NULL OR handoff.horizon_at >= handoff.handoff_due_at) AS is_due,
        handoff.is_open AND handoff.acknowledged_at IS NULL AS is_waiting
    FROM report_period
    JOIN mart.handoff AS handoff ON handoff.captured_at <= report_period.as_of AND (handoff.is_open OR handoff.horizon_at >= report_period.starts_at)
),
counted AS (
    SELECT
        period_grain, team,
        count(*) AS handoffs,
        count(*) FILTER (WHERE is_acknowledged) AS acknowledged,
        quantile_cont(latency_business_seconds, 0.5) FILTER (WHERE is_acknowledged) AS median_business_seconds,
        count(*) FILTER (WHERE is_due) AS fell_due,
        count(*) FILTER (WHERE is_due AND handoff_breached) AS breaches,
        count(*) FILTER (WHERE is_waiting) AS waiting
    FROM moments
    GROUP BY ALL
)
SELECT counted.*, coalesce(single.misattributed, 0) AS misattributed
FROM counted
JOIN report_period USING (period_grain)
LEFT JOIN mart.single_sla AS single
    ON single.period_grain = report_period.period_grain AND single.period_start = report_period.period_start
    AND single.dimension = 'team' AND single.dimension_value = counted.team AND single.severity = 'all'
ORDER BY period_grain, team
