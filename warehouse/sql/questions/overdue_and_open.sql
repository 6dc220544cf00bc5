-- What is past due and still open, and by how much?
-- Broken handoff and remediation SLAs of open cycles, the longest overdue first; wall seconds from the due instant to t1 (handoff), or to as_of where it is missing. Dated by the due instant.
-- key: finding_id, cycle, sla
-- finding_id VARCHAR
-- cycle INTEGER
-- sla VARCHAR: handoff (security operations) or remediation (engineering).
-- severity VARCHAR
-- title VARCHAR
-- team VARCHAR
-- owner_id VARCHAR
-- due_at TIMESTAMP: When it fell due (UTC).
-- overdue_seconds DOUBLE: Wall seconds past due.
-- failure_mode VARCHAR
SELECT
    breach.finding_id, breach.cycle, breach.sla, breach.severity, handoff.title, breach.team, handoff.owner_id,
    breach.due_at, breach.overdue_seconds, breach.failure_mode
FROM mart.sla_breach AS breach
JOIN mart.handoff USING (finding_id, cycle)
WHERE breach.sla <> 'single' AND handoff.is_open
ORDER BY breach.overdue_seconds DESC, breach.finding_id, breach.cycle, breach.sla
