-- Scanners with how their ratings changed since the period before, and the terms and bands that changed the most.
WITH parameter AS (FROM derived.parameter),
terms AS (
    SELECT
        scanner, any_value(term_change) AS term_change, any_value(band_change) AS band_change, any_value(scanner_recent) AS recent, any_value(scanner_before) AS before,
        string_agg(
            format('{} {:.0f}% -> {:.0f}%', native_term, 100 * share_before, 100 * share_recent), ', ' ORDER BY abs(share_recent - share_before) DESC, format, native_term
        ) FILTER (WHERE share_recent <> share_before) AS changed_terms
    FROM mart.severity_calibration
    GROUP BY scanner
),
counted AS (
    SELECT
        capture.scanner, capture.band,
        count(*) FILTER (WHERE epoch_us(capture.captured_at) > epoch_us(parameter.as_of) - drift_recent_us) AS recent,
        count(*) FILTER (
            WHERE epoch_us(capture.captured_at) BETWEEN epoch_us(parameter.as_of) - drift_recent_us - drift_before_us + 1 AND epoch_us(parameter.as_of) - drift_recent_us
        ) AS before
    FROM derived.capture
    CROSS JOIN parameter
    GROUP BY ALL
),
bands AS (
    SELECT
        scanner,
        string_agg(
            format('{} {:.0f}% -> {:.0f}%', counted.band, 100 * counted.before / terms.before, 100 * counted.recent / terms.recent), ', '
            ORDER BY abs(counted.recent / terms.recent - counted.before / terms.before) DESC, counted.band
        ) AS changed_bands
    FROM counted
    JOIN terms USING (scanner)
    WHERE terms.recent > 0 AND terms.before > 0 AND counted.recent * terms.before <> counted.before * terms.recent
    GROUP BY scanner
)
SELECT
    'scanner' AS subject_kind, scanner AS subject_id, NULL::VARCHAR AS finding_id, NULL::INTEGER AS cycle,
    make_timestamp(epoch_us(parameter.as_of) - parameter.drift_recent_us) AS since_at,
    scanner, terms.term_change, terms.band_change, terms.recent, terms.before, terms.changed_terms, bands.changed_bands,
    coalesce(terms.term_change > parameter.drift_change, false) AS has_drifted_terms,
    coalesce(terms.band_change > parameter.drift_change, false) AS has_drifted_bands
FROM terms
CROSS JOIN parameter
LEFT JOIN bands USING (scanner)
