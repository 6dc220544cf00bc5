-- Whether owners are still there, by every cut; of findings, not of handoffs.
SELECT
    NULL::VARCHAR AS basis, figure.measure, 'all' AS period_grain, NULL::DATE AS period_start, dimension, dimension_value, severity,
    NULL::VARCHAR AS failure_mode, NULL::VARCHAR AS clock, figure.unit, figure.value, NULL::VARCHAR AS word, figure.population
FROM mart.ownership_currency
CROSS JOIN LATERAL (
    VALUES
        ('open_findings_with_an_owner', 'count', owned::DOUBLE, open_findings),
        ('open_findings_with_an_active_owner', 'count', active::DOUBLE, open_findings),
        ('ownership_currency', 'rate', currency_rate, open_findings),
        ('ownership_currency_of_the_owned', 'rate', owned_currency_rate, owned)
) AS figure (measure, unit, value, population)
WHERE mapping_age = 'all'
