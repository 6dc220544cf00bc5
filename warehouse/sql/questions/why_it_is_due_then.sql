-- Why does this finding have that due date?
-- The instants and budgets that its due dates follow from: the severity's budget (bh, bd: open hours and days of the calendar; h, d: wall time) from t0, and from t1 plus the time under a control. remediation_due_at is null before t1.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- title VARCHAR
-- severity VARCHAR
-- severity_now VARCHAR
-- severity_rule VARCHAR: The rule that sets the finding's band at as_of.
-- known_exploited BOOLEAN: Whether a report or the catalogue says that it is exploited.
-- team VARCHAR
-- calendar VARCHAR: Calendar of the policy that open hours are counted in.
-- captured_at TIMESTAMP
-- handoff_budget VARCHAR: The policy's handoff SLA for that severity.
-- handoff_due_at TIMESTAMP
-- acknowledged_at TIMESTAMP
-- remediation_budget VARCHAR: The policy's remediation SLA for that severity.
-- control_seconds DOUBLE
-- remediation_due_at TIMESTAMP
-- policy_digest VARCHAR: The policy, whole in record.policy.
WITH last_run AS (
    SELECT run.policy_digest, policy.policy
    FROM record.run
    JOIN record.policy USING (policy_digest)
    ORDER BY run.number DESC
    LIMIT 1
),

budget AS (
    SELECT
        severity, policy_digest,
        concat(policy ->> ('$.handoff_sla.' || severity || '.amount'), policy ->> ('$.handoff_sla.' || severity || '.unit')) AS handoff_budget,
        concat(policy ->> ('$.remediation_sla.' || severity || '.amount'), policy ->> ('$.remediation_sla.' || severity || '.unit')) AS remediation_budget
    FROM last_run
    CROSS JOIN (VALUES ('critical'), ('high'), ('medium'), ('low')) AS band (severity)
)

SELECT
    handoff.finding_id, handoff.cycle, handoff.title, handoff.severity, handoff.severity_now, finding.severity_rule, finding.known_exploited,
    handoff.team, handoff.calendar, handoff.captured_at, budget.handoff_budget, handoff.handoff_due_at,
    handoff.acknowledged_at, budget.remediation_budget, handoff.control_seconds, handoff.remediation_due_at, budget.policy_digest
FROM mart.handoff
JOIN mart.finding USING (finding_id)
JOIN budget ON budget.severity = handoff.severity
ORDER BY handoff.finding_id, handoff.cycle
