-- One row per handoff cycle and stage; spans add up to triaged_at - captured_at to the microsecond.
-- key: finding_id, cycle, stage
-- finding_id VARCHAR
-- cycle INTEGER
-- stage VARCHAR: capture, enrichment, routing, dispatch, acknowledgement or triage_entry.
-- stage_number INTEGER: 1 to 6.
-- instant TIMESTAMP: When the stage was observed (UTC); null where it was not.
-- span_seconds DOUBLE: Seconds since the last stage in sequence; null where not observed or out of sequence.
-- span_us BIGINT: The same in microseconds, exact.
-- business_seconds DOUBLE: Open seconds of the cycle's calendar in that span.
-- covers VARCHAR[]: Stages whose time this span holds: its own and those before it that were not observed or came out of sequence.
-- is_out_of_sequence BOOLEAN: Whether it was observed before a stage that precedes it.
WITH instants AS (
    UNPIVOT (
        SELECT
            finding_id, cycle, captured_at AS capture, enriched_at AS enrichment, routed_at AS routing, notified_at AS dispatch,
            acknowledged_at AS acknowledgement, triaged_at AS triage_entry
        FROM mart.handoff
    ) ON capture, enrichment, routing, dispatch, acknowledgement, triage_entry INTO NAME stage VALUE instant
),
open_times AS (
    UNPIVOT (
        SELECT
            finding_id, cycle, captured_open_us AS capture, enriched_open_us AS enrichment, routed_open_us AS routing, notified_open_us AS dispatch,
            acknowledged_open_us AS acknowledgement, triaged_open_us AS triage_entry
        FROM derived.cycle
    ) ON capture, enrichment, routing, dispatch, acknowledgement, triage_entry INTO NAME stage VALUE open_us
),
stages AS (
    SELECT handoff.finding_id, handoff.cycle, stage.stage, stage.stage_number, instants.instant, open_times.open_us
    FROM mart.handoff
    CROSS JOIN (
        VALUES ('capture', 1), ('enrichment', 2), ('routing', 3), ('dispatch', 4), ('acknowledgement', 5), ('triage_entry', 6)
    ) AS stage (stage, stage_number)
    LEFT JOIN instants ON instants.finding_id = handoff.finding_id AND instants.cycle = handoff.cycle AND instants.stage = stage.stage
    LEFT JOIN open_times ON open_times.finding_id = handoff.finding_id AND open_times.cycle = handoff.cycle AND open_times.stage = stage.stage
),
walked AS (
    -- A stage earlier than the latest before it is out of sequence; it does not move the running instant (ruling 52).
    -- Open time grows with the instant: the largest before it is that of the running instant.
    SELECT *, max(instant) OVER before_it AS running, max(open_us) OVER before_it AS running_open_us
    FROM stages
    WINDOW before_it AS (PARTITION BY finding_id, cycle ORDER BY stage_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
placed AS (
    SELECT *, instant IS NOT NULL AND coalesce(instant >= running, true) AS is_in_sequence
    FROM walked
),
covering AS (
    SELECT
        *,
        max(CASE WHEN is_in_sequence THEN stage_number END)
            OVER (PARTITION BY finding_id, cycle ORDER BY stage_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS last_number
    FROM placed
)
SELECT
    finding_id, cycle, stage,
    stage_number::INTEGER AS stage_number,
    instant,
    CASE WHEN is_in_sequence THEN (epoch_us(instant) - epoch_us(coalesce(running, instant))) / 1e6 END AS span_seconds,
    CASE WHEN is_in_sequence THEN epoch_us(instant) - epoch_us(coalesce(running, instant)) END AS span_us,
    CASE WHEN is_in_sequence THEN (open_us - coalesce(running_open_us, open_us)) / 1e6 END AS business_seconds,
    CASE
        WHEN is_in_sequence THEN list_slice(
            ['capture', 'enrichment', 'routing', 'dispatch', 'acknowledgement', 'triage_entry'], coalesce(last_number, 0) + 1, stage_number
        )
    END AS covers,
    instant IS NOT NULL AND NOT is_in_sequence AS is_out_of_sequence
FROM covering
