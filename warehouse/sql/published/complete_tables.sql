-- Every table and view of the copy that a person may ask, with the first sentence of what it says of itself.
SELECT schema_name || '.' || name, split_part(coalesce(comment, ''), '. ', 1)
FROM (
    SELECT schema_name, table_name AS name, comment FROM duckdb_tables()
    UNION ALL
    SELECT schema_name, view_name, comment FROM duckdb_views() WHERE NOT internal
)
WHERE schema_name IN ('mart', 'question', 'record')
ORDER BY ALL
