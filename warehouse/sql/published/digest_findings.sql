-- The digests that an id, or its beginning (six characters at least), may mean, each with the findings that it told of: its notifications share a batch.
WITH told AS (
    SELECT DISTINCT batch_id, event_id
    FROM record.activity
    WHERE event = 'notified' AND (batch_id = $digest OR (length($digest) >= 6 AND starts_with(batch_id, $digest)))
)
SELECT DISTINCT told.batch_id, event.finding_id
FROM mart.event AS event
JOIN told USING (event_id)
WHERE event.event = 'notified' AND event.finding_id IS NOT NULL
ORDER BY told.batch_id, event.finding_id
