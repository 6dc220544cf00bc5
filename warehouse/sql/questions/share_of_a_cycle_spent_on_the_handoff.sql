-- How much of the time from capture to verified closure is the handoff?
-- Shares (0 to 1) of the complete cycles, dated by t0: the mean of their own shares, and the share of their summed time. Null where no cycle of that severity is complete.
-- key: severity, segment
-- severity VARCHAR: Band, or all.
-- segment VARCHAR: handoff, triage, fix or verification.
-- cycles BIGINT: Complete cycles: verified, every boundary observed and in order.
-- incomplete BIGINT: Verified cycles that are not complete, and count in no share.
-- seconds DOUBLE: Wall seconds of the segment, summed.
-- mean_share DOUBLE: Mean of the cycles' own shares.
-- summed_share DOUBLE: Share of the summed time.
SELECT severity, segment, cycles, incomplete, seconds, mean_share, summed_share
FROM mart.cycle_share
WHERE period_grain = 'all' AND dimension = 'all'
ORDER BY severity <> 'all' DESC, list_position(['critical', 'high', 'medium', 'low'], severity), list_position(['handoff', 'triage', 'fix', 'verification'], segment)
