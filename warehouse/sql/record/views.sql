-- Decisions of people, the latest of each file: `release` and `discard` decide a held one, `retract` takes a wrongly loaded one back.
CREATE OR REPLACE VIEW record.file_decision AS
SELECT sha256, arg_max(decision, decided_at) AS decision, max(decided_at) AS decided_at
FROM record.decision
WHERE decision IN ('release', 'discard', 'retract')
GROUP BY sha256;

-- The latest reading of each claim, with the status that a person's decision gave it.
CREATE OR REPLACE VIEW record.landed_file AS
SELECT
    attempt.sha256, attempt.path, attempt.kind, attempt.format, attempt.bytes,
    CASE WHEN attempt.status = 'held' AND file_decision.decision = 'release' THEN 'loaded' ELSE attempt.status END AS status,
    attempt.reason, attempt.rows_in, attempt.rows_new, attempt.rows_duplicate, attempt.rows_rejected, attempt.landed_at,
    attempt.claim_id, attempt.attempt, attempt.sidecar_sha256, attempt.source, attempt.snapshot_at, attempt.is_complete, attempt.scope,
    attempt.run_id, attempt.code_version, attempt.policy_digest, file_decision.decision
FROM record.landing_attempt AS attempt
LEFT JOIN record.file_decision USING (sha256)
QUALIFY row_number() OVER (PARTITION BY attempt.claim_id ORDER BY attempt.attempt DESC) = 1;
