-- Sightings that a scan known at $as_of holds, though the record had the result from another file already.
SELECT DISTINCT scan_member.claim_id, observation.sighting_id, observation.scanner
FROM record.scan_member
JOIN record.observation USING (observation_id)
WHERE scan_member.claim_id IN (FROM known_claim) AND epoch_us(scan_member.recorded_at) <= $as_of AND epoch_us(observation.captured_at) <= $as_of
