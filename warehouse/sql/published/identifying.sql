-- Every text of the published record that says who, where or what: no text that holds one leaves in the redacted tier. A scanner's own id that is
-- nothing but a number says nothing by itself; a package is no place.
SELECT unnest([person_id, name, email, manager_id]) AS identifying FROM record.person
UNION
SELECT unnest([asset_id, name, application]) FROM record.asset
UNION
SELECT unnest(aliases) FROM record.asset
UNION
SELECT unnest([target, endpoint, file_path, engagement]) FROM record.observation
UNION
SELECT location_key FROM record.observation WHERE location_kind <> 'package'
UNION
SELECT own_id FROM record.observation WHERE NOT regexp_full_match(own_id, '[0-9]+')
UNION
SELECT unnest([actor, target_person, ticket]) FROM record.activity
UNION
SELECT unnest(["match", person_id]) FROM record.ownership
