-- Our own laws, each counted from both sides.
SELECT
    'law' AS subject_kind, concat(law, ': ', subject) AS subject_id, NULL::VARCHAR AS finding_id, NULL::INTEGER AS cycle,
    parameter.as_of AS since_at,
    law, subject, expected, actual, difference
FROM mart.reconciliation
CROSS JOIN derived.parameter AS parameter
