-- The same for findings whose owner an event names: a mapping would not be asked, a later event is.
SELECT
    'sweep-' || finding_id || '-' || cycle || '-' || proposed_id AS event_id, finding_id AS ref, 'reassigned' AS event, proposed_id AS target_person, severity,
    reason, proposed_by, why
FROM mart.reattribution
WHERE remedy = 'reassigned' AND rank = 1
ORDER BY finding_id, cycle
