-- Handoffs whose SLA or acknowledgement window broke in the period, by primary mode, with the wall time that they ran past due (mart.lag_attribution);
-- and for each mode, in how many of them it fired at all.
WITH lost AS (
    SELECT finding_id, cycle, sum(lost_us)::BIGINT AS lost_us
    FROM mart.lag_attribution
    GROUP BY ALL
),
failed AS (
    SELECT report_period.period_grain, handoff.finding_id, handoff.cycle, handoff.failure_mode, handoff.failure_modes, coalesce(lost.lost_us, 0) AS lost_us,
        handoff.handoff_breached AND handoff.handoff_due_at BETWEEN report_period.starts_at AND report_period.as_of AS is_breach,
        handoff.is_unacknowledged AND handoff.window_ends_at BETWEEN report_period.starts_at AND report_period.as_of AS is_silent
    FROM report_period
    CROSS JOIN mart.handoff AS handoff
    LEFT JOIN lost USING (finding_id, cycle)
    WHERE is_breach OR is_silent
),
modes (failure_mode, position) AS (
    VALUES
        ('asset_binding_gap', 1), ('decayed_routing', 2), ('severity_mismatch', 3), ('notification_noise', 4), ('acknowledgement_ambiguity', 5),
        ('unexplained', 6)
)
SELECT
    report_period.period_grain, modes.failure_mode, modes.position,
    count(*) FILTER (WHERE failed.failure_mode = modes.failure_mode) AS handoffs,
    count(*) FILTER (WHERE failed.failure_mode = modes.failure_mode AND is_breach) AS breaches,
    count(*) FILTER (WHERE failed.failure_mode = modes.failure_mode AND is_silent) AS unacknowledged,
    count(*) FILTER (WHERE list_contains(failed.failure_modes, modes.failure_mode)) AS fired,
    count(*) FILTER (WHERE failed.failure_mode = modes.failure_mode AND failed.lost_us > 0) AS late,
    coalesce(sum(lost_us) FILTER (WHERE failed.failure_mode = modes.failure_mode), 0)::BIGINT AS lost_us,
    count(failed.finding_id) AS failed
FROM report_period
CROSS JOIN modes
LEFT JOIN failed ON failed.period_grain = report_period.period_grain
GROUP BY ALL
ORDER BY period_grain, handoffs DESC, position
