-- What scanners saw of a range of findings, in order; whether an observation set t0 of its cycle.
SELECT
    observation.finding_id, observation.cycle, observation.captured_at, observation.scanner, observation.target, observation.native_term,
    observation.score, observation.severity, observation.severity_rule, handoff.capture_id IS NOT NULL AS is_t0, observation_id
FROM mart.observation
LEFT JOIN mart.handoff
    ON handoff.finding_id = observation.finding_id AND handoff.cycle = observation.cycle AND handoff.capture_id = observation.observation_id
WHERE observation.finding_id BETWEEN $first AND $last
ORDER BY observation.finding_id, observation.captured_at, observation.scanner, observation_id
