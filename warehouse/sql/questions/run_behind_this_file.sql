-- Which run, policy and code made these figures?
-- Every run on record, the last first: the first row made this file. as_of is the instant that it computed for (UTC); `handoff verify` recomputes the digests.
-- key: number
-- number BIGINT: 1 for the first run, one more for each that follows.
-- as_of TIMESTAMP: The instant that it computed for (UTC).
-- is_published BOOLEAN: Whether its result was published.
-- files_new BIGINT: Files claimed by it.
-- rows_in BIGINT: Rows read by it: new + duplicate + rejected.
-- rows_rejected BIGINT: Of them, those that could not be used.
-- policy_digest VARCHAR: The policy, whole in record.policy.
-- code_version VARCHAR: Digest of the code.
-- mart_digest VARCHAR: Digest of the published marts.
SELECT number, as_of, is_published, files_new, rows_in, rows_rejected, policy_digest, code_version, mart_digest
FROM record.run
ORDER BY number DESC
