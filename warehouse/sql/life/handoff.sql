-- The cycles of a range of findings, with what they were bound to and the evidence of the primary failure mode.
SELECT handoff.*, failure_mode.evidence, binding_gap.candidates AS binding_candidates
FROM mart.handoff
LEFT JOIN mart.failure_mode
    ON failure_mode.finding_id = handoff.finding_id AND failure_mode.cycle = handoff.cycle AND failure_mode.is_primary
        AND failure_mode.mode <> 'unexplained'
LEFT JOIN mart.binding_gap ON binding_gap.finding_id = handoff.finding_id AND binding_gap.cycle = handoff.cycle
WHERE handoff.finding_id BETWEEN $first AND $last
ORDER BY handoff.finding_id, handoff.cycle
