-- The population of a control of handoffs, one row each, with what is needed to judge it again.
SELECT
    evidence_subject.subject_id AS finding_id, evidence_subject.cycle, evidence_subject.status, evidence_subject.reasons, evidence_subject.dated_at,
    finding.title, coalesce(handoff.severity, finding.severity) AS severity, finding.severity_rule,
    coalesce(handoff.asset_id, finding.asset_id) AS asset_id, finding.target, handoff.business_unit, handoff.environment, handoff.team,
    handoff.owner_id, handoff.acknowledged_by, handoff.origin, coalesce(handoff.state, finding.state) AS state,
    coalesce(handoff.captured_at, finding.first_captured_at) AS captured_at,
    handoff.handoff_due_at, handoff.acknowledged_at, handoff.remediation_due_at, handoff.resolved_at, handoff.verified_at, handoff.withdrawn_at, handoff.failure_mode
FROM evidence_subject
JOIN mart.finding ON finding.finding_id = evidence_subject.subject_id
LEFT JOIN mart.handoff ON handoff.finding_id = evidence_subject.subject_id AND handoff.cycle = evidence_subject.cycle
ORDER BY finding_id, cycle
