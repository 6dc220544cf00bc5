-- Contradictions between sources that stand at as_of, one row for each thing that has several contents.
WITH standing AS (
    SELECT kind, subject, kept, lost, detail, recorded_at FROM derived.conflict
    UNION ALL
    SELECT kind, subject, kept, lost, detail, recorded_at
    FROM record.conflict
    WHERE kind = 'superseded_claim' AND recorded_at <= (SELECT as_of FROM derived.parameter)
),
grouped AS (
    SELECT kind, subject, min(kept) AS kept, 1 + count(DISTINCT lost) AS contents, min(recorded_at) AS since_at,
        string_agg(DISTINCT detail, '; ' ORDER BY detail) AS difference
    FROM standing
    GROUP BY ALL
),
-- An event that concerns one finding is that finding's conflict; one on a ticket of several is nobody's in particular.
event_finding AS (
    SELECT event_id, any_value(finding_id) AS finding_id, any_value(cycle) AS cycle
    FROM derived.event
    WHERE event_id IN (SELECT subject FROM grouped WHERE kind = 'activity')
    GROUP BY event_id
    HAVING count(DISTINCT finding_id) = 1
),
observation_finding AS (
    SELECT content_id, min(finding_id) AS finding_id, arg_min(cycle, finding_id) AS cycle
    FROM derived.capture
    WHERE content_id IN (SELECT kept FROM grouped WHERE kind IN ('observation', 'resent_observation'))
    GROUP BY content_id
),
placed AS (
    SELECT
        grouped.*,
        kind IN ('observation', 'resent_observation') AS is_observation,
        kind = 'activity' AS is_event,
        kind = 'superseded_claim' AS is_file,
        coalesce(event_finding.finding_id, observation_finding.finding_id) AS finding_id,
        coalesce(event_finding.cycle, observation_finding.cycle) AS cycle
    FROM grouped
    LEFT JOIN event_finding ON grouped.kind = 'activity' AND event_finding.event_id = grouped.subject
    LEFT JOIN observation_finding ON grouped.kind IN ('observation', 'resent_observation') AND observation_finding.content_id = grouped.kept
)
SELECT
    CASE WHEN is_observation THEN 'row' WHEN is_event THEN 'event' WHEN is_file THEN 'file' ELSE 'register' END AS subject_kind,
    CASE WHEN is_observation OR is_event OR is_file THEN subject ELSE concat(kind, ':', subject) END AS subject_id,
    placed.finding_id, placed.cycle,
    cycle.severity, cycle.owner_id, cycle.team,
    placed.since_at, placed.kind, placed.subject, placed.difference,
    CASE WHEN is_observation THEN contents END AS observation_contents,
    CASE WHEN is_event THEN contents END AS event_contents,
    CASE WHEN is_file THEN contents END AS file_contents,
    CASE WHEN NOT (is_observation OR is_event OR is_file) THEN contents END AS register_contents
FROM placed
LEFT JOIN derived.cycle ON cycle.finding_id = placed.finding_id AND cycle.cycle = placed.cycle
