-- One row per cohort (by t0), cut, band and segment: where the time of a cycle goes.
-- key: period_grain, period_start, dimension, dimension_value, severity, segment
-- period_grain VARCHAR
-- period_start DATE
-- dimension VARCHAR: all, team, business_unit, environment, scanner, origin, failure_mode, engagement or capture_channel.
-- dimension_value VARCHAR
-- severity VARCHAR: Band, or all.
-- segment VARCHAR: handoff, triage, fix, verification, control, remediation (t1 to verified) or mttr (t0 to verified).
-- cycles BIGINT: Cycles in which the segment was observed.
-- median_seconds DOUBLE: Median, wall seconds.
-- p90_seconds DOUBLE: 90th percentile, wall seconds.
-- median_business_seconds DOUBLE: Median, business seconds.
-- coverage_rate DOUBLE: Of the cycles that went past the segment, the share in which it was observed by itself (0 to 1); null where none did.
WITH whole AS (
    SELECT finding_id, cycle, 'remediation' AS segment, (epoch_us(verified_at) - epoch_us(acknowledged_at)) / 1e6 AS seconds,
        (verified_open_us - acknowledged_open_us) / 1e6 AS business_seconds, ['remediation'] AS covers
    FROM derived.cycle
    WHERE verified_at IS NOT NULL AND acknowledged_at IS NOT NULL
    UNION ALL
    SELECT finding_id, cycle, 'mttr', (epoch_us(verified_at) - epoch_us(captured_at)) / 1e6, (verified_open_us - captured_open_us) / 1e6, ['mttr']
    FROM derived.cycle
    WHERE verified_at IS NOT NULL
),
observed AS (
    SELECT finding_id, cycle, segment, sum(seconds) AS seconds, sum(business_seconds) AS business_seconds, any_value(len(covers)) = 1 AS is_alone
    FROM (SELECT finding_id, cycle, segment, seconds, business_seconds, covers FROM mart.segment UNION ALL SELECT * FROM whole)
    GROUP BY ALL
),
-- Past a segment: a later boundary of the same cycle was observed, whether or not its own was.
past AS (
    SELECT finding_id, cycle, unnest(covers) AS segment FROM mart.segment
    UNION ALL
    SELECT finding_id, cycle, segment FROM whole
),
measured AS (
    SELECT DISTINCT past.finding_id, past.cycle, past.segment, observed.seconds, observed.business_seconds, coalesce(observed.is_alone, false) AS is_alone
    FROM past
    LEFT JOIN observed USING (finding_id, cycle, segment)
),
cuts AS (
    SELECT
        segment, seconds, business_seconds, is_alone, severity,
        unnest(derived.periods(captured_on)), unnest(derived.cuts(handoff), recursive := true)
    FROM mart.handoff
    JOIN measured USING (finding_id, cycle)
)
SELECT
    derived.grain(day, week, month, quarter) AS period_grain,
    coalesce(day, week, month, quarter) AS period_start,
    dimension, dimension_value,
    coalesce(cuts.severity, 'all') AS severity,
    segment,
    count(seconds) AS cycles,
    quantile_cont(seconds, 0.5) AS median_seconds,
    quantile_cont(seconds, 0.9) AS p90_seconds,
    quantile_cont(business_seconds, 0.5) AS median_business_seconds,
    count(*) FILTER (WHERE is_alone) / count(*) AS coverage_rate
FROM cuts
GROUP BY dimension, dimension_value, segment, GROUPING SETS ((), (cuts.severity)), GROUPING SETS ((), (day), (week), (month), (quarter))
