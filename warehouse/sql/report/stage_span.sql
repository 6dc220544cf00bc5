-- Handoffs acknowledged in the period, by band and stage: how many went past the stage, in how many it was observed, and its spans,
-- apart where a span also holds the time of stages before it that were not observed.
WITH acknowledged AS (
    SELECT report_period.period_grain, handoff.finding_id, handoff.cycle, handoff.severity,
        handoff.in_progress_at IS NOT NULL OR handoff.resolved_at IS NOT NULL OR handoff.verified_at IS NOT NULL AS is_worked_on
    FROM report_period
    JOIN mart.handoff AS handoff
        ON handoff.acknowledged_at BETWEEN report_period.starts_at AND report_period.as_of
),
stages AS (
    SELECT
        acknowledged.*, stage.stage, stage.stage_number, stage.instant, stage.span_seconds, stage.covers, stage.is_out_of_sequence,
        -- Past a stage (ruling 77): a later one, or work, was observed.
        is_worked_on OR count(stage.instant) OVER (
            PARTITION BY period_grain, finding_id, cycle ORDER BY stage_number ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) > 0 AS is_past
    FROM acknowledged
    JOIN mart.stage AS stage USING (finding_id, cycle)
),
banded AS (
    SELECT stages.* EXCLUDE (severity), band.severity
    FROM stages
    CROSS JOIN LATERAL (VALUES ('all'), (stages.severity)) AS band (severity)
)
SELECT
    period_grain, severity, stage, stage_number,
    count(*) AS handoffs,
    count(*) FILTER (WHERE is_past) AS past,
    count(*) FILTER (WHERE is_past AND instant IS NOT NULL) AS observed_past,
    count(instant) AS observed,
    count(*) FILTER (WHERE len(covers) = 1) AS alone,
    quantile_cont(span_seconds, 0.5) FILTER (WHERE len(covers) = 1) AS alone_median_seconds,
    count(*) FILTER (WHERE len(covers) > 1) AS merged,
    quantile_cont(span_seconds, 0.5) FILTER (WHERE len(covers) > 1) AS merged_median_seconds,
    coalesce(sum(span_seconds), 0)::DOUBLE AS total_seconds,
    count(*) FILTER (WHERE is_out_of_sequence) AS out_of_sequence
FROM banded
GROUP BY ALL
ORDER BY period_grain, severity, stage_number
