-- What a person may apply of the open reattributions of mart.sweep, as rows of ownership.csv.
WITH mapping AS (
    SELECT "match", person_id, arg_max(team, recorded_at) AS team, arg_max(priority, recorded_at) AS priority
    FROM record.ownership
    GROUP BY "match", person_id
)
SELECT
    sweep.subject_id AS "match", sweep.proposed_id AS person_id, mapping.team,
    -- Behind every mapping that there is: what leads to somebody valid stays as it is.
    CASE WHEN sweep.proposed_by = 'confirmation' THEN mapping.priority ELSE 1000 END AS priority,
    sweep.handoffs AS open_cycles, sweep.reason, sweep.proposed_by, sweep.evidence AS why
FROM mart.sweep
LEFT JOIN mapping ON sweep.proposed_by = 'confirmation' AND mapping."match" = sweep.subject_id AND mapping.person_id = sweep.proposed_id
WHERE sweep.state = 'open' AND sweep.remedy = 'ownership'
ORDER BY sweep.handoffs DESC, sweep.subject_id
