-- Which rows each snapshot holds, once.
INSERT INTO record.register_member
SELECT DISTINCT claim_id, $register, content_id, recorded_at
FROM members
WHERE (claim_id, content_id) NOT IN (SELECT (claim_id, content_id) FROM record.register_member);
