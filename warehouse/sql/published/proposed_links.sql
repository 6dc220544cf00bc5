-- Events that tie a reference which matches nothing to the finding that it is proposed to mean, as a ticket of it.
SELECT
    'sweep-link-' || proposed_id || '-' || subject_id AS event_id, proposed_id AS ref, 'ticket_linked' AS event, subject_id AS ticket, reason, proposed_by, evidence AS why
FROM mart.sweep
WHERE state = 'open' AND remedy = 'ticket_linked'
ORDER BY subject_id
