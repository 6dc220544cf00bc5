-- One row per sighting of an open finding and scanner that saw it: whether a later scan of its place had it no more, and by which scan.
-- Evidence for whoever verifies a fix, never a closure.
-- key: sighting_id, scanner
-- finding_id VARCHAR
-- sighting_id VARCHAR: Sighting, in mart.finding_alias.
-- scanner VARCHAR
-- target VARCHAR: The asset as scanned, of the sighting.
-- last_seen_at TIMESTAMP: Latest capture of the sighting by the scanner, or the instant of the latest scan that holds it (UTC).
-- is_absent BOOLEAN: Whether a healthy, wholly read, later scan by this scanner covered the place and did not have it.
-- reason VARCHAR: not_in_later_scan (absent); else why nothing is proven - held, discarded (the later scan was), partly_read (it has rejected rows), other_scope (the scanner only scanned elsewhere since), other_scanner (only another scanner looked since) or no_later_scan.
-- absent_since_at TIMESTAMP: Instant of the earliest scan that proves the absence (UTC); null unless absent.
-- absent_scans BIGINT: Scans that prove it.
-- claim_id VARCHAR: The scan that the reason is about - the earliest that proves the absence, else the latest that does not; null for no_later_scan.
-- sha256 VARCHAR: Its content, as `handoff release` takes it.
-- path VARCHAR: Its file.
-- scanned_at TIMESTAMP: Its instant (UTC).
-- scan_status VARCHAR: loaded, empty, released, held or discarded.
-- scan_scanners VARCHAR[]: Who ran it.
-- scope VARCHAR[]: Targets that it covered.
-- is_believed_gone BOOLEAN: Of the finding - whether every row of it is absent, so that each scanner that had seen it has looked again in vain.
-- gone_since_at TIMESTAMP: Of the finding - since when the last of them has (UTC); null unless believed gone.
WITH open_sighting AS (
    SELECT sighting.sighting_id, sighting.finding_id, sighting.target
    FROM derived.sighting
    JOIN derived.finding USING (finding_id)
    WHERE finding.is_open
),
held_in AS (
    SELECT sighting_id, scanner, captured_at AS seen_at, claim_id FROM derived.capture SEMI JOIN open_sighting USING (sighting_id)
    UNION ALL
    SELECT sighting_id, scanner, NULL, claim_id FROM derived.repeat SEMI JOIN open_sighting USING (sighting_id)
),
seen AS (
    SELECT held_in.sighting_id, held_in.scanner, max(greatest(held_in.seen_at, scan.scanned_at)) AS last_seen_at
    FROM held_in
    LEFT JOIN derived.scan USING (claim_id)
    GROUP BY ALL
),
sightings AS (
    SELECT open_sighting.finding_id, open_sighting.target, seen.*
    FROM seen
    JOIN open_sighting USING (sighting_id)
),
scans AS (
    SELECT
        claim_id, scanned_at, is_healthy, unnest(scanners) AS scanner,
        CASE WHEN is_healthy AND rows_rejected > 0 THEN 'partly_read' WHEN is_healthy THEN 'not_in_later_scan' ELSE status END AS reason
    FROM derived.scan
),
place AS (
    SELECT target, unnest(places) AS place FROM derived.target
),
-- A scan later than the last that holds it does not hold it.
covering AS (
    SELECT DISTINCT sightings.sighting_id, sightings.scanner, scans.claim_id, scans.scanned_at, scans.reason
    FROM sightings
    JOIN place USING (target)
    JOIN derived.scan_place USING (place)
    JOIN scans ON scans.claim_id = scan_place.claim_id AND scans.scanner = sightings.scanner AND scans.scanned_at > sightings.last_seen_at
),
proven AS (
    SELECT sighting_id, scanner, min(scanned_at) AS absent_since_at, count(*) AS absent_scans
    FROM covering
    WHERE reason = 'not_in_later_scan'
    GROUP BY ALL
),
elsewhere AS (
    SELECT scanner, max(scanned_at) AS scanned_at, arg_max(claim_id, (scanned_at, claim_id)) AS claim_id
    FROM scans
    WHERE is_healthy
    GROUP BY scanner
),
looked AS (
    SELECT scan_place.place, scans.scanner, max(scans.scanned_at) AS scanned_at, arg_max(scans.claim_id, (scans.scanned_at, scans.claim_id)) AS claim_id
    FROM derived.scan_place
    JOIN scans USING (claim_id)
    WHERE scans.is_healthy
    GROUP BY ALL
),
candidates AS (
    SELECT
        sighting_id, scanner, claim_id, scanned_at, reason,
        CASE reason WHEN 'not_in_later_scan' THEN 1 WHEN 'held' THEN 2 WHEN 'discarded' THEN 3 ELSE 4 END AS rank
    FROM covering
    UNION ALL
    SELECT sightings.sighting_id, sightings.scanner, elsewhere.claim_id, elsewhere.scanned_at, 'other_scope', 5
    FROM sightings
    JOIN elsewhere ON elsewhere.scanner = sightings.scanner AND elsewhere.scanned_at > sightings.last_seen_at
    UNION ALL
    SELECT sightings.sighting_id, sightings.scanner, looked.claim_id, looked.scanned_at, 'other_scanner', 6
    FROM sightings
    JOIN place USING (target)
    JOIN looked ON looked.place = place.place AND looked.scanner <> sightings.scanner AND looked.scanned_at > sightings.last_seen_at
),
chosen AS (
    -- What proves is named by its first scan, what does not by its last.
    SELECT *
    FROM candidates
    QUALIFY row_number() OVER (
        PARTITION BY sighting_id, scanner ORDER BY rank, CASE WHEN rank = 1 THEN epoch_us(scanned_at) ELSE -epoch_us(scanned_at) END, claim_id
    ) = 1
)
SELECT
    sightings.finding_id, sighting_id, scanner, sightings.target, sightings.last_seen_at,
    proven.absent_since_at IS NOT NULL AS is_absent,
    coalesce(chosen.reason, 'no_later_scan') AS reason,
    proven.absent_since_at,
    coalesce(proven.absent_scans, 0) AS absent_scans,
    chosen.claim_id, scan.sha256, scan.path, scan.scanned_at,
    scan.status AS scan_status,
    scan.scanners AS scan_scanners,
    scan.scope,
    bool_and(proven.absent_since_at IS NOT NULL) OVER of_finding AS is_believed_gone,
    CASE WHEN bool_and(proven.absent_since_at IS NOT NULL) OVER of_finding THEN max(proven.absent_since_at) OVER of_finding END AS gone_since_at
FROM sightings
LEFT JOIN proven USING (sighting_id, scanner)
LEFT JOIN chosen USING (sighting_id, scanner)
LEFT JOIN derived.scan ON scan.claim_id = chosen.claim_id
WINDOW of_finding AS (PARTITION BY sightings.finding_id)
