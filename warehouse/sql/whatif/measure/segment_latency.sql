-- Where the time goes, over all cohorts, by every cut.
SELECT
    concat('segment ', segment) AS basis, figure.measure, 'all' AS period_grain, NULL::DATE AS period_start, dimension, dimension_value, severity,
    NULL::VARCHAR AS failure_mode, figure.clock, 'seconds' AS unit, figure.value, NULL::VARCHAR AS word, cycles AS population
FROM mart.segment_latency
CROSS JOIN LATERAL (
    VALUES
        (concat('median_', segment, '_segment'), 'wall', median_seconds),
        (concat('median_', segment, '_segment'), 'business', median_business_seconds),
        (concat('p90_', segment, '_segment'), 'wall', p90_seconds)
) AS figure (measure, clock, value)
WHERE period_grain = 'all'
