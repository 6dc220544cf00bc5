-- The latest scan of each asset of the population, with the landed file that says so; an asset without one has no row.
SELECT
    scan_coverage.asset_id,
    1::INTEGER AS position,
    scan_coverage.last_scanned_at AS occurred_at,
    'scanned' AS what,
    nullif(array_to_string(scan_coverage.scanners, '; '), '') AS actor,
    landed_file.landed_at AS recorded_at,
    landed_file.path AS source_file,
    landed_file.sha256 AS source_sha256
FROM evidence_subject
JOIN mart.scan_coverage ON scan_coverage.asset_id = evidence_subject.subject_id
JOIN record.landed_file USING (claim_id)
ORDER BY scan_coverage.asset_id
