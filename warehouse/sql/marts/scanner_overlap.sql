-- One row per pair of scanners that saw the same findings, in both orders: how far they say the same; a scanner beside itself is its own total.
-- Of findings that were ever handed off; informational observations are left out.
-- key: scanner, other_scanner
-- scanner VARCHAR
-- other_scanner VARCHAR: The scanner beside it; itself on the diagonal.
-- findings BIGINT: Findings that both ever saw.
-- share DOUBLE: findings / all that the first one ever saw (0 to 1).
WITH saw AS (
    SELECT DISTINCT capture.finding_id, capture.scanner
    FROM derived.capture AS capture
    SEMI JOIN mart.handoff USING (finding_id)
    WHERE capture.band <> 'informational'
),
totals AS (
    SELECT scanner, count(*) AS findings
    FROM saw
    GROUP BY scanner
),
pairs AS (
    SELECT one.scanner, other.scanner AS other_scanner, count(*) AS findings
    FROM saw AS one
    JOIN saw AS other USING (finding_id)
    GROUP BY ALL
)
SELECT pairs.scanner, pairs.other_scanner, pairs.findings, pairs.findings / totals.findings AS share
FROM pairs
JOIN totals USING (scanner)
