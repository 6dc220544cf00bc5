-- Which capture instants were corrected after they had been published?
-- One row per correction of a t0 by an observation that arrived late; moved_seconds is how far it moved, in wall seconds. `handoff rebuild --as-of` still gives what was published before.
-- key: finding_id, cycle, captured_at_was, recorded_at
-- finding_id VARCHAR: Finding as it was published.
-- cycle INTEGER
-- captured_at_was TIMESTAMP: The t0 published before (UTC).
-- captured_at_is TIMESTAMP: The t0 from then on (UTC).
-- moved_seconds DOUBLE: From the one to the other, wall seconds.
-- recorded_at TIMESTAMP: When handoff learnt of it (UTC).
SELECT
    finding_id, cycle, captured_at_was, captured_at_is,
    (epoch_us(captured_at_was) - epoch_us(captured_at_is)) / 1e6 AS moved_seconds,
    recorded_at
FROM record.restatement
ORDER BY recorded_at, finding_id, cycle, captured_at_was
