-- One row per handoff cycle: every instant, flag and due date.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- origin VARCHAR
-- severity VARCHAR
-- scanner_severity VARCHAR
-- scanners VARCHAR[]
-- title VARCHAR
-- asset_id VARCHAR
-- application VARCHAR
-- business_unit VARCHAR
-- environment VARCHAR
-- team VARCHAR
-- owner_id VARCHAR
-- captured_at TIMESTAMP
-- enriched_at TIMESTAMP
-- routed_at TIMESTAMP
-- notified_at TIMESTAMP
-- acknowledged_at TIMESTAMP
-- triaged_at TIMESTAMP
-- in_progress_at TIMESTAMP
-- resolved_at TIMESTAMP
-- verified_at TIMESTAMP
-- withdrawn_at TIMESTAMP
-- acknowledgement_kind VARCHAR
-- inferred_at TIMESTAMP
-- latency_seconds DOUBLE
-- latency_business_seconds DOUBLE
-- handoff_due_at TIMESTAMP
-- handoff_breached BOOLEAN
-- remediation_due_at TIMESTAMP
-- remediation_breached BOOLEAN
-- breach_attribution VARCHAR
-- window_ends_at TIMESTAMP
-- is_mature BOOLEAN
-- is_unacknowledged BOOLEAN
-- is_open BOOLEAN
-- binding_status VARCHAR
-- routing_status VARCHAR
-- failure_mode VARCHAR
-- failure_modes VARCHAR[]
-- state VARCHAR
-- closed_at TIMESTAMP
-- engagement VARCHAR
-- capture_channel VARCHAR
-- single_sla_due_at TIMESTAMP
-- single_sla_breached BOOLEAN: Whether one SLA from t0 to closure would have been broken.
-- misattributed BOOLEAN
-- escalated_to VARCHAR
-- control_seconds DOUBLE
-- severity_now VARCHAR
-- team_now VARCHAR
-- target VARCHAR
-- own_ids VARCHAR[]
-- acknowledged_by VARCHAR
-- calendar VARCHAR: Calendar of the policy that its business time is counted in.
-- horizon_at TIMESTAMP: as_of, or the cycle's end before it (UTC); up to then a missing instant is held against it.
-- captured_on DATE
-- clock_seconds DOUBLE: Wall seconds of the handoff's clock - from t0 to t1, without t1 to horizon_at.
-- clock_business_seconds DOUBLE: The same in open seconds of the cycle's calendar.
-- budget_business_seconds DOUBLE: Open seconds from t0 to handoff_due_at - what the handoff had.
-- capture_id VARCHAR: Observation that set t0; null where an event or a lapsed control began the cycle.
WITH timed AS (
    SELECT
        cycle.*,
        parameter.as_of,
        timezone(parameter.reporting_zone, timezone('UTC', cycle.captured_at))::DATE AS captured_on,
        -- An SLA is kept at its due instant; a missing end instant is held against the cycle once H is past due (ruling 55).
        coalesce(acknowledged_at > handoff_due_at, horizon_at > handoff_due_at) AS handoff_breached,
        CASE WHEN remediation_due_at IS NOT NULL THEN coalesce(verified_at > remediation_due_at, horizon_at > remediation_due_at) END AS remediation_breached,
        coalesce(verified_at > single_sla_due_at, horizon_at > single_sla_due_at) AS single_sla_breached,
        -- The window is half-open: withdrawn or acknowledged at its very end is outside (ruling 54).
        as_of >= window_ends_at AND NOT coalesce(withdrawn_at < window_ends_at, false) AS is_mature
    FROM derived.cycle AS cycle
    CROSS JOIN derived.parameter AS parameter
),
gated AS (
    SELECT
        *,
        is_mature AND NOT coalesce(acknowledged_at < window_ends_at, false) AS is_unacknowledged,
        handoff_breached OR is_unacknowledged AS is_gated
    FROM timed
),
fired AS (
    SELECT finding_id, cycle, list(mode ORDER BY rank) AS modes
    FROM derived.mode
    GROUP BY finding_id, cycle
)
SELECT
    finding_id, cycle, origin, severity, scanner_severity, scanners, title, asset_id, application, business_unit, environment, team, owner_id,
    captured_at, enriched_at, routed_at, notified_at, acknowledged_at, triaged_at, in_progress_at, resolved_at, verified_at, withdrawn_at,
    CASE WHEN acknowledged_at IS NOT NULL THEN 'explicit' WHEN inferred_at IS NOT NULL THEN 'inferred' ELSE 'none' END AS acknowledgement_kind,
    inferred_at,
    (epoch_us(acknowledged_at) - epoch_us(captured_at)) / 1e6 AS latency_seconds,
    (acknowledged_open_us - captured_open_us) / 1e6 AS latency_business_seconds,
    handoff_due_at, handoff_breached, remediation_due_at, remediation_breached,
    CASE
        WHEN handoff_breached AND remediation_breached THEN 'both'
        WHEN handoff_breached THEN 'handoff'
        WHEN remediation_breached THEN 'remediation'
        ELSE 'none'
    END AS breach_attribution,
    window_ends_at, is_mature, is_unacknowledged, is_open, binding_status, routing_status,
    CASE WHEN is_gated THEN coalesce(fired.modes[1], 'unexplained') END AS failure_mode,
    CASE WHEN is_gated THEN coalesce(fired.modes, []::VARCHAR[]) ELSE []::VARCHAR[] END AS failure_modes,
    state,
    coalesce(verified_at, withdrawn_at) AS closed_at,
    engagement, capture_channel, single_sla_due_at, single_sla_breached,
    single_sla_breached AND handoff_breached AND NOT coalesce(remediation_breached, false) AS misattributed,
    escalated_to,
    control_us / 1e6 AS control_seconds,
    severity_now, team_now, target, own_ids, acknowledged_by, calendar, horizon_at, captured_on,
    (epoch_us(coalesce(acknowledged_at, horizon_at)) - epoch_us(captured_at)) / 1e6 AS clock_seconds,
    (coalesce(acknowledged_open_us, horizon_open_us) - captured_open_us) / 1e6 AS clock_business_seconds,
    (handoff_due_open_us - captured_open_us) / 1e6 AS budget_business_seconds,
    capture_id
FROM gated
LEFT JOIN fired USING (finding_id, cycle)
