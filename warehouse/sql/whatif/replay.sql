-- One row: what was replayed, under what, so that it can be done again.
-- key: as_of
-- as_of TIMESTAMP: The instant that both sides are computed for (UTC).
-- base_policy_digest VARCHAR: Policy of the last run at or before it.
-- whatif_policy_digest VARCHAR: The other policy.
-- whatif_policy VARCHAR: The other policy, whole, as canonical JSON.
-- state_digest VARCHAR: Digest of the record as known then.
-- code_version VARCHAR: Digest of the code that computed both sides.
-- runs_replayed INTEGER: Runs whose own stage events were decided anew; 0 where the other policy could not change them.
FROM given
