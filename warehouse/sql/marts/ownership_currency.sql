-- One row per cut, band and age of the mapping: of the open findings, how many have an owner who is still there, at as_of.
-- key: dimension, dimension_value, severity, mapping_age
-- dimension VARCHAR: all, team, business_unit, environment, scanner, origin, failure_mode, engagement or capture_channel of the open cycle; team at as_of.
-- dimension_value VARCHAR
-- severity VARCHAR: Band of the open cycle, or all.
-- mapping_age VARCHAR: all, or the age of what named the owner - up to 30 d, up to 90 d, up to 180 d, up to 365 d, over 365 d, always valid; or no owner.
-- open_findings BIGINT: Findings whose last cycle is open.
-- owned BIGINT: Of them, those whose decision in force names a person, valid or not.
-- active BIGINT: Of them, those whose named person is known, human and active.
-- currency_rate DOUBLE: active / open_findings.
-- owned_currency_rate DOUBLE: active / owned; null where none is owned.
-- median_mapping_age_seconds DOUBLE: Median age of the mapping or event that named the owner; always valid ones have none, and null where all have none.
WITH open_finding AS (
    SELECT
        handoff.severity, handoff.team_now AS team, handoff.business_unit, handoff.environment, handoff.origin, handoff.failure_mode, handoff.engagement,
        handoff.capture_channel, handoff.scanners,
        nullif(trim(cycle.current_reference), '') IS NOT NULL AS is_owned,
        is_owned AND cycle.current_is_active AS is_active,
        CASE WHEN is_owned THEN epoch_us(parameter.as_of) - epoch_us(cycle.current_since) END AS age_us
    FROM mart.handoff
    JOIN derived.cycle AS cycle USING (finding_id, cycle)
    CROSS JOIN derived.parameter AS parameter
    WHERE handoff.is_open
),
aged AS (
    SELECT
        *,
        CASE
            WHEN NOT is_owned THEN 'no owner'
            WHEN age_us IS NULL THEN 'always valid'
            WHEN age_us <= 30 * 86400000000 THEN 'up to 30 d'
            WHEN age_us <= 90 * 86400000000 THEN 'up to 90 d'
            WHEN age_us <= 180 * 86400000000 THEN 'up to 180 d'
            WHEN age_us <= 365 * 86400000000 THEN 'up to 365 d'
            ELSE 'over 365 d'
        END AS mapping_age
    FROM open_finding
),
cuts AS (
    SELECT severity, mapping_age, is_owned, is_active, age_us, unnest(derived.cuts(aged), recursive := true)
    FROM aged
),
grouped AS (
    SELECT dimension, dimension_value, band.severity, bucket.mapping_age, is_owned, is_active, age_us
    FROM cuts
    CROSS JOIN LATERAL (VALUES ('all'), (cuts.severity)) AS band (severity)
    CROSS JOIN LATERAL (VALUES ('all'), (cuts.mapping_age)) AS bucket (mapping_age)
)
SELECT
    dimension, dimension_value, severity, mapping_age,
    count(*) AS open_findings,
    count(*) FILTER (WHERE is_owned) AS owned,
    count(*) FILTER (WHERE is_active) AS active,
    count(*) FILTER (WHERE is_active) / count(*) AS currency_rate,
    CASE WHEN count(*) FILTER (WHERE is_owned) > 0 THEN count(*) FILTER (WHERE is_active) / count(*) FILTER (WHERE is_owned) END AS owned_currency_rate,
    quantile_cont(age_us, 0.5) / 1e6 AS median_mapping_age_seconds
FROM grouped
GROUP BY ALL
