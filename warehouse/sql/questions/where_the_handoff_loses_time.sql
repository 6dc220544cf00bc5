-- In which stage of the handoff does the time go?
-- Wall seconds summed over every observed span, by severity and the stage that ended it. A stage that was not observed gives its time to the next one: spans_alone says how many spans are of one stage only.
-- key: severity, stage
-- severity VARCHAR
-- stage_number INTEGER: 1 to 6.
-- stage VARCHAR: capture, enrichment, routing, dispatch, acknowledgement or triage_entry.
-- spans BIGINT: Observed spans that end at this stage.
-- spans_alone BIGINT: Of them, those that cover this stage alone.
-- seconds DOUBLE: Wall seconds of these spans.
-- share DOUBLE: Of all the severity's spans, by time (0 to 1); null where they have none.
WITH span AS (
    SELECT handoff.severity, stage.stage_number, stage.stage, stage.span_us, len(stage.covers) = 1 AS is_alone
    FROM mart.stage
    JOIN mart.handoff USING (finding_id, cycle)
    WHERE stage.span_us IS NOT NULL
),

summed AS (
    SELECT severity, stage_number, stage, count(*) AS spans, count(*) FILTER (WHERE is_alone) AS spans_alone, sum(span_us)::BIGINT AS total_us
    FROM span
    GROUP BY severity, stage_number, stage
)

SELECT
    severity, stage_number, stage, spans, spans_alone,
    total_us / 1e6 AS seconds,
    total_us / nullif(sum(total_us) OVER (PARTITION BY severity), 0)::DOUBLE AS share
FROM summed
ORDER BY list_position(['critical', 'high', 'medium', 'low'], severity), stage_number
