-- Kaplan-Meier curves of all handoffs known at as_of, by band: the share that is still unacknowledged after each wall duration at which one was
-- acknowledged, with its 95 % interval (Greenwood, log-log), those at risk then and those acknowledged so far. Those still waiting, and those that ended
-- unacknowledged, are at risk up to then. Of steps that a drawing cannot tell apart, 40 cells to each power of ten, the last; never over an end of survival_at_risk.
WITH durations AS (
    SELECT
        severity, epoch_us(coalesce(acknowledged_at, horizon_at)) - epoch_us(captured_at) AS duration_us,
        count(*) AS leaving, count(acknowledged_at) AS events
    FROM mart.handoff
    GROUP BY ALL
),
at_risk AS (
    SELECT severity, duration_us, events, sum(leaving) OVER (PARTITION BY severity ORDER BY duration_us DESC) AS at_risk
    FROM durations
),
steps AS (
    SELECT
        severity, duration_us, at_risk,
        sum(events) OVER so_far AS acknowledged,
        product(1 - events / at_risk) OVER so_far AS surviving,
        sum(CASE WHEN at_risk > events THEN events / (at_risk * (at_risk - events)) END) OVER so_far AS greenwood
    FROM at_risk
    WHERE events > 0
    WINDOW so_far AS (PARTITION BY severity ORDER BY duration_us)
),
bounded AS (
    SELECT
        severity,
        duration_us / 1e6 AS seconds,
        at_risk::BIGINT AS at_risk,
        acknowledged::BIGINT AS acknowledged,
        surviving,
        -- As in mart.handoff_latency: where nobody is left the curve has no variance.
        CASE WHEN surviving > 0 THEN pow(surviving, exp(-1.959963984540054 * sqrt(greenwood) / ln(surviving))) ELSE 0 END AS low,
        CASE WHEN surviving > 0 THEN pow(surviving, exp(1.959963984540054 * sqrt(greenwood) / ln(surviving))) END AS high
    FROM steps
)
SELECT severity, seconds, at_risk, acknowledged, surviving, low, high
FROM bounded
QUALIFY row_number() OVER (
    PARTITION BY severity, floor(log10(greatest(seconds, 1)) * 40),
        len(list_filter([0, 60, 600, 3600, 14400, 86400, 259200, 604800, 2592000, 7776000, 31536000], lambda tick: tick < seconds))
    ORDER BY seconds DESC
) = 1
ORDER BY severity, seconds
