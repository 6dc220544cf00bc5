-- One row per figure and reporting period that leads to the current one: the five numbers, each dated by what happened in the period, as known now.
-- key: period_grain, period_start, number, severity, failure_mode, clock
-- period_grain VARCHAR: week (ISO), month or quarter.
-- period_start DATE: First local day of the period; 13 weeks, 12 months and 8 quarters back, as far as the record reaches, and the last period always.
-- period_end DATE: First local day after it; the figures of the current one reach up to as_of.
-- is_current BOOLEAN: Whether it contains as_of.
-- number VARCHAR: median_handoff_latency, p90_handoff_latency, no_acknowledgement_rate, handoff_sla_breaches or unrouted_queue_depth.
-- severity VARCHAR: Band, or all.
-- failure_mode VARCHAR: Primary failure mode in rows that decompose a number by it; null in the number itself.
-- clock VARCHAR: business or wall, for latencies; null for the others.
-- value DOUBLE: The number; null where nothing happened that it could be of.
-- low DOUBLE: Lower end of a median's distribution-free 95 % interval, by order statistics; null for the others, and where fewer than 6 are behind it.
-- high DOUBLE: Upper end of it.
-- population BIGINT: The count behind it: acknowledged cycles, mature windows, cycles falling due, cycles waiting; of all modes in rows of one.
-- eligible BIGINT: The count that it ought to be of: cycles taken up (acknowledged, or worked on without), windows that ended, due instants that came, cycles open and not acknowledged; null where that is not known of a past instant.
WITH spans AS (
    SELECT trend.*, row_number() OVER (PARTITION BY period_grain ORDER BY starts_at DESC) <= 2 AS is_shown
    FROM derived.trend AS trend
),
grid AS (
    SELECT spans.* EXCLUDE (is_shown), band.severity
    FROM spans
    CROSS JOIN (SELECT severity FROM derived.band UNION ALL SELECT 'all') AS band
    -- Before the first capture there is nothing that a number could be of; the last period stands on every page.
    WHERE is_shown OR ends_at > (SELECT min(captured_at) FROM mart.handoff)
),
-- Of each handoff the instants that date a number, and whether it counts in it.
taken_up AS (
    SELECT
        severity, latency_seconds, latency_business_seconds, acknowledged_at IS NOT NULL AS is_acknowledged,
        coalesce(acknowledged_at, least(triaged_at, in_progress_at, resolved_at, verified_at)) AS taken_up_at
    FROM mart.handoff
),
latency_groups AS (
    SELECT
        period_grain, period_start, coalesce(taken_up.severity, 'all') AS severity,
        count(*) AS eligible,
        count(*) FILTER (WHERE is_acknowledged) AS population,
        -- Ranks of the interval: the normal approximation of the binomial, outwards; from 6 on the least and the greatest hold 95 %.
        greatest(floor(population / 2 - 0.98 * sqrt(population)), 1)::BIGINT AS low_rank,
        least(ceil(1 + population / 2 + 0.98 * sqrt(population)), population)::BIGINT AS high_rank,
        -- Sorted as a whole: far quicker than an aggregate that keeps an order.
        list_sort(list(latency_business_seconds) FILTER (WHERE is_acknowledged)) AS business,
        list_sort(list(latency_seconds) FILTER (WHERE is_acknowledged)) AS wall
    FROM taken_up
    JOIN spans ON taken_up_at >= starts_at AND taken_up_at < ends_at
    GROUP BY GROUPING SETS ((period_grain, period_start), (period_grain, period_start, taken_up.severity))
),
latencies AS (
    SELECT
        period_grain, period_start, severity, NULL::VARCHAR AS failure_mode, figure.number, figure.clock, figure.value,
        CASE WHEN figure.is_median AND population >= 6 THEN figure.sorted[low_rank] END AS low,
        CASE WHEN figure.is_median AND population >= 6 THEN figure.sorted[high_rank] END AS high,
        coalesce(population, 0) AS population, coalesce(eligible, 0) AS eligible
    FROM grid
    LEFT JOIN latency_groups USING (period_grain, period_start, severity)
    CROSS JOIN LATERAL (
        VALUES
            ('median_handoff_latency', 'business', list_aggregate(business, 'quantile_cont', 0.5), true, business),
            ('median_handoff_latency', 'wall', list_aggregate(wall, 'quantile_cont', 0.5), true, wall),
            ('p90_handoff_latency', 'business', list_aggregate(business, 'quantile_cont', 0.9), false, business),
            ('p90_handoff_latency', 'wall', list_aggregate(wall, 'quantile_cont', 0.9), false, wall)
    ) AS figure (number, clock, value, is_median, sorted)
),
dated AS (
    SELECT 'no_acknowledgement_rate' AS number, severity, failure_mode, window_ends_at AS dated_at, is_mature AS is_counted, is_unacknowledged AS is_bad
    FROM mart.handoff
    UNION ALL
    -- One that ended unacknowledged before its due instant, withdrawn say, never fell due.
    SELECT 'handoff_sla_breaches', severity, failure_mode, handoff_due_at, acknowledged_at IS NOT NULL OR horizon_at >= handoff_due_at, handoff_breached
    FROM mart.handoff
),
dated_groups AS (
    SELECT
        number, period_grain, period_start, coalesce(dated.severity, 'all') AS severity, dated.failure_mode,
        grouping(dated.failure_mode) = 0 AS is_of_mode,
        count(*) AS eligible,
        count(*) FILTER (WHERE is_counted) AS population,
        count(*) FILTER (WHERE is_counted AND is_bad) AS bad
    FROM dated
    JOIN spans ON dated_at >= starts_at AND dated_at < ends_at
    GROUP BY number, period_grain, period_start, GROUPING SETS ((), (dated.severity)), GROUPING SETS ((), (dated.failure_mode))
),
dated_totals AS (
    SELECT
        grid.period_grain, grid.period_start, grid.severity, named.number,
        coalesce(dated_groups.population, 0) AS population, coalesce(eligible, 0) AS eligible, coalesce(bad, 0) AS bad
    FROM grid
    CROSS JOIN (VALUES ('no_acknowledgement_rate'), ('handoff_sla_breaches')) AS named (number)
    LEFT JOIN dated_groups
        ON NOT is_of_mode AND dated_groups.number = named.number
        AND (dated_groups.period_grain, dated_groups.period_start, dated_groups.severity) = (grid.period_grain, grid.period_start, grid.severity)
),
dated_figures AS (
    SELECT period_grain, period_start, severity, NULL::VARCHAR AS failure_mode, number, NULL::VARCHAR AS clock, bad, population, eligible
    FROM dated_totals
    UNION ALL
    SELECT period_grain, period_start, severity, dated_groups.failure_mode, number, NULL, dated_groups.bad, total.population, total.eligible
    FROM dated_groups
    JOIN dated_totals AS total USING (period_grain, period_start, severity, number)
    WHERE is_of_mode AND dated_groups.bad > 0
),
waiting AS (
    SELECT severity, period_grain, period_start
    FROM mart.unrouted_queue CROSS JOIN spans
    WHERE is_current
    UNION ALL
    SELECT severity, period_grain, period_start
    FROM derived.queue
    JOIN spans ON NOT is_current AND ends_at BETWEEN first_at AND last_at
),
waiting_totals AS (
    SELECT period_grain, period_start, coalesce(severity, 'all') AS severity, count(*) AS waiting
    FROM waiting
    GROUP BY period_grain, period_start, GROUPING SETS ((), (severity))
),
unacknowledged AS (
    SELECT coalesce(severity, 'all') AS severity, count(*) AS eligible
    FROM mart.handoff
    WHERE is_open AND acknowledged_at IS NULL
    GROUP BY GROUPING SETS ((), (severity))
),
queues AS (
    SELECT
        period_grain, period_start, severity, NULL::VARCHAR AS failure_mode, 'unrouted_queue_depth' AS number, NULL::VARCHAR AS clock,
        coalesce(waiting, 0) AS waiting,
        CASE WHEN is_current THEN coalesce(unacknowledged.eligible, 0) END AS eligible
    FROM grid
    LEFT JOIN waiting_totals USING (period_grain, period_start, severity)
    LEFT JOIN unacknowledged USING (severity)
),
figures AS (
    SELECT * FROM latencies
    UNION ALL BY NAME
    SELECT
        * EXCLUDE (bad), CASE WHEN number = 'handoff_sla_breaches' THEN bad::DOUBLE WHEN population > 0 THEN bad / population END AS value
    FROM dated_figures
    UNION ALL BY NAME
    SELECT * EXCLUDE (waiting), waiting::DOUBLE AS value, waiting AS population
    FROM queues
)
SELECT
    period_grain, period_start, period_end, is_current, number, severity, failure_mode, clock, value, low, high, population, eligible
FROM figures
JOIN spans USING (period_grain, period_start)
