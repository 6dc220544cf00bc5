-- What a person may apply of mart.reattribution: for each asset (or outdated mapping) whom the most of its open cycles would rather go to.
WITH first_choice AS (
    SELECT
        remedy, asset_id, proposed_id, proposed_by, named_by,
        count(*) AS open_cycles,
        min(rank) AS rank,
        string_agg(DISTINCT reason, ', ' ORDER BY reason) AS reason,
        min(why ORDER BY rank, why) AS why
    FROM mart.reattribution
    WHERE rank = 1
    GROUP BY remedy, asset_id, proposed_id, proposed_by, named_by
),
mapping AS (
    SELECT "match", person_id, arg_max(team, recorded_at) AS team, arg_max(priority, recorded_at) AS priority
    FROM record.ownership
    GROUP BY "match", person_id
),
chosen AS (
    SELECT
        *,
        CASE WHEN proposed_by = 'confirmation' THEN named_by ELSE 'asset:' || asset_id END AS subject
    FROM first_choice
    QUALIFY row_number() OVER (PARTITION BY remedy, subject ORDER BY open_cycles DESC, rank, proposed_id) = 1
)
SELECT
    chosen.subject AS "match", chosen.proposed_id AS person_id, mapping.team,
    -- Behind every mapping that there is: what leads to somebody valid stays as it is.
    CASE WHEN chosen.proposed_by = 'confirmation' THEN mapping.priority ELSE 1000 END AS priority,
    chosen.open_cycles, chosen.reason, chosen.proposed_by, chosen.why
FROM chosen
LEFT JOIN mapping ON chosen.proposed_by = 'confirmation' AND mapping."match" = chosen.named_by AND mapping.person_id = chosen.proposed_id
WHERE chosen.remedy = 'ownership'
ORDER BY chosen.open_cycles DESC, chosen.subject
