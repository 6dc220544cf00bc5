-- What mart.early_warning says of sources, units, teams and assets; a breach that is expected has not happened, and is no defect of a handoff.
SELECT
    subject_kind, concat_ws(': ', kind, subject_id) AS subject_id, NULL::VARCHAR AS finding_id, NULL::INTEGER AS cycle,
    since_at, CASE WHEN subject_kind = 'team' AND subject_id <> 'all' THEN subject_id END AS team,
    kind, subject_id AS subject, detail AS said, figure, threshold, array_to_string(call, ', ') AS people, action
FROM mart.early_warning
WHERE kind <> 'breach_expected'
