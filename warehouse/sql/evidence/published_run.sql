-- The run whose marts a published copy holds.
SELECT epoch_us(run.as_of), policy.policy, run.code_version, run.calendar_digest
FROM record.run
JOIN record.policy USING (policy_digest)
WHERE run.is_published
ORDER BY run.as_of DESC, run.recorded_at DESC, run.run_id
LIMIT 1
