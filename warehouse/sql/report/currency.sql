-- Open findings by band of their cycle, and how many of them have an owner who is still there, at as_of.
SELECT severity, open_findings, active
FROM mart.ownership_currency
WHERE dimension = 'all' AND mapping_age = 'all'
ORDER BY severity
