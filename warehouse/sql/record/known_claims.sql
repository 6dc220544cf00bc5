-- Claims whose rows count at $as_of: not superseded by a later sidecar, not taken back by then.
CREATE OR REPLACE TEMP TABLE known_claim AS
SELECT attempt.claim_id
FROM record.landing_attempt AS attempt
LEFT JOIN record.decision AS retraction
    ON retraction.sha256 = attempt.sha256 AND retraction.decision = 'retract' AND epoch_us(retraction.recorded_at) <= $as_of
WHERE epoch_us(attempt.landed_at) <= $as_of AND retraction.sha256 IS NULL
    AND attempt.claim_id NOT IN (
        SELECT lost FROM record.conflict WHERE kind = 'superseded_claim' AND epoch_us(recorded_at) <= $as_of
    )
GROUP BY attempt.claim_id
