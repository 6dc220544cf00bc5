-- One row per reporting period and band in which anything happened: handoff cycles opened, acknowledged and closed, each by its own instant.
-- key: period_grain, period_start, severity
-- period_grain VARCHAR
-- period_start DATE
-- severity VARCHAR: Band of the cycle, or all.
-- opened BIGINT: Cycles whose t0 lies in the period.
-- acknowledged BIGINT: Cycles whose t1 lies in the period.
-- closed BIGINT: Cycles verified or withdrawn in the period; what the next cycle ended was not closed.
WITH moments AS (
    SELECT
        handoff.severity, moment.moment,
        timezone(parameter.reporting_zone, timezone('UTC', moment.instant))::DATE AS happened_on
    FROM mart.handoff
    CROSS JOIN derived.parameter AS parameter
    CROSS JOIN LATERAL (
        VALUES ('opened', captured_at), ('acknowledged', acknowledged_at), ('closed', closed_at)
    ) AS moment (moment, instant)
    WHERE moment.instant IS NOT NULL
),
days AS (
    SELECT severity, moment, unnest(derived.periods(happened_on))
    FROM moments
)
SELECT
    derived.grain(day, week, month, quarter) AS period_grain,
    coalesce(day, week, month, quarter) AS period_start,
    coalesce(severity, 'all') AS severity,
    count(*) FILTER (WHERE moment = 'opened') AS opened,
    count(*) FILTER (WHERE moment = 'acknowledged') AS acknowledged,
    count(*) FILTER (WHERE moment = 'closed') AS closed
FROM days
GROUP BY GROUPING SETS ((), (severity)), GROUPING SETS ((), (day), (week), (month), (quarter))
HAVING count(*) > 0
