-- How good was the forecast in the past weeks?
-- Breaches expected at each past week's end beside what became of them, and beside the guess of as many as the week before. The forecast is worth reading where its error is the smaller one.
-- key: week_start
-- week_start DATE: Monday of the ISO week at whose end it was forecast, in the reporting zone.
-- listed BIGINT: Handoffs that fell due in the five business days after it.
-- expected DOUBLE: Breaches forecast of them.
-- actual BIGINT: Breaches that became of them.
-- forecast_error DOUBLE: Distance of expected from actual.
-- last_week_error DOUBLE: Distance of the guess from actual.
SELECT week_start, listed, expected, actual, forecast_error, last_week_error
FROM mart.forecast_backtest
WHERE severity = 'all'
ORDER BY week_start
