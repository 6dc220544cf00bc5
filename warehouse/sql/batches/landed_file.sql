-- Landed files as known at as_of, the latest reading of each claim that counts, with how their rows say when they were.
WITH parameter AS (FROM derived.parameter),
decided AS (
    SELECT sha256, arg_max(decision, decided_at) AS decision
    FROM record.decision
    WHERE recorded_at <= (SELECT as_of FROM parameter) AND decision IN ('release', 'discard', 'retract')
    GROUP BY sha256
),
read AS (
    SELECT attempt.*, min(attempt.landed_at) OVER (PARTITION BY attempt.claim_id) AS first_landed_at
    FROM record.landing_attempt AS attempt
    WHERE attempt.landed_at <= (SELECT as_of FROM parameter)
        AND attempt.claim_id NOT IN (
            SELECT lost FROM record.conflict WHERE kind = 'superseded_claim' AND recorded_at <= (SELECT as_of FROM parameter)
        )
    QUALIFY row_number() OVER (PARTITION BY attempt.claim_id ORDER BY attempt.attempt DESC) = 1
),
stamped AS (
    SELECT claim_id, is_naive, is_midnight, captured_at_source FROM record.observation WHERE recorded_at <= (SELECT as_of FROM parameter)
    UNION ALL
    SELECT claim_id, is_naive, is_midnight, NULL FROM record.activity WHERE recorded_at <= (SELECT as_of FROM parameter) AND method <> 'own'
),
stamps AS (
    SELECT
        claim_id,
        count(*) AS stamps,
        count(*) FILTER (WHERE is_naive) AS naive_stamps,
        count(*) FILTER (WHERE is_midnight) AS midnight_stamps,
        count(*) FILTER (WHERE captured_at_source = 'report_date') AS day_captures,
        count(*) FILTER (WHERE captured_at_source = 'file') AS file_captures
    FROM stamped
    GROUP BY claim_id
)
SELECT
    'file' AS subject_kind, read.claim_id AS subject_id, NULL::VARCHAR AS finding_id, NULL::INTEGER AS cycle,
    read.first_landed_at AS since_at,
    read.path, read.sha256,
    -- A person's decision settles a held file, whichever it is.
    CASE WHEN read.status = 'held' THEN coalesce(decided.decision, 'held') ELSE read.status END AS status,
    read.reason,
    coalesce(stamps.stamps, 0) AS stamps,
    coalesce(stamps.naive_stamps, 0) AS naive_stamps,
    coalesce(stamps.midnight_stamps, 0) AS midnight_stamps,
    coalesce(stamps.day_captures, 0) AS day_captures,
    coalesce(stamps.file_captures, 0) AS file_captures
FROM read
LEFT JOIN decided USING (sha256)
LEFT JOIN stamps USING (claim_id)
WHERE decided.decision IS DISTINCT FROM 'retract'
