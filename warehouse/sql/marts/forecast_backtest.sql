-- One row per past week's end (at most twelve, with the business days before and after it inside the record) and severity:
-- the breaches forecast then of the handoffs listed, beside what became of them and a guess of as many as in the week before.
-- key: week_start, severity
-- week_start DATE: Monday, in the reporting zone, of the ISO week at whose end it is forecast.
-- severity VARCHAR: Band, or all.
-- listed BIGINT: Cycles that were open and unacknowledged then and fell due in the five business days after it.
-- expected DOUBLE: Breaches forecast of them, the sum of their probabilities, from what had happened by then.
-- actual BIGINT: Breaches that became of them.
-- last_week BIGINT: Breaches, in the five business days before it, of cycles that were open when these began: the guess that nothing changes.
-- forecast_error DOUBLE: Distance of expected from actual.
-- last_week_error DOUBLE: Distance of last_week from actual.
WITH weeks AS (
    SELECT starts_at, week_start, previous_from, previous_to
    FROM derived.horizon
    WHERE week_start IS NOT NULL AND previous_from >= (SELECT min(captured_at) FROM mart.handoff)
),
-- Probabilities are added in one order, so that the same record gives the same figure to the last digit.
forecast AS (
    SELECT week_start, severity, count(*) AS listed, sum(breach_probability ORDER BY finding_id, cycle) AS expected, count(*) FILTER (WHERE breached) AS actual
    FROM mart.forecast_listing
    WHERE week_start IS NOT NULL
    GROUP BY ALL
),
-- Of the kind that the forecast is of, so that both guess at the same number: those captured in these days were never listed.
before AS (
    SELECT week_start, severity, count(*) AS last_week
    FROM weeks
    JOIN mart.handoff
        ON handoff_breached AND captured_at <= previous_from AND handoff_due_at > previous_from AND handoff_due_at <= previous_to AND handoff_due_at < starts_at
    GROUP BY ALL
),
bands AS (
    SELECT
        week_start, severity,
        coalesce(listed, 0) AS listed, coalesce(expected, 0) AS expected, coalesce(actual, 0) AS actual, coalesce(last_week, 0) AS last_week
    FROM weeks
    CROSS JOIN derived.band
    LEFT JOIN forecast USING (week_start, severity)
    LEFT JOIN before USING (week_start, severity)
),
summed AS (
    SELECT
        week_start, CASE WHEN grouping(severity) = 1 THEN 'all' ELSE severity END AS severity,
        sum(listed)::BIGINT AS listed, sum(expected ORDER BY severity) AS expected, sum(actual)::BIGINT AS actual, sum(last_week)::BIGINT AS last_week
    FROM bands
    GROUP BY GROUPING SETS ((week_start, severity), (week_start))
)
SELECT
    week_start, severity, listed, expected, actual, last_week,
    abs(expected - actual) AS forecast_error,
    abs(last_week - actual)::DOUBLE AS last_week_error
FROM summed
