-- Who is sent how many notifications, and how many do they answer?
-- Every notification on record, by the person that it names; acknowledged are the handoffs of which they gave t1. The last one is in UTC.
-- key: person
-- person VARCHAR: Whom the notifications name, as the source has it.
-- notifications BIGINT: Notifications.
-- handoffs BIGINT: Handoff cycles that these were about.
-- acknowledged BIGINT: Of them, those that this person acknowledged.
-- last_notified_at TIMESTAMP: The latest (UTC).
WITH notified AS (
    SELECT DISTINCT event_id, target_person, finding_id, cycle, occurred_at
    FROM mart.event
    WHERE event = 'notified' AND target_person IS NOT NULL
)

SELECT
    notified.target_person AS person,
    count(DISTINCT notified.event_id) AS notifications,
    count(DISTINCT (handoff.finding_id, handoff.cycle)) FILTER (WHERE handoff.finding_id IS NOT NULL) AS handoffs,
    count(DISTINCT (handoff.finding_id, handoff.cycle)) FILTER (WHERE handoff.acknowledged_by = notified.target_person) AS acknowledged,
    max(notified.occurred_at) AS last_notified_at
FROM notified
LEFT JOIN mart.handoff USING (finding_id, cycle)
GROUP BY notified.target_person
ORDER BY notifications DESC, person
