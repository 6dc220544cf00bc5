-- Rows of assets.csv that give assets the names of the targets that are proposed for them; by the register that each asset is of, whose row it goes on to be.
WITH register AS (
    SELECT asset.asset_id, arg_max(file.source, (file.snapshot_at, file.landed_at, file.path)) AS source
    FROM record.asset
    JOIN record.register_member AS member ON member.content_id = asset.content_id AND member.register = 'asset'
    JOIN record.landed_file AS file ON file.claim_id = member.claim_id AND file.attempt = member.attempt
    WHERE file.status = 'loaded' AND coalesce(file.decision, '') <> 'retract'
    GROUP BY asset.asset_id
),
proposed AS (
    SELECT
        proposed_id AS asset_id, list(subject_id ORDER BY subject_id) AS targets, sum(handoffs)::BIGINT AS open_cycles,
        string_agg(DISTINCT reason, ', ' ORDER BY reason) AS reason, string_agg(DISTINCT proposed_by, ', ' ORDER BY proposed_by) AS proposed_by,
        string_agg(DISTINCT evidence, '; ' ORDER BY evidence) AS why
    FROM mart.sweep
    WHERE state = 'open' AND remedy = 'alias'
    GROUP BY proposed_id
)
SELECT
    register.source, asset.asset_id, asset.name, array_to_string(list_concat(coalesce(asset.aliases, []), proposed.targets), ';') AS aliases, asset.kind,
    asset.application, asset.business_unit, asset.environment, asset.criticality,
    asset.internet_facing::VARCHAR AS internet_facing,
    asset.team AS owner_team, 'active' AS status, proposed.open_cycles, proposed.reason, proposed.proposed_by, proposed.why
FROM proposed
JOIN mart.asset USING (asset_id)
JOIN register USING (asset_id)
ORDER BY register.source, asset.asset_id
