-- Open handoff cycles with whom they fall to at as_of; instants in microseconds. Who declined a cycle is listed with when they first did.
WITH declined AS (
    SELECT finding_id, cycle, actor_id, min(epoch_us(occurred_at)) AS first_us
    FROM mart.event
    WHERE event = 'declined' AND actor_id IS NOT NULL
    GROUP BY finding_id, cycle, actor_id
),
refusal AS (
    SELECT finding_id, cycle, list(actor_id ORDER BY actor_id) AS decliners, list(first_us ORDER BY actor_id) AS declined_us
    FROM declined
    GROUP BY finding_id, cycle
)
SELECT
    handoff.finding_id, handoff.cycle,
    CASE WHEN handoff.severity_now IN ('critical', 'high', 'medium', 'low') THEN handoff.severity_now ELSE handoff.severity END AS severity,
    handoff.title, handoff.asset_id, handoff.target, handoff.team_now AS team, handoff.calendar,
    epoch_us(handoff.captured_at) AS captured_us,
    epoch_us(handoff.acknowledged_at) AS acknowledged_us,
    handoff.acknowledged_by,
    epoch_us(handoff.resolved_at) AS resolved_us,
    epoch_us(handoff.handoff_due_at) AS handoff_due_us,
    epoch_us(handoff.remediation_due_at) AS remediation_due_us,
    responsibility.status, responsibility.person_id, responsibility.named_by,
    epoch_us(responsibility.named_at) AS named_us,
    epoch_us(responsibility.decayed_at) AS decayed_us,
    coalesce(refusal.decliners, []) AS decliners,
    coalesce(refusal.declined_us, []) AS declined_us,
    handoff.scanners
FROM mart.handoff AS handoff
JOIN mart.responsibility AS responsibility USING (finding_id, cycle)
LEFT JOIN refusal USING (finding_id, cycle)
WHERE handoff.is_open
ORDER BY handoff.finding_id, handoff.cycle
