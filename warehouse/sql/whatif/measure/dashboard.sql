-- The five numbers of the periods that contain as_of, each dated by what happened in it.
SELECT
    CASE number
        WHEN 'no_acknowledgement_rate' THEN 'window'
        WHEN 'handoff_sla_breaches' THEN 'handoff_breach'
        WHEN 'unrouted_queue_depth' THEN 'unrouted'
        ELSE 'latency'
    END AS basis,
    number AS measure, period_grain, period_start, 'all' AS dimension, 'all' AS dimension_value, severity, failure_mode, clock, unit, value,
    NULL::VARCHAR AS word, population
FROM mart.dashboard
