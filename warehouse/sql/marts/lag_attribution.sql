-- One row per broken handoff SLA and stage that time was lost in: the seconds from its due instant to its end, charged to the span they overlap.
-- key: finding_id, cycle, stage
-- finding_id VARCHAR
-- cycle INTEGER
-- stage VARCHAR: Stage that was being waited for - enrichment, routing, dispatch or acknowledgement.
-- failure_mode VARCHAR: Primary failure mode of the cycle.
-- team VARCHAR
-- seconds DOUBLE: Wall seconds lost; those of a cycle add up to min(t1, horizon_at) - handoff_due_at.
-- lost_us BIGINT: The same in microseconds, exact.
WITH breached AS (
    SELECT finding_id, cycle, failure_mode, team, epoch_us(handoff_due_at) AS due_us, epoch_us(least(acknowledged_at, horizon_at)) AS until_us
    FROM mart.handoff
    WHERE handoff_breached
),
stages AS (
    SELECT breached.*, stage.stage, stage.stage_number, epoch_us(stage.instant) AS instant_us, stage.span_us
    FROM mart.stage
    JOIN breached USING (finding_id, cycle)
),
waited AS (
    SELECT finding_id, cycle, failure_mode, team, due_us, until_us, stage, instant_us - span_us AS from_us, instant_us AS to_us
    FROM stages
    WHERE span_us IS NOT NULL
    UNION ALL
    -- After the last instant in sequence the cycle waits for the stage behind the last one observed, in sequence or not.
    SELECT finding_id, cycle, any_value(failure_mode), any_value(team), any_value(due_us), any_value(until_us),
        ['enrichment', 'routing', 'dispatch', 'acknowledgement', 'triage_entry'][max(stage_number) FILTER (WHERE instant_us IS NOT NULL)],
        max(instant_us) FILTER (WHERE span_us IS NOT NULL),
        any_value(until_us)
    FROM stages
    GROUP BY finding_id, cycle
),
lost AS (
    SELECT finding_id, cycle, stage, failure_mode, team, least(to_us, until_us) - greatest(from_us, due_us) AS lost_us
    FROM waited
)
SELECT
    finding_id, cycle, stage,
    any_value(failure_mode) AS failure_mode,
    any_value(team) AS team,
    sum(lost_us) / 1e6 AS seconds,
    sum(lost_us)::BIGINT AS lost_us
FROM lost
WHERE lost_us > 0
GROUP BY finding_id, cycle, stage
