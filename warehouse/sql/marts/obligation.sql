-- One row per obligation and subject of its population: whether what happened answers it, is still to come, or fails it, and why.
-- key: obligation, subject_id, cycle
-- obligation VARCHAR: What of the record answers it - named_accountability, timely_handoff, chain_of_states …; defined in each evidence pack.
-- subject VARCHAR: handoff or asset.
-- subject_id VARCHAR: Finding of the handoff cycle, or asset.
-- cycle INTEGER: Handoff cycle; null for an asset.
-- status VARCHAR: complete, exception, or pending - still open and not yet due.
-- reason VARCHAR: What completes it, what it waits for, or what fails it.
-- dated_at TIMESTAMP: When it was completed or failed; of a pending one, when it falls due (UTC).
SELECT obligation, subject, subject_id, cycle, status, reason, dated_at
FROM derived.obligation
