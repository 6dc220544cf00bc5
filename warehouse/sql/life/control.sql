-- The compensating controls of a range of findings.
SELECT finding_id, cycle, started_at, attested_at, attestations, due_at, ended_at, ended_by, state
FROM mart.compensating_control
WHERE finding_id BETWEEN $first AND $last
ORDER BY finding_id, started_at
