-- One row per open cycle on a bound asset whose route has decayed, or whose mapping is older than the policy allows, and person who could own it next.
-- key: finding_id, cycle, proposed_id
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR: Workspace band at as_of.
-- asset_id VARCHAR: Asset that the target is bound to at as_of.
-- team VARCHAR: Owning team at as_of.
-- reason VARCHAR: Why the decision in force names no valid person; or mapping_outdated, where it names one by an outdated mapping.
-- candidate VARCHAR: Whom the decision names, as the mapping or event has it; null for nobody.
-- named_by VARCHAR: The mapping that named them; null where an event did, or none matched.
-- rank INTEGER: 1 for the proposal to look at first.
-- proposed_id VARCHAR: A person who is valid at as_of.
-- proposed_by VARCHAR: confirmation (the present owner), mapping, manager or acknowledger - in this order.
-- why VARCHAR: What speaks for them, in words.
-- remedy VARCHAR: What puts it into effect - ownership (a row of ownership.csv), or reassigned (an event, since an event names the present one).
WITH RECURSIVE route AS (
    SELECT
        cycle.finding_id, cycle.cycle,
        cycle.severity_now AS severity,
        finding.asset_id, cycle.application,
        cycle.team_now AS team,
        cycle.current_status = 'routed' AS is_outdated,
        CASE WHEN is_outdated THEN 'mapping_outdated' ELSE cycle.current_status END AS reason,
        cycle.current_reference AS candidate,
        cycle.current_mapping AS named_by,
        cycle.current_person AS person_id,
        (epoch_us(parameter.as_of) - epoch_us(cycle.current_since)) // 86400000000 AS mapping_age_days
    FROM derived.cycle AS cycle
    JOIN derived.finding AS finding USING (finding_id)
    CROSS JOIN derived.parameter AS parameter
    WHERE cycle.is_open
        AND (
            cycle.current_status NOT IN ('routed', 'unbound', 'ambiguous', 'retired')
            OR cycle.current_mapping IS NOT NULL AND epoch_us(parameter.as_of) - epoch_us(cycle.current_since) > parameter.mapping_age_us
        )
),
confirmed AS (
    SELECT finding_id, cycle, person_id, 'confirmation' AS proposed_by, 0 AS distance, 0 AS taken,
        format('{} is valid; the mapping {} is {} days old', candidate, named_by, mapping_age_days) AS why
    FROM route
    WHERE is_outdated
),
mapped AS (
    SELECT route.finding_id, route.cycle, routing.person_id, 'mapping' AS proposed_by, 0 AS distance, 0 AS taken,
        format('the mapping {} names {}', routing.primitive, routing.candidate) AS why
    FROM route
    JOIN derived.routing AS routing USING (finding_id, cycle)
    WHERE routing.status = 'routed' AND NOT route.is_outdated
),
-- Up from whom the decision names, or named last; a chain that comes back to somebody ends there.
chain AS (
    SELECT DISTINCT route.person_id AS start_id, person.manager_id AS person_id, 1 AS steps, [person.person_id] AS seen
    FROM route
    JOIN derived.person AS person USING (person_id)
    UNION ALL
    SELECT chain.start_id, person.manager_id, chain.steps + 1, list_append(chain.seen, person.person_id)
    FROM chain
    JOIN derived.person AS person ON person.person_id = chain.person_id
    WHERE NOT list_contains(chain.seen, person.person_id) AND person.standing <> 'valid'
),
managed AS (
    SELECT route.finding_id, route.cycle, chain.person_id, 'manager' AS proposed_by, chain.steps AS distance, 0 AS taken,
        CASE
            WHEN chain.steps = 1 THEN format('manages {}', route.candidate)
            ELSE format('manages {} over {} others who cannot take it', route.candidate, chain.steps - 1)
        END AS why
    FROM route
    JOIN chain ON chain.start_id = route.person_id
),
-- Who took handoffs lately, of what: the nearest thing to a statement that it is theirs.
taken AS (
    SELECT unnest([
            {'scope': 'asset', 'name': finding.asset_id, 'distance': 1},
            {'scope': 'application', 'name': cycle.application, 'distance': 2},
            {'scope': 'team', 'name': cycle.team_now, 'distance': 3}
        ], recursive := true),
        cycle.acknowledged_by, cycle.acknowledged_at
    FROM derived.cycle AS cycle
    JOIN derived.finding AS finding USING (finding_id)
    CROSS JOIN derived.parameter AS parameter
    WHERE epoch_us(parameter.as_of) - epoch_us(cycle.acknowledged_at) <= parameter.acknowledged_within_us
),
-- The three who took most: a list of all who ever did helps nobody.
taker AS (
    SELECT taken.scope, taken.name, taken.distance, taken.acknowledged_by AS person_id, count(*) AS taken, max(acknowledged_at) AS last_at
    FROM taken
    JOIN derived.person AS person ON person.person_id = taken.acknowledged_by AND person.standing = 'valid'
    WHERE taken.name IS NOT NULL
    GROUP BY taken.scope, taken.name, taken.distance, taken.acknowledged_by
    QUALIFY row_number() OVER (PARTITION BY taken.scope, taken.name ORDER BY count(*) DESC, max(acknowledged_at) DESC, taken.acknowledged_by) <= 3
),
acknowledged AS (
    SELECT route.finding_id, route.cycle, taker.person_id, 'acknowledger' AS proposed_by, taker.distance, taker.taken,
        format(
            'took {} of {} {}, last on {}',
            CASE WHEN taker.taken = 1 THEN 'a handoff' ELSE taker.taken || ' handoffs' END, taker.scope, taker.name, strftime(taker.last_at, '%Y-%m-%d')
        ) AS why
    FROM route
    JOIN taker ON taker.name = CASE taker.scope WHEN 'asset' THEN route.asset_id WHEN 'application' THEN route.application ELSE route.team END
),
proposed AS (
    FROM confirmed
    UNION ALL FROM mapped
    UNION ALL FROM managed
    UNION ALL FROM acknowledged
),
-- Each person once a cycle, for what speaks for them most; never whom the decision names in vain.
best AS (
    SELECT proposed.*, list_position(['confirmation', 'mapping', 'manager', 'acknowledger'], proposed.proposed_by) AS strength
    FROM proposed
    JOIN derived.person AS person ON person.person_id = proposed.person_id AND person.standing = 'valid'
    QUALIFY row_number() OVER (PARTITION BY finding_id, cycle, proposed.person_id ORDER BY strength, distance, taken DESC, why) = 1
)
SELECT
    route.finding_id, route.cycle, route.severity, route.asset_id, route.team, route.reason, route.candidate, route.named_by,
    row_number() OVER (PARTITION BY route.finding_id, route.cycle ORDER BY best.strength, best.distance, best.taken DESC, best.person_id)::INTEGER AS rank,
    best.person_id AS proposed_id,
    best.proposed_by, best.why,
    CASE WHEN route.named_by IS NULL AND route.candidate IS NOT NULL THEN 'reassigned' ELSE 'ownership' END AS remedy
FROM route
JOIN best USING (finding_id, cycle)
