-- Why do handoffs fail?
-- Handoffs that broke their SLA or their window, by the first broken link in stage order; unexplained is shown too. lost_seconds are wall seconds beyond the handoff SLA, up to t1 or as_of.
-- key: failure_mode
-- failure_mode VARCHAR: asset_binding_gap, decayed_routing, severity_mismatch, notification_noise, acknowledgement_ambiguity or unexplained.
-- primary_of BIGINT: Handoff cycles whose first broken link it is.
-- fired_in BIGINT: Handoff cycles in which it fired, primary or not.
-- lost_seconds DOUBLE: Wall seconds lost in the cycles whose first broken link it is.
WITH fired AS (
    SELECT mode AS failure_mode, count(*) FILTER (WHERE is_primary) AS primary_of, count(*) AS fired_in
    FROM mart.failure_mode
    GROUP BY mode
),

lost AS (
    SELECT failure_mode, sum(lost_us)::BIGINT AS lost_us
    FROM mart.lag_attribution
    GROUP BY failure_mode
)

SELECT fired.failure_mode, fired.primary_of, fired.fired_in, coalesce(lost.lost_us, 0) / 1e6 AS lost_seconds
FROM fired
LEFT JOIN lost USING (failure_mode)
ORDER BY fired.primary_of DESC, fired.fired_in DESC, fired.failure_mode
