-- How many notifications does it spare that scanners are told to mean the same?
-- Findings that were ever handed off, by severity: dispatches_avoided is what one notification for each scanner and target would have sent more.
-- key: severity
-- severity VARCHAR: Band of the finding's last cycle, or all.
-- observations BIGINT: Results of scans.
-- findings BIGINT: Findings that they are of.
-- observations_per_finding DOUBLE: observations / findings.
-- dispatches_avoided BIGINT: Notifications spared.
SELECT severity, observations, findings, observations_per_finding, dispatches_avoided
FROM mart.deduplication
WHERE dimension = 'all'
ORDER BY severity <> 'all' DESC, list_position(['critical', 'high', 'medium', 'low'], severity)
