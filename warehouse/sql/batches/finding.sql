-- Findings with their band, and the terms that gave an unrated one none.
WITH terms AS (
    SELECT finding.finding_id, string_agg(DISTINCT coalesce(native_severity, '(no term)'), ', ' ORDER BY coalesce(native_severity, '(no term)')) AS native_terms
    FROM derived.finding
    JOIN derived.capture USING (finding_id)
    JOIN record.observation USING (observation_id, content_id)
    WHERE finding.severity = 'unrated'
    GROUP BY finding.finding_id
)
SELECT
    'finding' AS subject_kind, finding.finding_id AS subject_id, finding.finding_id, nullif(finding.cycles, 0) AS cycle, finding.severity, cycle.owner_id,
    cycle.team_now AS team, finding.first_captured_at AS since_at,
    finding.title, finding.target, finding.severity_rule,
    array_to_string(finding.scanners, ', ') AS scanners,
    terms.native_terms
FROM derived.finding
LEFT JOIN derived.cycle ON cycle.finding_id = finding.finding_id AND cycle.cycle = finding.cycles
LEFT JOIN terms ON terms.finding_id = finding.finding_id
