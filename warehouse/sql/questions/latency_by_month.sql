-- Is the handoff getting faster?
-- Wall seconds by month of t0, a local month of the reporting zone. The last months look fast at first: what nobody has acknowledged yet is in no median.
-- key: month, severity
-- month DATE: First local day of the month of t0.
-- severity VARCHAR: Band, or all.
-- handoffs BIGINT: Handoff cycles of that month.
-- acknowledged BIGINT: Of them, those with a valid acknowledgement by now.
-- median_seconds DOUBLE: Median from t0 to t1, wall seconds; null where none was acknowledged.
-- p90_seconds DOUBLE: 90th percentile of the same.
-- no_acknowledgement_rate DOUBLE: Of the windows that have elapsed, the share (0 to 1) in which nobody acknowledged; null where none has.
SELECT period_start AS month, severity, handoffs, acknowledged, median_seconds, p90_seconds, no_acknowledgement_rate
FROM mart.handoff_latency
WHERE period_grain = 'month' AND dimension = 'all'
ORDER BY month, severity
