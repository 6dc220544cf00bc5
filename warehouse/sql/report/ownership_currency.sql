-- Open findings at as_of by whether their owner is still there: all, by band, by age of what named the owner, by business unit and by team.
SELECT dimension, dimension_value, severity, mapping_age, open_findings, owned, active
FROM mart.ownership_currency
WHERE (dimension = 'all' AND (severity = 'all' OR mapping_age = 'all'))
    OR (dimension IN ('business_unit', 'team') AND severity = 'all' AND mapping_age = 'all')
ORDER BY dimension, dimension_value, severity, mapping_age
