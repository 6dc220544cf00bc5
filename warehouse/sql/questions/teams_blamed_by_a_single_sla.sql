-- Which teams would a single SLA have blamed?
-- Handoffs whose one budget from t0 to closure fell due by as_of, by team. wrongly_blamed are those in which engineering kept its own time and only the handoff was late; the rate is null where a single SLA would have blamed nobody.
-- key: team
-- team VARCHAR: Owning team; (none) where there is none.
-- cycles BIGINT: Handoff cycles whose single SLA fell due.
-- blamed BIGINT: Of them, those that broke it.
-- rightly_blamed BIGINT: Of those, the ones that broke the remediation SLA too.
-- wrongly_blamed BIGINT: Of those, the ones in which only the handoff SLA broke.
-- wrongly_blamed_rate DOUBLE: wrongly_blamed / blamed (0 to 1).
-- wrongly_blamed_seconds DOUBLE: Wall seconds that these ran beyond the single SLA.
SELECT
    dimension_value AS team, cycles,
    single_breaches AS blamed, blamed_rightly AS rightly_blamed, misattributed AS wrongly_blamed,
    misattributed / nullif(single_breaches, 0)::DOUBLE AS wrongly_blamed_rate,
    misattributed_seconds AS wrongly_blamed_seconds
FROM mart.single_sla
WHERE period_grain = 'all' AND dimension = 'team' AND severity = 'all'
ORDER BY wrongly_blamed DESC, blamed DESC, team
