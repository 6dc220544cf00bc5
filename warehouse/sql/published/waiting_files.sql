-- Files that a person has to look at.
SELECT status, path, left(sha256, 12) AS sha256, reason
FROM record.landed_file
WHERE status IN ('quarantined', 'held') AND coalesce(decision, '') NOT IN ('discard', 'retract')
ORDER BY landed_at, path
