-- Sightings whose id is not their finding's: links with them lead there too.
SELECT sighting_id, finding_id
FROM mart.finding_alias
WHERE sighting_id <> finding_id
ORDER BY sighting_id
