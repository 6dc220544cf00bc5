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
    SELECT
        severity, happened_on,
        count(*) FILTER (WHERE moment = 'opened') AS opened,
        count(*) FILTER (WHERE moment = 'acknowledged') AS acknowledged,
        count(*) FILTER (WHERE moment = 'closed') AS closed
    FROM moments
    GROUP BY ALL
)
SELECT
    grain.period_grain, grain.period_start, band.severity,
    sum(opened)::BIGINT AS opened,
    sum(acknowledged)::BIGINT AS acknowledged,
    sum(closed)::BIGINT AS closed
FROM days
CROSS JOIN LATERAL (
    VALUES
        ('all', NULL::DATE), ('day', happened_on), ('week', date_trunc('week', happened_on)::DATE),
        ('month', date_trunc('month', happened_on)::DATE), ('quarter', date_trunc('quarter', happened_on)::DATE)
) AS grain (period_grain, period_start)
CROSS JOIN LATERAL (VALUES ('all'), (days.severity)) AS band (severity)
GROUP BY ALL
