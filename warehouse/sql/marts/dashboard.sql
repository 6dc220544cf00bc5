-- One row per current reporting period and figure: the five numbers, each dated by what happened in the period, with the period before beside it.
-- key: period_grain, number, severity, failure_mode, clock
-- period_grain VARCHAR: week (ISO), month or quarter.
-- period_start DATE: First local day of the period that contains as_of.
-- period_end DATE: First local day after it; the figures reach up to as_of.
-- number VARCHAR: median_handoff_latency, p90_handoff_latency, no_acknowledgement_rate, handoff_sla_breaches or unrouted_queue_depth.
-- severity VARCHAR: Band, or all.
-- failure_mode VARCHAR: Primary failure mode in rows that decompose a number by it; null in the number itself.
-- clock VARCHAR: business or wall, for latencies; null for the others.
-- value DOUBLE: The number; null where nothing happened that it could be of.
-- unit VARCHAR: seconds, rate (0 to 1) or count.
-- target DOUBLE: The policy's target in the same unit; null where it has none.
-- population BIGINT: The count behind it: acknowledged cycles, mature windows, cycles falling due, cycles waiting; of all modes in rows of one.
-- previous_value DOUBLE: The same number of the whole period before.
-- previous_population BIGINT: The count behind that.
-- dated_by VARCHAR: Which instant dates it.
WITH spans AS (
    SELECT period_grain, period_start, period_end, starts_at, as_of AS ends_at, true AS is_current
    FROM derived.period CROSS JOIN derived.parameter
    UNION ALL
    SELECT period_grain, period_start, period_end, previous_starts_at, starts_at, false
    FROM derived.period
),
bands AS (
    SELECT severity, median_target_seconds, p90_target_seconds, rate_target, handoff_budget_seconds, is_handoff_business FROM derived.band
    UNION ALL
    SELECT 'all', NULL, NULL, NULL, NULL, NULL
),
grid AS (
    SELECT * FROM spans CROSS JOIN bands
),
acknowledged AS (
    SELECT grid.period_grain, grid.severity, grid.is_current,
        count(handoff.finding_id) AS population,
        quantile_cont(latency_business_seconds, 0.5) AS median_business,
        quantile_cont(latency_seconds, 0.5) AS median_wall,
        quantile_cont(latency_business_seconds, 0.9) AS p90_business,
        quantile_cont(latency_seconds, 0.9) AS p90_wall
    FROM grid
    LEFT JOIN mart.handoff
        ON acknowledged_at >= grid.starts_at AND (acknowledged_at < grid.ends_at OR (grid.is_current AND acknowledged_at = grid.ends_at))
        AND grid.severity IN ('all', handoff.severity)
    GROUP BY ALL
),
latencies AS (
    SELECT acknowledged.period_grain, acknowledged.severity, is_current, population, NULL::VARCHAR AS failure_mode, figure.*
    FROM acknowledged
    CROSS JOIN LATERAL (
        VALUES
            ('median_handoff_latency', 'business', median_business), ('median_handoff_latency', 'wall', median_wall),
            ('p90_handoff_latency', 'business', p90_business), ('p90_handoff_latency', 'wall', p90_wall)
    ) AS figure (number, clock, value)
),
windows AS (
    SELECT grid.period_grain, grid.severity, grid.is_current, handoff.finding_id, handoff.is_unacknowledged, handoff.failure_mode
    FROM grid
    LEFT JOIN mart.handoff
        ON window_ends_at >= grid.starts_at AND (window_ends_at < grid.ends_at OR (grid.is_current AND window_ends_at = grid.ends_at))
        AND is_mature AND grid.severity IN ('all', handoff.severity)
),
window_totals AS (
    SELECT period_grain, severity, is_current, count(finding_id) AS population, count(*) FILTER (WHERE is_unacknowledged) AS unacknowledged
    FROM windows
    GROUP BY ALL
),
rates AS (
    SELECT period_grain, severity, is_current, population, NULL::VARCHAR AS failure_mode, 'no_acknowledgement_rate' AS number, NULL::VARCHAR AS clock,
        CASE WHEN population > 0 THEN unacknowledged / population END AS value
    FROM window_totals
    UNION ALL
    SELECT period_grain, severity, is_current, any_value(population), windows.failure_mode, 'no_acknowledgement_rate', NULL,
        count(*) / any_value(population)
    FROM windows
    JOIN window_totals USING (period_grain, severity, is_current)
    WHERE is_unacknowledged
    GROUP BY period_grain, severity, is_current, windows.failure_mode
),
falling_due AS (
    SELECT grid.period_grain, grid.severity, grid.is_current, handoff.finding_id, handoff.handoff_breached, handoff.failure_mode
    FROM grid
    LEFT JOIN mart.handoff
        ON handoff_due_at >= grid.starts_at AND (handoff_due_at < grid.ends_at OR (grid.is_current AND handoff_due_at = grid.ends_at))
        -- One that ended unacknowledged before its due instant, withdrawn say, never fell due.
        AND (acknowledged_at IS NOT NULL OR horizon_at >= handoff_due_at)
        AND grid.severity IN ('all', handoff.severity)
),
breaches AS (
    SELECT period_grain, severity, is_current, count(finding_id) AS population, NULL::VARCHAR AS failure_mode, 'handoff_sla_breaches' AS number,
        NULL::VARCHAR AS clock, count(*) FILTER (WHERE handoff_breached)::DOUBLE AS value
    FROM falling_due
    GROUP BY period_grain, severity, is_current
    UNION ALL
    SELECT period_grain, severity, is_current, count(*), falling_due.failure_mode, 'handoff_sla_breaches', NULL, count(*)::DOUBLE
    FROM falling_due
    WHERE handoff_breached
    GROUP BY period_grain, severity, is_current, falling_due.failure_mode
),
waiting AS (
    SELECT grid.period_grain, grid.severity, grid.is_current, unrouted_queue.finding_id
    FROM grid
    LEFT JOIN mart.unrouted_queue ON grid.severity IN ('all', unrouted_queue.severity)
    WHERE grid.is_current
    UNION ALL
    SELECT grid.period_grain, grid.severity, grid.is_current, queue.finding_id
    FROM grid
    LEFT JOIN derived.queue AS queue ON queue.at = grid.ends_at AND grid.severity IN ('all', queue.severity)
    WHERE NOT grid.is_current
),
queue AS (
    SELECT period_grain, severity, is_current, count(finding_id) AS population, NULL::VARCHAR AS failure_mode, 'unrouted_queue_depth' AS number,
        NULL::VARCHAR AS clock, count(finding_id)::DOUBLE AS value
    FROM waiting
    GROUP BY ALL
),
figures AS (
    SELECT period_grain, severity, is_current, population, failure_mode, number, clock, value FROM latencies
    UNION ALL BY NAME SELECT * FROM rates
    UNION ALL BY NAME SELECT * FROM breaches
    UNION ALL BY NAME SELECT * FROM queue
),
named AS (
    SELECT DISTINCT period_grain, severity, number, failure_mode, clock FROM figures
)
SELECT
    named.period_grain, period.period_start, period.period_end, named.number, named.severity, named.failure_mode, named.clock,
    CASE WHEN whole_now.value IS NOT NULL THEN coalesce(now.value, 0) END AS value,
    CASE WHEN named.clock IS NOT NULL THEN 'seconds' WHEN named.number = 'no_acknowledgement_rate' THEN 'rate' ELSE 'count' END AS unit,
    CASE
        WHEN named.failure_mode IS NOT NULL THEN NULL
        WHEN named.number = 'median_handoff_latency' AND named.clock = 'business' AND bands.is_handoff_business THEN bands.handoff_budget_seconds
        WHEN named.number = 'median_handoff_latency' AND named.clock = 'wall' THEN bands.median_target_seconds
        WHEN named.number = 'p90_handoff_latency' AND named.clock = 'wall' THEN bands.p90_target_seconds
        WHEN named.number = 'no_acknowledgement_rate' THEN bands.rate_target
    END AS target,
    coalesce(whole_now.population, 0) AS population,
    CASE WHEN whole_before.value IS NOT NULL THEN coalesce(before.value, 0) END AS previous_value,
    coalesce(whole_before.population, 0) AS previous_population,
    CASE named.number
        WHEN 'no_acknowledgement_rate' THEN 'windows that ended in the period'
        WHEN 'handoff_sla_breaches' THEN 'handoffs that fell due in the period'
        WHEN 'unrouted_queue_depth' THEN 'the end of the period, as known now'
        ELSE 'handoffs acknowledged in the period'
    END AS dated_by
FROM named
JOIN derived.period AS period ON period.period_grain = named.period_grain
JOIN bands ON bands.severity = named.severity
LEFT JOIN figures AS now
    ON now.is_current AND (now.period_grain, now.severity, now.number) = (named.period_grain, named.severity, named.number)
    AND now.failure_mode IS NOT DISTINCT FROM named.failure_mode AND now.clock IS NOT DISTINCT FROM named.clock
LEFT JOIN figures AS before
    ON NOT before.is_current AND (before.period_grain, before.severity, before.number) = (named.period_grain, named.severity, named.number)
    AND before.failure_mode IS NOT DISTINCT FROM named.failure_mode AND before.clock IS NOT DISTINCT FROM named.clock
LEFT JOIN figures AS whole_now
    ON whole_now.is_current AND (whole_now.period_grain, whole_now.severity, whole_now.number) = (named.period_grain, named.severity, named.number)
    AND whole_now.failure_mode IS NULL AND whole_now.clock IS NOT DISTINCT FROM named.clock
LEFT JOIN figures AS whole_before
    ON NOT whole_before.is_current AND (whole_before.period_grain, whole_before.severity, whole_before.number) = (named.period_grain, named.severity, named.number)
    AND whole_before.failure_mode IS NULL AND whole_before.clock IS NOT DISTINCT FROM named.clock
