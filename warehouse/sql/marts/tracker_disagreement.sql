-- One row per point in which a tracker and the record contradict each other at as_of; and per open finding in no tracker, and open ticket with no finding.
-- key: finding_id, tracker, ticket, field
-- finding_id VARCHAR: Finding; null for a ticket that is linked to none.
-- cycle INTEGER: Its last handoff cycle; null for a ticket without a finding.
-- tracker VARCHAR: Which tracker; null for a finding in none.
-- ticket VARCHAR: The ticket's key there; null for a finding in none.
-- field VARCHAR: owner, state, severity or deadline; no_ticket, or no_finding.
-- record_value VARCHAR: What the record says; null where it says nothing.
-- tracker_value VARCHAR: What the tracker says, in the record's words where its mapping has one; null where it says nothing.
-- since_at TIMESTAMP: Since when both have said so: the later of the two (UTC).
-- age_seconds DOUBLE: From since_at to as_of.
-- severity VARCHAR: Workspace band at as_of; of a ticket without a finding the tracker's.
-- team VARCHAR: Owning team at as_of.
-- owner_id VARCHAR
-- title VARCHAR: Title of the finding, else of the ticket.
-- labels VARCHAR[]: Labels of the ticket, sorted.
-- url VARCHAR: Where a person opens the ticket.
WITH history AS (
    SELECT
        ticket.*, derived.due_on(due_at, parameter.reporting_zone) AS due_on,
        lag(assignee_id) OVER states IS DISTINCT FROM assignee_id OR row_number() OVER states = 1 AS is_new_owner,
        lag(state) OVER states IS DISTINCT FROM state OR row_number() OVER states = 1 AS is_new_state,
        lag(severity) OVER states IS DISTINCT FROM severity OR row_number() OVER states = 1 AS is_new_severity,
        lag(due_at) OVER states IS DISTINCT FROM due_at OR row_number() OVER states = 1 AS is_new_deadline
    FROM derived.ticket AS ticket
    CROSS JOIN derived.parameter AS parameter
    WINDOW states AS (PARTITION BY tracker, ticket ORDER BY updated_at, content_id)
),
-- A ticket as its tracker shows it last, with since when each value has stood there.
shown AS (
    SELECT
        tracker, ticket,
        unnest(max_by({
            'ticket_title': title, 'state': state, 'native_state': native_state, 'assignee_id': assignee_id, 'ticket_severity': severity, 'due_on': due_on,
            'labels': labels, 'url': url
        }, (updated_at, content_id)), recursive := true),
        max(updated_at) FILTER (is_new_owner) AS owner_since,
        max(updated_at) FILTER (is_new_state) AS state_since,
        max(updated_at) FILTER (is_new_severity) AS severity_since,
        max(updated_at) FILTER (is_new_deadline) AS deadline_since
    FROM history
    GROUP BY tracker, ticket
),
link AS (
    SELECT DISTINCT ticket, finding_id
    FROM derived.event
    WHERE event = 'ticket_linked' AND finding_id IS NOT NULL AND ticket IS NOT NULL
),
-- The record's side: the last cycle of each finding.
recorded AS (
    SELECT
        cycle.finding_id, cycle.cycle, cycle.is_open, cycle.title, cycle.severity_now, cycle.team_now, cycle.owner_id, cycle.captured_at,
        coalesce(cycle.current_person, nullif(trim(cycle.current_reference), '')) AS owner,
        coalesce(cycle.current_since, cycle.captured_at) AS owner_since,
        CASE
            WHEN NOT cycle.is_open THEN cycle.state
            WHEN cycle.resolved_at IS NOT NULL THEN 'resolved'
            WHEN cycle.in_progress_at IS NOT NULL THEN 'in_progress'
            ELSE 'open'
        END AS state,
        greatest(cycle.captured_at, cycle.in_progress_at, cycle.resolved_at, cycle.verified_at, cycle.withdrawn_at) AS state_since,
        derived.due_on(coalesce(cycle.remediation_due_at, cycle.single_sla_due_at), parameter.reporting_zone) AS due_on,
        coalesce(cycle.acknowledged_at, cycle.captured_at) AS due_since
    FROM derived.cycle AS cycle
    CROSS JOIN derived.parameter AS parameter
    QUALIFY row_number() OVER (PARTITION BY cycle.finding_id ORDER BY cycle.cycle DESC) = 1
),
pair AS (
    SELECT
        recorded.finding_id, recorded.cycle, shown.tracker, shown.ticket, recorded.severity_now, recorded.team_now, recorded.owner_id, recorded.title,
        shown.labels, shown.url,
        shown.state IN ('resolved', 'closed') AS is_done_there,
        recorded.state IN ('resolved', 'verified', 'withdrawn') AS is_done_here,
        [
            -- Whose it is, how bad and how long: while both still have it to do.
            {'field': 'owner', 'record_value': recorded.owner, 'tracker_value': shown.assignee_id, 'since_at': greatest(recorded.owner_since, shown.owner_since),
             'is_judged': NOT coalesce(is_done_there, false) AND NOT is_done_here, 'is_same': recorded.owner IS NOT DISTINCT FROM shown.assignee_id},
            {'field': 'severity', 'record_value': recorded.severity_now, 'tracker_value': shown.ticket_severity,
             'since_at': greatest(recorded.captured_at, shown.severity_since),
             'is_judged': NOT coalesce(is_done_there, false) AND NOT is_done_here AND shown.ticket_severity IS NOT NULL,
             'is_same': recorded.severity_now = shown.ticket_severity},
            -- A tracker's deadline is a day: the two agree where it is the same one in the reporting zone.
            {'field': 'deadline', 'record_value': strftime(recorded.due_on, '%Y-%m-%d'), 'tracker_value': strftime(shown.due_on, '%Y-%m-%d'),
             'since_at': greatest(recorded.due_since, shown.deadline_since),
             'is_judged': NOT coalesce(is_done_there, false) AND NOT is_done_here AND shown.due_on IS NOT NULL AND recorded.due_on IS NOT NULL,
             'is_same': recorded.due_on = shown.due_on},
            -- A fix that waits for its verification is done for the tracker, and so is what was withdrawn.
            {'field': 'state', 'record_value': recorded.state, 'tracker_value': coalesce(shown.state, shown.native_state),
             'since_at': greatest(recorded.state_since, shown.state_since), 'is_judged': shown.state IS NOT NULL,
             'is_same': CASE WHEN is_done_here OR is_done_there THEN is_done_here AND is_done_there ELSE recorded.state = shown.state END}
        ] AS points
    FROM link
    JOIN recorded USING (finding_id)
    JOIN shown USING (ticket)
),
contradiction AS (
    SELECT
        finding_id, cycle, tracker, ticket, unnest(list_filter(points, lambda point: point.is_judged AND NOT point.is_same), recursive := true),
        severity_now AS severity, team_now AS team, owner_id, title, labels, url
    FROM pair
),
-- Only where there is a tracker at all: else every finding is in none, which says nothing.
untracked AS (
    SELECT
        finding_id, cycle, NULL AS tracker, NULL AS ticket, 'no_ticket' AS field, state AS record_value, NULL AS tracker_value, captured_at AS since_at,
        severity_now AS severity, team_now AS team, owner_id, title, []::VARCHAR[] AS labels, NULL AS url
    FROM recorded
    WHERE is_open AND finding_id NOT IN (SELECT finding_id FROM link) AND EXISTS (FROM shown)
),
unfounded AS (
    SELECT
        NULL AS finding_id, NULL AS cycle, tracker, ticket, 'no_finding' AS field, NULL AS record_value, coalesce(state, native_state) AS tracker_value,
        state_since AS since_at, ticket_severity AS severity, NULL AS team, NULL AS owner_id, ticket_title AS title, labels, url
    FROM shown
    CROSS JOIN derived.parameter AS parameter
    WHERE ticket NOT IN (SELECT ticket FROM link) AND coalesce(state, '') NOT IN ('resolved', 'closed')
        AND (parameter.ticket_labels = [] OR list_has_any(list_transform(labels, lambda label: lower(label)), parameter.ticket_labels))
),
found AS (
    SELECT finding_id, cycle, tracker, ticket, field, record_value, tracker_value, since_at, severity, team, owner_id, title, labels, url FROM contradiction
    UNION ALL FROM untracked
    UNION ALL FROM unfounded
)
SELECT
    found.finding_id, found.cycle, found.tracker, found.ticket, found.field, found.record_value, found.tracker_value, found.since_at,
    (epoch_us(parameter.as_of) - epoch_us(found.since_at)) / 1e6 AS age_seconds,
    found.severity, found.team, found.owner_id, found.title, found.labels, found.url
FROM found
CROSS JOIN derived.parameter AS parameter
