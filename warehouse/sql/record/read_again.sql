-- Claims whose latest reading may come out better now.
WITH latest AS (
    FROM record.landed_file
    WHERE coalesce(decision, '') NOT IN ('retract', 'discard')
        AND claim_id NOT IN (SELECT lost FROM record.conflict WHERE kind = 'superseded_claim')
),
due AS (
    SELECT DISTINCT rejected.claim_id
    FROM record.rejected_row AS rejected
    JOIN latest USING (claim_id, attempt)
    WHERE rejected.reason = 'future' AND epoch_us(rejected.retry_at) <= $as_of
),
asked AS (
    SELECT latest.claim_id
    FROM latest
    JOIN record.decision USING (sha256)
    WHERE decision.decision = 'reprocess' AND decision.recorded_at > latest.landed_at
)
SELECT sha256, claim_id
FROM latest
WHERE ((status = 'quarantined' OR rows_rejected > 0) AND (code_version <> $code OR policy_digest <> $policy))
    OR claim_id IN (FROM due)
    OR claim_id IN (FROM asked)
ORDER BY path, claim_id;
