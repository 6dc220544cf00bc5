-- Everything that happened to one finding, in order.
WITH seen AS (
    SELECT observation.captured_at AS happened_at, 'seen' AS what, observation.scanner AS who,
        concat_ws(', ', observation.native_severity, observation.target, observation.captured_at_source) AS detail
    FROM record.observation
    JOIN mart.finding_alias USING (sighting_id)
    WHERE finding_alias.finding_id = $id
),
asserted AS (
    -- Who wrote down what they, or somebody else, said: of the operating system, or a link.
    SELECT event_id, min(asserted_by) AS asserted_by
    FROM record.activity
    GROUP BY event_id
),
happened AS (
    SELECT
        occurred_at, event, coalesce(actor, method),
        concat_ws(
            ', ', 'to ' || target_person, severity, comment, 'asserted by ' || asserted_by || ' (' || method || ')',
            CASE WHEN NOT is_valid THEN 'not counted: ' || status END
        )
    FROM mart.event
    LEFT JOIN asserted USING (event_id)
    WHERE finding_id = $id
),
routed AS (
    SELECT decided_at, 'decision', primitive, concat_ws(', ', status, candidate, array_to_string(rejected, '; '))
    FROM record.routing
    WHERE finding_id = $id
),
due AS (
    SELECT due_at, sla || ' SLA broken', NULL, failure_mode
    FROM mart.sla_breach
    WHERE finding_id = $id AND sla <> 'single'
)
SELECT happened_at AS "when", what, who, detail
FROM (FROM seen UNION ALL FROM happened UNION ALL FROM routed UNION ALL FROM due)
ORDER BY "when", what, who, detail
