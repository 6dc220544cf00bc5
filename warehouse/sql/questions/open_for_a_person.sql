-- What is open for this person, and when is it due?
-- Open handoffs that the decision in force at as_of gives them, the next due first. due_at is the handoff SLA until they acknowledge, then the remediation SLA.
-- key: finding_id, cycle
-- owner_id VARCHAR: The person.
-- due_at TIMESTAMP: When the next SLA of it falls due (UTC); in the past, it is overdue.
-- waits_for VARCHAR: acknowledgement or remediation.
-- severity VARCHAR
-- title VARCHAR
-- asset_id VARCHAR
-- team VARCHAR
-- captured_at TIMESTAMP
-- acknowledged_at TIMESTAMP
-- state VARCHAR
-- finding_id VARCHAR
-- cycle INTEGER
SELECT
    owner_id,
    CASE WHEN acknowledged_at IS NULL THEN handoff_due_at ELSE remediation_due_at END AS due_at,
    CASE WHEN acknowledged_at IS NULL THEN 'acknowledgement' ELSE 'remediation' END AS waits_for,
    severity, title, asset_id, team, captured_at, acknowledged_at, state, finding_id, cycle
FROM mart.handoff
WHERE is_open AND owner_id IS NOT NULL
ORDER BY owner_id, due_at, finding_id, cycle
