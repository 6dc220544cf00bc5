-- How many snapshots of a register are recorded.
SELECT count(DISTINCT claim_id)
FROM record.landing_attempt
WHERE kind = $kind AND status IN ('loaded', 'held')
