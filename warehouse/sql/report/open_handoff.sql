-- Open handoff cycles at as_of, by band now and age since t0.
SELECT
    severity, age_bucket,
    sum(open)::BIGINT AS handoffs,
    sum(acknowledged)::BIGINT AS acknowledged,
    max(oldest_seconds) AS oldest_seconds
FROM mart.open_aging
GROUP BY severity, age_bucket
ORDER BY severity, age_bucket
