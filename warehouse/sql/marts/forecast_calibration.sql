-- One row per severity and band of forecast probability: the breaches expected of the handoffs forecast at past weeks' ends, and how many there were.
-- key: severity, probability_from
-- severity VARCHAR: Band, or all.
-- probability_from DOUBLE: Lower end of the band of probabilities, 0 to 0.8.
-- probability_to DOUBLE: Upper end of it, exclusive but for 1.
-- listed BIGINT: Handoff cycles listed with such a probability, one for each week's end at which they were.
-- expected DOUBLE: Breaches forecast of them, the sum of their probabilities.
-- actual BIGINT: Breaches that became of them.
WITH listed AS (
    SELECT forecast_at, finding_id, cycle, severity, least(floor(breach_probability * 5), 4) AS fifth, breach_probability, breached
    FROM mart.forecast_listing
    WHERE week_start IS NOT NULL
)
SELECT
    CASE WHEN grouping(severity) = 1 THEN 'all' ELSE severity END AS severity,
    fifth / 5 AS probability_from,
    (fifth + 1) / 5 AS probability_to,
    count(*) AS listed,
    sum(breach_probability ORDER BY forecast_at, finding_id, cycle) AS expected,
    count(*) FILTER (WHERE breached) AS actual
FROM listed
GROUP BY GROUPING SETS ((severity, fifth), (fifth))
