-- One row per cohort (by t0), cut, band and segment: how the time from t0 to verified closure divides into the four segments.
-- key: period_grain, period_start, dimension, dimension_value, severity, segment
-- period_grain VARCHAR
-- period_start DATE
-- dimension VARCHAR
-- dimension_value VARCHAR
-- severity VARCHAR: Band, or all.
-- segment VARCHAR: handoff (t0 to triage entry), triage, fix or verification.
-- cycles BIGINT: Complete cycles - verified, every boundary observed and in order, longer than nothing.
-- incomplete BIGINT: Verified cycles that are not complete; they count in no share.
-- unverified BIGINT: Cycles not verified by as_of.
-- seconds DOUBLE: Wall seconds of the segment, summed over the complete cycles.
-- mean_share DOUBLE: Mean of the complete cycles' shares of their own time (0 to 1); null where there are none.
-- summed_share DOUBLE: seconds over the summed time of the complete cycles (0 to 1); null where there are none.
WITH boundaries AS (
    SELECT
        *,
        verified_at IS NOT NULL AS is_verified,
        coalesce(
            captured_at <= triaged_at AND triaged_at <= in_progress_at AND in_progress_at <= resolved_at AND resolved_at <= verified_at
            AND captured_at < verified_at,
            false
        ) AS is_complete
    FROM mart.handoff
),
timed AS (
    SELECT
        *,
        CASE WHEN is_complete THEN epoch_us(verified_at) - epoch_us(captured_at) END AS cycle_us,
        CASE WHEN is_complete THEN epoch_us(triaged_at) - epoch_us(captured_at) END AS handoff_us,
        CASE WHEN is_complete THEN epoch_us(in_progress_at) - epoch_us(triaged_at) END AS triage_us,
        CASE WHEN is_complete THEN epoch_us(resolved_at) - epoch_us(in_progress_at) END AS fix_us,
        CASE WHEN is_complete THEN epoch_us(verified_at) - epoch_us(resolved_at) END AS verification_us
    FROM boundaries
),
cuts AS (
    SELECT
        severity, is_verified, is_complete, cycle_us, handoff_us, triage_us, fix_us, verification_us,
        unnest(derived.periods(captured_on)), unnest(derived.cuts(timed), recursive := true)
    FROM timed
),
summed AS (
    SELECT
        derived.grain(day, week, month, quarter) AS period_grain,
        coalesce(day, week, month, quarter) AS period_start,
        dimension, dimension_value,
        coalesce(cuts.severity, 'all') AS severity,
        count(*) FILTER (WHERE is_complete) AS cycles,
        count(*) FILTER (WHERE is_verified AND NOT is_complete) AS incomplete,
        count(*) FILTER (WHERE NOT is_verified) AS unverified,
        sum(cycle_us) AS cycle_us,
        [sum(handoff_us), sum(triage_us), sum(fix_us), sum(verification_us)] AS segment_us,
        -- In whole numbers of 1e-15: sums of those come out the same in whatever order they are added.
        [
            sum((handoff_us / cycle_us * 1e15)::BIGINT), sum((triage_us / cycle_us * 1e15)::BIGINT),
            sum((fix_us / cycle_us * 1e15)::BIGINT), sum((verification_us / cycle_us * 1e15)::BIGINT)
        ] AS shares
    FROM cuts
    GROUP BY dimension, dimension_value, GROUPING SETS ((), (cuts.severity)), GROUPING SETS ((), (day), (week), (month), (quarter))
)
SELECT
    period_grain, period_start, dimension, dimension_value, severity, segment.name AS segment, cycles, incomplete, unverified,
    coalesce(segment_us[segment.number], 0) / 1e6 AS seconds,
    CASE WHEN cycles > 0 THEN shares[segment.number] / cycles / 1e15 END AS mean_share,
    CASE WHEN cycles > 0 THEN segment_us[segment.number] / cycle_us END AS summed_share
FROM summed
CROSS JOIN (VALUES (1, 'handoff'), (2, 'triage'), (3, 'fix'), (4, 'verification')) AS segment (number, name)
