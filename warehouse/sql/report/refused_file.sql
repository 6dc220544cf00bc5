-- Files that are quarantined or held, with the reason, the newest first; and how many there are.
SELECT path, status, reason, count(*) OVER () AS files
FROM record.landed_file
WHERE status IN ('quarantined', 'held')
ORDER BY landed_at DESC, status, path, sha256
LIMIT 10
