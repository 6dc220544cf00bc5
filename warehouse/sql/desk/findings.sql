-- Every finding, by its last cycle; the most severe open ones first.
WITH last_cycle AS (
    SELECT handoff.*
    FROM mart.handoff
    JOIN mart.finding ON finding.finding_id = handoff.finding_id AND finding.cycles = handoff.cycle
)
SELECT
    finding.title, finding.finding_id, finding.severity, finding.state,
    coalesce(last_cycle.owner_id, '') AS owner,
    coalesce(last_cycle.team_now, last_cycle.team, '') AS team,
    CASE WHEN last_cycle.finding_id IS NULL THEN '' WHEN last_cycle.acknowledged_at IS NOT NULL THEN 'yes' ELSE 'no' END AS acknowledged,
    coalesce(replace(last_cycle.failure_mode, '_', ' '), '') AS mode,
    finding.first_captured_at AS seen,
    finding.cycles,
    coalesce(finding.asset_id, finding.target) AS place,
    array_to_string(finding.scanners, ', ') AS scanners,
    array_to_string(list_concat(finding.vulnerability_ids, finding.own_ids), ' ') AS ids
FROM mart.finding
LEFT JOIN last_cycle USING (finding_id)
ORDER BY
    finding.is_open DESC, list_position(['critical', 'high', 'medium', 'low', 'unrated', 'informational'], finding.severity),
    finding.first_captured_at, finding.finding_id
