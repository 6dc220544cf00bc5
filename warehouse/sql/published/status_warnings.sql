-- Early warnings as the screen counts them, with whom to call.
SELECT kind, severity, subject_kind, subject_id, call
FROM mart.early_warning
ORDER BY list_position(['critical', 'high', 'medium', 'low'], severity), due_at, kind, subject_id
