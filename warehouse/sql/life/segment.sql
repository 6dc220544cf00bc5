-- The observed segments behind the handoff, and the time under a control, of the cycles of a range of findings.
SELECT finding_id, cycle, segment, started_at, ended_at, seconds, business_seconds, covers
FROM mart.segment
WHERE segment <> 'handoff' AND finding_id BETWEEN $first AND $last
ORDER BY finding_id, cycle, started_at, segment
