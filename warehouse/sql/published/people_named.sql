-- The people whom a reference may name, each as last known: by id, else by alias, else by mail address (ruling 31).
WITH latest AS (
    SELECT *
    FROM record.person
    QUALIFY row_number() OVER (PARTITION BY lower(person_id) ORDER BY effective_from DESC NULLS LAST, recorded_at DESC, content_id) = 1
),
ranked AS (
    SELECT
        person_id, name, team, role, status, kind, time_zone,
        CASE
            WHEN lower(person_id) = lower(trim($ref)) THEN 1
            WHEN list_contains([lower(trim(alias)) FOR alias IN aliases], lower(trim($ref))) THEN 2
            WHEN lower(trim(email)) = lower(trim($ref)) THEN 3
        END AS rank
    FROM latest
)
SELECT person_id, name, team, role, status, kind, time_zone
FROM ranked
WHERE rank IS NOT NULL
QUALIFY rank = min(rank) OVER ()
ORDER BY person_id
