-- Contradictions between sources, by kind.
SELECT kind, count(*) AS conflicts
FROM record.conflict
GROUP BY kind
ORDER BY conflicts DESC, kind
