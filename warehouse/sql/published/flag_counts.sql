-- How many flags each expectation raised.
SELECT suite, expectation, level, count(*) AS flags, count(DISTINCT finding_id) AS findings, min(first_flagged_at) AS since
FROM mart.flag
GROUP BY suite, expectation, level
ORDER BY level, suite, expectation
