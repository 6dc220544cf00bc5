-- One row per scanner, report format and native term: the band that the calibration gives it, the scores that stand beside it, and whether its use drifted.
-- The periods are the policy's severity.drift: `recent` until as_of, and `before` until that, by capture. What counts is observations, as scans repeat them.
-- key: scanner, format, native_term
-- scanner VARCHAR
-- format VARCHAR: Report format: two formats of one scanner may give one word two meanings.
-- native_term VARCHAR: The scanner's own term in lower case; (no term) where it states none.
-- calibrated_band VARCHAR: Band by calibration, unrated where there is none; of (no term) that of its scores, null where they are in several bands.
-- observations BIGINT: Observations with it.
-- findings BIGINT: Findings that have such an observation.
-- first_captured_at TIMESTAMP: Earliest of them (UTC).
-- last_captured_at TIMESTAMP: Latest of them (UTC).
-- scored BIGINT: Those with a score beside the term - CVSS without the asset's environment, else the scanner's own.
-- median_score DOUBLE: Median of these scores, 0 to 10.
-- score_band VARCHAR: Band of the median score by the policy's severity.bands; null without scores.
-- is_contradicted BOOLEAN: Whether score_band is another band than the calibrated one, with at least the policy's number of scores; never for unrated or (no term).
-- recent BIGINT: Observations with it in the recent period.
-- before BIGINT: Observations with it in the period before.
-- share_recent DOUBLE: recent / the scanner's observations of that period; null without any.
-- share_before DOUBLE: before / the scanner's observations of that period; null without any.
-- is_new BOOLEAN: Whether it was first seen in the recent period, of a scanner with at least the policy's minimum of observations earlier.
-- scanner_recent BIGINT: Observations of the scanner in the recent period.
-- scanner_before BIGINT: Observations of the scanner in the period before.
-- term_change DOUBLE: Share of the scanner's observations that changed term between the periods (total variation distance, 0 to 1); null below the minimum in either.
-- band_change DOUBLE: The same for the workspace bands of its observations.
WITH parameter AS (
    SELECT
        drift_change, drift_minimum, drift_scored,
        epoch_us(as_of) - drift_recent_us AS recent_from_us,
        epoch_us(as_of) - drift_recent_us - drift_before_us AS before_from_us
    FROM derived.parameter
),
observed AS (
    SELECT
        capture.scanner, capture.format, capture.native_term, capture.scanner_band, capture.band, capture.finding_id, capture.captured_at, capture.scanner_score,
        epoch_us(capture.captured_at) > parameter.recent_from_us AS is_recent,
        epoch_us(capture.captured_at) <= parameter.recent_from_us AS is_earlier,
        epoch_us(capture.captured_at) BETWEEN parameter.before_from_us + 1 AND parameter.recent_from_us AS is_before
    FROM derived.capture
    CROSS JOIN parameter
),
terms AS (
    SELECT
        scanner, format, native_term,
        CASE WHEN min(scanner_band) = max(scanner_band) THEN min(scanner_band) END AS calibrated_band,
        count(*) AS observations,
        count(DISTINCT finding_id) AS findings,
        min(captured_at) AS first_captured_at,
        max(captured_at) AS last_captured_at,
        count(scanner_score) AS scored,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY scanner_score) AS median_score,
        count(*) FILTER (WHERE is_recent) AS recent,
        count(*) FILTER (WHERE is_before) AS before,
        count(*) FILTER (WHERE is_earlier) AS earlier
    FROM observed
    GROUP BY ALL
),
bands AS (
    SELECT scanner, band, count(*) FILTER (WHERE is_recent) AS recent, count(*) FILTER (WHERE is_before) AS before
    FROM observed
    GROUP BY ALL
),
scanners AS (
    SELECT
        scanner, sum(recent)::BIGINT AS recent, sum(before)::BIGINT AS before, sum(earlier) AS earlier,
        least(sum(recent), sum(before)) >= any_value(parameter.drift_minimum) AS is_comparable
    FROM terms
    CROSS JOIN parameter
    GROUP BY scanner
),
-- In whole numbers over one denominator: a sum of them does not depend on the order of its rows.
term_changes AS (
    SELECT scanner, sum(abs(terms.recent * scanners.before - terms.before * scanners.recent)) / (2 * any_value(scanners.recent) * any_value(scanners.before)) AS change
    FROM terms
    JOIN scanners USING (scanner)
    WHERE scanners.is_comparable
    GROUP BY scanner
),
band_changes AS (
    SELECT scanner, sum(abs(bands.recent * scanners.before - bands.before * scanners.recent)) / (2 * any_value(scanners.recent) * any_value(scanners.before)) AS change
    FROM bands
    JOIN scanners USING (scanner)
    WHERE scanners.is_comparable
    GROUP BY scanner
),
scored AS (
    SELECT terms.*, coalesce(arg_min(band.severity, band.rank), CASE WHEN any_value(terms.median_score) > 0 THEN 'low' ELSE 'informational' END) AS reached
    FROM terms
    LEFT JOIN derived.band AS band ON terms.median_score >= band.score_floor
    GROUP BY ALL
),
compared AS (
    SELECT *, CASE WHEN scored > 0 THEN reached END AS score_band FROM scored
)
SELECT
    scanner, compared.format, compared.native_term, compared.calibrated_band, compared.observations, compared.findings, compared.first_captured_at, compared.last_captured_at,
    compared.scored, compared.median_score, compared.score_band,
    coalesce(
        compared.scored >= parameter.drift_scored AND compared.score_band <> compared.calibrated_band
        AND compared.calibrated_band <> 'unrated' AND compared.native_term <> '(no term)', false
    ) AS is_contradicted,
    compared.recent, compared.before,
    compared.recent / nullif(scanners.recent, 0) AS share_recent,
    compared.before / nullif(scanners.before, 0) AS share_before,
    compared.earlier = 0 AND scanners.earlier >= parameter.drift_minimum AS is_new,
    scanners.recent AS scanner_recent,
    scanners.before AS scanner_before,
    term_changes.change AS term_change,
    band_changes.change AS band_change
FROM compared
JOIN scanners USING (scanner)
CROSS JOIN parameter
LEFT JOIN term_changes USING (scanner)
LEFT JOIN band_changes USING (scanner)
