-- One row per open cycle: whom the decision in force at as_of makes responsible for it, by what, since when.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR: Workspace band at as_of.
-- status VARCHAR: routed, or why nobody valid is named at as_of.
-- candidate VARCHAR: Whom the decision names, as the mapping or event has it; null for nobody.
-- person_id VARCHAR: The person that this is, valid or not; the reference itself where the directory knows nobody by it.
-- named_by VARCHAR: The mapping that named them; null where an event did, or none matched.
-- named_at TIMESTAMP: Since when that mapping holds, or when that event was (UTC); null where the mapping always held.
-- decayed_at TIMESTAMP: Since when the decision names no valid person (UTC); null where it names one.
SELECT
    finding_id, cycle, severity_now AS severity,
    current_status AS status,
    current_reference AS candidate,
    current_person AS person_id,
    current_mapping AS named_by,
    current_since AS named_at,
    decayed_since_at AS decayed_at
FROM derived.cycle
WHERE is_open
