-- One row per cohort (by t0), cut and band: the three axes of the handoff, with the Kaplan-Meier view that counts those still waiting.
-- key: period_grain, period_start, dimension, dimension_value, severity
-- period_grain VARCHAR
-- period_start DATE
-- dimension VARCHAR: all, team, business_unit, environment, scanner, origin, failure_mode, engagement or capture_channel.
-- dimension_value VARCHAR
-- severity VARCHAR: Band, or all.
-- handoffs BIGINT: Handoff cycles.
-- acknowledged BIGINT: Of them, those with a valid t1 (the body).
-- median_seconds DOUBLE: Median latency of the body, wall seconds, linear interpolation.
-- p90_seconds DOUBLE: 90th percentile of the body, wall seconds.
-- tail_seconds DOUBLE: p90 - median, wall seconds.
-- median_business_seconds DOUBLE: Median latency of the body, business seconds.
-- p90_business_seconds DOUBLE: 90th percentile of the body, business seconds.
-- km_median_seconds DOUBLE: Kaplan-Meier median with unacknowledged cycles as censored, wall seconds; null where not reached.
-- km_p90_seconds DOUBLE: Kaplan-Meier 90th percentile, wall seconds; null where not reached.
-- km_median_low_seconds DOUBLE: Lower end of the median's 95 % interval (Greenwood, log-log); null where not reached.
-- km_median_high_seconds DOUBLE: Upper end of it; null where not reached.
-- mature BIGINT: Cycles whose window has fully elapsed and which were not withdrawn inside it.
-- unacknowledged BIGINT: Of them, those with no valid t1 inside the window.
-- no_acknowledgement_rate DOUBLE: unacknowledged / mature; null where none is mature, and for dimension failure_mode.
-- handoff_breaches BIGINT: Cycles of this cohort that broke the handoff SLA.
-- unrouted BIGINT: Cycles of this cohort in the unrouted queue at as_of.
-- verdict VARCHAR: durable, structural_tail, slow or too_few; null for severity all and dimension failure_mode.
WITH cycles AS (
    SELECT
        handoff.*,
        is_open AND acknowledged_at IS NULL AND routing_status <> 'routed' AS is_unrouted,
        epoch_us(coalesce(acknowledged_at, horizon_at)) - epoch_us(captured_at) AS duration_us,
        acknowledged_at IS NOT NULL AS is_event
    FROM mart.handoff
),
cuts AS (
    SELECT cycles.*, cut.dimension, coalesce(cut.dimension_value, '(none)') AS dimension_value
    FROM cycles
    CROSS JOIN LATERAL (
        VALUES
            ('all', 'all'), ('team', team), ('business_unit', business_unit), ('environment', environment), ('origin', origin),
            ('failure_mode', failure_mode), ('engagement', engagement), ('capture_channel', capture_channel)
    ) AS cut (dimension, dimension_value)
    WHERE NOT (cut.dimension = 'failure_mode' AND failure_mode IS NULL)
    UNION ALL
    SELECT cycles.*, 'scanner' AS dimension, unnest(scanners) AS dimension_value
    FROM cycles
),
cohorts AS (
    SELECT
        cuts.* EXCLUDE (severity), grain.period_grain, grain.period_start, band.severity
    FROM cuts
    CROSS JOIN LATERAL (
        VALUES
            ('all', NULL::DATE), ('day', captured_on), ('week', date_trunc('week', captured_on)::DATE),
            ('month', date_trunc('month', captured_on)::DATE), ('quarter', date_trunc('quarter', captured_on)::DATE)
    ) AS grain (period_grain, period_start)
    CROSS JOIN LATERAL (VALUES ('all'), (cuts.severity)) AS band (severity)
),
axes AS (
    SELECT
        period_grain, period_start, dimension, dimension_value, severity,
        count(*) AS handoffs,
        count(latency_seconds) AS acknowledged,
        quantile_cont(latency_seconds, 0.5) AS median_seconds,
        quantile_cont(latency_seconds, 0.9) AS p90_seconds,
        quantile_cont(latency_business_seconds, 0.5) AS median_business_seconds,
        quantile_cont(latency_business_seconds, 0.9) AS p90_business_seconds,
        count(*) FILTER (WHERE is_mature) AS mature,
        count(*) FILTER (WHERE is_unacknowledged) AS unacknowledged,
        count(*) FILTER (WHERE handoff_breached) AS handoff_breaches,
        count(*) FILTER (WHERE is_unrouted) AS unrouted
    FROM cohorts
    GROUP BY ALL
),
-- Kaplan-Meier: at each duration, those who acknowledged then and those still at risk; events come before censorings at a tie.
durations AS (
    SELECT
        period_grain, period_start, dimension, dimension_value, severity, duration_us,
        count(*) AS leaving,
        count(*) FILTER (WHERE is_event) AS events
    FROM cohorts
    GROUP BY ALL
),
at_risk AS (
    SELECT *, sum(leaving) OVER (PARTITION BY period_grain, period_start, dimension, dimension_value, severity ORDER BY duration_us DESC) AS at_risk
    FROM durations
),
survival AS (
    SELECT
        *,
        product(1 - events / at_risk) OVER steps AS surviving,
        sum(CASE WHEN at_risk > events THEN events / (at_risk * (at_risk - events)) END) OVER steps AS greenwood
    FROM at_risk
    WHERE events > 0
    WINDOW steps AS (PARTITION BY period_grain, period_start, dimension, dimension_value, severity ORDER BY duration_us)
),
bounded AS (
    SELECT
        *,
        -- log-log interval: S ^ exp(± z sqrt(V) / ln S); with S = 0 the lower end is 0 and the upper unknown.
        CASE
            WHEN surviving <= 0 THEN 0
            WHEN surviving < 1 THEN pow(surviving, exp(-1.959963984540054 * sqrt(greenwood) / ln(surviving)))
            ELSE 1
        END AS surviving_low,
        CASE
            WHEN surviving <= 0 THEN NULL
            WHEN surviving < 1 THEN pow(surviving, exp(1.959963984540054 * sqrt(greenwood) / ln(surviving)))
            ELSE 1
        END AS surviving_high
    FROM survival
),
reached AS (
    SELECT
        period_grain, period_start, dimension, dimension_value, severity,
        min(duration_us) FILTER (WHERE surviving <= 0.5 + 1e-12) / 1e6 AS km_median_seconds,
        min(duration_us) FILTER (WHERE surviving <= 0.1 + 1e-12) / 1e6 AS km_p90_seconds,
        min(duration_us) FILTER (WHERE surviving_low <= 0.5 + 1e-12) / 1e6 AS km_median_low_seconds,
        min(duration_us) FILTER (WHERE surviving_high <= 0.5 + 1e-12) / 1e6 AS km_median_high_seconds
    FROM bounded
    GROUP BY ALL
)
SELECT
    axes.period_grain, axes.period_start, axes.dimension, axes.dimension_value, axes.severity, handoffs, acknowledged,
    median_seconds, p90_seconds,
    p90_seconds - median_seconds AS tail_seconds,
    median_business_seconds, p90_business_seconds, km_median_seconds, km_p90_seconds, km_median_low_seconds, km_median_high_seconds,
    mature, unacknowledged,
    CASE WHEN axes.dimension <> 'failure_mode' AND mature > 0 THEN unacknowledged / mature END AS no_acknowledgement_rate,
    handoff_breaches, unrouted,
    CASE
        WHEN axes.dimension = 'failure_mode' OR axes.severity = 'all' THEN NULL
        WHEN acknowledged < verdict_minimum OR mature < verdict_minimum THEN 'too_few'
        WHEN median_seconds > median_target_seconds THEN 'slow'
        WHEN p90_seconds <= p90_target_seconds AND unacknowledged / mature <= rate_target THEN 'durable'
        ELSE 'structural_tail'
    END AS verdict
FROM axes
LEFT JOIN reached
    ON reached.period_grain = axes.period_grain AND reached.period_start IS NOT DISTINCT FROM axes.period_start
    AND reached.dimension = axes.dimension AND reached.dimension_value = axes.dimension_value AND reached.severity = axes.severity
LEFT JOIN derived.band AS band ON band.severity = axes.severity
CROSS JOIN derived.parameter AS parameter
