-- Open findings whose id begins with $begin, the worst first.
SELECT finding_id, any_value(severity || ': ' || title)
FROM mart.handoff
WHERE is_open AND starts_with(finding_id, $begin)
GROUP BY finding_id
ORDER BY min(CASE severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END), finding_id
LIMIT 50
