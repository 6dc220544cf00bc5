-- Handoffs that were not acknowledged within their SLA, the latest due first.
SELECT finding_id, cycle, severity, owner_id, team, handoff_due_at
FROM mart.handoff
WHERE handoff_breached
ORDER BY handoff_due_at DESC, finding_id, cycle
