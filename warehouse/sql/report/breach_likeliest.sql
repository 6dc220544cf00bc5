-- The open handoffs that most likely break their SLA in the next five business days.
SELECT finding_id, cycle, title, severity, team, handoff_due_at, breach_probability
FROM mart.breach_forecast
ORDER BY breach_probability DESC, handoff_due_at, finding_id, cycle
LIMIT 10
