-- One row per measure and what it is of: as the record gives it under the run's policy, and as it would be under the other.
-- key: measure, period_grain, period_start, dimension, dimension_value, severity, failure_mode, clock
-- measure VARCHAR: What is measured; the five numbers bear their names of mart.dashboard.
-- period_grain VARCHAR: all (every cohort up to as_of), or week, month or quarter (the one that contains as_of, dated as in mart.dashboard).
-- period_start DATE
-- dimension VARCHAR: What the rows are cut by; all for no cut.
-- dimension_value VARCHAR
-- severity VARCHAR: Band, or all; measures of open findings go by their band now.
-- failure_mode VARCHAR: Primary failure mode in rows that decompose a number by it; null in the number itself.
-- clock VARCHAR: business or wall, for times; null for the others.
-- unit VARCHAR: seconds, rate (0 to 1), count or word.
-- base DOUBLE: The value under the policy of the run; null where nothing happened that it could be of.
-- whatif DOUBLE: The value under the other policy.
-- difference DOUBLE: whatif - base; null where either is.
-- base_word VARCHAR: The value of a measure that is a word, a verdict, under the policy of the run.
-- whatif_word VARCHAR: The same under the other policy.
-- base_population BIGINT: The count behind base.
-- whatif_population BIGINT: The count behind whatif.
-- cycles_changed BIGINT: Handoffs that give the measure something else on the two sides, or give to it on one alone; null where it is of no handoffs.
-- is_changed BOOLEAN: Whether value, word or population differ, or any handoff does.
WITH sides AS (
    SELECT *, false AS is_other FROM memory.main.base_measure
    UNION ALL
    SELECT *, true FROM memory.main.other_measure
),
paired AS (
    SELECT
        basis, measure, period_grain, period_start, dimension, dimension_value, severity, failure_mode, clock, unit,
        any_value(value) FILTER (WHERE NOT is_other) AS base,
        any_value(value) FILTER (WHERE is_other) AS whatif,
        any_value(word) FILTER (WHERE NOT is_other) AS base_word,
        any_value(word) FILTER (WHERE is_other) AS whatif_word,
        any_value(population) FILTER (WHERE NOT is_other) AS base_population,
        any_value(population) FILTER (WHERE is_other) AS whatif_population
    FROM sides
    GROUP BY ALL
),
-- What a failure mode has on one side alone is nought of the same population on the other; so is a count of what is not there.
peopled AS (
    SELECT * REPLACE (
        coalesce(base_population, CASE WHEN is_share THEN max(base_population) OVER whole END, 0) AS base_population,
        coalesce(whatif_population, CASE WHEN is_share THEN max(whatif_population) OVER whole END, 0) AS whatif_population
    )
    FROM (SELECT *, failure_mode IS NOT NULL AND (unit = 'rate' OR period_grain = 'all') AS is_share FROM paired)
    WINDOW whole AS (PARTITION BY measure, period_grain, period_start, dimension, dimension_value, severity, clock)
),
filled AS (
    SELECT * REPLACE (
        CASE WHEN unit = 'count' OR (is_share AND base_population > 0) THEN coalesce(base, 0) ELSE base END AS base,
        CASE WHEN unit = 'count' OR (is_share AND whatif_population > 0) THEN coalesce(whatif, 0) ELSE whatif END AS whatif
    )
    FROM peopled
),
contributions AS (
    SELECT *, false AS is_other FROM memory.main.base_contribution
    UNION ALL
    SELECT *, true FROM memory.main.other_contribution
),
differing AS (
    SELECT basis, period_grain, period_start, dimension, dimension_value, severity, failure_mode, clock, finding_id, cycle
    FROM contributions
    GROUP BY ALL
    HAVING count(*) = 1 OR min(given) <> max(given)
),
changed AS (
    SELECT basis, period_grain, period_start, dimension, dimension_value, severity, failure_mode, clock, count(*) AS cycles_changed
    FROM differing
    GROUP BY ALL
)
SELECT
    filled.measure, filled.period_grain, filled.period_start, filled.dimension, filled.dimension_value, filled.severity, filled.failure_mode, filled.clock,
    filled.unit, filled.base, filled.whatif,
    filled.whatif - filled.base AS difference,
    filled.base_word, filled.whatif_word, filled.base_population, filled.whatif_population,
    CASE WHEN filled.basis IS NOT NULL THEN coalesce(changed.cycles_changed, 0) END AS cycles_changed,
    filled.base IS DISTINCT FROM filled.whatif OR filled.base_word IS DISTINCT FROM filled.whatif_word
        OR filled.base_population <> filled.whatif_population OR coalesce(changed.cycles_changed, 0) > 0 AS is_changed
FROM filled
LEFT JOIN changed
    ON (changed.basis, changed.period_grain, changed.dimension, changed.dimension_value, changed.severity)
        = (filled.basis, filled.period_grain, filled.dimension, filled.dimension_value, filled.severity)
    AND changed.period_start IS NOT DISTINCT FROM filled.period_start
    AND changed.failure_mode IS NOT DISTINCT FROM filled.failure_mode
    AND changed.clock IS NOT DISTINCT FROM filled.clock
ORDER BY ALL
