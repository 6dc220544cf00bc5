-- Who saw each of a range of findings last, and what later scans say of it; whether they are believed is in every row.
SELECT
    finding_id, absence.scanner, target, targets, last_seen_at, absence.reason, absent_since_at, absent_scans, absence.path, scanned_at, scan_status,
    scan_scanners, landed_file.scope, left(absence.sha256, 12) AS sha256, is_believed_gone, gone_since_at
FROM mart.absence
LEFT JOIN record.landed_file USING (claim_id)
WHERE finding_id BETWEEN $first AND $last
ORDER BY finding_id, absence.scanner, target
