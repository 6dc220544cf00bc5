-- One row per open cycle on a bound asset whose decision in force at as_of names no valid person.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR: Workspace band at as_of.
-- reason VARCHAR
-- candidate VARCHAR: Whom the decision names, as the mapping or event has it; null for nobody.
-- named_by VARCHAR: The mapping that named them; null where an event did, or none matched.
-- mapping_age_seconds DOUBLE: Age of that mapping or event; null where the mapping always held.
-- rejected VARCHAR[]: Candidates and the reason against each.
-- asset_id VARCHAR: Asset that the target is bound to at as_of.
-- team VARCHAR: Owning team at as_of.
-- captured_at TIMESTAMP
-- age_seconds DOUBLE
-- is_acknowledged BOOLEAN: Whether somebody took it all the same.
SELECT
    cycle.finding_id, cycle.cycle,
    cycle.severity_now AS severity,
    cycle.current_status AS reason,
    cycle.current_reference AS candidate,
    cycle.current_mapping AS named_by,
    (epoch_us(parameter.as_of) - epoch_us(cycle.current_since)) / 1e6 AS mapping_age_seconds,
    cycle.rejected, finding.asset_id,
    cycle.team_now AS team,
    cycle.captured_at,
    (epoch_us(parameter.as_of) - epoch_us(cycle.captured_at)) / 1e6 AS age_seconds,
    cycle.acknowledged_at IS NOT NULL AS is_acknowledged
FROM derived.cycle AS cycle
JOIN derived.finding AS finding USING (finding_id)
CROSS JOIN derived.parameter AS parameter
WHERE cycle.is_open AND cycle.current_status NOT IN ('routed', 'unbound', 'ambiguous', 'retired')
