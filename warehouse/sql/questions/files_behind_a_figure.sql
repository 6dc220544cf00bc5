-- Which files gave this figure?
-- One row per finding and landed file that a result or an event of it came with: choose the findings as the figure did. first_at and last_at are captures or events (UTC); a file that was retracted or superseded gives nothing.
-- key: finding_id, kind, claim_id
-- finding_id VARCHAR
-- kind VARCHAR: observation or event.
-- path VARCHAR: Where the file was found in the landing zone.
-- rows BIGINT: Results or events of the finding in it.
-- pointers VARCHAR[]: Where they stand in it, sorted.
-- first_at TIMESTAMP: The earliest of them (UTC).
-- last_at TIMESTAMP: The latest of them (UTC).
-- sha256 VARCHAR: Hash of its content, by which raw/ keeps it.
-- claim_id VARCHAR: The claim, in record.landed_file.
WITH seen AS (
    SELECT alias.finding_id, 'observation' AS kind, observation.claim_id, observation.pointer, observation.captured_at AS at
    FROM record.observation
    JOIN mart.finding_alias AS alias USING (sighting_id)
    WHERE observation.content_id NOT IN (SELECT lost FROM record.conflict WHERE kind IN ('observation', 'resent_observation'))
),

told AS (
    SELECT event.finding_id, 'event' AS kind, activity.claim_id, activity.pointer, activity.occurred_at AS at
    FROM mart.event
    JOIN record.activity USING (event_id)
    WHERE event.finding_id IS NOT NULL AND activity.content_id NOT IN (SELECT lost FROM record.conflict WHERE kind = 'activity')
),

input AS (
    FROM seen
    UNION ALL
    FROM told
)

SELECT
    input.finding_id, input.kind, file.path, count(*) AS rows, list_sort(list(DISTINCT input.pointer)) AS pointers,
    min(input.at) AS first_at, max(input.at) AS last_at, file.sha256, file.claim_id
FROM input
JOIN record.landed_file AS file USING (claim_id)
WHERE file.decision IS DISTINCT FROM 'retract'
    AND file.claim_id NOT IN (SELECT lost FROM record.conflict WHERE kind = 'superseded_claim')
GROUP BY input.finding_id, input.kind, file.path, file.sha256, file.claim_id
ORDER BY input.finding_id, first_at, file.path, file.claim_id
