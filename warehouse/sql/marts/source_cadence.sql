-- One row per source of landed files, and per scanner whose reports several sources bring: when it delivered, how often it usually comes, and whether it has
-- fallen silent. A delivery is of the day of its content: of the scan, of the snapshot, of the latest event; of the run where the content has none.
-- key: source_kind, source
-- source_kind VARCHAR: source or scanner.
-- source VARCHAR: Folder and name without digits, or the sidecar's `source`; or the scanner.
-- kind VARCHAR: What it brings - scan, activity, reference, or registers, as record.landed_file has it.
-- last_at TIMESTAMP: Instant that its latest delivery is of (UTC).
-- last_on DATE: Its local day in the reporting zone.
-- deliveries BIGINT: Local days with a delivery, in the policy's early_warning.history that ends with the last.
-- expected_days BIGINT: Gap in business days of the default calendar that nine of ten gaps between those days do not exceed, at least 1; null with too few deliveries.
-- silent_days BIGINT: Business days that have passed since last_on without a delivery; the day of as_of is not over.
-- stated_seconds DOUBLE: Wall seconds that the policy lets it be silent; null where it states none.
-- silent_seconds DOUBLE: Wall seconds from last_at to as_of.
-- is_silent BOOLEAN: Whether it should have come by now; null where nothing says how often it comes, or it was given up.
-- silent_since_at TIMESTAMP: Since when it should have (UTC); null unless silent.
WITH parameter AS (
    SELECT parameter.as_of, parameter.reporting_zone, timezone(parameter.reporting_zone, timezone('UTC', parameter.as_of))::DATE AS today, early_warning.*
    FROM derived.parameter
    CROSS JOIN derived.early_warning
),
events AS (
    SELECT activity.claim_id, max(activity.occurred_at) AS occurred_at
    FROM record.activity
    CROSS JOIN parameter
    WHERE activity.occurred_at <= parameter.as_of
    GROUP BY activity.claim_id
),
-- What handoff writes itself, or proposed once, is no source.
delivered AS (
    SELECT landed_file.source, landed_file.kind, landed_file.scanners, coalesce(scan.scanned_at, landed_file.snapshot_at, events.occurred_at, landed_file.landed_at) AS delivered_at
    FROM (SELECT landed_file.*, attempt.scanners FROM record.landed_file JOIN record.landing_attempt AS attempt USING (claim_id, attempt)) AS landed_file
    LEFT JOIN derived.scan USING (claim_id)
    LEFT JOIN events USING (claim_id)
    WHERE landed_file.status IN ('loaded', 'empty', 'held') AND coalesce(landed_file.decision, '') NOT IN ('retract', 'discard')
        AND landed_file.source <> 'own' AND NOT regexp_matches(landed_file.path, '(^|/)(reattribution|sweep-(binding|links|attestations))-[0-9-]+\.csv$')
),
by_scanner AS (
    SELECT unnest(scanners) AS scanner, source, kind, delivered_at
    FROM delivered
    WHERE kind = 'scan'
),
sourced AS (
    SELECT 'source' AS source_kind, source, kind, delivered_at FROM delivered
    UNION ALL
    SELECT 'scanner', scanner, kind, delivered_at
    FROM by_scanner
    WHERE scanner IN (SELECT scanner FROM by_scanner GROUP BY scanner HAVING count(DISTINCT source) > 1)
),
days AS (
    SELECT
        sourced.source_kind, sourced.source, timezone(parameter.reporting_zone, timezone('UTC', sourced.delivered_at))::DATE AS delivered_on,
        min(sourced.kind) AS kind, max(sourced.delivered_at) AS delivered_at
    FROM sourced
    CROSS JOIN parameter
    WHERE sourced.delivered_at <= parameter.as_of
    GROUP BY ALL
),
lasts AS (
    SELECT source_kind, source, min(kind) AS kind, max(delivered_at) AS last_at, max(delivered_on) AS last_on
    FROM days
    GROUP BY ALL
),
gaps AS (
    SELECT
        days.source_kind, days.source,
        business_day.number - lag(business_day.number) OVER (PARTITION BY days.source_kind, days.source ORDER BY days.delivered_on) AS gap_days
    FROM days
    JOIN lasts USING (source_kind, source)
    JOIN derived.business_day ON business_day.day = days.delivered_on
    CROSS JOIN parameter
    WHERE days.delivered_on > lasts.last_on - parameter.history_days::INTEGER
),
usual AS (
    SELECT source_kind, source, count(*) AS deliveries, min(gap_days) FILTER (WHERE gap_days IS NOT NULL AND not_longer >= 0.9) AS gap_days
    FROM (
        SELECT *, cume_dist() OVER (PARTITION BY source_kind, source, gap_days IS NULL ORDER BY gap_days) AS not_longer
        FROM gaps
    )
    GROUP BY ALL
),
judged AS (
    SELECT
        lasts.*,
        coalesce(usual.deliveries, 1) AS deliveries,
        CASE WHEN usual.deliveries >= parameter.deliveries THEN greatest(usual.gap_days, 1) END AS expected_days,
        yesterday.number - last_day.number AS silent_days,
        coalesce(stated.cadence_us, stated_for_all.cadence_us) AS stated_us,
        epoch_us(parameter.as_of) - epoch_us(lasts.last_at) AS silent_us,
        last_day.number + parameter.silence * expected_days AS last_number,
        parameter.reporting_zone,
        silent_us > parameter.given_up_us AS is_given_up,
        CASE
            WHEN stated_us IS NOT NULL THEN silent_us > stated_us
            WHEN NOT is_given_up THEN greatest(silent_days, 0) > parameter.silence * expected_days
        END AS is_silent
    FROM lasts
    LEFT JOIN usual USING (source_kind, source)
    CROSS JOIN parameter
    LEFT JOIN derived.business_day AS last_day ON last_day.day = lasts.last_on
    LEFT JOIN derived.business_day AS yesterday ON yesterday.day = parameter.today - 1
    LEFT JOIN derived.stated_cadence AS stated ON stated.source = lasts.source
    LEFT JOIN derived.stated_cadence AS stated_for_all ON stated_for_all.source = '*'
)
SELECT
    source_kind, source, kind, last_at, last_on, deliveries, expected_days,
    greatest(silent_days, 0) AS silent_days,
    stated_us / 1e6 AS stated_seconds,
    silent_us / 1e6 AS silent_seconds,
    is_silent,
    CASE
        WHEN is_silent AND stated_us IS NOT NULL THEN make_timestamp(epoch_us(last_at) + stated_us)
        WHEN is_silent THEN timezone('UTC', timezone(reporting_zone, ((SELECT min(day) FROM derived.business_day WHERE number > last_number) + 1)::TIMESTAMP))
    END AS silent_since_at
FROM judged
