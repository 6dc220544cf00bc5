-- Which assets have not been scanned in time, or never?
-- Active assets whose next scan was due before as_of (UTC), the never scanned first. last_scanned_at is null where no scan is on record; due_at is null too where the register has always had the asset.
-- key: asset_id
-- asset_id VARCHAR: Active asset.
-- name VARCHAR: Its name.
-- business_unit VARCHAR
-- criticality VARCHAR: critical, high, medium, low or blank.
-- team VARCHAR: Team that the register has as its owner.
-- last_scanned_at TIMESTAMP: Latest scan that covered it (UTC).
-- due_at TIMESTAMP: By when it had to be scanned (UTC).
SELECT asset_id, name, business_unit, criticality, team, last_scanned_at, due_at
FROM mart.scan_coverage
WHERE due_at IS NULL OR due_at < (SELECT max(as_of) FROM record.run)
ORDER BY last_scanned_at NULLS FIRST, asset_id
