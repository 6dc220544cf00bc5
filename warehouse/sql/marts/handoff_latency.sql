-- One row per cohort (by t0), cut and band: the three axes of the handoff, with the Kaplan-Meier view that counts those still waiting.
-- key: period_grain, period_start, dimension, dimension_value, severity
-- period_grain VARCHAR
-- period_start DATE
-- dimension VARCHAR: all, team, business_unit, environment, scanner, origin, failure_mode, engagement or capture_channel.
-- dimension_value VARCHAR
-- severity VARCHAR: Band, or all.
-- handoffs BIGINT: Handoff cycles.
-- acknowledged BIGINT: Of them, those with a valid t1 (the body).
-- coverage_rate DOUBLE: Of the cycles past acknowledgement (triaged, in progress, resolved or verified), the share in which it was observed: what the medians can know of (0 to 1).
-- median_seconds DOUBLE: Median latency of the body, wall seconds, linear interpolation.
-- p90_seconds DOUBLE: 90th percentile of the body, wall seconds.
-- tail_seconds DOUBLE: p90 - median, wall seconds.
-- median_business_seconds DOUBLE: Median latency of the body, business seconds.
-- p90_business_seconds DOUBLE: 90th percentile of the body, business seconds.
-- km_median_seconds DOUBLE: Kaplan-Meier median with unacknowledged cycles as censored, wall seconds; null where not reached.
-- km_p90_seconds DOUBLE: Kaplan-Meier 90th percentile, wall seconds; null where not reached.
-- km_median_low_seconds DOUBLE: Lower end of the median's 95 % interval (Greenwood, log-log); null where not reached.
-- km_median_high_seconds DOUBLE: Upper end of it; null where not reached.
-- km_p90_low_seconds DOUBLE: Lower end of the 90th percentile's 95 % interval (Greenwood, log-log); null where not reached.
-- km_p90_high_seconds DOUBLE: Upper end of it; null where not reached.
-- mature BIGINT: Cycles whose window has fully elapsed and which were not withdrawn inside it.
-- unacknowledged BIGINT: Of them, those with no valid t1 inside the window.
-- no_acknowledgement_rate DOUBLE: unacknowledged / mature; null where none is mature, and for dimension failure_mode.
-- handoff_breaches BIGINT: Cycles of this cohort that broke the handoff SLA.
-- unrouted BIGINT: Cycles of this cohort in the unrouted queue at as_of.
-- verdict VARCHAR: durable, structural_tail, slow or too_few; null for severity all and dimension failure_mode.
WITH cycles AS (
    SELECT
        severity, captured_on, team, business_unit, environment, origin, failure_mode, engagement, capture_channel, scanners,
        latency_seconds, latency_business_seconds, is_mature, is_unacknowledged, handoff_breached,
        is_open AND acknowledged_at IS NULL AND routing_status <> 'routed' AS is_unrouted,
        epoch_us(coalesce(acknowledged_at, horizon_at)) - epoch_us(captured_at) AS duration_us,
        acknowledged_at IS NOT NULL AS is_event,
        coalesce(triaged_at, in_progress_at, resolved_at, verified_at) IS NOT NULL AS is_past
    FROM mart.handoff
),
cuts AS (
    SELECT
        severity, captured_on, latency_seconds, latency_business_seconds, is_mature, is_unacknowledged, handoff_breached, is_unrouted, duration_us, is_event, is_past,
        unnest(derived.cuts(cycles), recursive := true)
    FROM cycles
),
-- Cohorts go by one number: cut, band, grain and first day, so that grouping millions of rows compares integers and not texts.
cut_numbers AS (
    SELECT dimension, dimension_value, row_number() OVER (ORDER BY dimension, dimension_value) AS cut_number
    FROM (SELECT DISTINCT dimension, dimension_value FROM cuts)
),
numbered AS (
    SELECT
        cuts.*, cut_number,
        list_position(['critical', 'high', 'medium', 'low'], severity) AS band_number
    FROM cuts
    JOIN cut_numbers USING (dimension, dimension_value)
),
cohorts AS (
    SELECT
        ((cut_number * 5 + band) * 5 + grain.number) * 10000000 + (coalesce(grain.period_start, DATE '0001-01-01') - DATE '0001-01-01') AS cohort,
        latency_seconds, latency_business_seconds, is_mature, is_unacknowledged, handoff_breached, is_unrouted, duration_us, is_event, is_past
    FROM numbered
    CROSS JOIN LATERAL (
        VALUES
            (0, NULL::DATE), (1, captured_on), (2, date_trunc('week', captured_on)::DATE),
            (3, date_trunc('month', captured_on)::DATE), (4, date_trunc('quarter', captured_on)::DATE)
    ) AS grain (number, period_start)
    CROSS JOIN LATERAL (VALUES (0), (band_number)) AS bands (band)
),
axes AS (
    SELECT
        cohort,
        count(*) AS handoffs,
        count(latency_seconds) AS acknowledged,
        count(*) FILTER (WHERE is_past AND is_event) / nullif(count(*) FILTER (WHERE is_past), 0) AS coverage_rate,
        quantile_cont(latency_seconds, [0.5, 0.9]) AS wall,
        quantile_cont(latency_business_seconds, [0.5, 0.9]) AS business,
        count(*) FILTER (WHERE is_mature) AS mature,
        count(*) FILTER (WHERE is_unacknowledged) AS unacknowledged,
        count(*) FILTER (WHERE handoff_breached) AS handoff_breaches,
        count(*) FILTER (WHERE is_unrouted) AS unrouted
    FROM cohorts
    GROUP BY cohort
),
-- Kaplan-Meier: at each duration, those who acknowledged then and those still at risk; events come before censorings at a tie.
durations AS (
    SELECT cohort, duration_us, count(*) AS leaving, count(*) FILTER (WHERE is_event) AS events
    FROM cohorts
    GROUP BY cohort, duration_us
),
at_risk AS (
    SELECT cohort, duration_us, events, sum(leaving) OVER (PARTITION BY cohort ORDER BY duration_us DESC) AS at_risk
    FROM durations
),
survival AS (
    SELECT
        cohort, duration_us,
        product(1 - events / at_risk) OVER steps AS surviving,
        sum(CASE WHEN at_risk > events THEN events / (at_risk * (at_risk - events)) END) OVER steps AS greenwood
    FROM at_risk
    WHERE events > 0
    WINDOW steps AS (PARTITION BY cohort ORDER BY duration_us)
),
bounded AS (
    SELECT
        *,
        -- log-log interval: S ^ exp(± z sqrt(V) / ln S); with S = 0 it has no variance: the lower end is 0 and the upper unknown.
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
        cohort,
        min(duration_us) FILTER (WHERE surviving <= 0.5 + 1e-12) / 1e6 AS km_median_seconds,
        min(duration_us) FILTER (WHERE surviving <= 0.1 + 1e-12) / 1e6 AS km_p90_seconds,
        min(duration_us) FILTER (WHERE surviving_low <= 0.5 + 1e-12) / 1e6 AS km_median_low_seconds,
        min(duration_us) FILTER (WHERE surviving_high <= 0.5 + 1e-12) / 1e6 AS km_median_high_seconds,
        min(duration_us) FILTER (WHERE surviving_low <= 0.1 + 1e-12) / 1e6 AS km_p90_low_seconds,
        min(duration_us) FILTER (WHERE surviving_high <= 0.1 + 1e-12) / 1e6 AS km_p90_high_seconds
    FROM bounded
    GROUP BY cohort
),
named AS (
    SELECT
        axes.* EXCLUDE (wall, business), reached.* EXCLUDE (cohort),
        wall[1] AS median_seconds, wall[2] AS p90_seconds, business[1] AS median_business_seconds, business[2] AS p90_business_seconds,
        cut_numbers.dimension, cut_numbers.dimension_value,
        ['all', 'day', 'week', 'month', 'quarter'][cohort // 10000000 % 5 + 1] AS period_grain,
        CASE WHEN cohort // 10000000 % 5 > 0 THEN DATE '0001-01-01' + (cohort % 10000000)::INTEGER END AS period_start,
        ['all', 'critical', 'high', 'medium', 'low'][cohort // 50000000 % 5 + 1] AS severity
    FROM axes
    JOIN cut_numbers ON cut_numbers.cut_number = cohort // 250000000
    LEFT JOIN reached USING (cohort)
)
SELECT
    period_grain, period_start, dimension, dimension_value, severity, handoffs, acknowledged, coverage_rate,
    median_seconds, p90_seconds,
    p90_seconds - median_seconds AS tail_seconds,
    median_business_seconds, p90_business_seconds,
    km_median_seconds, km_p90_seconds, km_median_low_seconds, km_median_high_seconds, km_p90_low_seconds, km_p90_high_seconds,
    mature, unacknowledged,
    CASE WHEN dimension <> 'failure_mode' AND mature > 0 THEN unacknowledged / mature END AS no_acknowledgement_rate,
    handoff_breaches, unrouted,
    CASE
        WHEN dimension = 'failure_mode' OR severity = 'all' THEN NULL
        WHEN acknowledged < verdict_minimum OR mature < verdict_minimum THEN 'too_few'
        WHEN median_seconds > median_target_seconds THEN 'slow'
        WHEN p90_seconds <= p90_target_seconds AND unacknowledged / mature <= rate_target THEN 'durable'
        ELSE 'structural_tail'
    END AS verdict
FROM named
LEFT JOIN derived.band AS band USING (severity)
CROSS JOIN derived.parameter AS parameter
