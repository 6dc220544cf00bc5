-- Breaches forecast for the next five business days, by band.
SELECT severity, count(*) AS listed, sum(breach_probability ORDER BY finding_id, cycle) AS expected
FROM mart.breach_forecast
GROUP BY severity
ORDER BY severity
