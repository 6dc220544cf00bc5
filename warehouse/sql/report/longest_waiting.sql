-- The five open handoffs of each band that have waited longest for an acknowledgement at as_of, and how many wait of that band.
SELECT
    handoff.finding_id, handoff.cycle, handoff.severity, handoff.title, handoff.target, handoff.team, handoff.routing_status, handoff.failure_mode,
    (epoch_us(report_period.as_of) - epoch_us(handoff.captured_at)) / 1e6 AS age_seconds,
    handoff.handoff_breached,
    count(*) OVER (PARTITION BY handoff.severity) AS of_band
FROM mart.handoff AS handoff
JOIN report_period ON report_period.period_grain = 'week'
WHERE handoff.is_open AND handoff.acknowledged_at IS NULL
QUALIFY row_number() OVER (PARTITION BY handoff.severity ORDER BY handoff.captured_at, handoff.finding_id, handoff.cycle) <= 5
ORDER BY severity, age_seconds DESC, finding_id, cycle
