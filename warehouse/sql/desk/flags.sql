-- What does not meet an expectation, the latest first.
SELECT
    replace(expectation, '_', ' ') AS expectation,
    coalesce(finding.title, flag.subject_kind || ' ' || CASE WHEN length(flag.subject_id) > 32 THEN left(flag.subject_id, 12) || '…' ELSE flag.subject_id END) AS title,
    flag.finding_id,
    coalesce(flag.severity, '') AS severity,
    coalesce(replace(flag.failure_mode, '_', ' '), '') AS mode,
    coalesce(flag.owner_id, '') AS owner,
    coalesce(flag.team, '') AS team,
    flag.first_flagged_at AS since,
    coalesce(flag.detail, '') AS detail,
    flag.level, flag.suite
FROM mart.flag
LEFT JOIN mart.finding USING (finding_id)
ORDER BY flag.first_flagged_at DESC NULLS LAST, flag.expectation, flag.subject_kind, flag.subject_id, flag.finding_id, flag.cycle
