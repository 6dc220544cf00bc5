-- One row per open, unacknowledged cycle whose decision in force at as_of names no valid person.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR
-- reason VARCHAR
-- captured_at TIMESTAMP
-- age_seconds DOUBLE
-- asset_id VARCHAR
-- target VARCHAR
-- team VARCHAR
-- escalated_to VARCHAR
-- handoff_due_at TIMESTAMP
SELECT
    handoff.finding_id, handoff.cycle, handoff.severity,
    handoff.routing_status AS reason,
    handoff.captured_at,
    (epoch_us(parameter.as_of) - epoch_us(handoff.captured_at)) / 1e6 AS age_seconds,
    handoff.asset_id, handoff.target, handoff.team, handoff.escalated_to, handoff.handoff_due_at
FROM mart.handoff
CROSS JOIN derived.parameter AS parameter
WHERE handoff.is_open AND handoff.acknowledged_at IS NULL AND handoff.routing_status <> 'routed'
