-- One row per person who was ever in the directory: as of as_of, or as last known of who is in it no more.
-- key: person_id
-- person_id VARCHAR: The person, as the directory has them.
-- name VARCHAR: Name.
-- email VARCHAR: Mail address.
-- team VARCHAR: Their team.
-- role VARCHAR: Their role.
-- manager_id VARCHAR: Whom the directory names as their manager.
-- channel VARCHAR: How they are reached.
-- time_zone VARCHAR: Their time zone, as the directory has it.
-- kind VARCHAR: human, group or bot.
-- status VARCHAR: active, inactive or departed, as last known.
-- is_in_force BOOLEAN: Whether the directory still has them at as_of.
-- standing VARCHAR: valid for who can be handed a finding at as_of, else the first reason against them (departed_person, no_channel …).
SELECT person_id, name, email, team, role, manager_id, channel, time_zone, kind, status, is_in_force, standing
FROM derived.person
