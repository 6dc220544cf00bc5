-- Handoff cycles with what opened them, what answered them, and how far they had come before each stage.
WITH seen AS (
    SELECT finding_id, cycle, min(captured_at) AS first_at
    FROM derived.capture
    WHERE band <> 'informational' AND cycle IS NOT NULL
    GROUP BY ALL
),
reopened AS (
    SELECT finding_id, cycle, min(occurred_at) AS first_at
    FROM derived.event
    WHERE event = 'reopened' AND cycle IS NOT NULL
    GROUP BY ALL
),
restated AS (
    SELECT finding_id, cycle, arg_min(captured_at_was, recorded_at) AS first_published_at, min(recorded_at) AS restated_at
    FROM record.restatement
    WHERE recorded_at <= (SELECT as_of FROM derived.parameter)
    GROUP BY ALL
)
SELECT
    'finding' AS subject_kind, handoff.finding_id AS subject_id, handoff.finding_id, handoff.cycle, handoff.severity, handoff.owner_id, handoff.team,
    handoff.failure_mode, handoff.captured_at AS since_at, handoff.origin,
    handoff.captured_at,
    -- A lapsed control opens a cycle without being an observation or an event: such a t0 is not judged by them.
    CASE WHEN handoff.origin <> 'revalidation' THEN least(seen.first_at, reopened.first_at) END AS opened_at,
    restated.first_published_at, restated.restated_at,
    handoff.enriched_at, handoff.routed_at, handoff.notified_at, handoff.acknowledged_at, handoff.triaged_at,
    handoff.captured_at AS before_enriched_at,
    greatest(handoff.captured_at, handoff.enriched_at) AS before_routed_at,
    greatest(handoff.captured_at, handoff.enriched_at, handoff.routed_at) AS before_notified_at,
    greatest(handoff.captured_at, handoff.enriched_at, handoff.routed_at, handoff.notified_at) AS before_acknowledged_at,
    greatest(handoff.captured_at, handoff.enriched_at, handoff.routed_at, handoff.notified_at, handoff.acknowledged_at) AS before_triaged_at,
    handoff.handoff_due_at, handoff.horizon_at,
    coalesce(handoff.acknowledged_at, handoff.horizon_at) AS answered_at,
    handoff.window_ends_at,
    least(handoff.acknowledged_at, handoff.withdrawn_at, parameter.as_of) AS heard_at
FROM mart.handoff
CROSS JOIN derived.parameter AS parameter
LEFT JOIN seen USING (finding_id, cycle)
LEFT JOIN reopened USING (finding_id, cycle)
LEFT JOIN restated USING (finding_id, cycle)
