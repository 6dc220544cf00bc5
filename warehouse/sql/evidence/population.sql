-- The subjects of a control, each once: what all its obligations together make of it.
CREATE OR REPLACE TEMP TABLE evidence_subject AS
WITH judged AS (
    SELECT
        obligation.subject_id, obligation.cycle,
        CASE WHEN bool_or(status = 'exception') THEN 'exception' WHEN bool_or(status = 'pending') THEN 'pending' ELSE 'complete' END AS status,
        list_sort(list({'text': concat(obligation.obligation, ': ', reason), 'status': status, 'dated_at': dated_at})) AS answers
    FROM mart.obligation
    LEFT JOIN mart.finding ON finding.finding_id = obligation.subject_id
    WHERE list_contains($obligations::VARCHAR[], obligation.obligation)
        AND ($location_kinds::VARCHAR[] IS NULL OR list_contains($location_kinds::VARCHAR[], finding.location_kind))
    GROUP BY obligation.subject_id, obligation.cycle
),
-- Of a chain that fails or waits, only what fails or waits is of interest.
telling AS (
    SELECT *, list_filter(answers, lambda answer: answer.status = judged.status) AS told
    FROM judged
)
SELECT
    subject_id, cycle, status,
    array_to_string(list_transform(told, lambda answer: answer.text), '; ') AS reasons,
    CASE
        WHEN status = 'complete' THEN list_max(list_transform(told, lambda answer: answer.dated_at))
        ELSE list_min(list_transform(told, lambda answer: answer.dated_at))
    END AS dated_at
FROM telling
