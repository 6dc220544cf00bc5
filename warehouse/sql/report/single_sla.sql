-- Handoffs whose single SLA fell due in the period, by band, and all: how many it would have broken, and on whom it would have pinned them.
SELECT
    report_period.period_grain, single.severity, single.cycles, single.single_breaches, single.blamed_rightly, single.misattributed, single.misattributed_seconds
FROM report_period
JOIN mart.single_sla AS single ON single.period_grain = report_period.period_grain AND single.period_start = report_period.period_start
WHERE single.dimension = 'all'
ORDER BY period_grain, severity
