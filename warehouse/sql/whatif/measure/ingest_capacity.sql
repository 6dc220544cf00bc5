-- Queues and throughput of the last week that is there, by business unit; of weeks, not of handoffs.
SELECT
    NULL::VARCHAR AS basis, concat(step, '_', figure.measure) AS measure, 'week' AS period_grain, week_start AS period_start,
    CASE business_unit WHEN 'all' THEN 'all' ELSE 'business_unit' END AS dimension, business_unit AS dimension_value, 'all' AS severity,
    NULL::VARCHAR AS failure_mode, CASE figure.unit WHEN 'seconds' THEN 'wall' END AS clock, figure.unit, figure.value, NULL::VARCHAR AS word,
    opened AS population
FROM mart.ingest_capacity
CROSS JOIN LATERAL (
    VALUES
        ('queue', 'count', queue::DOUBLE), ('throughput_a_week', 'count', throughput), ('utilisation', 'rate', utilisation),
        ('expected_wait', 'seconds', expected_wait_seconds)
) AS figure (measure, unit, value)
WHERE week_start = (SELECT max(week_start) FROM mart.ingest_capacity)
