-- Targets, budgets and windows of the policy, by band.
SELECT severity, rank, handoff_sla, remediation_sla, acknowledgement_window, median_target_seconds, p90_target_seconds, rate_target
FROM derived.band
ORDER BY rank
