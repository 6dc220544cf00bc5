-- Expectations that do not hold, critical first.
SELECT suite, expectation, level, failed, checked, message
FROM mart.expectation_result
WHERE NOT success
ORDER BY level, suite, expectation
