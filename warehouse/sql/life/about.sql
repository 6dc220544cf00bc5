-- The instant and the policy that a published copy was computed for.
SELECT run.as_of, policy.policy
FROM record.run
JOIN record.policy USING (policy_digest)
WHERE is_published
ORDER BY number DESC
LIMIT 1
