-- The instant and the policy of the run whose warehouse this is.
CREATE OR REPLACE TEMP VIEW report_parameter AS
SELECT as_of, policy_digest
FROM derived.parameter
