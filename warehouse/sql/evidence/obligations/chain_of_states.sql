-- It moved through a defined chain of states in order: identified and ranked, assigned (acknowledged by name), remediated, verified, each at an instant of its own.
-- subject: handoff
-- population: every handoff cycle of a rated finding, but those withdrawn (named_accountability judges them) and those that a lapsed control ended (the next cycle carries them on).
-- complete: verified, with t0, t1, work begun (where recorded), fix and verification each recorded and in this order.
-- exception: it ended with a link missing or out of order, or seen again before its fix was verified; or, still open, it is past the due instant of its next link, or work or fix came before anybody accepted it.
-- pending: open, every link so far in order, the next one not yet due.
WITH followed AS (
    SELECT *, lead(origin) OVER (PARTITION BY finding_id ORDER BY cycle) AS next_origin
    FROM mart.handoff
),
judged AS (
    SELECT
        *,
        CASE
            WHEN in_progress_at < acknowledged_at OR (in_progress_at IS NOT NULL AND acknowledged_at IS NULL) THEN 'work_before_acknowledgement'
            WHEN resolved_at < acknowledged_at OR (resolved_at IS NOT NULL AND acknowledged_at IS NULL) THEN 'fix_before_acknowledgement'
            WHEN acknowledged_at IS NULL AND (handoff_breached OR NOT is_open) THEN 'not_acknowledged'
            WHEN state = 'superseded' THEN 'seen_again_before_verification'
            WHEN verified_at IS NOT NULL AND resolved_at IS NULL THEN 'fix_not_recorded'
            WHEN resolved_at < in_progress_at THEN 'fix_before_work'
            WHEN verified_at IS NULL AND remediation_breached THEN 'not_verified'
        END AS fault
    FROM followed
    WHERE withdrawn_at IS NULL AND NOT (state = 'superseded' AND coalesce(next_origin = 'revalidation', false))
)
SELECT
    finding_id AS subject_id, cycle,
    CASE WHEN fault IS NOT NULL THEN 'exception' WHEN verified_at IS NOT NULL THEN 'complete' ELSE 'pending' END AS status,
    CASE
        WHEN fault IS NOT NULL THEN fault
        WHEN verified_at IS NOT NULL THEN 'verified'
        WHEN resolved_at IS NOT NULL THEN 'awaits_verification'
        WHEN acknowledged_at IS NOT NULL THEN 'awaits_fix'
        ELSE 'awaits_acknowledgement'
    END AS reason,
    CASE
        WHEN fault = 'work_before_acknowledgement' THEN in_progress_at
        WHEN fault IN ('fix_before_acknowledgement', 'fix_before_work') THEN resolved_at
        WHEN fault = 'not_acknowledged' THEN least(handoff_due_at, horizon_at)
        WHEN fault = 'seen_again_before_verification' THEN horizon_at
        WHEN fault = 'fix_not_recorded' THEN verified_at
        ELSE coalesce(verified_at, remediation_due_at, handoff_due_at)
    END AS dated_at
FROM judged
