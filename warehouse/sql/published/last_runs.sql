-- The last five runs.
SELECT as_of, is_published, files_new, rows_in, rows_new, rows_duplicate, rows_rejected, left(state_digest, 12) AS state, left(run_id, 8) AS run
FROM record.run
ORDER BY number DESC
LIMIT 5
