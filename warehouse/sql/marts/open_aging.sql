-- One row per band now, age and owning team: what is open at as_of, until verified or withdrawn.
-- key: severity, age_bucket, team
-- severity VARCHAR: Workspace band at as_of.
-- age_bucket VARCHAR: Age since t0 in wall time - under 7 days, 7 to 30 days, 30 to 90 days, 90 days and more.
-- team VARCHAR: Owning team at as_of; (none) where there is none.
-- open BIGINT: Open handoff cycles, one for each open finding.
-- acknowledged BIGINT: Of them, those with a valid acknowledgement.
-- oldest_seconds DOUBLE: Age of the oldest.
WITH aged AS (
    SELECT
        handoff.severity_now AS severity, coalesce(handoff.team_now, '(none)') AS team, handoff.acknowledged_at,
        epoch_us(parameter.as_of) - epoch_us(handoff.captured_at) AS age_us
    FROM mart.handoff
    CROSS JOIN derived.parameter AS parameter
    WHERE handoff.is_open
)
SELECT
    severity,
    CASE
        WHEN age_us < 7 * 86400000000 THEN 'under 7 days'
        WHEN age_us < 30 * 86400000000 THEN '7 to 30 days'
        WHEN age_us < 90 * 86400000000 THEN '30 to 90 days'
        ELSE '90 days and more'
    END AS age_bucket,
    team,
    count(*) AS open,
    count(acknowledged_at) AS acknowledged,
    max(age_us) / 1e6 AS oldest_seconds
FROM aged
GROUP BY ALL
