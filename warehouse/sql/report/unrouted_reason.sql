-- The unrouted queue at as_of, by reason and age.
SELECT
    reason,
    count(*) FILTER (WHERE age_seconds < 86400) AS under_1_day,
    count(*) FILTER (WHERE age_seconds >= 86400 AND age_seconds < 7 * 86400) AS under_7_days,
    count(*) FILTER (WHERE age_seconds >= 7 * 86400 AND age_seconds < 30 * 86400) AS under_30_days,
    count(*) FILTER (WHERE age_seconds >= 30 * 86400 AND age_seconds < 90 * 86400) AS under_90_days,
    count(*) FILTER (WHERE age_seconds >= 90 * 86400) AS from_90_days,
    count(*) AS handoffs,
    count(escalated_to) AS escalated,
    max(age_seconds) AS oldest_seconds
FROM mart.unrouted_queue
GROUP BY reason
ORDER BY handoffs DESC, reason
