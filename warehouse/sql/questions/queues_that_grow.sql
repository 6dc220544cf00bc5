-- Where does more come in than gets through?
-- The last week on record (up to as_of) by business unit and step. Utilisation over 1 means that the queue grows; expected_wait_seconds is wall time by Little's law. Null where nothing got through in four weeks.
-- key: business_unit, step
-- week_start DATE: Monday of that ISO week in the reporting zone.
-- business_unit VARCHAR: Business unit, all of them together (all) or none known (none in brackets).
-- step VARCHAR: routed, dispatched, acknowledged, triaged or closed.
-- opened BIGINT: Handoff cycles whose t0 lies in the week.
-- completed BIGINT: Cycles whose instant of the step lies in it.
-- queue BIGINT: Open cycles that wait for the step.
-- utilisation DOUBLE: opened / mean of completed over four weeks.
-- weeks_above BIGINT: Weeks in a row in which more was opened than got through.
-- expected_wait_seconds DOUBLE: Expected wait for the step, wall seconds.
SELECT week_start, business_unit, step, opened, completed, queue, utilisation, weeks_above, expected_wait_seconds
FROM mart.ingest_capacity
WHERE week_start = (SELECT max(week_start) FROM mart.ingest_capacity)
ORDER BY business_unit, list_position(['routed', 'dispatched', 'acknowledged', 'triaged', 'closed'], step)
