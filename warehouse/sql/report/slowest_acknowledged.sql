-- The five slowest handoffs of each band that were acknowledged in the period, in wall time, and how many there were of that band.
SELECT
    report_period.period_grain, handoff.finding_id, handoff.cycle, handoff.severity, handoff.title, handoff.target, handoff.team,
    handoff.latency_seconds, handoff.latency_business_seconds, handoff.handoff_breached, handoff.failure_mode, handoff.acknowledged_at,
    count(*) OVER (PARTITION BY report_period.period_grain, handoff.severity) AS of_band
FROM report_period
JOIN mart.handoff AS handoff
    ON handoff.acknowledged_at BETWEEN report_period.starts_at AND report_period.as_of
QUALIFY row_number() OVER (
    PARTITION BY report_period.period_grain, handoff.severity ORDER BY handoff.latency_seconds DESC, handoff.finding_id, handoff.cycle
) <= 5
ORDER BY period_grain, severity, latency_seconds DESC, finding_id, cycle
