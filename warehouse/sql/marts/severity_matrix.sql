-- One row per scanner, band of its own word and workspace band: where the workspace calls something more or less severe than the scanner did.
-- key: scanner, scanner_band, severity
-- scanner VARCHAR
-- scanner_band VARCHAR: Band of the scanner's own term by calibration, of its score where it has no term; no vector, asset, KEV or EPSS. unrated where it said nothing known.
-- severity VARCHAR: Workspace band of the observation, unrated and informational included; for handoffs and lost_seconds, of the cycle.
-- mismatch VARCHAR: higher, equal or lower - the workspace's band against the scanner's; null where either is unrated.
-- observations BIGINT: Observations with these bands.
-- findings BIGINT: Findings that have such an observation.
-- handoffs BIGINT: Handoff cycles of that band whose earliest observation is that scanner's and of that band of its own; of the cycle before where one has none.
-- lost_seconds DOUBLE: Wall seconds that these handoffs lost beyond their SLA's due instant (mart.lag_attribution), of those with severity_mismatch among their modes.
WITH observed AS (
    SELECT scanner, scanner_band, band AS severity, count(*) AS observations, count(DISTINCT finding_id) AS findings
    FROM derived.capture
    GROUP BY ALL
),
lost AS (
    -- In whole microseconds: a sum of them does not depend on the order of its rows.
    SELECT finding_id, cycle, sum(round(seconds * 1e6)::BIGINT) AS lost_us
    FROM mart.lag_attribution
    GROUP BY ALL
),
handed AS (
    SELECT
        cycle.first_scanner AS scanner, cycle.scanner_band, handoff.severity,
        count(*) AS handoffs,
        sum(lost.lost_us) FILTER (WHERE list_contains(handoff.failure_modes, 'severity_mismatch')) AS lost_us
    FROM mart.handoff
    JOIN derived.cycle AS cycle USING (finding_id, cycle)
    LEFT JOIN lost USING (finding_id, cycle)
    GROUP BY ALL
),
ranks (severity, rank) AS (
    VALUES ('critical', 1), ('high', 2), ('medium', 3), ('low', 4), ('informational', 5)
)
SELECT
    scanner, scanner_band, severity,
    CASE WHEN here.rank < scanners.rank THEN 'higher' WHEN here.rank = scanners.rank THEN 'equal' WHEN here.rank > scanners.rank THEN 'lower' END AS mismatch,
    coalesce(observed.observations, 0) AS observations,
    coalesce(observed.findings, 0) AS findings,
    coalesce(handed.handoffs, 0) AS handoffs,
    coalesce(handed.lost_us, 0) / 1e6 AS lost_seconds
FROM observed
FULL JOIN handed USING (scanner, scanner_band, severity)
LEFT JOIN ranks AS here USING (severity)
LEFT JOIN ranks AS scanners ON scanners.severity = scanner_band
