-- A t0 published before that is another now: an earlier observation arrived late, or a binding merged or split findings.
INSERT INTO record.restatement
SELECT before.finding_id, before.cycle, before.captured_at, now.captured_at, make_timestamp($as_of::BIGINT)
FROM derived.cycle AS before
JOIN now_sighting AS alias ON alias.sighting_id = before.finding_id
JOIN now_cycle AS now ON now.finding_id = alias.finding_id AND now.cycle = before.cycle
WHERE before.captured_at <> now.captured_at AND now.origin = before.origin
