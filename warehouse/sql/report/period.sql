-- One row per grain: the period of the dashboard, with the instants where it and the period before it begin.
-- Every other query of the report reads it as the view report_period.
WITH zoned AS (
    SELECT parameter.as_of, parameter.policy_digest, json_extract_string(policy.policy, '$.reporting_zone') AS reporting_zone
    FROM report_parameter AS parameter
    JOIN record.policy AS policy USING (policy_digest)
),
periods AS (
    SELECT DISTINCT
        period_grain, period_start, period_end,
        (period_start - CASE period_grain WHEN 'week' THEN INTERVAL 7 DAY WHEN 'month' THEN INTERVAL 1 MONTH ELSE INTERVAL 3 MONTH END)::DATE AS previous_start
    FROM mart.dashboard
)
SELECT
    period_grain, period_start, period_end, previous_start,
    timezone('UTC', timezone(reporting_zone, period_start::TIMESTAMP)) AS starts_at,
    timezone('UTC', timezone(reporting_zone, previous_start::TIMESTAMP)) AS previous_starts_at,
    as_of, reporting_zone, policy_digest,
    timezone(reporting_zone, timezone('UTC', as_of)) AS local_as_of
FROM periods
CROSS JOIN zoned
ORDER BY period_grain
