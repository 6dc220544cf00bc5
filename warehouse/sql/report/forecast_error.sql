-- How far the forecast, and a guess of as many as in the week before, were off at past weeks' ends.
SELECT
    count(*) AS weeks,
    count(*) FILTER (WHERE listed > 0) AS listed_weeks,
    avg(forecast_error ORDER BY week_start) AS forecast_error,
    avg(last_week_error ORDER BY week_start) AS last_week_error
FROM mart.forecast_backtest
WHERE severity = 'all'
