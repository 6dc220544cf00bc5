-- Events by which whoever may say so attests the controls that fall due, or have lapsed.
SELECT
    'sweep-attested-' || subject_id || '-' || strftime(due_at, '%Y%m%dT%H%M%S') AS event_id, subject_id AS ref, 'control_attested' AS event, severity, reason,
    proposed_by, evidence AS why
FROM mart.sweep
WHERE state = 'open' AND remedy = 'attested'
ORDER BY due_at, subject_id
