-- How much of what happened did anybody record?
-- Of the cycles past a stage, the share (0 to 1) in which that stage was observed: a median says nothing of the others. Null where no cycle is past it.
-- key: severity, stage
-- severity VARCHAR: Band, or all.
-- stage VARCHAR: capture, enrichment, routing, dispatch, acknowledgement or triage_entry.
-- past BIGINT: Cycles past the stage.
-- observed BIGINT: Of them, those in which it was observed.
-- coverage_rate DOUBLE: observed / past.
SELECT severity, stage, past, observed, coverage_rate
FROM mart.instrumentation
WHERE period_grain = 'all' AND dimension = 'all'
ORDER BY
    severity <> 'all' DESC, list_position(['critical', 'high', 'medium', 'low'], severity),
    list_position(['capture', 'enrichment', 'routing', 'dispatch', 'acknowledgement', 'triage_entry'], stage)
