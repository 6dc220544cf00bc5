-- The zone in which the published copy's days are days.
SELECT json_extract_string(policy.policy, '$.reporting_zone')
FROM record.run
JOIN record.policy USING (policy_digest)
WHERE run.is_published
ORDER BY run.number DESC
LIMIT 1
