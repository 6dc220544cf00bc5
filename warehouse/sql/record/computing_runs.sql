-- Runs up to $as_of that published, or landed stage events of their own, by their order.
SELECT run.run_id, epoch_us(run.as_of), policy.policy
FROM record.run AS run
JOIN record.policy AS policy USING (policy_digest)
WHERE epoch_us(run.as_of) <= $as_of
    AND (
        run.is_published
        OR run.run_id IN (
            SELECT run_id FROM record.landing_attempt WHERE claim_id IN (SELECT claim_id FROM record.activity WHERE method = 'own')
        )
    )
ORDER BY run.as_of, run.number
