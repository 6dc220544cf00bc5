-- Open findings with what their target binds to at as_of.
SELECT
    'finding' AS subject_kind, finding.finding_id AS subject_id, finding.finding_id, finding.cycles AS cycle, finding.severity, cycle.owner_id,
    cycle.team_now AS team,
    coalesce(cycle.unbound_since_at, finding.first_captured_at) AS since_at,
    finding.target, finding.binding_status, finding.asset_id, finding.state,
    array_to_string(target.candidates, ', ') AS candidates
FROM derived.finding
LEFT JOIN derived.cycle ON cycle.finding_id = finding.finding_id AND cycle.cycle = finding.cycles
LEFT JOIN derived.target ON target.target = finding.target
WHERE finding.is_open
