-- Which teams are slow to acknowledge, and which have a long tail?
-- Wall seconds, of all handoffs dated by t0; the longest tail first. A verdict of too_few is no judgement.
-- key: team, severity
-- team VARCHAR: Owning team; (none) where there is none.
-- severity VARCHAR: Band, or all.
-- handoffs BIGINT: Handoff cycles.
-- acknowledged BIGINT: Of them, those with a valid acknowledgement.
-- median_seconds DOUBLE: Median from t0 to t1, wall seconds; null where none was acknowledged.
-- p90_seconds DOUBLE: 90th percentile of the same.
-- tail_seconds DOUBLE: p90_seconds - median_seconds.
-- no_acknowledgement_rate DOUBLE: Of the windows that have elapsed, the share (0 to 1) in which nobody acknowledged; null where none has.
-- verdict VARCHAR: durable, structural_tail, slow or too_few; null for severity all.
SELECT dimension_value AS team, severity, handoffs, acknowledged, median_seconds, p90_seconds, tail_seconds, no_acknowledgement_rate, verdict
FROM mart.handoff_latency
WHERE period_grain = 'all' AND dimension = 'team'
ORDER BY tail_seconds DESC NULLS LAST, team, severity
