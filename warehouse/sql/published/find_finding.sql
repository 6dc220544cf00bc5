-- The findings that an id may mean: a sighting's, else `scanner:own id`, else a scanner's own id (ruling 38).
WITH by_sighting AS (SELECT DISTINCT finding_id FROM mart.finding_alias WHERE sighting_id = $ref OR (length($ref) >= 6 AND starts_with(sighting_id, $ref))),
by_scanner AS (
    SELECT DISTINCT finding_alias.finding_id
    FROM record.observation
    JOIN mart.finding_alias USING (sighting_id)
    WHERE contains($ref, ':') AND concat(observation.scanner, ':', observation.own_id) = $ref AND NOT EXISTS (FROM by_sighting)
)
SELECT finding_id FROM by_sighting
UNION ALL
SELECT finding_id FROM by_scanner
UNION ALL
SELECT finding_id FROM mart.finding WHERE list_contains(own_ids, $ref) AND NOT EXISTS (FROM by_sighting) AND NOT EXISTS (FROM by_scanner)
ORDER BY finding_id
