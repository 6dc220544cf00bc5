-- One row per kind of doubtful instant, source and detail, where there is any: what the latencies rest on. An instant can be of several kinds:
-- one that is only a day is naive and midnight too.
-- key: anomaly, subject, source, detail
-- anomaly VARCHAR: naive_stamp (no zone stated), midnight (local 00:00 in the source's zone), day_only, file_time (dated by the file), future (rejected), out_of_sequence (a stage before an earlier one), before_t0, bulk_acknowledgement (one actor, many at once, no batch) or outside_cycle.
-- subject VARCHAR: observation, event or cycle - what is counted, each one once.
-- source VARCHAR: Scanner of an observation, format of an event's or a future row's file: what the policy's `sources` may name it by; (none) for a cycle.
-- detail VARCHAR: Where captured_at came from, or the event's word; the person for bulk_acknowledgement; the pair of stages for out_of_sequence; mart.event's status for outside_cycle, no_cycle where the finding has never had one; (none) for future.
-- anomalies BIGINT: Observations, events or cycles of that kind.
-- population BIGINT: What could have shown it - observations, events, events that match a finding, events of that word, rows of files, cycles with both stages.
-- rate DOUBLE: anomalies / population (0 to 1).
-- first_at TIMESTAMP: First instant of that kind (UTC), for a pair that of the later stage; for future, when the first row can be tried again, null where none can.
-- last_at TIMESTAMP: Last one (UTC).
WITH parameter AS (FROM derived.parameter),
files AS (
    SELECT claim_id, attempt, path, format, kind, sha256, rows_in
    FROM record.landing_attempt
    WHERE landed_at <= (SELECT as_of FROM parameter)
    QUALIFY row_number() OVER (PARTITION BY claim_id ORDER BY attempt DESC) = 1
),
doubtful_observations AS (
    SELECT observation.scanner, observation.captured_at, observation.captured_at_source, observation.is_naive, observation.is_midnight
    FROM record.observation AS observation
    JOIN derived.capture AS capture USING (observation_id, content_id, claim_id)
    WHERE observation.is_naive OR observation.is_midnight OR observation.captured_at_source IN ('report_date', 'file')
),
events AS (
    -- An event that a ticket leads to several findings is one event.
    SELECT
        event.event_id,
        any_value(files.format) AS source, any_value(event.event) AS event, any_value(event.occurred_at) AS occurred_at, any_value(event.batch_id) AS batch_id,
        any_value(coalesce(event.actor_id, event.actor)) AS acknowledger, any_value(event.is_naive) AS is_naive, any_value(event.is_midnight) AS is_midnight,
        bool_or(event.finding_id IS NOT NULL) AS is_matched,
        bool_or(event.status = 'before_capture' AND finding.cycles > 0) AS is_before_t0,
        min(CASE
            WHEN event.status IN ('outside_cycle', 'reopened_while_open', 'no_running_control') THEN event.status
            WHEN event.status = 'before_capture' AND finding.cycles = 0 THEN 'no_cycle'
        END) AS outside_status
    FROM derived.event AS event
    JOIN files USING (claim_id)
    LEFT JOIN derived.finding AS finding USING (finding_id)
    WHERE event.method <> 'own'
    GROUP BY event.event_id
),
events_by_word AS (
    SELECT source, event, count(*) AS events, count(*) FILTER (WHERE is_matched) AS matched
    FROM events
    GROUP BY ALL
),
-- Acknowledged in one act, by `handoff ack F1 F2` or from a digest: no anomaly (ruling 95).
shared_batches AS (
    SELECT batch_id
    FROM events
    WHERE event = 'acknowledged' AND batch_id IS NOT NULL
    GROUP BY batch_id
    HAVING count(*) > 1
),
acknowledgements AS (
    SELECT source, acknowledger, occurred_at, epoch_us(occurred_at) AS at_us
    FROM events
    ANTI JOIN shared_batches USING (batch_id)
    WHERE event = 'acknowledged' AND acknowledger IS NOT NULL
),
bulk_starts AS (
    SELECT
        acknowledgements.*, bulk_window_us,
        count(*) OVER (PARTITION BY acknowledger ORDER BY at_us RANGE BETWEEN CURRENT ROW AND bulk_window_us FOLLOWING) >= bulk_count AS is_start
    FROM acknowledgements
    CROSS JOIN parameter
),
bulk AS (
    -- In the window of any start, and so counted once however many windows it lies in.
    SELECT source, acknowledger, occurred_at
    FROM bulk_starts
    QUALIFY bool_or(is_start) OVER (PARTITION BY acknowledger ORDER BY at_us RANGE BETWEEN bulk_window_us PRECEDING AND CURRENT ROW)
),
read AS (
    SELECT *
    FROM files
    WHERE kind IN ('scan', 'activity') AND path NOT LIKE 'own/%'  -- not what the runs wrote themselves
        AND claim_id NOT IN (SELECT lost FROM record.conflict WHERE kind = 'superseded_claim' AND recorded_at <= (SELECT as_of FROM parameter))
        AND sha256 NOT IN (SELECT sha256 FROM record.decision WHERE decision = 'retract' AND recorded_at <= (SELECT as_of FROM parameter))
),
future AS (
    SELECT CASE read.kind WHEN 'scan' THEN 'observation' ELSE 'event' END AS subject, read.format, rejected_row.retry_at
    FROM read
    JOIN record.rejected_row AS rejected_row USING (claim_id, attempt)
    WHERE rejected_row.reason = 'future'
),
pairs AS (
    SELECT pair.*
    FROM mart.handoff
    CROSS JOIN LATERAL (
        -- Stage i, stage j > i. Nothing in a cycle is before its capture: such an event is before_t0, and is added below.
        VALUES
            ('routing before enrichment', enriched_at, routed_at), ('dispatch before enrichment', enriched_at, notified_at),
            ('acknowledgement before enrichment', enriched_at, acknowledged_at), ('triage_entry before enrichment', enriched_at, triaged_at),
            ('dispatch before routing', routed_at, notified_at), ('acknowledgement before routing', routed_at, acknowledged_at),
            ('triage_entry before routing', routed_at, triaged_at), ('acknowledgement before dispatch', notified_at, acknowledged_at),
            ('triage_entry before dispatch', notified_at, triaged_at), ('triage_entry before acknowledgement', acknowledged_at, triaged_at)
    ) AS pair (detail, i_at, j_at)
    WHERE pair.i_at IS NOT NULL AND pair.j_at IS NOT NULL
),
stage_events (event, stage) AS (
    VALUES ('enriched', 'enrichment'), ('routed', 'routing'), ('notified', 'dispatch'), ('acknowledged', 'acknowledgement'), ('triaged', 'triage_entry')
),
anomalies AS (
    SELECT 'naive_stamp' AS anomaly, 'observation' AS subject, scanner AS source, captured_at_source AS detail, captured_at AS instant, 'observations' AS population_of
    FROM doubtful_observations WHERE is_naive
    UNION ALL
    SELECT 'midnight', 'observation', scanner, captured_at_source, captured_at, 'observations' FROM doubtful_observations WHERE is_midnight
    UNION ALL
    SELECT CASE captured_at_source WHEN 'file' THEN 'file_time' ELSE 'day_only' END, 'observation', scanner, captured_at_source, captured_at, 'observations'
    FROM doubtful_observations WHERE captured_at_source IN ('report_date', 'file')
    UNION ALL
    SELECT 'naive_stamp', 'event', source, event, occurred_at, 'events' FROM events WHERE is_naive
    UNION ALL
    SELECT 'midnight', 'event', source, event, occurred_at, 'events' FROM events WHERE is_midnight
    UNION ALL
    SELECT 'before_t0', 'event', source, event, occurred_at, 'matched' FROM events WHERE is_before_t0
    UNION ALL
    SELECT 'out_of_sequence', 'event', source, concat(stage, ' before capture'), occurred_at, concat('matched ', event)
    FROM events JOIN stage_events USING (event)
    WHERE is_before_t0
    UNION ALL
    SELECT 'outside_cycle', 'event', source, outside_status, occurred_at, 'matched' FROM events WHERE outside_status IS NOT NULL
    UNION ALL
    SELECT 'bulk_acknowledgement', 'event', source, acknowledger, occurred_at, 'acknowledged' FROM bulk
    UNION ALL
    SELECT 'future', subject, format, '(none)', retry_at, concat('rows of ', subject) FROM future
    UNION ALL
    SELECT 'out_of_sequence', 'cycle', '(none)', detail, j_at, detail FROM pairs WHERE j_at < i_at
),
populations AS (
    SELECT 'observations' AS population_of, scanner AS source, count(*) AS population FROM derived.capture GROUP BY scanner
    UNION ALL
    SELECT 'events', source, sum(events) FROM events_by_word GROUP BY source
    UNION ALL
    SELECT 'matched', source, sum(matched) FROM events_by_word GROUP BY source
    UNION ALL
    SELECT concat('matched ', event), source, matched FROM events_by_word
    UNION ALL
    SELECT 'acknowledged', source, events FROM events_by_word WHERE event = 'acknowledged'
    UNION ALL
    SELECT CASE kind WHEN 'scan' THEN 'rows of observation' ELSE 'rows of event' END, format, sum(rows_in) FROM read GROUP BY kind, format
    UNION ALL
    SELECT detail, '(none)', count(*) FROM pairs GROUP BY detail
),
counted AS (
    SELECT anomaly, subject, source, detail, population_of, count(*) AS anomalies, min(instant) AS first_at, max(instant) AS last_at
    FROM anomalies
    GROUP BY ALL
)
SELECT
    anomaly, subject, source, detail, anomalies,
    population::BIGINT AS population,
    (anomalies / population)::DOUBLE AS rate,
    first_at, last_at
FROM counted
JOIN populations USING (population_of, source)
