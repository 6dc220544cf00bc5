-- It was remediated, and the fix verified, in the time that the policy gives its rank.
-- subject: handoff
-- population: every handoff cycle that fell due, was verified, or is open; not one that was withdrawn, or went on as another cycle, before it fell due.
-- complete: verified closure at or before the due instant of the remediation SLA (from t1; time under a compensating control does not count). Without a t1 that clock has not begun; due is then what handoff and remediation SLA give together from t0.
-- exception: verified after it, or not verified by it; a fix that is reported and not verified is none.
-- pending: open, not yet due.
WITH due AS (
    SELECT *, coalesce(remediation_due_at, single_sla_due_at) AS due_at
    FROM mart.handoff
),
judged AS (
    SELECT *, coalesce(verified_at, horizon_at) > due_at AS is_late
    FROM due
)
SELECT
    finding_id AS subject_id, cycle,
    CASE WHEN is_late THEN 'exception' WHEN verified_at IS NOT NULL THEN 'complete' ELSE 'pending' END AS status,
    CASE
        WHEN is_late AND verified_at IS NOT NULL THEN 'verified_late'
        WHEN is_late AND resolved_at IS NOT NULL THEN 'resolved_not_verified'
        WHEN is_late THEN 'not_remediated'
        WHEN verified_at IS NOT NULL THEN 'verified_in_time'
        ELSE 'not_due'
    END AS reason,
    CASE WHEN is_late THEN due_at ELSE coalesce(verified_at, due_at) END AS dated_at
FROM judged
WHERE is_late OR verified_at IS NOT NULL OR is_open
