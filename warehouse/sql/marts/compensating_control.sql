-- One row per compensating control, from its acceptance to its end: how old it is, whether it is attested, and what its lapse started.
-- key: finding_id, started_at
-- finding_id VARCHAR
-- cycle INTEGER: Handoff cycle in which it began, whose severity, asset, team, owner and title stand here.
-- started_at TIMESTAMP: When it was accepted, or attested without having been accepted (UTC).
-- severity VARCHAR
-- severity_now VARCHAR
-- asset_id VARCHAR
-- business_unit VARCHAR
-- team VARCHAR
-- owner_id VARCHAR
-- title VARCHAR
-- attested_at TIMESTAMP: Its last acceptance or attestation (UTC).
-- attestations BIGINT: Attestations after, or instead of, its acceptance.
-- due_at TIMESTAMP: When its next attestation falls due (UTC); the instant of its expiry where it was said to have expired.
-- ended_at TIMESTAMP: When it ended (UTC); null while it runs.
-- ended_by VARCHAR: due, control_expired, verified or withdrawn; null while it runs.
-- state VARCHAR: current (due in more than 14 days), due_soon, lapsed (not attested since it fell due, and still needed) or closed.
-- age_seconds DOUBLE: Wall seconds from started_at to as_of.
-- revalidation_cycle INTEGER: Handoff cycle that its lapse started; null where it started none.
-- revalidation_started_at TIMESTAMP: t0 of that cycle (UTC).
-- revalidation_latency_seconds DOUBLE: Wall seconds from there to t1 of that cycle; null while nobody acknowledged.
-- revalidation_latency_business_seconds DOUBLE: The same in business seconds.
WITH controls AS (
    SELECT *, lead(started_at) OVER (PARTITION BY finding_id ORDER BY started_at) IS NOT NULL AS is_renewed
    FROM derived.compensating_control
),
closures AS (
    SELECT finding_id, max(closed_at) AS last_closed_at
    FROM mart.handoff
    GROUP BY finding_id
)
SELECT
    controls.finding_id, controls.cycle, controls.started_at,
    began.severity, began.severity_now, began.asset_id, began.business_unit, began.team, began.owner_id, began.title,
    controls.attested_at,
    controls.attestations::BIGINT AS attestations,
    controls.due_at, controls.ended_at, controls.ended_by,
    CASE
        WHEN controls.ended_at IS NULL AND controls.due_at > parameter.as_of + INTERVAL 14 DAY THEN 'current'
        WHEN controls.ended_at IS NULL THEN 'due_soon'
        -- A lapse asks for something only until the control is accepted or attested anew, or the finding is closed.
        WHEN controls.ended_by IN ('due', 'control_expired') AND NOT is_renewed AND NOT coalesce(last_closed_at >= controls.ended_at, false) THEN 'lapsed'
        ELSE 'closed'
    END AS state,
    (epoch_us(parameter.as_of) - epoch_us(controls.started_at)) / 1e6 AS age_seconds,
    controls.revalidation_cycle,
    revalidation.captured_at AS revalidation_started_at,
    revalidation.latency_seconds AS revalidation_latency_seconds,
    revalidation.latency_business_seconds AS revalidation_latency_business_seconds
FROM controls
JOIN mart.handoff AS began ON began.finding_id = controls.finding_id AND began.cycle = controls.cycle
JOIN closures ON closures.finding_id = controls.finding_id
LEFT JOIN mart.handoff AS revalidation ON revalidation.finding_id = controls.finding_id AND revalidation.cycle = controls.revalidation_cycle
CROSS JOIN derived.parameter AS parameter
