-- The person responsible was told: a notice delivered to a valid person, or that person's own acceptance, which shows that it reached them.
-- subject: handoff
-- population: every handoff cycle that fell due, was notified or acknowledged, or is open; not one that ended before it fell due without either.
-- complete: a notice to the person in force (or to the one who then accepted) at or before t1; or a valid explicit acknowledgement.
-- exception: past the handoff's due instant with neither: no notice at all, or only to a group inbox, a bot, somebody gone, unknown, without role or channel, or not the candidate.
-- pending: open, neither yet, the handoff not yet due.
WITH notice AS (
    SELECT DISTINCT finding_id, cycle
    FROM mart.event
    WHERE event = 'notified' AND cycle IS NOT NULL
)
SELECT
    handoff.finding_id AS subject_id, handoff.cycle,
    CASE WHEN coalesce(notified_at, acknowledged_at) IS NOT NULL THEN 'complete' WHEN handoff_breached THEN 'exception' ELSE 'pending' END AS status,
    CASE
        WHEN notified_at IS NOT NULL THEN 'notified'
        WHEN acknowledged_at IS NOT NULL THEN 'accepted_without_notice'
        WHEN NOT handoff_breached THEN 'not_due'
        WHEN notice.finding_id IS NOT NULL THEN 'notice_reached_nobody_valid'
        ELSE 'never_notified'
    END AS reason,
    coalesce(notified_at, acknowledged_at, handoff_due_at) AS dated_at
FROM mart.handoff
LEFT JOIN notice ON notice.finding_id = handoff.finding_id AND notice.cycle = handoff.cycle
WHERE coalesce(notified_at, acknowledged_at) IS NOT NULL OR handoff_breached OR is_open
