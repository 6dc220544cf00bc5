-- Scanned targets with what they bind to at as_of, and where they came in first.
WITH first AS (
    SELECT DISTINCT ON (target) target, observation_id, content_id, claim_id, captured_at
    FROM derived.capture
    ORDER BY target, captured_at, observation_id
),
origin AS (
    SELECT first.target, first.captured_at, first.claim_id, observation.pointer
    FROM first
    LEFT JOIN record.observation USING (observation_id, content_id, claim_id)
),
file AS (
    SELECT DISTINCT ON (claim_id) claim_id, path, source
    FROM record.landing_attempt
    ORDER BY claim_id, attempt
)
SELECT
    'target' AS subject_kind, target.target AS subject_id, NULL::VARCHAR AS finding_id, NULL::INTEGER AS cycle,
    origin.captured_at AS since_at,
    target.target, target.binding_status, target.is_authorized,
    array_to_string(target.candidates, ', ') AS candidates,
    file.path, origin.pointer, file.source
FROM derived.target
LEFT JOIN origin USING (target)
LEFT JOIN file USING (claim_id)
