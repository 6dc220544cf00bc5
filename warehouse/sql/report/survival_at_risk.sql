-- Handoffs of each band that were still unacknowledged, and known, after a wall duration: those at risk of being acknowledged then; and the longest duration known.
SELECT
    handoff.severity, tick.seconds,
    count(*) FILTER (WHERE epoch_us(coalesce(acknowledged_at, horizon_at)) - epoch_us(captured_at) >= tick.seconds * 1000000) AS at_risk,
    max(epoch_us(coalesce(acknowledged_at, horizon_at)) - epoch_us(captured_at)) / 1e6 AS longest_seconds
FROM mart.handoff AS handoff
CROSS JOIN (SELECT unnest([0, 60, 600, 3600, 14400, 86400, 259200, 604800, 2592000, 7776000, 31536000])::BIGINT AS seconds) AS tick
GROUP BY ALL
ORDER BY severity, seconds
