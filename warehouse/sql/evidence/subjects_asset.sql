-- The population of a control of assets, one row each, with what is needed to judge it again.
SELECT
    evidence_subject.subject_id AS asset_id, evidence_subject.status, evidence_subject.reasons, evidence_subject.dated_at,
    scan_coverage.name, scan_coverage.criticality, scan_coverage.business_unit, scan_coverage.environment, scan_coverage.team,
    scan_coverage.registered_at, scan_coverage.last_scanned_at, scan_coverage.due_at, scan_coverage.scanners
FROM evidence_subject
JOIN mart.scan_coverage ON scan_coverage.asset_id = evidence_subject.subject_id
ORDER BY asset_id
