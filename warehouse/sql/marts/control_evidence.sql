-- One row per control of a framework: what the audit reads, what of the record answers it, and how much of its population does.
-- key: framework, control
-- framework VARCHAR: Framework and version.
-- control VARCHAR: The control's id in it.
-- title VARCHAR: The control's title.
-- audit_reads VARCHAR: What the audit reads against.
-- obligation VARCHAR: What of the record answers it, in words.
-- obligations VARCHAR[]: The same as obligations of mart.obligation: a subject's chain is complete when it answers all that it is subject to.
-- subject VARCHAR: handoff (one chain a handoff cycle) or asset.
-- limits VARCHAR: What the record does not show of it.
-- population BIGINT: Subjects: complete_chains + exceptions + pending.
-- complete_chains BIGINT: Subjects that answer every obligation.
-- exceptions BIGINT: Subjects that fail one.
-- pending BIGINT: Subjects that fail none, and are open and not yet due under one.
-- complete_rate DOUBLE: complete_chains / (complete_chains + exceptions); null where there are none.
-- oldest_exception_at TIMESTAMP: When the oldest exception failed (UTC).
-- query VARCHAR: SQL over the published file that lists the exceptions, one row each.
WITH pairs AS (
    SELECT framework, control, unnest(obligations) AS obligation, location_kinds
    FROM derived.framework_control
),
-- What each subject fails and waits for; subjects alike are counted as one. Sorted after, not while, they are gathered: that is far quicker.
subjects AS (
    SELECT
        obligation.subject_id, obligation.cycle, any_value(finding.location_kind) AS location_kind,
        list_sort(list(obligation)) AS held_to,
        list_sort(coalesce(list(obligation) FILTER (WHERE status = 'exception'), [])) AS failed,
        list_sort(coalesce(list(obligation) FILTER (WHERE status = 'pending'), [])) AS awaited
    FROM mart.obligation
    LEFT JOIN mart.finding ON finding.finding_id = obligation.subject_id
    GROUP BY obligation.subject_id, obligation.cycle
),
alike AS (
    SELECT location_kind, held_to, failed, awaited, count(*) AS subjects
    FROM subjects
    GROUP BY ALL
),
counted AS (
    SELECT
        framework, control,
        coalesce(sum(subjects) FILTER (WHERE list_has_any(held_to, obligations)), 0) AS population,
        coalesce(
            sum(subjects) FILTER (WHERE list_has_any(held_to, obligations) AND NOT list_has_any(failed, obligations) AND NOT list_has_any(awaited, obligations)), 0
        ) AS complete_chains,
        coalesce(sum(subjects) FILTER (WHERE list_has_any(failed, obligations)), 0) AS exceptions,
        coalesce(sum(subjects) FILTER (WHERE list_has_any(awaited, obligations) AND NOT list_has_any(failed, obligations)), 0) AS pending
    FROM derived.framework_control AS control
    LEFT JOIN alike ON control.location_kinds IS NULL OR list_contains(control.location_kinds, alike.location_kind)
    GROUP BY framework, control
),
-- The oldest failure of each obligation, by kind of place, so that it is found without every subject beside every control.
oldest AS (
    SELECT obligation, location_kind, min(dated_at) AS failed_at
    FROM mart.obligation
    LEFT JOIN mart.finding ON finding.finding_id = obligation.subject_id
    WHERE status = 'exception'
    GROUP BY ALL
),
first_failed AS (
    SELECT framework, control, min(failed_at) AS failed_at
    FROM pairs
    JOIN oldest USING (obligation)
    WHERE location_kinds IS NULL OR list_contains(location_kinds, location_kind)
    GROUP BY ALL
)
SELECT
    control.framework, control.control, control.title, control.audit_reads, control.obligation, control.obligations, control.subject, control.limits,
    population::BIGINT AS population,
    complete_chains::BIGINT AS complete_chains,
    exceptions::BIGINT AS exceptions,
    pending::BIGINT AS pending,
    complete_chains / nullif(complete_chains + exceptions, 0) AS complete_rate,
    first_failed.failed_at AS oldest_exception_at,
    control.query
FROM derived.framework_control AS control
JOIN counted USING (framework, control)
LEFT JOIN first_failed USING (framework, control)
