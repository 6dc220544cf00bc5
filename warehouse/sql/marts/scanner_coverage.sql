-- One row per scanner and active asset that a dated scan of it covered: its last healthy scan, how often it comes, and when the next is due.
-- Healthy is what was read or let go by a person; a scan held for its collapse covers nothing until then.
-- key: scanner, asset_id
-- scanner VARCHAR
-- asset_id VARCHAR: Active asset at as_of.
-- scans BIGINT: Instants of healthy scans.
-- first_scanned_at TIMESTAMP: Earliest healthy scan (UTC); null where there is none.
-- last_scanned_at TIMESTAMP: Latest healthy scan (UTC).
-- claim_id VARCHAR: Landed file of the latest healthy scan, in record.landed_file.
-- path VARCHAR: Its file.
-- scan_status VARCHAR: loaded, empty or released.
-- scope VARCHAR[]: Targets that it covered.
-- interval_seconds DOUBLE: Median wall seconds between healthy scans; null with fewer than two.
-- next_expected_at TIMESTAMP: By when the next is due by the policy's scans.cadence (UTC); null without a healthy scan.
-- is_overdue BOOLEAN: Whether it was due before as_of; null without a healthy scan.
-- held_scans BIGINT: Scans held and not decided.
-- last_held_at TIMESTAMP: Latest of them (UTC).
-- held_claim_id VARCHAR: Its landed file.
WITH scanned AS (
    SELECT DISTINCT
        covered.scanner, scan_place.asset_id, covered.claim_id, covered.path, covered.status, covered.scope, covered.scanned_at, covered.is_healthy
    FROM (SELECT *, unnest(scanners) AS scanner FROM derived.scan) AS covered
    JOIN derived.scan_place USING (claim_id)
    SEMI JOIN derived.asset ON asset.asset_id = scan_place.asset_id
),
gaps AS (
    -- A scan in several files is one.
    SELECT scanner, asset_id, scanned_at, epoch_us(scanned_at) - epoch_us(lag(scanned_at) OVER (PARTITION BY scanner, asset_id ORDER BY scanned_at)) AS gap_us
    FROM (SELECT DISTINCT scanner, asset_id, scanned_at FROM scanned WHERE is_healthy)
),
intervals AS (
    SELECT scanner, asset_id, count(*) AS scans, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap_us) AS interval_us
    FROM gaps
    GROUP BY ALL
),
ends AS (
    SELECT
        scanner, asset_id,
        min(scanned_at) FILTER (WHERE is_healthy) AS first_scanned_at,
        max(scanned_at) FILTER (WHERE is_healthy) AS last_scanned_at,
        arg_max(claim_id, (scanned_at, claim_id)) FILTER (WHERE is_healthy) AS claim_id,
        count(*) FILTER (WHERE status = 'held') AS held_scans,
        max(scanned_at) FILTER (WHERE status = 'held') AS last_held_at,
        arg_max(claim_id, (scanned_at, claim_id)) FILTER (WHERE status = 'held') AS held_claim_id
    FROM scanned
    GROUP BY ALL
)
SELECT
    scanner, asset_id,
    coalesce(intervals.scans, 0) AS scans,
    ends.first_scanned_at, ends.last_scanned_at, ends.claim_id, scan.path,
    scan.status AS scan_status,
    scan.scope,
    intervals.interval_us / 1e6 AS interval_seconds,
    make_timestamp(epoch_us(ends.last_scanned_at) + parameter.scan_cadence_us) AS next_expected_at,
    epoch_us(ends.last_scanned_at) + parameter.scan_cadence_us < epoch_us(parameter.as_of) AS is_overdue,
    ends.held_scans, ends.last_held_at, ends.held_claim_id
FROM ends
CROSS JOIN derived.parameter AS parameter
LEFT JOIN intervals USING (scanner, asset_id)
LEFT JOIN derived.scan ON scan.claim_id = ends.claim_id
