-- The ten oldest of the unrouted queue at as_of.
SELECT queue.finding_id, queue.cycle, queue.severity, queue.reason, queue.age_seconds, queue.target, queue.team, handoff.title,
    queue.handoff_due_at < report_period.as_of AS is_overdue
FROM mart.unrouted_queue AS queue
JOIN mart.handoff AS handoff ON handoff.finding_id = queue.finding_id AND handoff.cycle = queue.cycle
JOIN report_period ON report_period.period_grain = 'week'
ORDER BY queue.age_seconds DESC, queue.finding_id, queue.cycle
LIMIT 10
