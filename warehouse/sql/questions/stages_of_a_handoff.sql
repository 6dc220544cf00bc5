-- Which stages has this handoff been through, and how long did each take?
-- Instants in UTC, spans in wall seconds; null where the stage was not observed, which is never zero. `covers` says whose time a span holds.
-- key: finding_id, cycle, stage
-- finding_id VARCHAR
-- cycle INTEGER
-- stage_number INTEGER: 1 to 6.
-- stage VARCHAR: capture, enrichment, routing, dispatch, acknowledgement or triage_entry.
-- instant TIMESTAMP: When it was observed (UTC).
-- span_seconds DOUBLE: Wall seconds since the last stage in sequence.
-- covers VARCHAR[]: Stages whose time the span holds.
-- is_out_of_sequence BOOLEAN: Whether it was observed before a stage that precedes it.
SELECT finding_id, cycle, stage_number, stage, instant, span_seconds, covers, is_out_of_sequence
FROM mart.stage
ORDER BY finding_id, cycle, stage_number
