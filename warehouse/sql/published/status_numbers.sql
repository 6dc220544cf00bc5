-- The five numbers of the current week, a column for each severity; latencies in business time.
SELECT
    number,
    any_value(unit) AS unit,
    max(value) FILTER (WHERE severity = 'all') AS "all",
    max(value) FILTER (WHERE severity = 'critical') AS critical,
    max(value) FILTER (WHERE severity = 'high') AS high,
    max(value) FILTER (WHERE severity = 'medium') AS medium,
    max(value) FILTER (WHERE severity = 'low') AS low,
    max(previous_value) FILTER (WHERE severity = 'all') AS previous_all,
    any_value(period_start) AS week_from
FROM mart.dashboard
WHERE period_grain = 'week' AND failure_mode IS NULL AND coalesce(clock, 'business') = 'business'
GROUP BY number
ORDER BY list_position(['median_handoff_latency', 'p90_handoff_latency', 'no_acknowledgement_rate', 'handoff_sla_breaches', 'unrouted_queue_depth'], number)
