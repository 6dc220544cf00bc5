-- How few handoffs are too few to say anything of, by the policy: verdicts are not given on fewer, nor teams shown by themselves.
SELECT json_extract(policy.policy, '$.verdict.minimum')::BIGINT AS minimum
FROM report_parameter
JOIN record.policy AS policy USING (policy_digest)
