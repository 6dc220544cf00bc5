-- One row per handoff and column of mart.handoff that comes out otherwise; for a handoff that only one side has, one row of column `cycle`.
-- key: finding_id, cycle, column
-- finding_id VARCHAR
-- cycle INTEGER
-- column VARCHAR: A column of mart.handoff, or cycle where the whole handoff is there on one side alone.
-- base VARCHAR: Its value under the policy of the run, as text; null where it has none.
-- whatif VARCHAR: Its value under the other policy.
WITH was AS (
    UNPIVOT (
        SELECT finding_id, cycle, COLUMNS(* EXCLUDE (finding_id, cycle))::VARCHAR
        FROM base.mart.handoff SEMI JOIN memory.main.changed_key USING (finding_id, cycle)
    ) ON COLUMNS(* EXCLUDE (finding_id, cycle)) INTO NAME "column" VALUE base
),
would_be AS (
    UNPIVOT (
        SELECT finding_id, cycle, COLUMNS(* EXCLUDE (finding_id, cycle))::VARCHAR
        FROM other.mart.handoff SEMI JOIN memory.main.changed_key USING (finding_id, cycle)
    ) ON COLUMNS(* EXCLUDE (finding_id, cycle)) INTO NAME "column" VALUE whatif
),
compared AS (
    SELECT finding_id, cycle, "column", was.base, would_be.whatif
    FROM was
    FULL JOIN would_be USING (finding_id, cycle, "column")
),
alone AS (
    SELECT finding_id, cycle, count(base) > 0 AS is_base
    FROM compared
    GROUP BY finding_id, cycle
    HAVING count(base) = 0 OR count(whatif) = 0
)
SELECT finding_id, cycle, "column", base, whatif
FROM compared
ANTI JOIN alone USING (finding_id, cycle)
WHERE base IS DISTINCT FROM whatif
UNION ALL
SELECT finding_id, cycle, 'cycle', CASE WHEN is_base THEN cycle::VARCHAR END, CASE WHEN NOT is_base THEN cycle::VARCHAR END
FROM alone
ORDER BY ALL
