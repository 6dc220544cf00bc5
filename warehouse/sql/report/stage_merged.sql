-- Handoffs acknowledged in the period whose span at a stage also holds stages before it, by what it covers.
SELECT
    report_period.period_grain, stage.stage, stage.stage_number, stage.covers,
    count(*) AS handoffs,
    quantile_cont(stage.span_seconds, 0.5) AS median_seconds
FROM report_period
JOIN mart.handoff AS handoff
    ON handoff.acknowledged_at BETWEEN report_period.starts_at AND report_period.as_of
JOIN mart.stage AS stage ON stage.finding_id = handoff.finding_id AND stage.cycle = handoff.cycle
WHERE len(stage.covers) > 1
GROUP BY ALL
ORDER BY period_grain, stage_number, handoffs DESC, covers
