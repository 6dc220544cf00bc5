-- The expectations that a range of findings fails.
SELECT finding_id, cycle, expectation, level, detail, first_flagged_at, subject_kind, subject_id
FROM mart.flag
WHERE finding_id BETWEEN $first AND $last
ORDER BY finding_id, cycle, first_flagged_at, expectation, subject_kind, subject_id
