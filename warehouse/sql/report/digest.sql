-- What the figures were made from: the latest run recorded for this as_of; nulls where none is recorded yet.
SELECT
    report_period.policy_digest, run.state_digest, run.own_digest, run.merkle_root, run.code_version, run.calendar_digest
FROM report_period
LEFT JOIN record.run AS run ON run.as_of = report_period.as_of AND run.policy_digest = report_period.policy_digest
WHERE report_period.period_grain = 'week'
ORDER BY run.recorded_at DESC NULLS LAST, run.state_digest, run.code_version
LIMIT 1
