-- Handoffs acknowledged in the period that broke the SLA, by band and primary failure mode; for decayed routing also by what was wrong with the named person.
SELECT
    report_period.period_grain, handoff.severity, handoff.failure_mode,
    CASE WHEN handoff.failure_mode = 'decayed_routing' THEN json_extract_string(fired.evidence, '$.reason') END AS reason,
    count(*) AS handoffs
FROM report_period
JOIN mart.handoff AS handoff
    ON handoff.acknowledged_at BETWEEN report_period.starts_at AND report_period.as_of AND handoff.handoff_breached
LEFT JOIN mart.failure_mode AS fired ON fired.finding_id = handoff.finding_id AND fired.cycle = handoff.cycle AND fired.is_primary
GROUP BY ALL
ORDER BY period_grain, severity, handoffs DESC, failure_mode, reason
