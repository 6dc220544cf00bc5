-- What shows that this failure mode fired?
-- One row per handoff and mode, with the values that the rule looked at as JSON; instants in it are UTC.
-- key: finding_id, cycle, mode
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR
-- team VARCHAR
-- title VARCHAR
-- mode VARCHAR: The failure mode.
-- is_primary BOOLEAN: Whether it is the first broken link in stage order.
-- evidence VARCHAR: What fired it, as JSON; {} where nothing but the breach itself shows it.
SELECT mode.finding_id, mode.cycle, mode.severity, mode.team, handoff.title, mode.mode, mode.is_primary, mode.evidence
FROM mart.failure_mode AS mode
JOIN mart.handoff USING (finding_id, cycle)
ORDER BY mode.finding_id, mode.cycle, mode.is_primary DESC, mode.mode
