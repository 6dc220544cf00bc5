-- In which teams have the owners of open findings left?
-- Open findings at as_of by team: currency_rate (0 to 1) is the share whose named owner is still an active person, the lowest first. The median age of the mappings is in wall seconds, null where all have always held.
-- key: team
-- team VARCHAR: Owning team at as_of; (none) where there is none.
-- open_findings BIGINT: Findings whose last cycle is open.
-- owned BIGINT: Of them, those for which somebody is named, valid or not.
-- active BIGINT: Of them, those whose named person is known, human and active.
-- currency_rate DOUBLE: active / open_findings.
-- median_mapping_age_seconds DOUBLE: Median age of what named the owner.
SELECT dimension_value AS team, open_findings, owned, active, currency_rate, median_mapping_age_seconds
FROM mart.ownership_currency
WHERE dimension = 'team' AND severity = 'all' AND mapping_age = 'all'
ORDER BY currency_rate, open_findings DESC, team
