-- What the ownership primitive decided in the cycles of a range of findings, each time that it differed from the last, with whom it rejected.
SELECT finding_id, cycle, decided_at, status, candidate, primitive, mapping_effective_from, rejected
FROM record.routing
WHERE finding_id BETWEEN $first AND $last
ORDER BY finding_id, cycle, decided_at
