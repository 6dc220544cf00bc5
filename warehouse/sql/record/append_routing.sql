-- A decision of the primitive is kept only when it differs from the last one of that cycle.
INSERT INTO record.routing
WITH last AS (
    FROM record.routing
    QUALIFY row_number() OVER (PARTITION BY finding_id, cycle ORDER BY decided_at DESC) = 1
)
SELECT
    now.finding_id, now.cycle, make_timestamp($as_of::BIGINT), now.status, now.candidate, now.primitive, now.mapping_effective_from, now.rejected,
    make_timestamp($as_of::BIGINT)
FROM now_routing AS now
LEFT JOIN last USING (finding_id, cycle)
WHERE last.finding_id IS NULL
    OR (now.status, now.candidate, now.primitive) IS DISTINCT FROM (last.status, last.candidate, last.primitive)
