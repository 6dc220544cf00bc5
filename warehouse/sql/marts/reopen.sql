-- One row per period in which cycles were completed, cut and band: how many of them had to be opened again.
-- key: period_grain, period_start, dimension, dimension_value, severity
-- period_grain VARCHAR
-- period_start DATE: First local day of the period in which the cycles were completed; null for all.
-- dimension VARCHAR
-- dimension_value VARCHAR: The value of that cut in the completed cycle, (none) where there is none.
-- severity VARCHAR: Band, or all.
-- completed BIGINT: Cycles resolved or verified by as_of, dated by the resolution, else the verification.
-- reopened BIGINT: Of them, those that a reopened cycle followed.
-- reopen_rate DOUBLE: reopened / completed (0 to 1).
-- median_seconds_to_reopen DOUBLE: Median from that instant to t0 of the cycle that followed, wall seconds; null where none did.
WITH reopened AS (
    SELECT finding_id, cycle - 1 AS cycle, captured_at AS reopened_at
    FROM mart.handoff
    WHERE origin = 'reopened'
),
completed AS (
    SELECT *, coalesce(resolved_at, verified_at) AS completed_at
    FROM mart.handoff
    LEFT JOIN reopened USING (finding_id, cycle)
    WHERE resolved_at IS NOT NULL OR verified_at IS NOT NULL
),
cuts AS (
    SELECT
        severity,
        (epoch_us(reopened_at) - epoch_us(completed_at)) / 1e6 AS seconds_to_reopen,
        unnest(derived.periods(timezone(parameter.reporting_zone, timezone('UTC', completed_at))::DATE)),
        unnest(derived.cuts(completed), recursive := true)
    FROM completed
    CROSS JOIN derived.parameter AS parameter
)
SELECT
    derived.grain(day, week, month, quarter) AS period_grain,
    coalesce(day, week, month, quarter) AS period_start,
    dimension, dimension_value,
    coalesce(cuts.severity, 'all') AS severity,
    count(*) AS completed,
    count(seconds_to_reopen) AS reopened,
    count(seconds_to_reopen) / count(*) AS reopen_rate,
    quantile_cont(seconds_to_reopen, 0.5) AS median_seconds_to_reopen
FROM cuts
GROUP BY dimension, dimension_value, GROUPING SETS ((), (cuts.severity)), GROUPING SETS ((), (day), (week), (month), (quarter))
