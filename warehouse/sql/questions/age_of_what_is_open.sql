-- How old is what is open, and whose is it?
-- Open handoffs at as_of by severity now, wall-time age since t0 and owning team at as_of; oldest_seconds is the age of the oldest.
-- key: severity, age_bucket, team
-- severity VARCHAR: Workspace band at as_of.
-- age_bucket VARCHAR: Age since t0 in wall time.
-- team VARCHAR: Owning team at as_of; (none) where there is none.
-- open BIGINT: Open handoff cycles.
-- acknowledged BIGINT: Of them, those with a valid acknowledgement.
-- oldest_seconds DOUBLE: Age of the oldest, wall seconds.
SELECT severity, age_bucket, team, open, acknowledged, oldest_seconds
FROM mart.open_aging
ORDER BY list_position(['critical', 'high', 'medium', 'low'], severity), oldest_seconds DESC, age_bucket, team
