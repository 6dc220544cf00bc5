-- Handoffs verified in the period, by band: the wall microseconds from t0 to verified closure, parted into segments that add up to them, and in how many a
-- segment also holds what was not observed before it. Those verified before an instant that precedes verification are only counted, as out of order.
WITH verified AS (
    SELECT
        report_period.period_grain, handoff.finding_id, handoff.cycle, handoff.severity, epoch_us(handoff.verified_at) - epoch_us(handoff.captured_at) AS cycle_us,
        handoff.verified_at >= greatest(handoff.captured_at, handoff.triaged_at, handoff.in_progress_at, handoff.resolved_at) AS is_in_order
    FROM report_period
    JOIN mart.handoff AS handoff ON handoff.verified_at BETWEEN report_period.starts_at AND report_period.as_of
),
parted AS (
    SELECT
        verified.period_grain, verified.severity, segment.segment,
        sum(epoch_us(segment.ended_at) - epoch_us(segment.started_at)) AS segment_us,
        count(*) FILTER (WHERE len(segment.covers) > 1) AS merged
    FROM verified
    JOIN mart.segment AS segment USING (finding_id, cycle)
    WHERE segment.segment <> 'control' AND verified.is_in_order
    GROUP BY ALL
),
totals AS (
    SELECT
        period_grain, severity,
        count(*) FILTER (WHERE is_in_order) AS handoffs,
        count(*) FILTER (WHERE NOT is_in_order) AS out_of_order,
        coalesce(sum(cycle_us) FILTER (WHERE is_in_order), 0) AS cycle_us
    FROM verified
    GROUP BY ALL
)
SELECT
    totals.period_grain, totals.severity, totals.handoffs, totals.out_of_order, totals.cycle_us::BIGINT AS cycle_us,
    segment.segment, coalesce(parted.segment_us, 0)::BIGINT AS segment_us, coalesce(parted.merged, 0)::BIGINT AS merged
FROM totals
CROSS JOIN (VALUES ('handoff', 1), ('triage', 2), ('fix', 3), ('verification', 4)) AS segment (segment, position)
LEFT JOIN parted USING (period_grain, severity, segment)
ORDER BY period_grain, severity, segment.position
