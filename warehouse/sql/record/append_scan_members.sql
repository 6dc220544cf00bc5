-- Which results each scan holds that are kept under another file's claim, once. `placed` is of append_rows.sql.
INSERT INTO record.scan_member
SELECT DISTINCT claim_id, observation_id, recorded_at
FROM placed
ANTI JOIN record.scan_member USING (claim_id, observation_id)
WHERE coalesce(owner, first_claim) <> claim_id
