-- SLAs that broke in the period, by the instant at which they fell due, by band and clock: handoff, remediation, or the single one that nobody runs.
SELECT report_period.period_grain, breach.severity, breach.sla, count(*) AS breaches
FROM report_period
JOIN mart.sla_breach AS breach ON breach.breached_at BETWEEN report_period.starts_at AND report_period.as_of
GROUP BY ALL
ORDER BY period_grain, severity, sla
