-- A compensating control stands in for a fix only while a named person attests it on the policy's cadence.
-- subject: handoff
-- population: every handoff cycle in which a compensating control ran.
-- complete: none of its controls lapsed in the cycle, and whoever accepted or attested them was a named, active person.
-- exception: a control's attestation fell due, or it expired, before it was attested again (lapsed); or it was accepted or attested by nobody whom the directory knew as active.
-- pending: never; a running control that is not yet due has been attested in time so far.
WITH followed AS (
    SELECT finding_id, cycle, horizon_at, lead(origin) OVER in_order AS next_origin, lead(captured_at) OVER in_order AS next_captured_at
    FROM derived.cycle
    WINDOW in_order AS (PARTITION BY finding_id ORDER BY cycle)
),
ran AS (
    -- A control that ends inside its cycle, or where a revalidation begins, has lapsed: verified, withdrawn and as_of end both at once (ruling 45).
    SELECT
        finding_id, cycle,
        min(control.started_at) AS started_at,
        min(control.ended_at) FILTER (
            WHERE control.ended_at < followed.horizon_at
                OR (followed.next_origin = 'revalidation' AND followed.next_captured_at = control.ended_at)
        ) AS lapsed_at
    FROM derived.control AS control
    JOIN followed USING (finding_id, cycle)
    GROUP BY ALL
),
unnamed AS (
    SELECT finding_id, cycle, min(occurred_at) AS occurred_at, arg_min(actor_standing, (occurred_at, event_id)) AS standing
    FROM mart.event
    WHERE event IN ('control_accepted', 'control_attested') AND is_valid AND cycle IS NOT NULL AND actor_standing <> 'active'
    GROUP BY ALL
)
SELECT
    finding_id AS subject_id, cycle,
    CASE WHEN coalesce(lapsed_at, occurred_at) IS NULL THEN 'complete' ELSE 'exception' END AS status,
    CASE WHEN occurred_at IS NOT NULL THEN concat('attested_by_', standing) WHEN lapsed_at IS NOT NULL THEN 'lapsed' ELSE 'attested' END AS reason,
    coalesce(least(lapsed_at, occurred_at), started_at) AS dated_at
FROM ran
LEFT JOIN unnamed USING (finding_id, cycle)
