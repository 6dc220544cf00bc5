-- Rows that the latest reading of their file, as known at as_of, could not use.
WITH parameter AS (FROM derived.parameter),
read AS (
    SELECT claim_id, attempt, sha256, min(landed_at) OVER (PARTITION BY claim_id) AS first_landed_at
    FROM record.landing_attempt
    WHERE landed_at <= (SELECT as_of FROM parameter)
        AND claim_id NOT IN (
            SELECT lost FROM record.conflict WHERE kind = 'superseded_claim' AND recorded_at <= (SELECT as_of FROM parameter)
        )
        AND sha256 NOT IN (SELECT sha256 FROM record.decision WHERE decision = 'retract' AND recorded_at <= (SELECT as_of FROM parameter))
    QUALIFY row_number() OVER (PARTITION BY claim_id ORDER BY attempt DESC) = 1
)
SELECT
    'row' AS subject_kind, concat(rejected.claim_id, ':', rejected.pointer) AS subject_id, NULL::VARCHAR AS finding_id, NULL::INTEGER AS cycle,
    read.first_landed_at AS since_at,
    rejected.path, rejected.pointer, rejected.reason, rejected.detail AS explanation
FROM record.rejected_row AS rejected
JOIN read USING (claim_id, attempt)
