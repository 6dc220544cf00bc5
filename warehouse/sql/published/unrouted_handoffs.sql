-- Open handoffs whose route names nobody who can take them.
SELECT finding_id, cycle, severity, reason
FROM mart.unrouted_queue
ORDER BY captured_at, finding_id, cycle
