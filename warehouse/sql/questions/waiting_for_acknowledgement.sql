-- What waits for an acknowledgement right now, and when is it due?
-- Open handoffs without t1 at as_of, the most urgent first; a handoff_due_at in the past is broken already. owner_id is null where nobody valid is named.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR
-- title VARCHAR
-- team VARCHAR
-- owner_id VARCHAR
-- routing_status VARCHAR
-- captured_at TIMESTAMP
-- handoff_due_at TIMESTAMP
-- handoff_breached BOOLEAN
SELECT finding_id, cycle, severity, title, team, owner_id, routing_status, captured_at, handoff_due_at, handoff_breached
FROM mart.handoff
WHERE is_open AND acknowledged_at IS NULL
ORDER BY handoff_due_at, finding_id, cycle
