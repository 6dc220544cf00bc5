-- One row per handoff cycle and observed segment: handoff (t0 to triage entry), triage, fix, verification; and the time under a control.
-- key: finding_id, cycle, segment, started_at
-- finding_id VARCHAR
-- cycle INTEGER
-- segment VARCHAR: handoff, triage, fix, verification or control.
-- started_at TIMESTAMP: Start (UTC).
-- ended_at TIMESTAMP: End (UTC).
-- seconds DOUBLE: Wall seconds.
-- business_seconds DOUBLE: Open seconds of the cycle's calendar.
-- covers VARCHAR[]: Segments whose time it holds: its own and those before it whose end was not observed.
WITH boundaries AS (
    SELECT finding_id, cycle, boundary.*
    FROM derived.cycle
    CROSS JOIN LATERAL (
        VALUES
            (0, NULL, captured_at, captured_open_us),
            (1, 'handoff', triaged_at, triaged_open_us),
            (2, 'triage', in_progress_at, in_progress_open_us),
            (3, 'fix', resolved_at, resolved_open_us),
            (4, 'verification', verified_at, verified_open_us)
    ) AS boundary (number, segment, instant, open_us)
    WHERE boundary.instant IS NOT NULL
),
walked AS (
    SELECT *, max(instant) OVER (PARTITION BY finding_id, cycle ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS running
    FROM boundaries
),
accepted AS (
    -- A boundary at or before the running instant is missing or reversed: its time merges into the next one (ruling 52b).
    SELECT *, lag(number) OVER in_order AS last_number, lag(instant) OVER in_order AS last_instant, lag(open_us) OVER in_order AS last_open_us
    FROM walked
    WHERE running IS NULL OR instant > running
    WINDOW in_order AS (PARTITION BY finding_id, cycle ORDER BY number)
)
SELECT
    finding_id, cycle, segment,
    last_instant AS started_at,
    instant AS ended_at,
    (epoch_us(instant) - epoch_us(last_instant)) / 1e6 AS seconds,
    (open_us - last_open_us) / 1e6 AS business_seconds,
    list_slice(['handoff', 'triage', 'fix', 'verification'], last_number + 1, number) AS covers
FROM accepted
WHERE number > 0
UNION ALL
SELECT
    finding_id, cycle, 'control' AS segment, started_at, ended_at,
    (epoch_us(ended_at) - epoch_us(started_at)) / 1e6 AS seconds,
    business_us / 1e6 AS business_seconds,
    ['control'] AS covers
FROM derived.control
