-- Findings with their band; of an unrated one the terms that gave it none, and the line of the policy that would rate it.
WITH unrated AS (
    SELECT DISTINCT capture.finding_id, capture.scanner, capture.native_term
    FROM derived.capture
    JOIN derived.finding USING (finding_id)
    WHERE finding.severity = 'unrated' AND capture.band = 'unrated'
),
tables AS (
    -- A text in JSON is one in YAML too, whatever the scanner called it.
    SELECT
        finding_id, scanner,
        string_agg(native_term, ', ' ORDER BY native_term) AS native_terms,
        format('{}: {{{}}}', to_json(scanner)::VARCHAR, string_agg(concat(to_json(native_term)::VARCHAR, ': BAND'), ', ' ORDER BY native_term)) AS calibration
    FROM unrated
    GROUP BY finding_id, scanner
),
terms AS (
    SELECT
        finding_id,
        string_agg(concat(scanner, ' calls it ', native_terms), '; ' ORDER BY scanner) AS native_terms,
        format('severity: {{calibration: {{{}}}}}', string_agg(calibration, ', ' ORDER BY scanner)) AS policy_line
    FROM tables
    GROUP BY finding_id
)
SELECT
    'finding' AS subject_kind, finding.finding_id AS subject_id, finding.finding_id, nullif(finding.cycles, 0) AS cycle, finding.severity, cycle.owner_id,
    cycle.team_now AS team, finding.first_captured_at AS since_at,
    finding.title, finding.target, finding.severity_rule,
    array_to_string(finding.scanners, ', ') AS scanners,
    terms.native_terms, terms.policy_line
FROM derived.finding
LEFT JOIN derived.cycle ON cycle.finding_id = finding.finding_id AND cycle.cycle = finding.cycles
LEFT JOIN terms ON terms.finding_id = finding.finding_id
