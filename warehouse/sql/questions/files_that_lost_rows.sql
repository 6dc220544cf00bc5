-- Which files could not be read, or lost rows?
-- Landed files that are quarantined or held, or of which rows were rejected, by the latest reading; each rejected row is in record.rejected_row. landed_at is the as_of of the run that read it (UTC).
-- key: claim_id
-- path VARCHAR: Where it was found in the landing zone.
-- status VARCHAR: loaded, empty, quarantined or held.
-- reason VARCHAR: Why it is quarantined or held; null where it is neither.
-- rows_in BIGINT: Rows that were read.
-- rows_rejected BIGINT: Of them, those that could not be used.
-- reasons VARCHAR[]: Why, as short words.
-- decision VARCHAR: What a person decided about it; null where nobody did.
-- landed_at TIMESTAMP: When it was read (UTC).
-- claim_id VARCHAR: The claim.
WITH rejected AS (
    SELECT claim_id, attempt, list_sort(list(DISTINCT reason)) AS reasons
    FROM record.rejected_row
    GROUP BY claim_id, attempt
)

SELECT file.path, file.status, file.reason, file.rows_in, file.rows_rejected, rejected.reasons, file.decision, file.landed_at, file.claim_id
FROM record.landed_file AS file
LEFT JOIN rejected USING (claim_id, attempt)
WHERE file.status IN ('quarantined', 'held') OR file.rows_rejected > 0
ORDER BY file.path, file.claim_id
