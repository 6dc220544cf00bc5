-- Handoffs that were taken up in the period, by what dates their t0; and what each kind could do to the median, in wall seconds.
WITH dated AS (
    -- Of several contents of one observation the first word: they are of one instant.
    SELECT observation_id, min(captured_at_source) AS captured_at_source
    FROM record.observation
    GROUP BY observation_id
),
taken_up AS (
    SELECT
        report_period.period_grain, handoff.acknowledged_at IS NOT NULL AS is_acknowledged,
        coalesce(dated.captured_at_source, 'event') AS captured_at_source,
        (epoch_us(coalesce(acknowledged_at, least(triaged_at, in_progress_at, resolved_at, verified_at))) - epoch_us(captured_at)) / 1e6 AS seconds
    FROM report_period
    JOIN mart.handoff AS handoff
        ON coalesce(acknowledged_at, least(triaged_at, in_progress_at, resolved_at, verified_at)) BETWEEN report_period.starts_at AND report_period.as_of
    LEFT JOIN dated ON dated.observation_id = handoff.capture_id
)
SELECT
    period_grain,
    count(*) FILTER (WHERE is_acknowledged) AS acknowledged,
    count(*) FILTER (WHERE is_acknowledged AND captured_at_source IN ('report', 'sidecar')) AS stated,
    count(*) FILTER (WHERE is_acknowledged AND captured_at_source = 'report_date') AS only_a_day,
    count(*) FILTER (WHERE is_acknowledged AND captured_at_source = 'file') AS of_file,
    count(*) FILTER (WHERE is_acknowledged AND captured_at_source = 'event') AS of_event,
    count(*) FILTER (WHERE NOT is_acknowledged) AS unobserved,
    quantile_cont(seconds, 0.5) FILTER (WHERE is_acknowledged) AS median_seconds,
    -- A day counts from its midnight: whatever was captured later that day waited up to a day less.
    quantile_cont(CASE WHEN captured_at_source = 'report_date' THEN greatest(seconds - 86400, 0) ELSE seconds END, 0.5) FILTER (WHERE is_acknowledged) AS only_a_day_low_seconds,
    -- A file's time is never before the capture: what it dates waited longer, by nobody knows how much.
    quantile_disc(CASE WHEN captured_at_source = 'file' THEN 'infinity'::DOUBLE ELSE seconds END, 0.5) FILTER (WHERE is_acknowledged) AS of_file_high_seconds,
    -- What was worked on without an acknowledgement was somebody's before then: at once at the earliest, when work was seen at the latest.
    quantile_cont(CASE WHEN is_acknowledged THEN seconds ELSE 0 END, 0.5) AS unobserved_low_seconds,
    quantile_cont(seconds, 0.5) AS unobserved_high_seconds
FROM taken_up
GROUP BY period_grain
ORDER BY period_grain
