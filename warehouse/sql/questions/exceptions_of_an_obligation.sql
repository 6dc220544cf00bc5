-- Which handoffs and assets are the exceptions, and why?
-- One row per obligation and subject that fails it, the oldest first; dated_at is when it failed (UTC). cycle is null for an asset.
-- key: obligation, subject_id, cycle
-- obligation VARCHAR: What should have been answered.
-- subject VARCHAR: handoff or asset.
-- subject_id VARCHAR: Finding of the handoff, or asset.
-- cycle INTEGER: Handoff cycle; null for an asset.
-- reason VARCHAR: What fails it.
-- dated_at TIMESTAMP: When it failed (UTC).
SELECT obligation, subject, subject_id, cycle, reason, dated_at
FROM mart.obligation
WHERE status = 'exception'
ORDER BY dated_at, obligation, subject_id, cycle
