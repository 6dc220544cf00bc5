-- How long each stage of the handoff takes where it was observed by itself.
SELECT
    concat('stage ', stage) AS basis, concat('median_', stage, '_stage') AS measure, 'all' AS period_grain, NULL::DATE AS period_start, 'all' AS dimension,
    'all' AS dimension_value, band.severity, NULL::VARCHAR AS failure_mode, 'wall' AS clock, 'seconds' AS unit,
    quantile_cont(span_seconds, 0.5) AS value, NULL::VARCHAR AS word, count(span_seconds) AS population
FROM mart.stage
JOIN mart.handoff USING (finding_id, cycle)
CROSS JOIN LATERAL (VALUES ('all'), (handoff.severity)) AS band (severity)
WHERE stage <> 'capture' AND len(covers) = 1
GROUP BY stage, band.severity
