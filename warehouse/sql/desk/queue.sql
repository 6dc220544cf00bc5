-- Handoffs that wait for an acknowledgement, the next due first.
SELECT
    title, finding_id, severity,
    coalesce(owner_id, '') AS owner,
    coalesce(team_now, team, '') AS team,
    replace(routing_status, '_', ' ') AS routing,
    handoff_due_at AS due,
    CASE WHEN handoff_breached THEN 'broken' ELSE 'running' END AS sla,
    round(clock_business_seconds / 3600, 1) AS waited,
    round(100 * clock_business_seconds / nullif(budget_business_seconds, 0)) AS used,
    coalesce(asset_id, target) AS place,
    array_to_string(scanners, ', ') AS scanners
FROM mart.handoff
WHERE is_open AND acknowledged_at IS NULL
ORDER BY handoff_due_at NULLS LAST, finding_id, cycle
