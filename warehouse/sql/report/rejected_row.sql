-- Rejected rows of the latest reading of each file, by reason.
SELECT rejected_row.reason, count(*) AS rows_rejected, count(DISTINCT rejected_row.claim_id) AS files
FROM record.rejected_row AS rejected_row
JOIN record.landed_file AS landed_file ON landed_file.claim_id = rejected_row.claim_id AND landed_file.attempt = rejected_row.attempt
GROUP BY rejected_row.reason
ORDER BY rows_rejected DESC, reason
