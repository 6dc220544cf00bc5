SELECT
    obligation.subject_id AS asset_id, scan_coverage.name, scan_coverage.criticality, scan_coverage.business_unit, scan_coverage.team, scan_coverage.last_scanned_at,
    min(obligation.dated_at) AS failed_at,
    array_to_string(list_sort(list(concat(obligation.obligation, ': ', obligation.reason))), '; ') AS reasons
FROM mart.obligation
JOIN mart.scan_coverage ON scan_coverage.asset_id = obligation.subject_id
WHERE obligation.status = 'exception'
    AND obligation.obligation IN ($obligations)
GROUP BY ALL
ORDER BY failed_at NULLS FIRST, asset_id
