-- The handoffs of which anything differs: a row of theirs that only one side has.
CREATE OR REPLACE TABLE memory.main.changed_key AS
WITH only_one AS (
    SELECT finding_id, cycle FROM (FROM base.mart.handoff EXCEPT FROM other.mart.handoff)
    UNION ALL SELECT finding_id, cycle FROM (FROM other.mart.handoff EXCEPT FROM base.mart.handoff)
    UNION ALL SELECT finding_id, cycle FROM (FROM base.mart.stage EXCEPT FROM other.mart.stage)
    UNION ALL SELECT finding_id, cycle FROM (FROM other.mart.stage EXCEPT FROM base.mart.stage)
    UNION ALL SELECT finding_id, cycle FROM (FROM base.mart.segment EXCEPT FROM other.mart.segment)
    UNION ALL SELECT finding_id, cycle FROM (FROM other.mart.segment EXCEPT FROM base.mart.segment)
    UNION ALL SELECT finding_id, cycle FROM (FROM base.derived.mode EXCEPT FROM other.derived.mode)
    UNION ALL SELECT finding_id, cycle FROM (FROM other.derived.mode EXCEPT FROM base.derived.mode)
    UNION ALL
    SELECT unnest(finding_ids), unnest(cycles)
    FROM (
        (FROM base.derived.dispatch EXCEPT FROM other.derived.dispatch)
        UNION ALL (FROM other.derived.dispatch EXCEPT FROM base.derived.dispatch)
    )
)
SELECT DISTINCT finding_id, cycle
FROM only_one
