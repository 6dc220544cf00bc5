-- Somebody by name answers for it: accepted explicitly by a named, active person whom the policy allows, or withdrawn by one with a reason.
-- subject: handoff
-- population: every handoff cycle of a rated finding.
-- complete: it has a valid explicit acknowledgement (t1), however late, and where it was withdrawn, a named active person did so and gave a reason.
-- exception: its acknowledgement window elapsed, or it ended, without one (only_inferred where work alone was visible); or it was withdrawn without a reason, or by nobody whom the directory knew as active.
-- pending: open, not acknowledged, its window not yet elapsed.
WITH withdrawal AS (
    SELECT finding_id, cycle, nullif(trim(comment), '') AS given_reason, actor_standing
    FROM mart.event
    WHERE event = 'withdrawn' AND is_valid AND cycle IS NOT NULL
),
judged AS (
    SELECT
        handoff.*,
        CASE
            WHEN withdrawn_at IS NOT NULL AND given_reason IS NULL THEN 'withdrawn_without_reason'
            WHEN withdrawn_at IS NOT NULL AND actor_standing <> 'active' THEN concat('withdrawn_by_', actor_standing)
            WHEN withdrawn_at IS NULL AND acknowledged_at IS NULL AND (is_unacknowledged OR NOT is_open)
                THEN CASE WHEN inferred_at IS NULL THEN 'never_acknowledged' ELSE 'only_inferred' END
        END AS fault
    FROM mart.handoff
    LEFT JOIN withdrawal USING (finding_id, cycle)
)
SELECT
    finding_id AS subject_id, cycle,
    CASE
        WHEN fault IS NOT NULL THEN 'exception'
        WHEN acknowledged_at IS NOT NULL OR withdrawn_at IS NOT NULL THEN 'complete'
        ELSE 'pending'
    END AS status,
    CASE
        WHEN fault IS NOT NULL THEN fault
        WHEN withdrawn_at IS NOT NULL THEN 'withdrawn_with_reason'
        WHEN acknowledged_at IS NOT NULL THEN 'acknowledged'
        ELSE 'window_open'
    END AS reason,
    -- A cycle that ended unacknowledged failed at its end, where that came before the window's.
    CASE WHEN fault IN ('never_acknowledged', 'only_inferred') THEN least(window_ends_at, horizon_at) ELSE coalesce(withdrawn_at, acknowledged_at, window_ends_at) END AS dated_at
FROM judged
