-- What waits for a person at as_of, by what they would do; one row each, in that order.
WITH report AS (
    SELECT as_of FROM report_period WHERE period_grain = 'week'
)
SELECT 1 AS place, 'overdue' AS task, count(*) AS items
FROM mart.handoff CROSS JOIN report
WHERE is_open AND acknowledged_at IS NULL AND handoff_due_at < report.as_of
UNION ALL
SELECT 2, 'bind', count(*) FROM mart.binding_gap WHERE NOT is_acknowledged
UNION ALL
SELECT 3, 'reassign', count(*) FROM mart.decayed_routing WHERE NOT is_acknowledged
UNION ALL
SELECT 4, 'held', count(*) FROM record.landed_file WHERE status = 'held'
UNION ALL
SELECT 5, 'quarantined', count(*) FROM record.landed_file WHERE status = 'quarantined'
ORDER BY place
