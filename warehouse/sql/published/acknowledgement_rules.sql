-- Whose word counts by the policy of the published run, who is no person by their name, and the zone in which its days are days.
SELECT
    policy.policy ->> '$.acknowledgement' AS rules,
    policy.policy ->> '$.directory' AS directory,
    policy.policy ->> '$.reporting_zone' AS reporting_zone
FROM record.run
JOIN record.policy USING (policy_digest)
WHERE run.is_published
ORDER BY run.number DESC
LIMIT 1
