-- Thresholds of the words that reports use, as the policy has them.
SELECT
    json_extract(policy.policy, '$.report.confidence.high.count')::BIGINT AS high_count,
    json_extract(policy.policy, '$.report.confidence.high.coverage')::DOUBLE AS high_coverage,
    json_extract(policy.policy, '$.report.confidence.medium.count')::BIGINT AS medium_count,
    json_extract(policy.policy, '$.report.confidence.medium.coverage')::DOUBLE AS medium_coverage,
    json_extract(policy.policy, '$.report.currency')::DOUBLE AS currency,
    json_extract(policy.policy, '$.report.queue')::DOUBLE AS queue,
    json_extract(policy.policy, '$.report.smallest_group')::BIGINT AS smallest_group
FROM report_parameter
JOIN record.policy AS policy USING (policy_digest)
