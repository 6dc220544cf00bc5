-- Which rows each reading of a snapshot holds, once.
INSERT INTO record.register_member
SELECT DISTINCT claim_id, attempt, $register, content_id, recorded_at
FROM members
WHERE (claim_id, attempt, content_id) NOT IN (SELECT (claim_id, attempt, content_id) FROM record.register_member);
