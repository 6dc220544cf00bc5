-- One row per instant forecast from (as_of, and each past week's end that can be held to what happened) and handoff cycle listed then:
-- open, unacknowledged, and due within five business days of the default calendar.
-- key: forecast_at, finding_id, cycle
-- forecast_at TIMESTAMP: The instant forecast from (UTC), with nothing used that happened after it.
-- week_start DATE: Monday, in the reporting zone, of the week that ended then; null for as_of.
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR
-- handoff_due_at TIMESTAMP
-- waited_seconds DOUBLE: Wall seconds from t0 to that instant.
-- breach_probability DOUBLE: S(due - t0) / S(waited), S being the severity's Kaplan-Meier curve as it was then, in business time.
-- breached BOOLEAN: Whether it then broke the handoff SLA; null for as_of.
WITH instants AS (
    SELECT starts_at, week_start, ends_at
    FROM derived.horizon
    WHERE week_start IS NULL OR previous_from >= (SELECT min(captured_at) FROM mart.handoff)
),
-- A cycle as it was at each instant; its time so far and its time to due in open microseconds of its calendar: few acknowledge out of hours, so
-- that a night or a weekend waited, or still to come, says nothing.
cycles AS (
    SELECT
        instants.*, handoff.finding_id, handoff.cycle, handoff.severity, handoff.captured_at, handoff.handoff_due_at, handoff.handoff_breached,
        coalesce(handoff.acknowledged_at <= starts_at, false) AS is_event,
        coalesce(handoff.acknowledged_at <= starts_at, false) OR (NOT handoff.is_open AND handoff.horizon_at <= starts_at) AS is_over,
        least(coalesce(acknowledged_open_us, horizon_open_us), as_of_open_us - horizon_calendar.open_us) - captured_open_us AS duration_us,
        handoff_due_open_us - captured_open_us AS due_us
    FROM instants
    JOIN derived.horizon_calendar AS horizon_calendar USING (starts_at)
    JOIN mart.handoff ON handoff.captured_at <= starts_at AND handoff.calendar = horizon_calendar.calendar
    JOIN derived.cycle AS opening ON opening.finding_id = handoff.finding_id AND opening.cycle = handoff.cycle
),
durations AS (
    SELECT starts_at, severity, duration_us, count(*) AS leaving, count(*) FILTER (WHERE is_event) AS events
    FROM cycles
    GROUP BY ALL
),
at_risk AS (
    SELECT starts_at, severity, duration_us, events, sum(leaving) OVER (PARTITION BY starts_at, severity ORDER BY duration_us DESC) AS at_risk
    FROM durations
),
survival AS (
    SELECT starts_at, severity, duration_us, product(1 - events / at_risk) OVER (PARTITION BY starts_at, severity ORDER BY duration_us) AS surviving
    FROM at_risk
    WHERE events > 0
),
listed AS (
    FROM cycles
    WHERE NOT is_over AND handoff_due_at > starts_at AND handoff_due_at <= ends_at
)
SELECT
    listed.starts_at AS forecast_at, listed.week_start, listed.finding_id, listed.cycle, listed.severity, listed.handoff_due_at,
    (epoch_us(listed.starts_at) - epoch_us(listed.captured_at)) / 1e6 AS waited_seconds,
    -- One that still waits is itself at risk of every earlier event: the curve has not come down to 0 where it stands.
    coalesce(until_due.surviving, 1) / coalesce(until_now.surviving, 1) AS breach_probability,
    CASE WHEN listed.week_start IS NOT NULL THEN listed.handoff_breached END AS breached
FROM listed
ASOF LEFT JOIN survival AS until_now
    ON until_now.starts_at = listed.starts_at AND until_now.severity = listed.severity AND until_now.duration_us <= listed.duration_us
ASOF LEFT JOIN survival AS until_due
    ON until_due.starts_at = listed.starts_at AND until_due.severity = listed.severity AND until_due.duration_us <= listed.due_us
