-- Compensating controls at as_of by band now and state: how many, the oldest, and the re-handoffs that a lapse began.
SELECT
    severity_now AS severity, state,
    count(*) AS controls,
    max(age_seconds) AS oldest_seconds,
    count(revalidation_cycle) AS rehandoffs,
    count(revalidation_latency_seconds) AS rehandoffs_acknowledged
FROM mart.compensating_control
GROUP BY ALL
ORDER BY severity, state
