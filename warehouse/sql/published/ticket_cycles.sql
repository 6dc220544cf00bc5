-- Open handoff cycles that a ticket could be for, the most urgent first; the finding's sightings, by any of which an older ticket may name it.
SELECT
    handoff.finding_id, handoff.cycle, handoff.severity, handoff.title, handoff.asset_id, handoff.target, handoff.application, handoff.team,
    handoff.owner_id, handoff.routing_status, handoff.acknowledged_at, handoff.handoff_due_at, handoff.remediation_due_at,
    list_sort(list(finding_alias.sighting_id)) AS sightings
FROM mart.handoff
JOIN mart.finding_alias USING (finding_id)
WHERE handoff.is_open
GROUP BY ALL
ORDER BY handoff.handoff_due_at, handoff.finding_id, handoff.cycle
