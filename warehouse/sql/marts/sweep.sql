-- One row per thing that a sweep puts before a person, and per thing that it put before one and that has been settled since: what it is, since when, what is
-- proposed on what evidence, what would carry it out, and what was done by whom. A sweep decides nothing: a delivered file or a command does.
-- key: kind, subject_kind, subject_id, cycle, settled_at, settlement
-- kind VARCHAR: reattribution (a route that has decayed, or an outdated mapping), binding (a target on no active asset), unmatched_activity, held_file or attestation.
-- state VARCHAR: open or settled.
-- severity VARCHAR: Most severe band of the open handoffs that it is about; null where it is about none, or is settled.
-- subject_kind VARCHAR: mapping, asset, handoff, target, reference, file or control - what subject_id is.
-- subject_id VARCHAR: Mapping, asset, finding, target as scanned, reference of the events, claim of the file, or finding with the control.
-- cycle INTEGER: Handoff cycle, where the subject is a handoff.
-- handoffs BIGINT: Open handoffs that it is about; of a held file, those that its release would touch. Of settled ones, those that it was about.
-- events BIGINT: Events that wait for it.
-- since_at TIMESTAMP: Since when it has been so by the record (UTC).
-- due_at TIMESTAMP: When an attestation falls due (UTC); null for the rest.
-- reason VARCHAR: What is the matter, as a word - departed_person, mapping_outdated, unbound, ambiguous, retired, no_match, ambiguous_ref, before_capture, held, due_soon, lapsed …
-- why_not VARCHAR: Why no rule settles it by itself.
-- proposal VARCHAR: What is proposed, in words; null where nothing can be proposed.
-- proposed_id VARCHAR: Person, asset or finding that is proposed.
-- proposed_by VARCHAR: What names them - in mart.reattribution, mart.binding_proposal or mart.reference_proposal.
-- evidence VARCHAR: What speaks for it; of a held file, what its release would change.
-- candidates VARCHAR[]: What else it could be, with what speaks for that; five at most.
-- remedy VARCHAR: What carries it out - ownership, reassigned, alias, ticket_linked or attested (files of `handoff sweep --out`), decision (the command); null where nothing can be proposed.
-- command VARCHAR: The command line that settles it, where there is one.
-- settled_at TIMESTAMP: When that which settled it was done, or known (UTC); null while it is open.
-- settled_by VARCHAR: Person who did it, or file that brought it; null where nobody in particular did.
-- settlement VARCHAR: What was done, in words.
-- is_from_sweep BOOLEAN: Whether a file of an earlier sweep did it; null while it is open.
WITH parameter AS (FROM derived.parameter),
open_handoff AS (
    SELECT
        handoff.finding_id, handoff.cycle, handoff.asset_id, handoff.target, list_position(['critical', 'high', 'medium', 'low'], handoff.severity_now) AS band,
        responsibility.status, responsibility.person_id, responsibility.candidate, responsibility.named_by,
        coalesce(
            responsibility.decayed_at,
            make_timestamp(epoch_us(responsibility.named_at) + CASE WHEN responsibility.status = 'routed' THEN parameter.mapping_age_us END)
        ) AS misrouted_at
    FROM mart.handoff
    JOIN mart.responsibility USING (finding_id, cycle)
    CROSS JOIN parameter
),
-- Reattribution: for each asset, or outdated mapping, whom the most of its open handoffs would rather go to.
ranked AS (
    SELECT
        reattribution.*, open_handoff.band, open_handoff.misrouted_at,
        CASE
            WHEN remedy = 'reassigned' THEN reattribution.finding_id
            WHEN proposed_by = 'confirmation' THEN reattribution.named_by
            ELSE 'asset:' || reattribution.asset_id
        END AS subject_id,
        CASE WHEN remedy = 'reassigned' THEN reattribution.cycle END AS subject_cycle
    FROM mart.reattribution
    JOIN open_handoff USING (finding_id, cycle)
),
chosen AS (
    SELECT
        subject_id, subject_cycle, remedy, proposed_id, proposed_by, count(*) AS handoffs, min(rank) AS rank, min(band) AS band, min(misrouted_at) AS since_at,
        string_agg(DISTINCT reason, ', ' ORDER BY reason) AS reason,
        min(why ORDER BY rank, why) AS why
    FROM ranked
    WHERE rank = 1
    GROUP BY subject_id, subject_cycle, remedy, proposed_id, proposed_by
    QUALIFY row_number() OVER (PARTITION BY remedy, subject_id, subject_cycle ORDER BY count(*) DESC, min(rank), proposed_id) = 1
),
-- Everybody else who was thought of, and on what grounds.
others AS (
    SELECT ranked.subject_id, ranked.subject_cycle, ranked.proposed_id, min(ranked.rank) AS rank, min(ranked.why ORDER BY ranked.rank, ranked.why) AS why
    FROM ranked
    JOIN chosen
        ON chosen.subject_id = ranked.subject_id AND chosen.subject_cycle IS NOT DISTINCT FROM ranked.subject_cycle AND chosen.proposed_id <> ranked.proposed_id
    GROUP BY ranked.subject_id, ranked.subject_cycle, ranked.proposed_id
),
other AS (
    SELECT subject_id, subject_cycle, list(proposed_id || ': ' || why ORDER BY rank, proposed_id)[1:5] AS candidates
    FROM others
    GROUP BY subject_id, subject_cycle
),
reattribution AS (
    SELECT
        chosen.band, CASE WHEN chosen.remedy = 'reassigned' THEN 'handoff' ELSE 'mapping' END AS subject_kind, chosen.subject_id, chosen.subject_cycle AS cycle,
        chosen.handoffs, chosen.since_at, chosen.reason,
        CASE
            WHEN chosen.proposed_by = 'confirmation' THEN 'the mapping names somebody who is there, but is older than the policy allows: only a person can say that it still holds'
            ELSE format('the decision in force names nobody who can be handed it ({}), and no rule may hand it to somebody else', chosen.reason)
        END AS why_not,
        format(CASE WHEN chosen.proposed_by = 'confirmation' THEN 'confirm {} as its owner' ELSE 'make {} its owner' END, chosen.proposed_id) AS proposal,
        chosen.proposed_id, chosen.proposed_by, chosen.why AS evidence, coalesce(other.candidates, []) AS candidates, chosen.remedy
    FROM chosen
    LEFT JOIN other ON other.subject_id = chosen.subject_id AND other.subject_cycle IS NOT DISTINCT FROM chosen.subject_cycle
    UNION ALL
    SELECT
        min(open_handoff.band), 'asset', decayed.asset_id, NULL, count(*), min(open_handoff.misrouted_at), string_agg(DISTINCT decayed.reason, ', ' ORDER BY decayed.reason),
        'the decision in force names nobody who can be handed it, no mapping behind it does, nobody manages whom it names, and nobody took its like of late',
        NULL, NULL, NULL, NULL, [], NULL
    FROM mart.decayed_routing AS decayed
    JOIN open_handoff USING (finding_id, cycle)
    ANTI JOIN mart.reattribution USING (finding_id, cycle)
    GROUP BY decayed.asset_id
),
-- Binding: the targets of open handoffs that are on no active asset.
gap AS (
    SELECT
        gap.target, coalesce(target.binding_status, min(gap.binding_status)) AS reason, any_value(target.candidates) AS goes_by, count(*) AS handoffs,
        min(list_position(['critical', 'high', 'medium', 'low'], gap.severity)) AS band, min(cycle.unbound_since_at) AS since_at
    FROM mart.binding_gap AS gap
    JOIN derived.cycle AS cycle USING (finding_id, cycle)
    LEFT JOIN derived.target AS target ON target.target = gap.target
    GROUP BY gap.target, target.binding_status
),
guess AS (
    SELECT
        target,
        any_value(asset_id) FILTER (WHERE is_proposed) AS asset_id,
        any_value(proposed_by) FILTER (WHERE is_proposed) AS proposed_by,
        any_value(why) FILTER (WHERE is_proposed) AS why,
        list(asset_id || ': ' || why ORDER BY rank) FILTER (WHERE NOT is_proposed)[1:5] AS candidates
    FROM mart.binding_proposal
    GROUP BY target
),
binding AS (
    SELECT
        gap.band, 'target' AS subject_kind, gap.target AS subject_id, NULL::INTEGER AS cycle, gap.handoffs, gap.since_at, gap.reason,
        CASE gap.reason
            WHEN 'ambiguous' THEN format('several active assets go by this name: {}; take it from all but one', array_to_string(gap.goes_by, ', '))
            WHEN 'retired' THEN format('only the retired asset {} goes by this name', array_to_string(gap.goes_by, ', '))
            ELSE 'no name, alias, glob, network or path of any asset fits it'
        END AS why_not,
        'bind it to ' || guess.asset_id || ', as one more alias' AS proposal,
        guess.asset_id AS proposed_id, guess.proposed_by, guess.why AS evidence, coalesce(guess.candidates, []) AS candidates,
        CASE WHEN guess.asset_id IS NOT NULL THEN 'alias' END AS remedy
    FROM gap
    LEFT JOIN guess USING (target)
),
-- Unmatched activity.
unmatched AS (
    SELECT event.ref, min(event.status) AS reason, count(*) AS events, min(event.recorded_at) AS since_at
    FROM derived.event
    WHERE event.finding_id IS NULL AND event.method <> 'own' AND event.status IN ('no_match', 'ambiguous_ref')
    GROUP BY event.ref
),
meant AS (
    SELECT
        ref,
        any_value(finding_id) FILTER (WHERE is_proposed) AS finding_id,
        any_value(proposed_by) FILTER (WHERE is_proposed) AS proposed_by,
        any_value(why) FILTER (WHERE is_proposed) AS why,
        list(finding_id || ': ' || why ORDER BY rank) FILTER (WHERE NOT is_proposed)[1:5] AS candidates
    FROM mart.reference_proposal
    GROUP BY ref
),
early AS (
    SELECT ref, finding_id, count(DISTINCT event_id) AS events, min(recorded_at) AS since_at, min(occurred_at) AS first_at
    FROM derived.event
    WHERE status = 'before_capture' AND method <> 'own'
    GROUP BY ref, finding_id
),
early_reference AS (
    SELECT
        early.ref, max(early.events) AS events, min(early.since_at) AS since_at, min(early.first_at) AS first_at, min(finding.first_captured_at) AS captured_at,
        list(early.finding_id ORDER BY early.finding_id) AS finding_ids
    FROM early
    JOIN derived.finding USING (finding_id)
    GROUP BY early.ref
),
activity AS (
    SELECT
        unmatched.ref AS subject_id, unmatched.events, unmatched.since_at, unmatched.reason,
        CASE unmatched.reason
            WHEN 'no_match' THEN 'no finding, scanner, or ticket has this id; ids are compared exactly'
            ELSE 'several findings have this id: deliver the events again with the id of the finding that they mean'
        END AS why_not,
        'take it as a ticket of finding ' || meant.finding_id AS proposal,
        meant.finding_id AS proposed_id, meant.proposed_by, meant.why AS evidence, coalesce(meant.candidates, []) AS candidates,
        CASE WHEN meant.finding_id IS NOT NULL THEN 'ticket_linked' END AS remedy
    FROM unmatched
    LEFT JOIN meant USING (ref)
    UNION ALL
    SELECT
        ref, events, since_at, 'before_capture',
        'it happened before its finding was first seen: its time or the scan''s is wrong, or an earlier scan was never delivered',
        NULL, NULL, NULL,
        format('the first happened on {} UTC, t0 is {} UTC', strftime(first_at, '%Y-%m-%d %H:%M'), strftime(captured_at, '%Y-%m-%d %H:%M')),
        finding_ids[1:5], NULL
    FROM early_reference
),
-- Held scans and snapshots, with what their release would change.
held AS (
    SELECT claim_id, attempt, sha256, path, kind, source, reason, snapshot_at, landed_at
    FROM record.landed_file
    WHERE status = 'held' AND decision IS NULL AND claim_id NOT IN (SELECT lost FROM record.conflict WHERE kind = 'superseded_claim')
),
withheld AS (
    SELECT held.claim_id, absence.finding_id, bool_and(absence.is_absent OR (absence.reason = 'held' AND absence.claim_id = held.claim_id)) AS would_be_gone
    FROM held
    JOIN (SELECT DISTINCT claim_id, finding_id FROM mart.absence WHERE reason = 'held') AS touched USING (claim_id)
    JOIN mart.absence AS absence ON absence.finding_id = touched.finding_id
    GROUP BY held.claim_id, absence.finding_id
),
applied AS (
    SELECT
        held.claim_id AS held_id, file.claim_id, file.attempt, file.is_complete,
        row_number() OVER (PARTITION BY held.claim_id ORDER BY file.snapshot_at DESC, file.landed_at DESC, file.path DESC) AS nth
    FROM held
    JOIN record.landed_file AS file
        ON file.source = held.source AND file.claim_id <> held.claim_id AND file.snapshot_at <= held.snapshot_at
        AND list_has_any(string_split(file.kind, '+'), string_split(held.kind, '+'))
    WHERE held.kind <> 'scan' AND file.status = 'loaded' AND coalesce(file.decision, '') <> 'retract'
),
-- In force are the last complete snapshot and the incomplete ones since.
in_force AS (
    SELECT held_id, claim_id, attempt, false AS is_held
    FROM applied
    QUALIFY nth <= coalesce(min(nth) FILTER (WHERE is_complete) OVER (PARTITION BY held_id), max(nth) OVER (PARTITION BY held_id))
    UNION ALL
    SELECT claim_id, claim_id, attempt, true FROM held WHERE kind <> 'scan'
),
member AS (
    SELECT in_force.held_id, in_force.is_held, member.register, member.content_id
    FROM in_force
    JOIN record.register_member AS member USING (claim_id, attempt)
),
keyed AS (
    SELECT held_id, is_held, register, asset_id AS key FROM member JOIN record.asset USING (content_id) WHERE register = 'asset'
    UNION ALL
    SELECT held_id, is_held, register, lower(person_id) FROM member JOIN record.person USING (content_id) WHERE register = 'person'
    UNION ALL
    SELECT held_id, is_held, register, "match" FROM member JOIN record.ownership USING (content_id) WHERE register = 'ownership'
),
lost AS (
    SELECT held_id, register, key
    FROM keyed
    GROUP BY held_id, register, key
    HAVING NOT bool_or(is_held)
),
hit AS (
    SELECT lost.held_id AS claim_id, handoff.finding_id, handoff.cycle, handoff.band
    FROM lost
    JOIN (
        SELECT *, unnest([{'register': 'asset', 'key': asset_id}, {'register': 'person', 'key': lower(person_id)}, {'register': 'ownership', 'key': named_by}], recursive := true)
        FROM open_handoff
    ) AS handoff USING (register, key)
    UNION
    SELECT withheld.claim_id, open_handoff.finding_id, open_handoff.cycle, open_handoff.band
    FROM withheld
    JOIN open_handoff USING (finding_id)
),
closing AS (
    SELECT held_id AS claim_id, string_agg(format('{} {}: {}', keys, register, names), '; ' ORDER BY register) AS closes
    FROM (
        SELECT held_id, register, count(*) AS keys, array_to_string(list(key ORDER BY key)[1:5], ', ') || CASE WHEN count(*) > 5 THEN ' …' ELSE '' END AS names
        FROM lost
        GROUP BY held_id, register
    )
    GROUP BY held_id
),
touched AS (
    SELECT claim_id, count(*) AS handoffs, min(band) AS band FROM hit GROUP BY claim_id
),
gone AS (
    SELECT claim_id, count(*) AS unseen, count(*) FILTER (WHERE would_be_gone) AS gone FROM withheld GROUP BY claim_id
),
held_file AS (
    SELECT
        touched.band, held.claim_id AS subject_id, coalesce(touched.handoffs, 0) AS handoffs, held.landed_at AS since_at, held.reason AS why_not,
        CASE
            WHEN held.kind = 'scan' THEN format(
                'released, it shows that {} open findings are not seen any more, of which {} would be believed gone; discarded, it never does. It closes nothing by itself',
                coalesce(gone.unseen, 0), coalesce(gone.gone, 0)
            )
            ELSE format('released, it closes {}; {} open handoffs depend on them', coalesce(closing.closes, 'no key'), coalesce(touched.handoffs, 0))
        END AS evidence,
        format('handoff release {} --reason "…"   (or: handoff discard {} --reason "…")   # {}', left(held.sha256, 12), left(held.sha256, 12), held.path) AS command
    FROM held
    LEFT JOIN touched USING (claim_id)
    LEFT JOIN gone USING (claim_id)
    LEFT JOIN closing USING (claim_id)
),
-- Controls whose attestation falls due. The last word on each: who gave it.
word AS (
    SELECT
        event.finding_id, event.occurred_at, min(event.event_id) AS event_id, min(coalesce(event.actor_id, event.actor)) AS actor,
        lag(event.occurred_at) OVER (PARTITION BY event.finding_id ORDER BY event.occurred_at) AS before_at
    FROM derived.event
    WHERE event.event IN ('control_accepted', 'control_attested') AND event.is_valid AND event.finding_id IS NOT NULL
    GROUP BY event.finding_id, event.occurred_at
),
attestation AS (
    SELECT
        list_position(['critical', 'high', 'medium', 'low'], control.severity_now) AS band, control.finding_id AS subject_id,
        CASE WHEN control.state = 'lapsed' THEN control.ended_at ELSE greatest(control.attested_at, control.due_at - INTERVAL 14 DAY) END AS since_at,
        control.due_at, control.state AS reason,
        CASE
            WHEN control.state = 'lapsed' THEN 'it was not attested when it fell due, and the handoff began anew'
            ELSE 'only a person can say that a control still holds; unattested, the handoff begins anew when it falls due'
        END AS why_not,
        format(
            CASE WHEN control.state = 'lapsed' THEN '{} attests it anew, or answers the new handoff' ELSE '{} attests it before {} UTC, or it lapses' END,
            CASE WHEN open_handoff.status = 'routed' THEN open_handoff.person_id ELSE coalesce(word.actor, 'somebody') END, strftime(control.due_at, '%Y-%m-%d %H:%M')
        ) AS proposal,
        CASE WHEN open_handoff.status = 'routed' THEN open_handoff.person_id ELSE word.actor END AS proposed_id,
        CASE WHEN open_handoff.status = 'routed' THEN 'owner' WHEN word.actor IS NOT NULL THEN 'attester' END AS proposed_by,
        format('last attested on {} UTC by {}', strftime(control.attested_at, '%Y-%m-%d %H:%M'), coalesce(word.actor, 'nobody who is named')) AS evidence,
        CASE WHEN open_handoff.status = 'routed' AND word.actor <> open_handoff.person_id THEN [word.actor || ': gave its word last'] ELSE [] END AS candidates
    FROM mart.compensating_control AS control
    LEFT JOIN word ON word.finding_id = control.finding_id AND word.occurred_at = control.attested_at
    LEFT JOIN open_handoff ON open_handoff.finding_id = control.finding_id
    WHERE control.state IN ('due_soon', 'lapsed')
),
-- What settled what was open before, by the record: decisions of the primitive as runs found them.
decided AS (
    SELECT
        alias.finding_id, routing.cycle, routing.decided_at, routing.status, routing.candidate, routing.primitive,
        lag(routing.status) OVER by_run AS status_before,
        lag(routing.decided_at) OVER by_run AS decided_before,
        lead(routing.decided_at) OVER by_run IS NULL AS is_last
    FROM record.routing
    JOIN mart.finding_alias AS alias ON alias.sighting_id = routing.finding_id
    WINDOW by_run AS (PARTITION BY routing.finding_id, routing.cycle ORDER BY routing.decided_at)
),
mapping_file AS (
    SELECT
        ownership."match", ownership.person_id, arg_max(file.path, (ownership.recorded_at, file.path)) AS path,
        arg_max(file.source, (ownership.recorded_at, file.path)) = 'reattribution' AS is_from_sweep
    FROM record.ownership
    JOIN record.landed_file AS file USING (claim_id)
    GROUP BY ownership."match", ownership.person_id
),
mended AS (
    SELECT primitive, decided_at, min(candidate) AS candidate, count(*) AS handoffs, min(decided_before) AS since_at, min(status_before) AS reason
    FROM decided
    WHERE status = 'routed' AND status_before NOT IN ('routed', 'unbound', 'ambiguous', 'retired')
    GROUP BY primitive, decided_at
),
asset_file AS (
    SELECT asset.asset_id, arg_max(file.path, (asset.recorded_at, file.path)) AS path
    FROM record.asset
    JOIN record.landed_file AS file USING (claim_id)
    GROUP BY asset.asset_id
),
bound AS (
    SELECT finding.target, min(finding.asset_id) AS asset_id, decided.decided_at, count(*) AS handoffs, min(decided.decided_before) AS since_at, min(decided.status_before) AS reason
    FROM decided
    JOIN derived.finding USING (finding_id)
    WHERE decided.status NOT IN ('unbound', 'ambiguous', 'retired') AND decided.status_before IN ('unbound', 'ambiguous', 'retired')
    GROUP BY finding.target, decided.decided_at
),
-- Closed while nobody had settled it.
ended AS (
    SELECT
        CASE WHEN decided.status IN ('unbound', 'ambiguous', 'retired') THEN 'binding' ELSE 'reattribution' END AS kind,
        handoff.finding_id, handoff.cycle, handoff.horizon_at AS settled_at, decided.decided_at AS since_at, decided.status AS reason, handoff.state
    FROM decided
    JOIN mart.handoff AS handoff USING (finding_id, cycle)
    WHERE decided.is_last AND decided.status <> 'routed' AND NOT handoff.is_open
    QUALIFY row_number() OVER (PARTITION BY handoff.finding_id, handoff.cycle ORDER BY decided.decided_at DESC, decided.status) = 1
),
link AS (
    SELECT ticket AS ref, finding_id, min(recorded_at) AS linked_at, arg_min(event_id, (recorded_at, event_id)) AS event_id, arg_min(actor, (recorded_at, event_id)) AS actor
    FROM derived.event
    WHERE event = 'ticket_linked' AND ticket <> '' AND finding_id IS NOT NULL
    GROUP BY ticket, finding_id
),
-- An event waited where it was known before its finding was, or before the ticket that it names was tied to it.
matched AS (
    SELECT
        event.ref, min(event.recorded_at) AS since_at, count(DISTINCT event.event_id) AS events,
        greatest(min(finding.first_recorded_at), min(link.linked_at)) AS settled_at,
        min(event.finding_id) AS finding_id,
        CASE WHEN min(link.linked_at) >= min(finding.first_recorded_at) THEN min(link.event_id) END AS event_id,
        CASE WHEN min(link.linked_at) >= min(finding.first_recorded_at) THEN min(link.actor) END AS actor
    FROM derived.event AS event
    JOIN derived.finding USING (finding_id)
    LEFT JOIN link ON link.ref = event.ref AND link.finding_id = event.finding_id
    WHERE event.method <> 'own' AND event.recorded_at < greatest(finding.first_recorded_at, link.linked_at) AND event.event <> 'ticket_linked'
        -- What an id of the finding matched, no link had to.
        AND (event.recorded_at < finding.first_recorded_at OR NOT list_contains(finding.own_ids, event.ref))
    GROUP BY event.ref
),
decision AS (
    SELECT file.claim_id, file.path, file.reason, file.landed_at, decision.decision, decision.reason AS why, decision.asserted_by, decision.decided_at
    FROM record.landing_attempt AS file
    JOIN record.decision USING (sha256)
    WHERE file.status = 'held' AND decision.decision IN ('release', 'discard')
    QUALIFY row_number() OVER (PARTITION BY file.claim_id, decision.decided_at ORDER BY file.attempt DESC, decision.decision) = 1
),
rows AS (
    SELECT 'reattribution' AS kind, 'open' AS state, band, subject_kind, subject_id, cycle, handoffs, 0 AS events, since_at, NULL::TIMESTAMP AS due_at, reason, why_not,
        proposal, proposed_id, proposed_by, evidence, candidates, remedy, NULL AS command,
        NULL::TIMESTAMP AS settled_at, NULL AS settled_by, NULL AS settlement, NULL::BOOLEAN AS is_from_sweep
    FROM reattribution
    UNION ALL
    SELECT 'binding', 'open', band, subject_kind, subject_id, cycle, handoffs, 0, since_at, NULL, reason, why_not,
        proposal, proposed_id, proposed_by, evidence, candidates, remedy, NULL, NULL, NULL, NULL, NULL
    FROM binding
    UNION ALL
    SELECT 'unmatched_activity', 'open', NULL, 'reference', subject_id, NULL, 0, events, since_at, NULL, reason, why_not,
        proposal, proposed_id, proposed_by, evidence, candidates, remedy, NULL, NULL, NULL, NULL, NULL
    FROM activity
    UNION ALL
    SELECT 'held_file', 'open', band, 'file', subject_id, NULL, handoffs, 0, since_at, NULL, 'held', why_not,
        'release or discard it', NULL, NULL, evidence, [], 'decision', command, NULL, NULL, NULL, NULL
    FROM held_file
    UNION ALL
    SELECT 'attestation', 'open', band, 'control', subject_id, NULL, 1, 0, since_at, due_at, reason, why_not,
        proposal, proposed_id, proposed_by, evidence, candidates, 'attested', NULL, NULL, NULL, NULL, NULL
    FROM attestation
    UNION ALL
    SELECT 'reattribution', 'settled', NULL, 'mapping', mended.primitive, NULL, mended.handoffs, 0, mended.since_at, NULL, mended.reason, NULL,
        NULL, mended.candidate, NULL, NULL, [], NULL, NULL, mended.decided_at, mapping_file.path,
        format('{} leads to {} again', mended.primitive, mended.candidate), coalesce(mapping_file.is_from_sweep, false)
    FROM mended
    LEFT JOIN mapping_file ON mapping_file."match" = mended.primitive AND mapping_file.person_id = mended.candidate
    UNION ALL
    SELECT 'reattribution', 'settled', NULL, 'handoff', finding_id, cycle, 1, 0, min(occurred_at), NULL, NULL, NULL,
        NULL, min(target_person), NULL, NULL, [], NULL, NULL, occurred_at, min(actor), format('reassigned to {}', min(target_person)), true
    FROM derived.event
    WHERE event = 'reassigned' AND starts_with(event_id, 'sweep-') AND cycle IS NOT NULL
    GROUP BY finding_id, cycle, occurred_at
    UNION ALL
    SELECT 'binding', 'settled', NULL, 'target', bound.target, NULL, bound.handoffs, 0, bound.since_at, NULL, bound.reason, NULL,
        NULL, bound.asset_id, NULL, NULL, [], NULL, NULL, bound.decided_at, asset_file.path,
        'bound to ' || coalesce(bound.asset_id, 'an asset'), coalesce(contains(asset_file.path, 'sweep-binding-'), false)
    FROM bound
    LEFT JOIN asset_file ON asset_file.asset_id = bound.asset_id
    UNION ALL
    SELECT kind, 'settled', NULL, 'handoff', finding_id, cycle, 1, 0, since_at, NULL, reason, NULL,
        NULL, NULL, NULL, NULL, [], NULL, NULL, settled_at, NULL, 'the handoff ended: ' || state, false
    FROM ended
    UNION ALL
    SELECT 'unmatched_activity', 'settled', NULL, 'reference', ref, NULL, 0, events, since_at, NULL, 'no_match', NULL,
        NULL, finding_id, NULL, NULL, [], NULL, NULL, settled_at, actor,
        CASE WHEN event_id IS NULL THEN 'a scan brought finding ' ELSE 'linked to finding ' END || finding_id, coalesce(starts_with(event_id, 'sweep-'), false)
    FROM matched
    UNION ALL
    SELECT 'held_file', 'settled', NULL, 'file', claim_id, NULL, 0, 0, landed_at, NULL, 'held', reason,
        NULL, NULL, NULL, NULL, [], NULL, NULL, decided_at, asserted_by, format('{} {}: {}', CASE decision WHEN 'release' THEN 'released' ELSE 'discarded' END, path, why), false
    FROM decision
    UNION ALL
    SELECT 'attestation', 'settled', NULL, 'control', word.finding_id, NULL, 1, 0,
        greatest(word.before_at, make_timestamp(epoch_us(word.before_at) + parameter.attestation_us) - INTERVAL 14 DAY),
        make_timestamp(epoch_us(word.before_at) + parameter.attestation_us),
        CASE WHEN epoch_us(word.occurred_at) > epoch_us(word.before_at) + parameter.attestation_us THEN 'lapsed' ELSE 'due_soon' END, NULL,
        NULL, NULL, NULL, NULL, [], NULL, NULL, word.occurred_at, word.actor, 'attested', starts_with(word.event_id, 'sweep-')
    FROM word
    CROSS JOIN parameter
    WHERE word.before_at IS NOT NULL AND word.occurred_at >= make_timestamp(epoch_us(word.before_at) + parameter.attestation_us) - INTERVAL 14 DAY
)
SELECT
    kind, state, ['critical', 'high', 'medium', 'low'][band] AS severity, subject_kind, subject_id, cycle, handoffs::BIGINT AS handoffs, events::BIGINT AS events,
    since_at, due_at, reason, why_not, proposal, proposed_id, proposed_by, evidence, candidates::VARCHAR[] AS candidates, remedy, command,
    settled_at, settled_by, settlement, is_from_sweep
FROM rows
