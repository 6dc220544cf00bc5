-- The last handoff cycle of a finding, as whoever is asked to answer it needs it, with what named its owner.
WITH naming AS (
    SELECT arg_max(concat_ws(' ', event, 'by', coalesce(actor, method)), (occurred_at, event_id)) AS named_by
    FROM mart.event
    WHERE finding_id = $id AND event IN ('routed', 'assigned', 'reassigned') AND method <> 'own' AND cycle = (SELECT max(cycle) FROM mart.handoff WHERE finding_id = $id)
),
mapping AS (
    SELECT arg_max(primitive, (decided_at, cycle)) AS primitive
    FROM record.routing
    WHERE finding_id = $id
)
SELECT
    handoff.finding_id, handoff.cycle, handoff.title, handoff.severity_now AS severity, handoff.target, handoff.asset_id, handoff.application, handoff.environment,
    handoff.team, handoff.owner_id, handoff.routing_status, handoff.captured_at, handoff.handoff_due_at, handoff.remediation_due_at, handoff.acknowledged_at,
    handoff.acknowledged_by, handoff.is_open, handoff.state, handoff.scanners, coalesce(naming.named_by, mapping.primitive) AS named_by
FROM mart.handoff
CROSS JOIN naming
CROSS JOIN mapping
WHERE handoff.finding_id = $id
ORDER BY handoff.cycle DESC
LIMIT 1
