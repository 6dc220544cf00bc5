-- How many snapshots of a register are recorded.
SELECT count(DISTINCT claim_id)
FROM record.landing_attempt
WHERE list_has_any(string_split(kind, '+'), $kinds) AND status IN ('loaded', 'held')
