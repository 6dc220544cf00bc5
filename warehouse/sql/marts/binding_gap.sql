-- One row per open cycle whose target is not bound to one active asset at as_of.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR: Workspace band at as_of.
-- binding_status VARCHAR: unbound, ambiguous or retired, at as_of.
-- target VARCHAR
-- candidates VARCHAR[]: Assets that it may be: several, or a retired one.
-- asset_id VARCHAR
-- captured_at TIMESTAMP
-- age_seconds DOUBLE
-- is_acknowledged BOOLEAN: Whether somebody took it all the same.
SELECT
    handoff.finding_id, handoff.cycle,
    handoff.severity_now AS severity,
    finding.binding_status,
    handoff.target,
    coalesce(target.candidates, []::VARCHAR[]) AS candidates,
    finding.asset_id,
    handoff.captured_at,
    (epoch_us(parameter.as_of) - epoch_us(handoff.captured_at)) / 1e6 AS age_seconds,
    handoff.acknowledged_at IS NOT NULL AS is_acknowledged
FROM mart.handoff
JOIN derived.finding AS finding USING (finding_id)
LEFT JOIN derived.target AS target ON target.target = handoff.target
CROSS JOIN derived.parameter AS parameter
WHERE handoff.is_open AND finding.binding_status <> 'bound'
