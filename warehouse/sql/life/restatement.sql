-- The corrections of t0 of a range of findings.
SELECT finding_id, cycle, captured_at_was, captured_at_is, recorded_at
FROM record.restatement
WHERE finding_id BETWEEN $first AND $last
ORDER BY finding_id, cycle, recorded_at, captured_at_was
