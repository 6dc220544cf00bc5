-- Early warnings at as_of, the most urgent first, with whom to call and what to do; and how many there are of each kind.
SELECT kind, severity, subject_kind, subject_id, cycle, due_at, detail, call, action, count(*) OVER (PARTITION BY kind) AS of_kind
FROM mart.early_warning
ORDER BY list_position(['critical', 'high', 'medium', 'low'], severity), due_at, kind, subject_id, cycle
LIMIT 10
