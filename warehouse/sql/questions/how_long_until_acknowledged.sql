-- How long does it take until a named engineer acknowledges?
-- Seconds by severity, of all handoffs dated by t0; wall beside business time. Null where none was acknowledged: those still waiting are in km_median_seconds, and there null means that half of them have not come to it.
-- key: severity
-- severity VARCHAR: Band, or all.
-- handoffs BIGINT: Handoff cycles.
-- acknowledged BIGINT: Of them, those with a valid acknowledgement.
-- median_seconds DOUBLE: Median from t0 to t1, wall seconds.
-- p90_seconds DOUBLE: 90th percentile of the same.
-- median_business_seconds DOUBLE: Median in open seconds of the team's calendar.
-- p90_business_seconds DOUBLE: 90th percentile of the same.
-- km_median_seconds DOUBLE: Kaplan-Meier median, which counts those still waiting; wall seconds, null where not reached.
-- no_acknowledgement_rate DOUBLE: Of the windows that have elapsed, the share (0 to 1) in which nobody acknowledged; null where none has.
-- verdict VARCHAR: durable, structural_tail, slow or too_few; null for all.
SELECT
    severity, handoffs, acknowledged, median_seconds, p90_seconds, median_business_seconds, p90_business_seconds, km_median_seconds,
    no_acknowledgement_rate, verdict
FROM mart.handoff_latency
WHERE period_grain = 'all' AND dimension = 'all'
ORDER BY severity <> 'all' DESC, list_position(['critical', 'high', 'medium', 'low'], severity)
