-- One row per accepted event and finding that it concerns: where it stands, and whether it counted for what it claims.
-- key: event_id, finding_id
-- event_id VARCHAR: The source's id of the event.
-- finding_id VARCHAR: Finding; null while it matches nothing.
-- cycle INTEGER: Handoff cycle; null outside every cycle.
-- occurred_at TIMESTAMP: When the world did it (UTC).
-- event VARCHAR: What happened.
-- actor VARCHAR: Who did it, as the source names them.
-- target_person VARCHAR: Whom it names.
-- severity VARCHAR: Band that it was routed with.
-- channel VARCHAR: Channel.
-- ticket VARCHAR: Ticket.
-- comment VARCHAR: Text.
-- ref VARCHAR: What the source says that it is about.
-- method VARCHAR: Whose word it is - file, tracker, cli, link or own.
-- is_valid BOOLEAN: Whether it counted.
-- status VARCHAR: counted, or why not (not_allowed, withdrawn, outside_cycle, no_match, ambiguous_ref …).
-- actor_id VARCHAR: Person whom the actor is, as the directory knew them at that instant; null where it knew none.
-- actor_role VARCHAR: Their role at that instant.
-- actor_team VARCHAR: Their team at that instant.
-- actor_standing VARCHAR: active for a named, active human; else nobody, unknown_person, group_inbox, bot, departed_person or inactive_person.
-- recorded_at TIMESTAMP: When handoff learnt of it (UTC).
-- batch_id VARCHAR: What events made by one act have in common (one digest, one answer to several findings); null for one by itself.
-- asserted_by VARCHAR: The OS or link identity behind an event that handoff itself wrote; null for one of a file or tracker.
SELECT
    event_id, finding_id, cycle, occurred_at, event, actor, target_person, severity, channel, ticket, comment, ref, method, is_valid, status,
    actor_id, actor_role, actor_team, actor_standing, recorded_at, batch_id, asserted_by
FROM derived.event
