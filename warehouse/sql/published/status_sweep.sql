-- What only a person can settle, by kind.
SELECT kind, count(*) AS open, count(remedy) AS proposed
FROM mart.sweep
WHERE state = 'open'
GROUP BY kind
ORDER BY list_position(['reattribution', 'binding', 'unmatched_activity', 'held_file', 'attestation'], kind)
