-- Who saw one finding last, and what later scans say of it; whether they are believed is in every row.
SELECT scanner, target, targets, last_seen_at, reason, absent_since_at, absent_scans, path, scanned_at, scan_status, scan_scanners, scope, left(sha256, 12) AS sha256, is_believed_gone, gone_since_at
FROM mart.absence
WHERE finding_id = $id
ORDER BY scanner, target
