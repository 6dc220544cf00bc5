-- Open handoffs without an acknowledgement whose SLA falls due within two days after as_of, the next first; and how many there are.
SELECT
    handoff.finding_id, handoff.cycle, handoff.severity, handoff.title, handoff.target, handoff.team, handoff.routing_status, handoff.handoff_due_at,
    count(*) OVER () AS handoffs
FROM mart.handoff AS handoff
JOIN report_period ON report_period.period_grain = 'week'
WHERE handoff.is_open AND handoff.acknowledged_at IS NULL
    AND handoff.handoff_due_at BETWEEN report_period.as_of AND report_period.as_of + INTERVAL 48 HOUR
ORDER BY handoff.handoff_due_at, handoff.finding_id, handoff.cycle
LIMIT 10
