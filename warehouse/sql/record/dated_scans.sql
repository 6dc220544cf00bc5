-- Scans known at $as_of with what they say they covered, dated by the sidecar, else by their latest result. One that collapsed counts only for what it found.
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
latest AS (
    SELECT claim_id, max(epoch_us(captured_at)) AS captured_us
    FROM record.observation
    WHERE epoch_us(recorded_at) <= $as_of
    GROUP BY claim_id
)
SELECT known.claim_id, known.scope, coalesce(epoch_us(known.snapshot_at), latest.captured_us) AS scanned_us
FROM known
LEFT JOIN decided USING (sha256)
LEFT JOIN latest USING (claim_id)
WHERE known.status IN ('loaded', 'empty') OR (known.status = 'held' AND decided.decision = 'release')
