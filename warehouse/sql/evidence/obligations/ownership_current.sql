-- Whoever is responsible is still there: the decision in force at as_of names an active person, as in ownership currency.
-- subject: handoff
-- population: every handoff cycle of a rated finding that is open at as_of.
-- complete: the person in force (tracker, else ownership mapping) is known, human and active.
-- exception: it names nobody, somebody unknown, departed or inactive, a group inbox or a bot, or the target is unbound, ambiguous or retired.
-- pending: never.
SELECT
    finding_id AS subject_id, cycle,
    CASE WHEN current_is_active THEN 'complete' ELSE 'exception' END AS status,
    CASE WHEN current_is_active THEN 'active_owner' ELSE current_status END AS reason,
    CASE WHEN current_is_active THEN greatest(captured_at, current_since) ELSE coalesce(least(unbound_since_at, decayed_since_at), captured_at) END AS dated_at
FROM derived.cycle
WHERE is_open
