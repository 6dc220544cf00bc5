-- What waits although nobody valid is named for it, and why?
-- The unrouted queue at as_of, the oldest first; wall seconds since t0. escalated_to is null where the policy names nobody by default.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR
-- reason VARCHAR
-- title VARCHAR
-- target VARCHAR
-- asset_id VARCHAR
-- team VARCHAR
-- escalated_to VARCHAR
-- handoff_due_at TIMESTAMP
-- age_seconds DOUBLE
SELECT
    queue.finding_id, queue.cycle, queue.severity, queue.reason, handoff.title, queue.target, queue.asset_id, queue.team, queue.escalated_to,
    queue.handoff_due_at, queue.age_seconds
FROM mart.unrouted_queue AS queue
JOIN mart.handoff USING (finding_id, cycle)
ORDER BY queue.age_seconds DESC, queue.finding_id, queue.cycle
