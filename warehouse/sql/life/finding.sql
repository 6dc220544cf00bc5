-- The findings of a range of ids.
FROM mart.finding
WHERE finding_id BETWEEN $first AND $last
ORDER BY finding_id
