-- The week of as_of: what came in, what got through each step and what waits for it, for all and by business unit.
SELECT week_start, business_unit, step, opened, completed, queue, throughput, utilisation, expected_wait_seconds, weeks_above
FROM mart.ingest_capacity
WHERE week_start = (SELECT max(week_start) FROM mart.ingest_capacity)
ORDER BY business_unit <> 'all', business_unit, list_position(['routed', 'dispatched', 'acknowledged', 'triaged', 'closed'], step)
