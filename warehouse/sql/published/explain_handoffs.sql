-- The cycles of one finding, with the evidence of the primary failure mode.
SELECT handoff.*, failure_mode.evidence
FROM mart.handoff
LEFT JOIN mart.failure_mode
    ON failure_mode.finding_id = handoff.finding_id AND failure_mode.cycle = handoff.cycle AND failure_mode.is_primary
        AND failure_mode.mode <> 'unexplained'
WHERE handoff.finding_id = $id
ORDER BY handoff.cycle
