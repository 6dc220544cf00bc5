-- What each handoff of which anything differs gives to each measure, as text: a measure counts those whose text differs between the two sides.
WITH handoff AS (
    SELECT handoff.*, epoch_us(coalesce(acknowledged_at, horizon_at)) - epoch_us(captured_at) AS duration_us
    FROM mart.handoff
    SEMI JOIN memory.main.changed_key USING (finding_id, cycle)
),
segments AS (
    SELECT finding_id, cycle, segment, sum(seconds) AS seconds, sum(business_seconds) AS business_seconds
    FROM mart.segment
    SEMI JOIN memory.main.changed_key USING (finding_id, cycle)
    GROUP BY ALL
    UNION ALL
    SELECT finding_id, cycle, whole.segment, whole.seconds, whole.business_seconds
    FROM derived.cycle
    SEMI JOIN memory.main.changed_key USING (finding_id, cycle)
    CROSS JOIN LATERAL (
        VALUES
            ('remediation', (epoch_us(verified_at) - epoch_us(acknowledged_at)) / 1e6, (verified_open_us - acknowledged_open_us) / 1e6),
            ('mttr', (epoch_us(verified_at) - epoch_us(captured_at)) / 1e6, (verified_open_us - captured_open_us) / 1e6)
    ) AS whole (segment, seconds, business_seconds)
),
-- A dispatch counts under the band that its handoffs had when it was made.
told AS (
    SELECT dispatch.finding_id, dispatch.cycle, dispatch.severity, value.*
    FROM (SELECT * EXCLUDE (finding_ids, cycles), unnest(finding_ids) AS finding_id, unnest(cycles) AS cycle FROM derived.dispatch) AS dispatch
    CROSS JOIN LATERAL (
        VALUES
            ('message', NULL, concat(event_id, ' ', delivered_at)),
            ('digest', NULL, CASE WHEN status = 'in_digest' THEN concat(event_id, ' ', delivered_at) END),
            ('digest', 'wall', CASE WHEN status = 'in_digest' THEN concat(event_id, ' ', delivered_at) END),
            ('waits', NULL, CASE WHEN status = 'waits' THEN event_id END),
            ('needless', NULL, CASE WHEN status = 'needless' THEN event_id END)
    ) AS value (basis, clock, given)
    SEMI JOIN memory.main.changed_key USING (finding_id, cycle)
),
-- (measures that go by it, clock, mode that it counts under, whether by every cut, text); null gives nothing.
given AS (
    SELECT handoff.finding_id, handoff.cycle, value.*
    FROM handoff
    CROSS JOIN LATERAL (
        VALUES
            ('handoff', NULL, NULL, true, 'there'),
            ('latency', 'wall', NULL, true, latency_seconds::VARCHAR),
            ('latency', 'business', NULL, true, latency_business_seconds::VARCHAR),
            ('survival', 'wall', NULL, true, concat(duration_us, acknowledged_at IS NOT NULL)),
            ('window', NULL, NULL, true, CASE WHEN is_mature THEN is_unacknowledged::VARCHAR END),
            ('window', NULL, failure_mode, true, CASE WHEN is_unacknowledged AND failure_mode IS NOT NULL THEN 'unacknowledged' END),
            ('handoff_breach', NULL, NULL, true, CASE WHEN handoff_breached THEN 'broken' END),
            ('handoff_breach', NULL, failure_mode, true, CASE WHEN handoff_breached AND failure_mode IS NOT NULL THEN 'broken' END),
            ('unrouted', NULL, NULL, true, CASE WHEN is_open AND acknowledged_at IS NULL AND routing_status <> 'routed' THEN 'waits' END),
            ('verdict', NULL, NULL, true, concat(latency_seconds, is_mature, is_unacknowledged)),
            ('remediation_breach', NULL, NULL, true, CASE WHEN remediation_breached THEN 'broken' END),
            ('single_breach', NULL, NULL, true, CASE WHEN single_sla_breached THEN 'broken' END),
            ('handoff alone', NULL, NULL, true, CASE WHEN breach_attribution = 'handoff' THEN 'broken' END),
            ('remediation alone', NULL, NULL, true, CASE WHEN breach_attribution = 'remediation' THEN 'broken' END),
            ('both', NULL, NULL, true, CASE WHEN breach_attribution = 'both' THEN 'broken' END),
            ('misattributed', NULL, NULL, true, CASE WHEN misattributed THEN 'misattributed' END)
    ) AS value (basis, clock, cause, is_cut, given)
    UNION ALL
    SELECT finding_id, cycle, concat('segment ', segment), clock.clock, NULL, true, clock.given
    FROM segments
    CROSS JOIN LATERAL (VALUES ('wall', seconds::VARCHAR), ('business', business_seconds::VARCHAR)) AS clock (clock, given)
    UNION ALL
    SELECT finding_id, cycle, concat('stage ', stage), 'wall', NULL, false, span_seconds::VARCHAR
    FROM mart.stage
    SEMI JOIN memory.main.changed_key USING (finding_id, cycle)
    WHERE len(covers) = 1
    UNION ALL
    SELECT finding_id, cycle, 'noise', NULL, NULL, false, 'noisy'
    FROM derived.mode
    WHERE mode = 'notification_noise'
),
cuts AS (
    SELECT
        finding_id, cycle, severity, cut.dimension, coalesce(cut.dimension_value, '(none)') AS dimension_value
    FROM handoff
    CROSS JOIN LATERAL (
        VALUES
            ('all', 'all'), ('team', team), ('business_unit', business_unit), ('environment', environment), ('origin', origin),
            ('failure_mode', failure_mode), ('engagement', engagement), ('capture_channel', capture_channel)
    ) AS cut (dimension, dimension_value)
    WHERE NOT (cut.dimension = 'failure_mode' AND failure_mode IS NULL)
    UNION ALL
    SELECT finding_id, cycle, severity, 'scanner', unnest(scanners)
    FROM handoff
),
over_all AS (
    SELECT finding_id, cycle, given.basis, 'all' AS period_grain, NULL::DATE AS period_start, dimension, dimension_value, severity, given.cause, given.clock, given.given
    FROM given
    JOIN cuts USING (finding_id, cycle)
    WHERE given.is_cut OR dimension = 'all'
),
-- The same for what is dated by an instant inside a current period, as the dashboard dates it.
in_period AS (
    SELECT
        finding_id, cycle, given.basis, period.period_grain, period.period_start, 'all' AS dimension, 'all' AS dimension_value, handoff.severity, given.cause, given.clock,
        given.given
    FROM given
    JOIN handoff USING (finding_id, cycle)
    CROSS JOIN derived.period AS period
    CROSS JOIN derived.parameter AS parameter
    WHERE CASE given.basis
        WHEN 'latency' THEN acknowledged_at BETWEEN period.starts_at AND parameter.as_of
        WHEN 'window' THEN window_ends_at BETWEEN period.starts_at AND parameter.as_of
        WHEN 'handoff_breach' THEN handoff_due_at BETWEEN period.starts_at AND parameter.as_of
        ELSE given.basis = 'unrouted'
    END
),
placed AS (
    SELECT * FROM over_all
    UNION ALL SELECT * FROM in_period
    UNION ALL SELECT finding_id, cycle, basis, 'all', NULL, 'all', 'all', severity, NULL, clock, given FROM told
)
SELECT
    finding_id, cycle, basis, period_grain, period_start, dimension, dimension_value, band.severity, cause AS failure_mode, clock,
    string_agg(DISTINCT given, ' ' ORDER BY given) AS given
FROM placed
CROSS JOIN LATERAL (VALUES ('all'), (placed.severity)) AS band (severity)
WHERE given IS NOT NULL
GROUP BY ALL
