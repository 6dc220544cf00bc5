-- The scanners' own bands against the workspace's, over all scanners and everything known at as_of.
SELECT
    scanner_band, severity, mismatch,
    sum(observations)::BIGINT AS observations,
    sum(handoffs)::BIGINT AS handoffs,
    sum(round(lost_seconds * 1e6)::BIGINT)::BIGINT AS lost_us
FROM mart.severity_matrix
GROUP BY ALL
ORDER BY scanner_band, severity
