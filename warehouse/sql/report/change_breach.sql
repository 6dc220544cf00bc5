-- Handoffs that fell due in the period and in the one before it, and of them those that broke the SLA, by band, primary mode and team.
SELECT
    report_period.period_grain, handoff.severity, handoff.failure_mode, handoff.team,
    handoff.handoff_due_at >= report_period.starts_at AS is_current,
    count(*) AS due,
    count(*) FILTER (WHERE handoff.handoff_breached) AS breaches
FROM report_period
JOIN mart.handoff AS handoff
    ON handoff.handoff_due_at BETWEEN report_period.previous_starts_at AND report_period.as_of
    -- One that ended unacknowledged before its due instant never fell due.
    AND (handoff.acknowledged_at IS NOT NULL OR handoff.horizon_at >= handoff.handoff_due_at)
GROUP BY ALL
ORDER BY period_grain, severity, failure_mode, team, is_current
