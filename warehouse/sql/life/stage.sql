-- The six stages of the cycles of a range of findings.
SELECT finding_id, cycle, stage, instant, span_seconds, business_seconds, covers, is_out_of_sequence
FROM mart.stage
WHERE finding_id BETWEEN $first AND $last
ORDER BY finding_id, cycle, stage_number
