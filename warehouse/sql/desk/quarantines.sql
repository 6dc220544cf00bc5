-- Files that were not, or not wholly, taken in, the latest first.
SELECT
    path,
    CASE WHEN decision IN ('discard', 'retract') THEN decision || 'ed' WHEN status IN ('quarantined', 'held') THEN status ELSE 'rows rejected' END AS outcome,
    coalesce(kind, '') AS kind,
    coalesce(format, '') AS format,
    coalesce(reason, '') AS reason,
    rows_in, rows_rejected,
    landed_at AS landed,
    left(sha256, 12) AS sha256
FROM record.landed_file
WHERE status IN ('quarantined', 'held') OR rows_rejected > 0
ORDER BY landed_at DESC, path, claim_id
