-- Native terms of scanners with what the calibration makes of them.
SELECT
    'term' AS subject_kind, concat_ws(':', scanner, format, native_term) AS subject_id, NULL::VARCHAR AS finding_id, NULL::INTEGER AS cycle,
    first_captured_at AS since_at,
    scanner, format, native_term, calibrated_band, observations, findings, scored, median_score, score_band, recent, is_contradicted, is_new
FROM mart.severity_calibration
