-- One row per ISO week from the first t0 to as_of, business unit and step: what came in, what got through, and what waits.
-- key: week_start, business_unit, step
-- week_start DATE: Monday of the ISO week in the reporting zone.
-- business_unit VARCHAR: Business unit, all of them together (all) or none known (none in brackets); one that is itself called all is (all).
-- step VARCHAR: routed, dispatched, acknowledged, triaged or closed.
-- opened BIGINT: Handoff cycles whose t0 lies in the week, the same at every step.
-- completed BIGINT: Cycles whose instant of the step lies in the week; closed = verified or withdrawn.
-- queue BIGINT: Open cycles that wait for the step at the week's end, or at as_of: past every earlier step, and neither past this one nor ended.
-- throughput DOUBLE: Mean of completed over this week and the three before it, as far as the record reaches back.
-- utilisation DOUBLE: opened / throughput; null at 0.
-- expected_wait_seconds DOUBLE: Expected wait for the step by Little's law: queue / throughput, a week as 7 days; null at 0.
-- weeks_above BIGINT: Weeks in a row, this one included, in which more was opened than the throughput; 0 where it is not.
WITH cycles AS (
    SELECT
        CASE business_unit WHEN 'all' THEN '(all)' ELSE coalesce(business_unit, '(none)') END AS business_unit,
        captured_at, routed_at, notified_at, acknowledged_at, triaged_at, closed_at,
        least(in_progress_at, resolved_at) AS work_at,
        CASE WHEN NOT is_open THEN horizon_at END AS ended_at
    FROM mart.handoff
),
-- A step without an event is passed with the first later one. Visible work shows that somebody was reached, not that they acknowledged.
passed AS (
    SELECT
        *,
        least(routed_at, notified_at, acknowledged_at, work_at) AS past_routed_at,
        least(notified_at, acknowledged_at, work_at) AS past_dispatched_at,
        CASE WHEN acknowledged_at IS NOT NULL THEN least(triaged_at, CASE WHEN work_at IS NOT NULL THEN greatest(work_at, acknowledged_at) END) END
            AS past_triaged_at
    FROM cycles
),
steps AS (
    SELECT business_unit, step.*
    FROM passed
    CROSS JOIN LATERAL (
        VALUES
            ('routed', captured_at, routed_at, captured_at, least(past_routed_at, ended_at)),
            ('dispatched', captured_at, notified_at, past_routed_at, least(past_dispatched_at, ended_at)),
            ('acknowledged', captured_at, acknowledged_at, past_dispatched_at, least(acknowledged_at, ended_at)),
            ('triaged', captured_at, triaged_at, acknowledged_at, least(past_triaged_at, ended_at)),
            ('closed', captured_at, closed_at, past_triaged_at, ended_at)
    ) AS step (step, opened_at, completed_at, entered_at, left_at)
),
-- Counted by quarter of an hour first: local days begin at one (in every zone since 1972), and millions of instants are not
-- turned into local days one by one.
moments AS (
    SELECT business_unit, step, moment.moment, epoch_us(moment.instant) // 900000000 AS quarter_hour, count(*) AS cycles
    FROM steps
    CROSS JOIN LATERAL (
        VALUES
            ('opened', opened_at), ('completed', completed_at),
            ('entered', entered_at), ('left', CASE WHEN entered_at IS NOT NULL THEN left_at END)
    ) AS moment (moment, instant)
    WHERE moment.instant IS NOT NULL
    GROUP BY ALL
),
dated AS (
    SELECT
        business_unit, step, moment, cycles,
        date_trunc('week', timezone(parameter.reporting_zone, timezone('UTC', make_timestamp(quarter_hour * 900000000)))::DATE)::DATE AS week_start
    FROM moments
    CROSS JOIN derived.parameter AS parameter
),
counted AS (
    SELECT
        week_start, CASE WHEN grouping(business_unit) = 1 THEN 'all' ELSE business_unit END AS business_unit, step,
        sum(cycles) FILTER (WHERE moment = 'opened') AS opened,
        sum(cycles) FILTER (WHERE moment = 'completed') AS completed,
        coalesce(sum(cycles) FILTER (WHERE moment = 'entered'), 0) - coalesce(sum(cycles) FILTER (WHERE moment = 'left'), 0) AS joining
    FROM dated
    GROUP BY GROUPING SETS ((week_start, business_unit, step), (week_start, step))
),
weeks AS (
    SELECT unnest(generate_series(
        (SELECT min(week_start) FROM counted)::TIMESTAMP,
        date_trunc('week', timezone(reporting_zone, timezone('UTC', as_of))),
        INTERVAL 7 DAY
    ))::DATE AS week_start
    FROM derived.parameter
),
flow AS (
    SELECT
        week_start, business_unit, step,
        coalesce(counted.opened, 0)::BIGINT AS opened,
        coalesce(counted.completed, 0)::BIGINT AS completed,
        (sum(coalesce(counted.joining, 0)) OVER so_far)::BIGINT AS queue,
        avg(coalesce(counted.completed, 0)) OVER (so_far ROWS 3 PRECEDING) AS throughput
    FROM weeks
    CROSS JOIN (SELECT DISTINCT business_unit, step FROM counted)
    LEFT JOIN counted USING (week_start, business_unit, step)
    WINDOW so_far AS (PARTITION BY business_unit, step ORDER BY week_start)
),
runs AS (
    SELECT *, count(*) FILTER (WHERE opened <= throughput) OVER (PARTITION BY business_unit, step ORDER BY week_start) AS run
    FROM flow
)
SELECT
    week_start, business_unit, step, opened, completed, queue, throughput,
    opened / nullif(throughput, 0) AS utilisation,
    queue / nullif(throughput, 0) * 604800 AS expected_wait_seconds,
    count(*) FILTER (WHERE opened > throughput) OVER (PARTITION BY business_unit, step, run ORDER BY week_start) AS weeks_above
FROM runs
