-- What will hurt soon, by kind and urgency.
SELECT *
FROM mart.early_warning
WHERE list_contains($kinds, kind)
ORDER BY list_position($kinds, kind), list_position(['critical', 'high', 'medium', 'low'], severity), due_at, figure DESC, subject_id, cycle
