-- Open cycles with the decision in force at as_of.
SELECT
    'finding' AS subject_kind, cycle.finding_id AS subject_id, cycle.finding_id, cycle.cycle, cycle.severity_now AS severity, cycle.owner_id,
    cycle.team_now AS team,
    coalesce(cycle.decayed_since_at, cycle.captured_at) AS since_at,
    cycle.current_status AS reason, cycle.current_reference AS candidate, cycle.current_mapping AS named_by,
    (epoch_us(parameter.as_of) - epoch_us(cycle.current_since)) / 1e6 AS mapping_age_seconds,
    coalesce(format('{} days old', (epoch_us(parameter.as_of) - epoch_us(cycle.current_since)) // 86400000000), 'always valid') AS mapping_age,
    (cycle.current_status = 'routed' AND cycle.current_mapping IS NOT NULL
        AND epoch_us(parameter.as_of) - epoch_us(cycle.current_since) > parameter.mapping_age_us) IS TRUE AS is_mapping_stale,
    make_timestamp(epoch_us(cycle.current_since) + parameter.mapping_age_us) AS stale_since_at,
    array_to_string(cycle.rejected, ', ') AS rejected,
    cycle.asset_id,
    cycle.acknowledged_at IS NOT NULL AS is_acknowledged
FROM derived.cycle
CROSS JOIN derived.parameter AS parameter
WHERE cycle.is_open
