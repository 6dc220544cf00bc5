-- One row per cohort (by t0), cut, band and stage: in how many of the cycles past a stage it was observed, and how long it took where it was.
-- key: period_grain, period_start, dimension, dimension_value, severity, stage
-- period_grain VARCHAR
-- period_start DATE
-- dimension VARCHAR
-- dimension_value VARCHAR
-- severity VARCHAR: Band, or all.
-- stage VARCHAR: capture, enrichment, routing, dispatch, acknowledgement or triage_entry.
-- past BIGINT: Cycles in which a later stage, work in progress, a resolution or a verification was observed.
-- observed BIGINT: Of them, those in which the stage itself was.
-- coverage_rate DOUBLE: observed / past (0 to 1); null where no cycle is past it.
-- spans BIGINT: Spans that end at this stage and cover it alone.
-- median_seconds DOUBLE: Median of those spans, wall seconds; null where there are none.
-- p90_seconds DOUBLE: 90th percentile of those spans, wall seconds.
WITH cycles AS (
    SELECT
        *,
        -- One bit for each stage that was observed, capture the lowest; the seventh for work that began, was resolved or verified: past all six.
        1 + 2 * (enriched_at IS NOT NULL)::INTEGER + 4 * (routed_at IS NOT NULL)::INTEGER + 8 * (notified_at IS NOT NULL)::INTEGER
            + 16 * (acknowledged_at IS NOT NULL)::INTEGER + 32 * (triaged_at IS NOT NULL)::INTEGER
            + 64 * (coalesce(in_progress_at, resolved_at, verified_at) IS NOT NULL)::INTEGER AS bits
    FROM mart.handoff
),
-- Cycles of one day in which the same was observed are counted once, and then as often as there are periods.
alike AS (
    SELECT dimension, dimension_value, severity, captured_on, bits, count(*) AS cycles
    FROM (SELECT severity, captured_on, bits, unnest(derived.cuts(cycles), recursive := true) FROM cycles)
    GROUP BY ALL
),
counts AS (
    SELECT dimension, dimension_value, severity, bits, cycles, unnest(derived.periods(captured_on)) FROM alike
),
counted AS (
    SELECT
        derived.grain(day, week, month, quarter) AS period_grain,
        coalesce(day, week, month, quarter) AS period_start,
        dimension, dimension_value,
        coalesce(counts.severity, 'all') AS severity,
        stage.name AS stage,
        coalesce(sum(cycles) FILTER (WHERE bits >> stage.number > 0), 0)::BIGINT AS past,
        coalesce(sum(cycles) FILTER (WHERE bits >> stage.number > 0 AND (bits >> (stage.number - 1)) & 1 = 1), 0)::BIGINT AS observed,
        sum(cycles)::BIGINT AS cycles
    FROM counts
    CROSS JOIN (
        VALUES (1, 'capture'), (2, 'enrichment'), (3, 'routing'), (4, 'dispatch'), (5, 'acknowledgement'), (6, 'triage_entry')
    ) AS stage (number, name)
    GROUP BY dimension, dimension_value, stage.name, GROUPING SETS ((), (counts.severity)), GROUPING SETS ((), (day), (week), (month), (quarter))
),
-- A capture's span is 0 in every cycle: there is nothing to take a quantile of.
spans AS (
    SELECT handoff.*, stage.stage, stage.span_seconds
    FROM mart.stage
    JOIN mart.handoff USING (finding_id, cycle)
    WHERE len(stage.covers) = 1 AND stage.stage <> 'capture'
),
cuts AS (
    SELECT stage, span_seconds, severity, unnest(derived.periods(captured_on)), unnest(derived.cuts(spans), recursive := true) FROM spans
),
timed AS (
    SELECT
        derived.grain(day, week, month, quarter) AS period_grain,
        coalesce(day, week, month, quarter) AS period_start,
        dimension, dimension_value,
        coalesce(cuts.severity, 'all') AS severity,
        stage,
        count(*) AS spans,
        quantile_cont(span_seconds, [0.5, 0.9]) AS quantiles
    FROM cuts
    GROUP BY dimension, dimension_value, stage, GROUPING SETS ((), (cuts.severity)), GROUPING SETS ((), (day), (week), (month), (quarter))
)
SELECT
    counted.period_grain, counted.period_start, counted.dimension, counted.dimension_value, counted.severity, counted.stage, past, observed,
    CASE WHEN past > 0 THEN observed / past END AS coverage_rate,
    CASE WHEN counted.stage = 'capture' THEN cycles ELSE coalesce(spans, 0) END AS spans,
    CASE WHEN counted.stage = 'capture' THEN 0 ELSE quantiles[1] END AS median_seconds,
    CASE WHEN counted.stage = 'capture' THEN 0 ELSE quantiles[2] END AS p90_seconds
FROM counted
LEFT JOIN timed
    ON timed.period_grain = counted.period_grain AND timed.period_start IS NOT DISTINCT FROM counted.period_start
    AND timed.dimension = counted.dimension AND timed.dimension_value = counted.dimension_value
    AND timed.severity = counted.severity AND timed.stage = counted.stage
