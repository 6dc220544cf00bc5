-- What reaches people: dispatches, the messages that they go out in, how long they wait for one, and the handoffs in which noise fires.
WITH banded AS (
    SELECT dispatch.* EXCLUDE (severity), band.severity, coalesce(epoch_us(delivered_at) - epoch_us(dispatched_at), 0) / 1e6 AS waited_seconds
    FROM derived.dispatch
    CROSS JOIN LATERAL (VALUES ('all'), (dispatch.severity)) AS band (severity)
    WHERE band.severity IS NOT NULL
),
counted AS (
    SELECT
        severity,
        count(*) AS dispatches,
        count(*) FILTER (WHERE status = 'at_once') + count(DISTINCT (person_id, delivered_at)) FILTER (WHERE status = 'in_digest') AS messages,
        count(DISTINCT (person_id, delivered_at)) FILTER (WHERE status = 'in_digest') AS digests,
        count(*) FILTER (WHERE status = 'in_digest') AS in_digests,
        count(*) FILTER (WHERE status = 'waits') AS waiting,
        count(*) FILTER (WHERE status = 'needless') AS needless,
        median(waited_seconds) FILTER (WHERE status = 'in_digest') AS median_wait
    FROM banded
    GROUP BY severity
),
noisy AS (
    SELECT band.severity, count(*) AS handoffs, count(mode.mode) AS noisy
    FROM mart.handoff
    CROSS JOIN LATERAL (VALUES ('all'), (handoff.severity)) AS band (severity)
    LEFT JOIN derived.mode AS mode ON mode.finding_id = handoff.finding_id AND mode.cycle = handoff.cycle AND mode.mode = 'notification_noise'
    GROUP BY band.severity
),
figures AS (
    SELECT severity, figure.*
    FROM counted
    CROSS JOIN LATERAL (
        VALUES
            ('message', 'notification_messages', 'count', messages::DOUBLE, dispatches),
            ('digest', 'digest_messages', 'count', digests::DOUBLE, in_digests),
            ('waits', 'dispatches_waiting_for_a_digest', 'count', waiting::DOUBLE, dispatches),
            ('needless', 'dispatches_settled_before_their_digest', 'count', needless::DOUBLE, dispatches),
            ('digest', 'median_wait_for_a_digest', 'seconds', median_wait, in_digests)
    ) AS figure (basis, measure, unit, value, population)
    UNION ALL
    SELECT severity, 'noise', 'handoffs_under_notification_noise', 'count', noisy, handoffs
    FROM noisy
)
SELECT
    basis, measure, 'all' AS period_grain, NULL::DATE AS period_start, 'all' AS dimension, 'all' AS dimension_value, severity, NULL::VARCHAR AS failure_mode,
    CASE unit WHEN 'seconds' THEN 'wall' END AS clock, unit, value, NULL::VARCHAR AS word, population
FROM figures
