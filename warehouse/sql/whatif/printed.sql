-- The measures by one cut: the five numbers first, then their neighbours; all cohorts before the current periods.
SELECT *
FROM whatif.difference
WHERE dimension = $dimension
ORDER BY
    list_position(['all', 'week', 'month', 'quarter'], period_grain),
    coalesce(list_position(
        ['median_handoff_latency', 'p90_handoff_latency', 'no_acknowledgement_rate', 'handoff_sla_breaches', 'unrouted_queue_depth'], measure
    ), 6),
    measure, clock NULLS FIRST, dimension_value, coalesce(list_position(['all', 'critical', 'high', 'medium', 'low'], severity), 6), failure_mode NULLS FIRST
