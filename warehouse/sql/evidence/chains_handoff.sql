-- Everything that happened in each handoff cycle of the population, in order, with who did it and the row of the landed file that says so.
WITH landed AS (
    -- Own files are named after their run; their content is the same in every home.
    SELECT claim_id, sha256, CASE WHEN source = 'own' THEN 'own' ELSE path END AS path, coalesce(decision = 'retract', false) AS is_retracted
    FROM record.landed_file
),
chain AS (
    SELECT evidence_subject.subject_id AS finding_id, evidence_subject.cycle, handoff.captured_at, handoff.capture_id, handoff.origin
    FROM evidence_subject
    LEFT JOIN mart.handoff ON handoff.finding_id = evidence_subject.subject_id AND handoff.cycle = evidence_subject.cycle
),
opening AS (
    SELECT finding_id, cycle, capture_id AS observation_id
    FROM chain
    WHERE capture_id IS NOT NULL
    UNION ALL
    -- A finding that no rule rates has no row in mart.handoff.
    SELECT chain.finding_id, chain.cycle, arg_min(observation.observation_id, (scanner, coalesce(own_id, ''), observation.title, observation.observation_id))
    FROM chain
    JOIN mart.finding ON finding.finding_id = chain.finding_id
    JOIN mart.finding_alias ON finding_alias.finding_id = chain.finding_id
    JOIN record.observation ON observation.sighting_id = finding_alias.sighting_id AND observation.captured_at = finding.first_captured_at
    WHERE chain.origin IS NULL
    GROUP BY ALL
),
captured AS (
    SELECT
        opening.finding_id, opening.cycle, observation.captured_at AS occurred_at, 'captured' AS what, true AS is_counted, 'counted' AS status,
        observation.scanner AS actor, concat_ws('; ', observation.native_severity, concat('dated by ', replace(captured_at_source, '_', ' '))) AS detail,
        observation.observation_id AS event_id, observation.recorded_at, landed.path, landed.sha256, observation.pointer
    FROM opening
    JOIN record.observation USING (observation_id)
    JOIN landed USING (claim_id)
    -- Of several contents under one id the one that the marts use.
    QUALIFY row_number() OVER (
        PARTITION BY opening.finding_id, opening.cycle
        ORDER BY observation.content_id IN (SELECT lost FROM record.conflict WHERE kind IN ('observation', 'resent_observation')), is_retracted, landed.sha256, observation.pointer
    ) = 1
),
happened AS (
    SELECT
        event.*, landed.path, landed.sha256, activity.pointer
    FROM chain
    JOIN mart.event ON event.finding_id = chain.finding_id AND event.cycle = chain.cycle
    -- The row that says exactly this; of several events under one id the marts use one.
    LEFT JOIN record.activity
        ON activity.event_id = event.event_id AND activity.event = event.event AND activity.occurred_at = event.occurred_at AND activity.ref = event.ref
        AND activity.actor IS NOT DISTINCT FROM event.actor AND activity.target_person IS NOT DISTINCT FROM event.target_person
        AND activity.severity IS NOT DISTINCT FROM event.severity AND activity.channel IS NOT DISTINCT FROM event.channel
        AND activity.ticket IS NOT DISTINCT FROM event.ticket AND activity.comment IS NOT DISTINCT FROM event.comment
    LEFT JOIN landed USING (claim_id)
    QUALIFY row_number() OVER (PARTITION BY event.event_id, event.finding_id ORDER BY is_retracted, activity.recorded_at, landed.sha256, activity.pointer) = 1
),
rows AS (
    SELECT
        finding_id, cycle, occurred_at, what, is_counted, status, actor, NULL AS person_id, NULL AS role, NULL AS team, NULL AS standing, NULL AS target_person,
        detail, NULL AS ticket, 'file' AS method, event_id, recorded_at, path AS source_file, sha256 AS source_sha256, pointer AS source_pointer, 0 AS rank
    FROM captured
    UNION ALL
    SELECT
        finding_id, cycle, occurred_at, event, is_valid, status, actor, actor_id, actor_role, actor_team, actor_standing, target_person,
        concat_ws('; ', severity, channel, comment), ticket, method, event_id, recorded_at, path, sha256, pointer, list_position($events::VARCHAR[], event)
    FROM happened
    UNION ALL
    -- No row of a file: the policy's cadence ran out.
    SELECT
        finding_id, cycle, captured_at, 'control_due', true, 'counted', NULL, NULL, NULL, NULL, NULL, NULL,
        'the attestation of a compensating control fell due', NULL, 'computed', NULL, NULL, NULL, NULL, NULL, 0
    FROM chain
    WHERE origin = 'revalidation'
)
SELECT
    finding_id, cycle,
    row_number() OVER (PARTITION BY finding_id, cycle ORDER BY occurred_at, rank, event_id)::INTEGER AS position,
    occurred_at, what, is_counted, status, actor, person_id, role, team, standing, target_person, nullif(detail, '') AS detail, ticket, method,
    event_id, recorded_at, source_file, source_sha256, source_pointer
FROM rows
ORDER BY finding_id, cycle, position
