-- It is known when it was identified: t0 comes from the report, its sidecar, or an event of its own, and not from the time of a file.
-- subject: handoff
-- population: every handoff cycle of a rated finding.
-- complete: the observation that set t0 is dated by its report or sidecar (a day alone counts); or an event, or a control falling due, began the cycle.
-- exception: only the file's own time says when it was scanned (dated_by_file).
-- pending: never.
SELECT
    handoff.finding_id AS subject_id, handoff.cycle,
    CASE WHEN observation.captured_at_source = 'file' THEN 'exception' ELSE 'complete' END AS status,
    CASE
        WHEN observation.captured_at_source IS NOT NULL THEN concat('dated_by_', observation.captured_at_source)
        WHEN handoff.origin = 'revalidation' THEN 'control_due'
        ELSE 'reopened_by_event'
    END AS reason,
    handoff.captured_at AS dated_at
FROM mart.handoff
LEFT JOIN derived.capture ON capture.observation_id = handoff.capture_id
LEFT JOIN record.observation
    ON observation.observation_id = capture.observation_id AND observation.content_id = capture.content_id AND observation.claim_id = capture.claim_id
