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
-- low DOUBLE: Lower end of a median's distribution-free 95 % interval, by order statistics; null for the others, and where fewer than 6 are behind it.
-- high DOUBLE: Upper end of it.
-- eligible BIGINT: The count that the population ought to be of, as mart.dashboard_trend has it; population / eligible is a latency's, a rate's and a breach count's coverage.
WITH spans AS (
    SELECT *, row_number() OVER (PARTITION BY period_grain ORDER BY starts_at DESC) AS periods_back
    FROM derived.trend
),
figures AS (
    SELECT trend.*, periods_back
    FROM mart.dashboard_trend AS trend
    JOIN spans USING (period_grain, period_start)
    WHERE periods_back <= 2
),
named AS (
    SELECT DISTINCT period_grain, severity, number, failure_mode, clock
    FROM figures
),
-- A mode that fired in one of the two periods is a zero in the other, where that has a number at all.
paired AS (
    SELECT
        named.*, whole.periods_back, whole.population, whole.eligible, figures.low, figures.high,
        CASE WHEN whole.value IS NOT NULL THEN coalesce(figures.value, 0) END AS value
    FROM named
    JOIN figures AS whole
        ON whole.failure_mode IS NULL AND whole.clock IS NOT DISTINCT FROM named.clock
        AND (whole.period_grain, whole.severity, whole.number) = (named.period_grain, named.severity, named.number)
    LEFT JOIN figures
        ON figures.periods_back = whole.periods_back
        AND figures.failure_mode IS NOT DISTINCT FROM named.failure_mode AND figures.clock IS NOT DISTINCT FROM named.clock
        AND (figures.period_grain, figures.severity, figures.number) = (named.period_grain, named.severity, named.number)
),
bands AS (
    SELECT severity, median_target_seconds, p90_target_seconds, rate_target, handoff_budget_seconds, is_handoff_business FROM derived.band
    UNION ALL
    SELECT 'all', NULL, NULL, NULL, NULL, NULL
)
SELECT
    period_grain, period.period_start, period.period_end, now.number, severity, now.failure_mode, now.clock,
    now.value,
    CASE WHEN now.clock IS NOT NULL THEN 'seconds' WHEN now.number = 'no_acknowledgement_rate' THEN 'rate' ELSE 'count' END AS unit,
    CASE
        WHEN now.failure_mode IS NOT NULL THEN NULL
        WHEN now.number = 'median_handoff_latency' AND now.clock = 'business' AND bands.is_handoff_business THEN bands.handoff_budget_seconds
        WHEN now.number = 'median_handoff_latency' AND now.clock = 'wall' THEN bands.median_target_seconds
        WHEN now.number = 'p90_handoff_latency' AND now.clock = 'wall' THEN bands.p90_target_seconds
        WHEN now.number = 'no_acknowledgement_rate' THEN bands.rate_target
    END AS target,
    now.population,
    before.value AS previous_value,
    before.population AS previous_population,
    CASE now.number
        WHEN 'no_acknowledgement_rate' THEN 'windows that ended in the period'
        WHEN 'handoff_sla_breaches' THEN 'handoffs that fell due in the period'
        WHEN 'unrouted_queue_depth' THEN 'the end of the period, as known now'
        ELSE 'handoffs acknowledged in the period'
    END AS dated_by,
    now.low, now.high, now.eligible
FROM paired AS now
JOIN paired AS before USING (period_grain, severity)
JOIN derived.period AS period USING (period_grain)
JOIN bands USING (severity)
WHERE now.periods_back = 1 AND before.periods_back = 2 AND before.number = now.number
    AND before.failure_mode IS NOT DISTINCT FROM now.failure_mode AND before.clock IS NOT DISTINCT FROM now.clock
