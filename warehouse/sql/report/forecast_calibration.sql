-- Breaches expected of the handoffs forecast at past weeks' ends, by forecast probability, and how many there were.
SELECT probability_from, probability_to, listed, expected, actual
FROM mart.forecast_calibration
WHERE severity = 'all'
ORDER BY probability_from
