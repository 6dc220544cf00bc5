-- Who could own next what leads to nobody, or is owned by an outdated mapping?
-- The proposal to look at first for each handoff, with what speaks for it. A handoff for which nobody can be proposed is not here.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR: Workspace band at as_of.
-- asset_id VARCHAR
-- team VARCHAR: Owning team at as_of.
-- reason VARCHAR: Why the decision in force names no valid person; or mapping_outdated.
-- candidate VARCHAR: Whom it names; null for nobody.
-- proposed_id VARCHAR: Who is proposed.
-- proposed_by VARCHAR: confirmation, mapping, manager or acknowledger.
-- why VARCHAR: What speaks for them.
SELECT finding_id, cycle, severity, asset_id, team, reason, candidate, proposed_id, proposed_by, why
FROM mart.reattribution
WHERE rank = 1
ORDER BY list_position(['critical', 'high', 'medium', 'low'], severity), asset_id, finding_id, cycle
