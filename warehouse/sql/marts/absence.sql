-- One row per open finding, scanner that saw it and place where it did: whether a later scan of the place had it no more, and by which scan.
-- A place is the asset, under all its names; where only a pattern of the asset takes a target in, that target in any version. Evidence for whoever verifies
-- a fix, never a closure.
-- key: finding_id, scanner, target
-- finding_id VARCHAR
-- scanner VARCHAR
-- target VARCHAR: The asset as scanned; of several names of one place the bytewise first.
-- targets VARCHAR[]: All of them, sorted.
-- sighting_ids VARCHAR[]: Sightings that the row is about, sorted, in mart.finding_alias.
-- last_seen_at TIMESTAMP: Latest capture there by the scanner, or the instant of the latest scan that holds it (UTC).
-- is_absent BOOLEAN: Whether a healthy, wholly read, dated, later scan by this scanner covered the place and did not have it.
-- reason VARCHAR: not_in_later_scan (absent); else why nothing is proven - held, discarded (the later scan was), partly_read (it has rejected rows), dated_by_file (only its file's time says that it is later, which copying changes), other_scope (the scanner only scanned elsewhere since), other_scanner (only another scanner looked since) or no_later_scan.
-- absent_since_at TIMESTAMP: Instant of the earliest scan that proves the absence (UTC); null unless absent.
-- absent_scans BIGINT: Scans that prove it.
-- claim_id VARCHAR: The scan that the reason is about - the earliest that proves the absence, else the latest that does not; null for no_later_scan.
-- sha256 VARCHAR: Its content, as `handoff release` takes it.
-- path VARCHAR: Its file.
-- scanned_at TIMESTAMP: Its instant (UTC).
-- scan_status VARCHAR: loaded, empty, released, held or discarded.
-- scan_scanners VARCHAR[]: Who ran it.
-- is_believed_gone BOOLEAN: Of the finding - whether every row of it is absent, so that each scanner that had seen it has looked again in vain.
-- gone_since_at TIMESTAMP: Of the finding - since when the last of them has (UTC); null unless believed gone.
WITH open_sighting AS (
    SELECT sighting.sighting_id, sighting.finding_id, sighting.target, target.place
    FROM derived.sighting
    JOIN derived.finding USING (finding_id)
    JOIN derived.target ON target.target = sighting.target
    WHERE finding.is_open
),
held_in AS (
    SELECT sighting_id, scanner, captured_at AS seen_at, claim_id FROM derived.capture SEMI JOIN open_sighting USING (sighting_id)
    UNION ALL
    SELECT sighting_id, scanner, NULL, claim_id FROM derived.repeat SEMI JOIN open_sighting USING (sighting_id)
),
seen AS (
    SELECT
        open_sighting.finding_id, held_in.scanner, open_sighting.place,
        min(open_sighting.target) AS target,
        list_sort(list(DISTINCT open_sighting.target)) AS targets,
        list_sort(list(DISTINCT sighting_id)) AS sighting_ids,
        max(greatest(held_in.seen_at, scan.scanned_at)) AS last_seen_at
    FROM held_in
    JOIN open_sighting USING (sighting_id)
    LEFT JOIN derived.scan USING (claim_id)
    GROUP BY ALL
),
target_place AS (
    SELECT target, unnest(places) AS covered FROM derived.target
),
scans AS (
    SELECT
        claim_id, scanned_at, is_healthy, unnest(scanners) AS scanner,
        CASE
            WHEN NOT is_healthy THEN status
            WHEN rows_rejected > 0 THEN 'partly_read'
            WHEN is_dated_by_file THEN 'dated_by_file'
            ELSE 'not_in_later_scan'
        END AS reason
    FROM derived.scan
),
-- By place and scanner at once: joined with the findings one by one, each of them would meet every scan of its scanner.
covers AS MATERIALIZED (
    SELECT scan_place.place, scans.*
    FROM scans
    JOIN derived.scan_place USING (claim_id)
),
covered_place AS (
    SELECT DISTINCT place FROM covers
),
-- What has to be looked for in the same places by the same scanner: the findings of an asset, mostly.
looked_for AS (
    SELECT seen.finding_id, seen.scanner, seen.target, seen.last_seen_at, list_sort(list(DISTINCT target_place.covered)) AS places
    FROM (SELECT *, unnest(targets) AS one_target FROM seen) AS seen
    JOIN target_place ON target_place.target = seen.one_target
    SEMI JOIN covered_place ON covered_place.place = target_place.covered
    GROUP BY seen.finding_id, seen.scanner, seen.target, seen.last_seen_at
),
searched AS MATERIALIZED (
    SELECT scanner, places, unnest(places) AS place
    FROM (SELECT DISTINCT scanner, places FROM looked_for)
),
-- A scan may cover several of the places, and counts once. Those of one instant are one step of the timeline.
cover_step AS (
    SELECT scanner, places, reason, scanned_at, count(*) AS scans, min(claim_id) AS first_claim, max(claim_id) AS last_claim
    FROM (
        SELECT DISTINCT searched.scanner, searched.places, covers.reason, covers.scanned_at, covers.claim_id
        FROM searched
        JOIN covers ON covers.place = searched.place AND covers.scanner = searched.scanner
    )
    GROUP BY scanner, places, reason, scanned_at
),
-- From each step on, what a finding last seen just before it meets: each of them would otherwise meet every later scan.
timeline AS (
    SELECT
        scanner, places, reason, scanned_at, first_claim,
        sum(scans) OVER latest_first AS scans,
        first_value(last_claim) OVER latest_first AS last_claim
    FROM cover_step
    WINDOW latest_first AS (PARTITION BY scanner, places, reason ORDER BY scanned_at DESC)
),
-- A scan later than the last that holds it does not hold it. What proves is named by its first scan, what does not by its last.
covering AS (
    SELECT
        looked_for.finding_id, looked_for.scanner, looked_for.target, looked_for.reason,
        timeline.scanned_at AS first_at,
        timeline.scans::BIGINT AS scans,
        CASE WHEN looked_for.reason = 'not_in_later_scan' THEN timeline.first_claim ELSE timeline.last_claim END AS claim_id
    -- Null is before everything in an ASOF join.
    FROM (SELECT * FROM looked_for CROSS JOIN (SELECT DISTINCT reason FROM scans) WHERE last_seen_at IS NOT NULL) AS looked_for
    ASOF JOIN timeline
        ON timeline.scanner = looked_for.scanner AND timeline.places = looked_for.places AND timeline.reason = looked_for.reason
        AND looked_for.last_seen_at < timeline.scanned_at
),
proven AS (
    SELECT finding_id, scanner, target, first_at AS absent_since_at, scans AS absent_scans
    FROM covering
    WHERE reason = 'not_in_later_scan'
),
elsewhere AS (
    SELECT scanner, max(scanned_at) AS scanned_at, arg_max(claim_id, (scanned_at, claim_id)) AS claim_id
    FROM scans
    WHERE is_healthy
    GROUP BY scanner
),
by_place AS (
    SELECT place, scanner, max(scanned_at) AS scanned_at, arg_max(claim_id, (scanned_at, claim_id)) AS claim_id
    FROM covers
    WHERE is_healthy
    GROUP BY ALL
),
by_other AS (
    SELECT searched.scanner, searched.places, by_place.scanned_at, by_place.claim_id
    FROM searched
    JOIN by_place ON by_place.place = searched.place AND by_place.scanner <> searched.scanner
    QUALIFY row_number() OVER (PARTITION BY searched.scanner, searched.places ORDER BY by_place.scanned_at DESC, by_place.claim_id) = 1
),
candidates AS (
    SELECT
        finding_id, scanner, target, claim_id, reason, NULL AS scanned_at,
        CASE reason WHEN 'not_in_later_scan' THEN 1 WHEN 'held' THEN 2 WHEN 'discarded' THEN 3 WHEN 'partly_read' THEN 4 ELSE 5 END AS rank
    FROM covering
    UNION ALL
    SELECT seen.finding_id, seen.scanner, seen.target, elsewhere.claim_id, 'other_scope', elsewhere.scanned_at, 6
    FROM seen
    JOIN elsewhere ON elsewhere.scanner = seen.scanner AND elsewhere.scanned_at > seen.last_seen_at
    UNION ALL
    SELECT looked_for.finding_id, looked_for.scanner, looked_for.target, by_other.claim_id, 'other_scanner', by_other.scanned_at, 7
    FROM looked_for
    JOIN by_other
        ON by_other.scanner = looked_for.scanner AND by_other.places = looked_for.places AND by_other.scanned_at > looked_for.last_seen_at
),
chosen AS (
    SELECT *
    FROM candidates
    QUALIFY row_number() OVER (PARTITION BY finding_id, scanner, target ORDER BY rank, scanned_at DESC, claim_id) = 1
)
SELECT
    finding_id, scanner, target, seen.targets, seen.sighting_ids, seen.last_seen_at,
    proven.absent_since_at IS NOT NULL AS is_absent,
    coalesce(chosen.reason, 'no_later_scan') AS reason,
    proven.absent_since_at,
    coalesce(proven.absent_scans, 0) AS absent_scans,
    chosen.claim_id, scan.sha256, scan.path, scan.scanned_at,
    scan.status AS scan_status,
    scan.scanners AS scan_scanners,
    bool_and(proven.absent_since_at IS NOT NULL) OVER of_finding AS is_believed_gone,
    CASE WHEN bool_and(proven.absent_since_at IS NOT NULL) OVER of_finding THEN max(proven.absent_since_at) OVER of_finding END AS gone_since_at
FROM seen
LEFT JOIN proven USING (finding_id, scanner, target)
LEFT JOIN chosen USING (finding_id, scanner, target)
LEFT JOIN derived.scan ON scan.claim_id = chosen.claim_id
WINDOW of_finding AS (PARTITION BY finding_id)
