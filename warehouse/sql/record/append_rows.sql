-- Appends the rows of `incoming` whose key the record does not have under a claim that counts. $table, $key and $columns are our own names.
CREATE OR REPLACE TEMP TABLE placed AS
WITH known AS (
    SELECT $key, min(claim_id) AS owner
    FROM record.$table
    WHERE claim_id NOT IN (SELECT lost FROM record.conflict WHERE kind = 'superseded_claim')
        AND claim_id NOT IN (SELECT claim_id FROM record.landed_file WHERE decision = 'retract')
    GROUP BY ALL
)
SELECT
    incoming.*,
    known.owner,
    first_value(incoming.claim_id) OVER in_batch AS first_claim,
    row_number() OVER in_batch AS nth,
    row_number() OVER (PARTITION BY $key, incoming.claim_id ORDER BY incoming.seq) AS nth_of_claim
FROM incoming
LEFT JOIN known USING ($key)
WINDOW in_batch AS (PARTITION BY $key ORDER BY incoming.seq);

INSERT INTO record.$table
SELECT $columns FROM placed WHERE owner IS NULL AND nth = 1;

-- A row is new for the claim that brought it, at every reading of that claim, and a duplicate for every other. Added by this reading only where nobody had it.
SELECT
    claim_id,
    count(*) FILTER (WHERE coalesce(owner, first_claim) = claim_id AND nth_of_claim = 1) AS rows_new,
    count(*) FILTER (WHERE NOT (coalesce(owner, first_claim) = claim_id AND nth_of_claim = 1)) AS rows_duplicate,
    count(*) FILTER (WHERE owner IS NULL AND nth = 1) AS rows_added
FROM placed
GROUP BY claim_id;
