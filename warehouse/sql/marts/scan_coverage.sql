-- One row per active asset: when it was last scanned, by results bound to it or by a dated scan whose stated scope held it, and when the next scan is due.
-- key: asset_id
-- asset_id VARCHAR: Active asset at as_of.
-- name VARCHAR: Its name.
-- business_unit VARCHAR
-- environment VARCHAR
-- criticality VARCHAR: critical, high, medium, low or blank.
-- team VARCHAR: Team that the register has as its owner.
-- registered_at TIMESTAMP: Since when the register has known it (UTC); null for one that it always had.
-- last_scanned_at TIMESTAMP: Latest scan that covered it (UTC); null where none is on record.
-- scanners VARCHAR[]: Scanners with results bound to it, sorted.
-- claim_id VARCHAR: Landed file of the latest scan, in record.landed_file.
-- due_at TIMESTAMP: By when it has to be scanned by the policy's scans.cadence (UTC); null where it never was and the register always had it.
WITH resulted AS (
    SELECT target.asset_id, max(capture.captured_at) AS captured_at, arg_max(capture.claim_id, (capture.captured_at, capture.claim_id)) AS claim_id, list(DISTINCT capture.scanner) AS scanners
    FROM derived.capture
    JOIN derived.target USING (target)
    WHERE target.binding_status = 'bound'
    GROUP BY ALL
),
scanned AS (
    SELECT
        asset.*,
        greatest(resulted.captured_at, asset.covered_at) AS last_scanned_at,
        CASE WHEN coalesce(asset.covered_at > resulted.captured_at, resulted.captured_at IS NULL) THEN asset.covered_by ELSE resulted.claim_id END AS claim_id,
        coalesce(list_sort(resulted.scanners), []) AS scanners
    FROM derived.asset
    LEFT JOIN resulted USING (asset_id)
)
SELECT
    asset_id, name, business_unit, environment, criticality,
    owner_team AS team,
    registered_at, last_scanned_at, scanners, claim_id,
    make_timestamp(epoch_us(coalesce(last_scanned_at, registered_at)) + parameter.scan_cadence_us) AS due_at
FROM scanned
CROSS JOIN derived.parameter AS parameter
