-- It was accepted in the time that the policy gives: t1 by the due instant of the handoff SLA, in business time of the owning team's calendar.
-- subject: handoff
-- population: every handoff cycle that fell due, was acknowledged, or is open; not one that ended unacknowledged before it fell due.
-- complete: acknowledged at or before its due instant.
-- exception: acknowledged after it, or not acknowledged by it.
-- pending: open, not acknowledged, not yet due.
SELECT
    finding_id AS subject_id, cycle,
    CASE WHEN handoff_breached THEN 'exception' WHEN acknowledged_at IS NOT NULL THEN 'complete' ELSE 'pending' END AS status,
    CASE
        WHEN handoff_breached THEN CASE WHEN acknowledged_at IS NULL THEN 'not_acknowledged' ELSE 'acknowledged_late' END
        WHEN acknowledged_at IS NOT NULL THEN 'acknowledged_in_time'
        ELSE 'not_due'
    END AS reason,
    CASE WHEN handoff_breached THEN handoff_due_at ELSE coalesce(acknowledged_at, handoff_due_at) END AS dated_at
FROM mart.handoff
WHERE handoff_breached OR acknowledged_at IS NOT NULL OR is_open
