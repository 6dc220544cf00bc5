-- What happened to this finding, and what of it counted?
-- Every accepted event in order, with whether it counted for what it claims and why not. recorded_at is when handoff learnt of it: a late one restates. cycle is null outside every cycle.
-- key: event_id, finding_id
-- finding_id VARCHAR: Finding; null while the event matches nothing.
-- occurred_at TIMESTAMP: When the world did it (UTC).
-- event VARCHAR: What happened.
-- actor VARCHAR: Who did it, as the source names them.
-- target_person VARCHAR: Whom it names.
-- is_valid BOOLEAN: Whether it counted.
-- status VARCHAR: counted, or why not.
-- cycle INTEGER
-- recorded_at TIMESTAMP: When handoff learnt of it (UTC).
-- event_id VARCHAR: The source's id of the event.
SELECT finding_id, occurred_at, event, actor, target_person, is_valid, status, cycle, recorded_at, event_id
FROM mart.event
ORDER BY finding_id, occurred_at, event_id
