-- One row per observation that counts: the finding and cycle that it belongs to, and the band that it was given and by which rule.
-- key: observation_id
-- observation_id VARCHAR: Observation, in record.observation.
-- finding_id VARCHAR
-- cycle INTEGER: Handoff cycle that it counts in; null outside every cycle.
-- scanner VARCHAR
-- format VARCHAR: Report format.
-- target VARCHAR: Asset as scanned.
-- captured_at TIMESTAMP: When the scan saw it (UTC).
-- native_term VARCHAR: The scanner's own term as the calibration looks it up; '(no term)' where it has none.
-- score DOUBLE: Score beside that term, 0 to 10 - of its CVSS vector without the asset's environment, else as stated; null without either.
-- severity VARCHAR: Workspace band that it was given.
-- severity_rule VARCHAR: The rule that set it.
SELECT
    observation_id, finding_id, cycle, scanner, format, target, captured_at, native_term,
    scanner_score AS score,
    band AS severity,
    rule AS severity_rule
FROM derived.capture
