-- Who is, or was, in the directory, and the open handoffs that the decision in force gives them.
WITH owned AS (
    SELECT
        owner_id,
        count(*) AS open,
        count(*) FILTER (acknowledged_at IS NULL) AS waiting,
        count(*) FILTER (acknowledged_at IS NULL AND handoff_breached) AS broken
    FROM mart.handoff
    WHERE is_open AND owner_id IS NOT NULL
    GROUP BY owner_id
),
told AS (
    SELECT target_person, count(*) AS dispatches
    FROM mart.event
    CROSS JOIN (SELECT max(as_of) AS as_of FROM record.run WHERE is_published) AS run
    WHERE event = 'notified' AND occurred_at > run.as_of - INTERVAL 7 DAY
    GROUP BY target_person
)
SELECT
    person.person_id AS person,
    coalesce(person.name, '') AS name,
    coalesce(person.team, '') AS team,
    coalesce(person.role, '') AS role,
    CASE WHEN person.standing = 'valid' THEN 'can be handed a finding' ELSE replace(person.standing, '_', ' ') END AS standing,
    coalesce(owned.open, 0) AS open,
    coalesce(owned.waiting, 0) AS waiting,
    coalesce(owned.broken, 0) AS broken,
    coalesce(told.dispatches, 0) AS dispatches,
    coalesce(person.manager_id, '') AS manager
FROM mart.person
LEFT JOIN owned ON owned.owner_id = person.person_id
LEFT JOIN told ON told.target_person = person.person_id
ORDER BY waiting DESC, open DESC, person.person_id
