-- The runs, the last one first.
SELECT
    number, as_of,
    CASE WHEN is_published THEN 'published' ELSE 'not published' END AS outcome,
    files_new, rows_in, rows_new, rows_duplicate, rows_rejected,
    left(policy_digest, 12) AS policy,
    left(code_version, 12) AS code,
    left(mart_digest, 12) AS digest
FROM record.run
ORDER BY number DESC
