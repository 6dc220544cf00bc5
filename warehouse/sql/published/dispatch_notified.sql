-- Notifications of open handoff cycles that the record has, whoever dispatched them.
SELECT event.event_id, event.finding_id, event.cycle, event.target_person, event.comment
FROM mart.event AS event
JOIN mart.responsibility USING (finding_id, cycle)
WHERE event.event = 'notified' AND event.target_person IS NOT NULL
ORDER BY event.event_id, event.finding_id
