-- The events of a range of findings in order, and whether each counted.
SELECT
    finding_id, cycle, occurred_at, event, actor, target_person, severity, channel, ticket, comment, method, is_valid, status, actor_id, actor_role,
    actor_team, actor_standing, recorded_at, batch_id, asserted_by, event_id
FROM mart.event
WHERE finding_id BETWEEN $first AND $last
ORDER BY finding_id, occurred_at, event_id
