-- Budgets, windows and targets of the policy, by band, as the policy writes them: 4bh, 72h, 7d.
WITH bands (severity, rank) AS (
    VALUES ('critical', 1), ('high', 2), ('medium', 3), ('low', 4)
),
durations AS (
    SELECT bands.*, duration.name, json_extract_string(policy.policy, '$.' || duration.path || '.amount')
        || json_extract_string(policy.policy, '$.' || duration.path || '.unit') AS duration,
        json_extract(policy.policy, '$.verdict.' || severity || '.rate')::DOUBLE AS rate_target
    FROM report_parameter
    JOIN record.policy AS policy USING (policy_digest)
    CROSS JOIN bands
    CROSS JOIN LATERAL (
        VALUES
            ('handoff_sla', 'handoff_sla.' || severity), ('remediation_sla', 'remediation_sla.' || severity),
            ('acknowledgement_window', 'acknowledgement_window.' || severity), ('median_target', 'verdict.' || severity || '.median'),
            ('p90_target', 'verdict.' || severity || '.p90')
    ) AS duration (name, path)
)
SELECT
    severity, rank, rate_target,
    any_value(duration) FILTER (WHERE name = 'handoff_sla') AS handoff_sla,
    any_value(duration) FILTER (WHERE name = 'remediation_sla') AS remediation_sla,
    any_value(duration) FILTER (WHERE name = 'acknowledgement_window') AS acknowledgement_window,
    any_value(duration) FILTER (WHERE name = 'median_target') AS median_target,
    any_value(duration) FILTER (WHERE name = 'p90_target') AS p90_target
FROM durations
GROUP BY severity, rank, rate_target
ORDER BY rank
