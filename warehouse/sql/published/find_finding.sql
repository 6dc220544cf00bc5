-- The findings that an id may mean: a sighting's, else a scanner's own.
WITH by_sighting AS (SELECT DISTINCT finding_id FROM mart.finding_alias WHERE sighting_id = $ref OR (length($ref) >= 6 AND starts_with(sighting_id, $ref)))
SELECT finding_id FROM by_sighting
UNION ALL
SELECT finding_id FROM mart.finding WHERE list_contains(own_ids, $ref) AND NOT EXISTS (FROM by_sighting)
ORDER BY finding_id
