-- One row per cohort, band and failure mode: the share of mature cycles that nobody acknowledged inside their window, by cause.
-- key: period_grain, period_start, severity, failure_mode
-- period_grain VARCHAR
-- period_start DATE
-- severity VARCHAR: Band, or all.
-- failure_mode VARCHAR: Primary failure mode.
-- mature BIGINT: All mature cycles of that band and cohort, whatever their mode, so that the modes' rates add up to the band's.
-- unacknowledged BIGINT: Of them, those with no valid acknowledgement inside the window and this primary mode.
-- rate DOUBLE: unacknowledged / mature.
WITH banded AS (
    SELECT failure_mode, is_unacknowledged, captured_on, unnest(derived.bands(severity)) AS severity
    FROM mart.handoff
    WHERE is_mature
),
cohorts AS (
    SELECT severity, failure_mode, is_unacknowledged, unnest(derived.grains(captured_on), recursive := true)
    FROM banded
),
totals AS (
    SELECT period_grain, period_start, severity, count(*) AS mature
    FROM cohorts
    GROUP BY ALL
),
causes AS (
    SELECT period_grain, period_start, severity, failure_mode, count(*) AS unacknowledged
    FROM cohorts
    WHERE is_unacknowledged
    GROUP BY ALL
)
SELECT causes.period_grain, causes.period_start, causes.severity, causes.failure_mode, totals.mature, causes.unacknowledged,
    causes.unacknowledged / totals.mature AS rate
FROM causes
JOIN totals
    ON totals.period_grain = causes.period_grain AND totals.period_start IS NOT DISTINCT FROM causes.period_start AND totals.severity = causes.severity
