-- One row per cohort, band and failure mode: the share of mature cycles that nobody acknowledged inside their window, by cause.
-- key: period_grain, period_start, severity, failure_mode
-- period_grain VARCHAR
-- period_start DATE
-- severity VARCHAR: Band, or all.
-- failure_mode VARCHAR: Primary failure mode.
-- mature BIGINT: All mature cycles of that band and cohort, whatever their mode, so that the modes' rates add up to the band's.
-- unacknowledged BIGINT: Of them, those with no valid acknowledgement inside the window and this primary mode.
-- rate DOUBLE: unacknowledged / mature.
WITH mature AS (
    SELECT severity, failure_mode, is_unacknowledged, unnest(derived.periods(captured_on))
    FROM mart.handoff
    WHERE is_mature
),
causes AS (
    SELECT
        derived.grain(day, week, month, quarter) AS period_grain,
        coalesce(day, week, month, quarter) AS period_start,
        coalesce(mature.severity, 'all') AS severity,
        failure_mode,
        count(*) AS cycles,
        count(*) FILTER (WHERE is_unacknowledged) AS unacknowledged
    FROM mature
    GROUP BY failure_mode, GROUPING SETS ((), (mature.severity)), GROUPING SETS ((), (day), (week), (month), (quarter))
),
rated AS (
    SELECT period_grain, period_start, severity, failure_mode, sum(cycles) OVER (PARTITION BY period_grain, period_start, severity)::BIGINT AS mature, unacknowledged
    FROM causes
)
SELECT period_grain, period_start, severity, failure_mode, mature, unacknowledged, unacknowledged / mature AS rate
FROM rated
WHERE unacknowledged > 0
