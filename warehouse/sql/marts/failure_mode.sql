-- One row per gated cycle and failure mode that fired, with the evidence that fired it; unexplained where none did.
-- key: finding_id, cycle, mode
-- finding_id VARCHAR
-- cycle INTEGER
-- mode VARCHAR: asset_binding_gap, decayed_routing, severity_mismatch, notification_noise, acknowledgement_ambiguity or unexplained.
-- is_primary BOOLEAN: Whether it is the first broken link in stage order.
-- evidence VARCHAR: What fired it, as JSON.
-- severity VARCHAR
-- team VARCHAR
SELECT
    handoff.finding_id, handoff.cycle,
    coalesce(mode.mode, 'unexplained') AS mode,
    coalesce(mode.mode, 'unexplained') = handoff.failure_mode AS is_primary,
    coalesce(mode.evidence, '{}') AS evidence,
    handoff.severity, handoff.team
FROM mart.handoff
LEFT JOIN derived.mode USING (finding_id, cycle)
WHERE handoff.failure_mode IS NOT NULL
