-- One row per cut and band: how many observations make one finding, and how many dispatches that spared.
-- Of findings that were ever handed off; informational observations are left out.
-- key: dimension, dimension_value, severity
-- dimension VARCHAR: all, team, business_unit, environment, engagement or capture_channel of the finding's last cycle; scanner, of those that ever saw it.
-- dimension_value VARCHAR
-- severity VARCHAR: Band of the finding's last cycle, or all.
-- observations BIGINT: Observations of these findings, by whichever scanner.
-- findings BIGINT: Findings.
-- observations_per_finding DOUBLE: observations / findings.
-- sightings BIGINT: Distinct scanners and targets as scanned that the findings were seen by and under, added up over the findings.
-- dispatches_avoided BIGINT: sightings - findings: what one notification for each scanner and target would have sent beyond one for each finding.
WITH seen AS (
    SELECT finding_id, scanner, target, count(*) AS observations
    FROM derived.capture
    WHERE band <> 'informational'
    GROUP BY ALL
),
counted AS (
    SELECT finding_id, sum(observations) AS observations, count(*) AS sightings, list(DISTINCT scanner) AS scanners
    FROM seen
    GROUP BY finding_id
),
findings AS (
    SELECT counted.*, handoff.severity, handoff.team, handoff.business_unit, handoff.environment, handoff.engagement, handoff.capture_channel
    FROM (FROM mart.handoff QUALIFY cycle = max(cycle) OVER (PARTITION BY finding_id)) AS handoff
    JOIN counted USING (finding_id)
),
cuts AS (
    SELECT cut.dimension, coalesce(cut.dimension_value, '(none)') AS dimension_value, severity, observations, sightings
    FROM findings
    CROSS JOIN LATERAL (
        VALUES
            ('all', 'all'), ('team', team), ('business_unit', business_unit), ('environment', environment), ('engagement', engagement),
            ('capture_channel', capture_channel)
    ) AS cut (dimension, dimension_value)
    UNION ALL
    SELECT 'scanner', unnest(scanners), severity, observations, sightings
    FROM findings
)
SELECT
    dimension, dimension_value, band.severity,
    sum(observations)::BIGINT AS observations,
    count(*) AS findings,
    sum(observations) / count(*) AS observations_per_finding,
    sum(sightings)::BIGINT AS sightings,
    (sum(sightings) - count(*))::BIGINT AS dispatches_avoided
FROM cuts
CROSS JOIN LATERAL (VALUES ('all'), (cuts.severity)) AS band (severity)
GROUP BY ALL
