-- What sweeps put before a person: what is open by kind and urgency, or what was settled, the last first.
SELECT *
FROM mart.sweep
WHERE state = $state AND list_contains($kinds, kind)
ORDER BY
    list_position($kinds, kind), settled_at DESC, coalesce(list_position(['critical', 'high', 'medium', 'low'], severity), 5), due_at, handoffs DESC, events DESC, since_at,
    subject_kind, subject_id, cycle, settlement
