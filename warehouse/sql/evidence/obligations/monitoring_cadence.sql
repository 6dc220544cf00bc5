-- Every active asset is scanned on the policy's cadence.
-- subject: asset
-- population: every asset that the register holds as active at as_of.
-- complete: its latest scan is no older than the policy's scans.cadence.
-- exception: its latest scan is older (scan_overdue), or it has been in the register for longer than that and no scan is on record (never_scanned).
-- pending: registered more recently than that, not scanned yet.
SELECT
    asset_id AS subject_id,
    NULL::INTEGER AS cycle,
    CASE WHEN due_at >= as_of THEN CASE WHEN last_scanned_at IS NULL THEN 'pending' ELSE 'complete' END ELSE 'exception' END AS status,
    CASE
        WHEN due_at >= as_of THEN CASE WHEN last_scanned_at IS NULL THEN 'newly_registered' ELSE 'scanned' END
        WHEN last_scanned_at IS NULL THEN 'never_scanned'
        ELSE 'scan_overdue'
    END AS reason,
    CASE WHEN due_at >= as_of THEN coalesce(last_scanned_at, due_at) ELSE due_at END AS dated_at
FROM mart.scan_coverage
CROSS JOIN derived.parameter
