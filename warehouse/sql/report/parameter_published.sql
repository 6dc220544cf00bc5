-- The same of a published copy, which holds no schema `derived`: its last run.
CREATE OR REPLACE TEMP VIEW report_parameter AS
SELECT as_of, policy_digest
FROM record.run
WHERE is_published
ORDER BY number DESC
LIMIT 1
