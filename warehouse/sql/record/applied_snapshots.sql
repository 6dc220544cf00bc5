-- Register snapshots that are applied at $as_of: loaded, or held and released by then.
WITH known AS (
    FROM record.landing_attempt
    WHERE epoch_us(landed_at) <= $as_of AND list_has_any(string_split(kind, '+'), ['assets', 'people', 'ownership']) AND claim_id IN (FROM known_claim)
    QUALIFY row_number() OVER (PARTITION BY claim_id ORDER BY attempt DESC) = 1
),
decided AS (
    SELECT sha256, arg_max(decision, decided_at) AS decision
    FROM record.decision
    WHERE epoch_us(recorded_at) <= $as_of AND decision IN ('release', 'discard')
    GROUP BY sha256
)
SELECT known.*
FROM known
LEFT JOIN decided USING (sha256)
WHERE known.status = 'loaded' OR (known.status = 'held' AND decided.decision = 'release')
