-- The failure modes that fired in the cycles of a range of findings, in stage order, with their evidence.
SELECT finding_id, cycle, mode, is_primary, evidence
FROM mart.failure_mode
WHERE finding_id BETWEEN $first AND $last
ORDER BY
    finding_id, cycle,
    list_position(
        ['asset_binding_gap', 'decayed_routing', 'severity_mismatch', 'notification_noise', 'acknowledgement_ambiguity', 'unexplained'], mode
    )
