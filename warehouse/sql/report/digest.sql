-- What the figures were made from: the latest run recorded for this instant and policy; nulls where none is recorded yet.
SELECT parameter.policy_digest, run.state_digest, run.own_digest, run.merkle_root, run.mart_digest, run.code_version, run.calendar_digest
FROM report_parameter AS parameter
LEFT JOIN record.run AS run ON run.as_of = parameter.as_of AND run.policy_digest = parameter.policy_digest
ORDER BY run.number DESC NULLS LAST
LIMIT 1
