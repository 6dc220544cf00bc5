-- One row per broken SLA of a cycle: handoff (security operations), remediation (engineering), single (what one SLA would have said).
-- key: finding_id, cycle, sla
-- finding_id VARCHAR
-- cycle INTEGER
-- sla VARCHAR: handoff, remediation or single.
-- due_at TIMESTAMP: When it fell due (UTC).
-- breached_at TIMESTAMP: When it broke (UTC): the due instant.
-- failure_mode VARCHAR
-- severity VARCHAR
-- team VARCHAR
-- breached_on DATE: Local date of the breach in the reporting zone.
-- overdue_seconds DOUBLE: Wall seconds from due to the end instant, or to as_of or the cycle's end where it is missing.
WITH slas AS (
    SELECT handoff.*, sla.*
    FROM mart.handoff
    CROSS JOIN LATERAL (
        VALUES
            ('handoff', handoff_due_at, handoff_breached, coalesce(acknowledged_at, horizon_at)),
            ('remediation', remediation_due_at, remediation_breached, coalesce(verified_at, horizon_at)),
            ('single', single_sla_due_at, single_sla_breached, coalesce(verified_at, horizon_at))
    ) AS sla (sla, due_at, is_breached, until_at)
)
SELECT
    finding_id, cycle, sla, due_at,
    due_at AS breached_at,
    failure_mode, severity, team,
    timezone(parameter.reporting_zone, timezone('UTC', due_at))::DATE AS breached_on,
    (epoch_us(until_at) - epoch_us(due_at)) / 1e6 AS overdue_seconds
FROM slas
CROSS JOIN derived.parameter AS parameter
WHERE is_breached
