-- Whose SLA broke: security operations' or engineering's?
-- Handoff cycles by severity, as of as_of: handoff is t0 to t1, remediation t1 to verified closure. The remediation clock does not exist before t1.
-- key: severity, breach_attribution
-- severity VARCHAR
-- breach_attribution VARCHAR
-- handoffs BIGINT: Handoff cycles.
-- open BIGINT: Of them, those still open.
SELECT severity, breach_attribution, count(*) AS handoffs, count(*) FILTER (WHERE is_open) AS open
FROM mart.handoff
GROUP BY severity, breach_attribution
ORDER BY list_position(['critical', 'high', 'medium', 'low'], severity), breach_attribution
