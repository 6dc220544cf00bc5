-- One row per sighting: its id never changes and leads to the finding that it is part of now.
-- key: sighting_id
-- sighting_id VARCHAR: Sighting (target as scanned, vulnerability, place).
-- finding_id VARCHAR
-- target VARCHAR: Asset as scanned.
-- first_captured_at TIMESTAMP: When it was first seen (UTC).
SELECT sighting_id, finding_id, target, first_captured_at
FROM derived.sighting
