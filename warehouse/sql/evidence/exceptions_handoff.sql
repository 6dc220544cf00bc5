SELECT
    obligation.subject_id AS finding_id, obligation.cycle, coalesce(handoff.severity, finding.severity) AS severity, finding.title,
    coalesce(handoff.asset_id, finding.asset_id, finding.target) AS asset, handoff.team, handoff.owner_id, handoff.acknowledged_by, handoff.failure_mode,
    min(obligation.dated_at) AS failed_at,
    array_to_string(list_sort(list(concat(obligation.obligation, ': ', obligation.reason))), '; ') AS reasons
FROM mart.obligation
JOIN mart.finding ON finding.finding_id = obligation.subject_id
LEFT JOIN mart.handoff ON handoff.finding_id = obligation.subject_id AND handoff.cycle = obligation.cycle
WHERE obligation.status = 'exception'
    AND obligation.obligation IN ($obligations)
    AND finding.location_kind IN ($location_kinds)
GROUP BY ALL
ORDER BY failed_at, finding_id, cycle
