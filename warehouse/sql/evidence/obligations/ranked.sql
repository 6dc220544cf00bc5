-- It has a rank by a rule that the record names: CVSS score, the policy's calibration of the scanner's term, known exploitation or EPSS.
-- subject: handoff
-- population: every handoff cycle of a rated finding, and the first cycle of every finding that no rule rates.
-- complete: a severity band, with its rule in mart.finding.severity_rule.
-- exception: unrated - the scanner's term has no calibration, and there is no vector or score.
-- pending: never.
SELECT finding_id AS subject_id, cycle, 'complete' AS status, 'ranked' AS reason, captured_at AS dated_at
FROM mart.handoff
UNION ALL
SELECT finding_id, 1, 'exception', 'unrated', first_captured_at
FROM mart.finding
WHERE severity = 'unrated' AND cycles > 0
