-- Scans known at $as_of with what they say they covered and by whom, dated by the sidecar, else by their latest result, and what was decided of those that were
-- held: one that collapsed counts only for what it found.
WITH known AS (
    FROM record.landing_attempt
    WHERE epoch_us(landed_at) <= $as_of AND kind = 'scan' AND claim_id IN (FROM known_claim)
    QUALIFY row_number() OVER (PARTITION BY claim_id ORDER BY attempt DESC) = 1
),
decided AS (
    SELECT sha256, arg_max(decision, decided_at) AS decision
    FROM record.decision
    WHERE epoch_us(recorded_at) <= $as_of AND decision IN ('release', 'discard')
    GROUP BY sha256
),
results AS (
    SELECT claim_id, captured_at, captured_at_source
    FROM record.observation
    WHERE epoch_us(recorded_at) <= $as_of
    UNION ALL
    SELECT scan_member.claim_id, observation.captured_at, observation.captured_at_source
    FROM record.scan_member
    JOIN record.observation USING (observation_id)
    WHERE epoch_us(scan_member.recorded_at) <= $as_of
),
latest AS (
    SELECT claim_id, max(epoch_us(captured_at)) AS captured_us, bool_and(captured_at_source = 'file') AS is_dated_by_file
    FROM results
    GROUP BY claim_id
)
SELECT
    known.claim_id, known.sha256, known.path, known.format, known.scanners, known.scope, known.rows_rejected,
    CASE WHEN known.status <> 'held' THEN known.status WHEN decided.decision = 'release' THEN 'released' WHEN decided.decision = 'discard' THEN 'discarded' ELSE 'held' END AS status,
    coalesce(epoch_us(known.snapshot_at), latest.captured_us) AS scanned_us,
    known.snapshot_at IS NULL AND coalesce(latest.is_dated_by_file, false) AS is_dated_by_file
FROM known
LEFT JOIN decided USING (sha256)
LEFT JOIN latest USING (claim_id)
WHERE known.status IN ('loaded', 'empty', 'held')
