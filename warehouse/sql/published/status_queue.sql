-- What is open now, in one row.
SELECT
    count(*) FILTER (WHERE is_open) AS open,
    count(*) FILTER (WHERE is_open AND acknowledged_at IS NULL) AS unacknowledged,
    count(*) FILTER (WHERE is_open AND acknowledged_at IS NULL AND handoff_breached) AS unacknowledged_past_due,
    (SELECT count(*) FROM mart.unrouted_queue) AS unrouted,
    (SELECT count(*) FROM mart.breach_forecast) AS due_soon
FROM mart.handoff
