-- Files of the record by kind: what became of them and of their rows.
SELECT
    coalesce(kind, 'not recognised') AS kind,
    count(*) AS files,
    count(*) FILTER (WHERE status = 'loaded') AS loaded,
    count(*) FILTER (WHERE status = 'empty') AS empty,
    count(*) FILTER (WHERE status = 'quarantined') AS quarantined,
    count(*) FILTER (WHERE status = 'held') AS held,
    coalesce(sum(rows_in), 0)::BIGINT AS rows_in,
    coalesce(sum(rows_new), 0)::BIGINT AS rows_new,
    coalesce(sum(rows_duplicate), 0)::BIGINT AS rows_duplicate,
    coalesce(sum(rows_rejected), 0)::BIGINT AS rows_rejected
FROM record.landed_file
GROUP BY ALL
ORDER BY kind
