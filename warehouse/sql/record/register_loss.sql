-- Keys of one register in force by the snapshots before this one of the same source, and how many of them this one lacks.
WITH reading AS (
    SELECT claim_id, attempt FROM record.landed_file WHERE claim_id <> $claim
    UNION ALL
    SELECT $claim, $attempt
),
member AS (
    SELECT * FROM record.register_member SEMI JOIN reading USING (claim_id, attempt)
),
keyed_rows AS (
    SELECT member.claim_id, register, asset_id AS key FROM member JOIN record.asset USING (content_id) WHERE register = 'asset'
    UNION ALL
    SELECT member.claim_id, register, lower(person_id) FROM member JOIN record.person USING (content_id) WHERE register = 'person'
    UNION ALL
    SELECT member.claim_id, register, concat_ws('|', match, person_id, team)
    FROM member JOIN record.ownership USING (content_id) WHERE register = 'ownership'
),
keyed AS (
    SELECT claim_id, key FROM keyed_rows WHERE register = $register
),
applied AS (
    SELECT claim_id, is_complete, row_number() OVER (ORDER BY snapshot_at DESC, landed_at DESC, path DESC) AS nth
    FROM record.landed_file
    WHERE list_contains(string_split(kind, '+'), $kind) AND source = $source AND claim_id <> $claim AND status = 'loaded' AND coalesce(decision, '') <> 'retract'
        AND epoch_us(snapshot_at) <= $snapshot
),
-- What is in force: the last complete snapshot, and the incomplete ones since.
before AS (
    SELECT claim_id
    FROM applied
    WHERE nth <= coalesce((SELECT min(nth) FROM applied WHERE is_complete), (SELECT max(nth) FROM applied))
),
lost AS (
    SELECT DISTINCT key FROM keyed WHERE claim_id IN (FROM before)
    EXCEPT
    SELECT key FROM keyed WHERE claim_id = $claim
)
SELECT
    (SELECT count(DISTINCT key) FROM keyed WHERE claim_id IN (FROM before)) AS keys_before,
    (SELECT count(*) FROM lost) AS keys_lost;
