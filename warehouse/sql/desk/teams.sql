-- Each team's open handoffs, and the latency of all that it ever acknowledged.
WITH open_cycle AS (
    SELECT
        coalesce(team_now, team, '(none)') AS team,
        count(*) AS open,
        count(*) FILTER (acknowledged_at IS NULL) AS waiting,
        count(*) FILTER (acknowledged_at IS NULL AND routing_status <> 'routed') AS unrouted,
        count(*) FILTER (acknowledged_at IS NULL AND handoff_breached) AS broken
    FROM mart.handoff
    WHERE is_open
    GROUP BY ALL
),
latency AS (
    SELECT dimension_value AS team, handoffs, acknowledged, median_business_seconds, p90_business_seconds, no_acknowledgement_rate
    FROM mart.handoff_latency
    WHERE dimension = 'team' AND severity = 'all' AND period_grain = 'all'
)
SELECT
    coalesce(open_cycle.team, latency.team) AS team,
    coalesce(open_cycle.open, 0) AS open,
    coalesce(open_cycle.waiting, 0) AS waiting,
    coalesce(open_cycle.unrouted, 0) AS unrouted,
    coalesce(open_cycle.broken, 0) AS broken,
    coalesce(latency.handoffs, 0) AS handoffs,
    coalesce(latency.acknowledged, 0) AS acknowledged,
    round(latency.median_business_seconds / 3600, 1) AS median,
    round(latency.p90_business_seconds / 3600, 1) AS p90,
    round(latency.no_acknowledgement_rate * 100, 1) AS missed
FROM open_cycle
FULL JOIN latency ON latency.team = open_cycle.team
ORDER BY waiting DESC, open DESC, team
