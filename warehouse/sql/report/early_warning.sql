-- Early warnings at as_of, the most urgent first, with whom to call and what to do; how many there are, and of which kinds.
WITH kind_count AS (
    SELECT kind, count(*) AS warnings
    FROM mart.early_warning
    GROUP BY kind
)
SELECT
    kind, severity, subject_kind, subject_id, cycle, detail, call, action,
    count(*) OVER () AS warnings,
    (SELECT list({'kind': kind, 'warnings': warnings}) FROM kind_count) AS kinds
FROM mart.early_warning
ORDER BY list_position(['critical', 'high', 'medium', 'low'], severity), due_at, kind, subject_id, cycle
LIMIT 10
