-- Delivered events (not our own stage stamps), once for each finding that they concern, with what became of them by what they claim.
WITH routed AS (
    SELECT event.event_id, event.finding_id, event.cycle, event.occurred_at, event.severity
    FROM derived.event
    LEFT JOIN derived.cycle USING (finding_id, cycle)
    WHERE event.event = 'routed' AND event.method <> 'own' AND event.severity IS NOT NULL AND event.cycle IS NOT NULL
        -- What was routed after the acknowledgement is no cause of it.
        AND event.occurred_at <= coalesce(cycle.acknowledged_at, event.occurred_at)
),
own_bands AS (
    SELECT routed.event_id, routed.finding_id, min(band.rank) AS rank
    FROM routed
    JOIN derived.capture ON capture.finding_id = routed.finding_id AND capture.cycle = routed.cycle AND capture.captured_at <= routed.occurred_at
    JOIN derived.band ON band.severity = capture.band
    GROUP BY ALL
),
inherited_bands AS (
    SELECT finding_id, cycle, lag(severity_now) OVER (PARTITION BY finding_id ORDER BY cycle) AS severity
    FROM derived.cycle
),
compared AS (
    -- Ranks grow as severity falls; a cycle without a rated observation of its own by then has the band of the one before it (ruling 22).
    SELECT
        routed.event_id, routed.finding_id, routed.severity AS routed_severity,
        coalesce(routed_band.rank, CASE WHEN routed.severity = 'informational' THEN 5 END) AS routed_rank,
        coalesce(own_bands.rank, inherited_band.rank) AS band_rank
    FROM routed
    LEFT JOIN derived.band AS routed_band ON routed_band.severity = routed.severity
    LEFT JOIN own_bands USING (event_id, finding_id)
    LEFT JOIN inherited_bands ON inherited_bands.finding_id = routed.finding_id AND inherited_bands.cycle = routed.cycle
    LEFT JOIN derived.band AS inherited_band ON inherited_band.severity = inherited_bands.severity
),
withdrawal AS (
    -- The last one of a cycle takes back all that was acknowledged by then (ruling 46).
    SELECT finding_id, cycle, max(occurred_at) AS withdrawn_at, arg_max(actor, (occurred_at, event_id)) AS withdrawn_by
    FROM derived.event
    WHERE event = 'acknowledgement_withdrawn' AND cycle IS NOT NULL
    GROUP BY finding_id, cycle
)
SELECT
    'event' AS subject_kind, event.event_id AS subject_id, event.finding_id, event.cycle,
    coalesce(cycle.severity, finding.severity) AS severity, cycle.owner_id, cycle.team,
    event.occurred_at AS since_at, event.recorded_at,
    event.event, event.ref, event.actor, event.target_person, event.channel, event.ticket, event.method, event.status, event.occurred_at,
    finding.first_captured_at,
    event.status AS place_status,
    CASE WHEN event.event = 'routed' THEN event.status END AS routing_status,
    CASE WHEN event.event = 'notified' THEN event.status END AS dispatch_status,
    CASE WHEN event.event = 'acknowledged' THEN event.status END AS acknowledgement_status,
    CASE WHEN event.event = 'triaged' THEN event.status END AS triage_status,
    CASE WHEN event.event = 'declined' THEN event.status END AS declined_status, event.comment,
    CASE WHEN event.event = 'acknowledged' THEN event.occurred_at END AS acknowledgement_at,
    CASE WHEN event.event <> 'acknowledged' THEN event.occurred_at END AS event_at,
    compared.routed_severity, compared.routed_rank, compared.band_rank,
    band.severity AS band,
    withdrawal.withdrawn_by, withdrawal.withdrawn_at
FROM derived.event
LEFT JOIN derived.finding USING (finding_id)
LEFT JOIN derived.cycle ON cycle.finding_id = event.finding_id AND cycle.cycle = event.cycle
LEFT JOIN compared ON compared.event_id = event.event_id AND compared.finding_id = event.finding_id
LEFT JOIN derived.band ON band.rank = compared.band_rank
LEFT JOIN withdrawal ON withdrawal.finding_id = event.finding_id AND withdrawal.cycle = event.cycle AND event.status = 'withdrawn'
WHERE event.method <> 'own'
