-- The findings that a digest told of: the notifications that share its batch.
SELECT DISTINCT finding_id
FROM mart.event
SEMI JOIN (SELECT event_id FROM record.activity WHERE batch_id = $digest AND event = 'notified') AS told USING (event_id)
WHERE event = 'notified' AND finding_id IS NOT NULL
ORDER BY finding_id
