-- One row per thing that will hurt soon, or has begun to: handoffs that will probably break their SLA within five business days, more arrivals than are
-- acknowledged, fewer findings with an owner who is there, fewer assets scanned in time, sources that deliver no more. With whom to call, and what to do.
-- key: kind, subject_id, cycle
-- kind VARCHAR: breach_expected, source_silent, arrivals_above_capacity, ownership_currency_fell or coverage_fell.
-- severity VARCHAR: Band of the handoff; of the rest high where every figure suffers from now on (a source, arrivals), else medium.
-- subject_kind VARCHAR: handoff, business_unit, team, source or scanner - what subject_id is an id of; all of them together are `all`.
-- subject_id VARCHAR: Finding, business unit, team, source or scanner.
-- cycle INTEGER: Handoff cycle of the finding; null for the rest.
-- since_at TIMESTAMP: t0 of the handoff; Monday of the first of the weeks; the instant compared with; when the source should have come (UTC).
-- due_at TIMESTAMP: When the handoff SLA falls due (UTC); null for the rest.
-- figure DOUBLE: What is so at as_of, in the unit.
-- threshold DOUBLE: From where on it is a warning, in the unit.
-- previous DOUBLE: What was so the policy's early_warning.period ago; null where nothing is compared.
-- unit VARCHAR: probability, weeks (whole ISO weeks in a row), share (0 to 1), business_days or seconds.
-- detail VARCHAR: The warning in a sentence.
-- evidence VARCHAR: The counts behind the figure, as JSON.
-- call VARCHAR[]: People to call, in this order - the owner, the nearest manager who can take it, the escalation default; empty where nobody is known.
-- action VARCHAR: What to do.
WITH RECURSIVE parameter AS (
    SELECT parameter.as_of, parameter.reporting_zone, parameter.escalation_default, parameter.scan_cadence_us, early_warning.*
    FROM derived.parameter
    CROSS JOIN derived.early_warning
),
escalation AS (
    SELECT min(person.person_id) AS person_id
    FROM derived.person
    JOIN parameter ON lower(trim(parameter.escalation_default)) IN (lower(person.person_id), lower(person.email))
    WHERE person.standing = 'valid'
),
-- Up from everybody who is named, until somebody can take it; a chain that comes back to somebody ends there.
chain AS (
    SELECT person.person_id AS start_id, person.manager_id AS person_id, 1 AS steps, [person.person_id] AS seen
    FROM derived.person
    SEMI JOIN mart.responsibility USING (person_id)
    UNION ALL
    SELECT chain.start_id, person.manager_id, chain.steps + 1, list_append(chain.seen, person.person_id)
    FROM chain
    JOIN derived.person ON person.person_id = chain.person_id
    WHERE NOT list_contains(chain.seen, person.person_id) AND person.standing <> 'valid'
),
manager AS (
    SELECT chain.start_id, arg_min(chain.person_id, chain.steps) AS person_id
    FROM chain
    JOIN derived.person ON person.person_id = chain.person_id AND person.standing = 'valid'
    GROUP BY chain.start_id
),
-- Every open handoff with whom to call about it.
answering AS (
    SELECT
        responsibility.finding_id, responsibility.cycle, responsibility.status, responsibility.candidate,
        CASE WHEN responsibility.status = 'routed' THEN responsibility.person_id END AS owner_id,
        manager.person_id AS manager_id
    FROM mart.responsibility
    LEFT JOIN manager ON manager.start_id = responsibility.person_id
),
expected AS (
    SELECT
        forecast.finding_id, forecast.cycle, forecast.severity, forecast.captured_at, forecast.handoff_due_at, forecast.breach_probability,
        parameter.breach_probability AS threshold, forecast.title, forecast.team, answering.status, answering.candidate,
        [answering.owner_id, answering.manager_id, CASE WHEN answering.owner_id IS NULL THEN escalation.person_id END] AS people
    FROM mart.breach_forecast AS forecast
    JOIN answering USING (finding_id, cycle)
    CROSS JOIN parameter
    CROSS JOIN escalation
    WHERE forecast.breach_probability >= parameter.breach_probability - 1e-9
),
-- The week that is not over says nothing yet.
full_week AS (
    SELECT capacity.week_start, capacity.business_unit, capacity.opened, capacity.completed, capacity.throughput, capacity.weeks_above
    FROM mart.ingest_capacity AS capacity
    CROSS JOIN parameter
    WHERE capacity.step = 'acknowledged' AND capacity.week_start = date_trunc('week', timezone(parameter.reporting_zone, timezone('UTC', parameter.as_of)))::DATE - 7
),
unanswered AS (
    SELECT finding_id, cycle, unnest(['all', CASE business_unit WHEN 'all' THEN '(all)' ELSE coalesce(business_unit, '(none)') END]) AS business_unit
    FROM mart.handoff
    WHERE is_open AND acknowledged_at IS NULL
),
unanswered_count AS (
    SELECT business_unit, count(*) AS unanswered FROM unanswered GROUP BY business_unit
),
-- Who stands above those for whom the most waits.
waiting AS (
    SELECT business_unit, coalesce(answering.manager_id, answering.owner_id) AS person_id, count(*) AS cycles
    FROM unanswered
    JOIN answering USING (finding_id, cycle)
    WHERE coalesce(answering.manager_id, answering.owner_id) IS NOT NULL
    GROUP BY business_unit, coalesce(answering.manager_id, answering.owner_id)
    QUALIFY row_number() OVER (PARTITION BY business_unit ORDER BY count(*) DESC, person_id) <= 3
),
waiting_people AS (
    SELECT business_unit, list(person_id ORDER BY cycles DESC, person_id) AS people
    FROM waiting
    GROUP BY business_unit
),
owned_now AS (
    SELECT dimension_value AS team, dimension, open_findings, active
    FROM mart.ownership_currency
    WHERE dimension IN ('all', 'team') AND severity = 'all' AND mapping_age = 'all'
),
owned_before AS (
    SELECT
        CASE WHEN grouping(team_name) = 1 THEN 'all' ELSE team_name END AS team,
        CASE WHEN grouping(team_name) = 1 THEN 'all' ELSE 'team' END AS dimension,
        sum(open_findings)::BIGINT AS open_findings,
        coalesce(sum(open_findings) FILTER (WHERE is_active), 0)::BIGINT AS active
    FROM (SELECT *, coalesce(team, '(none)') AS team_name FROM derived.ownership_before)
    GROUP BY GROUPING SETS ((team_name), ())
),
-- Who stands above those who are named and cannot take it.
left_behind AS (
    SELECT dimension, team, answering.manager_id AS person_id, count(*) AS cycles
    FROM (
        SELECT finding_id, cycle, unnest([{'dimension': 'all', 'team': 'all'}, {'dimension': 'team', 'team': coalesce(team_now, '(none)')}], recursive := true)
        FROM mart.handoff
        WHERE is_open
    )
    JOIN answering USING (finding_id, cycle)
    WHERE answering.status <> 'routed' AND answering.manager_id IS NOT NULL
    GROUP BY dimension, team, answering.manager_id
    QUALIFY row_number() OVER (PARTITION BY dimension, team ORDER BY count(*) DESC, person_id) <= 3
),
left_people AS (
    SELECT dimension, team, list(person_id ORDER BY cycles DESC, person_id) AS people
    FROM left_behind
    GROUP BY ALL
),
ownership AS (
    SELECT
        owned_now.dimension, owned_now.team,
        owned_now.open_findings, owned_now.active, owned_before.open_findings AS open_before, owned_before.active AS active_before,
        owned_now.active / owned_now.open_findings AS rate,
        owned_before.active / owned_before.open_findings AS rate_before
    FROM owned_now
    JOIN owned_before USING (dimension, team)
    CROSS JOIN parameter
    WHERE least(owned_now.open_findings, owned_before.open_findings) >= parameter.minimum
),
scanned AS (
    SELECT target.asset_id, capture.captured_at AS scanned_at
    FROM derived.capture
    JOIN derived.target USING (target)
    WHERE target.binding_status = 'bound'
    UNION ALL
    SELECT scan_place.asset_id, scan.scanned_at
    FROM derived.scan
    JOIN derived.scan_place USING (claim_id)
    WHERE scan.is_healthy
),
last_before AS (
    SELECT scanned.asset_id, max(scanned.scanned_at) AS scanned_at
    FROM scanned
    CROSS JOIN parameter
    WHERE scanned.scanned_at <= parameter.before_at
    GROUP BY scanned.asset_id
),
-- The assets that are active at as_of, and of them those that were registered then. One that is new is not overdue yet.
covered AS (
    SELECT
        CASE coverage.business_unit WHEN 'all' THEN '(all)' ELSE coalesce(coverage.business_unit, '(none)') END AS business_unit,
        coalesce(coverage.due_at >= parameter.as_of, false) AS is_covered,
        coverage.registered_at IS NULL OR coverage.registered_at <= parameter.before_at AS was_there,
        coalesce(
            epoch_us(coalesce(last_before.scanned_at, coverage.registered_at)) + parameter.scan_cadence_us >= epoch_us(parameter.before_at), false
        ) AS was_covered
    FROM mart.scan_coverage AS coverage
    LEFT JOIN last_before USING (asset_id)
    CROSS JOIN parameter
),
coverage AS (
    SELECT
        CASE WHEN grouping(business_unit) = 1 THEN 'all' ELSE business_unit END AS business_unit,
        count(*) AS assets,
        count(*) FILTER (WHERE is_covered) AS covered,
        count(*) FILTER (WHERE was_there) AS assets_before,
        count(*) FILTER (WHERE was_there AND was_covered) AS covered_before,
        count(*) FILTER (WHERE is_covered) / count(*) AS rate,
        count(*) FILTER (WHERE was_there AND was_covered) / nullif(count(*) FILTER (WHERE was_there), 0) AS rate_before
    FROM covered
    GROUP BY GROUPING SETS ((business_unit), ())
),
warnings AS (
    SELECT
        'breach_expected' AS kind, severity, 'handoff' AS subject_kind, finding_id AS subject_id, cycle, captured_at AS since_at, handoff_due_at AS due_at,
        breach_probability AS figure, threshold, NULL::DOUBLE AS previous, 'probability' AS unit,
        format(
            '{} handoff of {}, {}: due {} UTC, and broken by then with a probability of {:.0f} %', severity, coalesce(team, 'no team'),
            CASE WHEN status = 'routed' THEN 'not acknowledged by ' || candidate ELSE 'which leads to nobody (' || status || ')' END,
            strftime(handoff_due_at, '%Y-%m-%d %H:%M'), breach_probability * 100
        ) AS detail,
        to_json({'title': title, 'team': team, 'status': status, 'candidate': candidate})::VARCHAR AS evidence,
        people,
        CASE WHEN status = 'routed' THEN 'have them answer: handoff ack, decline or reassign' ELSE 'give it an owner: handoff sweep, or handoff reassign' END AS action
    FROM expected
    UNION ALL
    SELECT
        'source_silent', 'high', cadence.source_kind, cadence.source, NULL, cadence.silent_since_at, NULL,
        CASE WHEN cadence.stated_seconds IS NULL THEN cadence.silent_days ELSE cadence.silent_seconds END,
        coalesce(cadence.stated_seconds, parameter.silence * cadence.expected_days), NULL,
        CASE WHEN cadence.stated_seconds IS NULL THEN 'business_days' ELSE 'seconds' END,
        CASE
            WHEN cadence.stated_seconds IS NULL
            THEN format('{} has brought nothing for {} business days, and usually comes within {}', cadence.source, cadence.silent_days, cadence.expected_days)
            ELSE format('{} has brought nothing since {} UTC, longer than the policy lets it be silent', cadence.source, strftime(cadence.last_at, '%Y-%m-%d %H:%M'))
        END,
        to_json({'kind': cadence.kind, 'last_at': cadence.last_at, 'deliveries': cadence.deliveries})::VARCHAR,
        [escalation.person_id],
        'see whether it still runs and reaches the landing zone; of one that was given up nothing is said after early_warning.given_up'
    FROM mart.source_cadence AS cadence
    CROSS JOIN parameter
    CROSS JOIN escalation
    WHERE cadence.is_silent
    UNION ALL
    SELECT
        'arrivals_above_capacity', 'high', 'business_unit', full_week.business_unit, NULL,
        timezone('UTC', timezone(parameter.reporting_zone, (full_week.week_start - 7 * (full_week.weeks_above - 1)::INTEGER)::TIMESTAMP)), NULL,
        full_week.weeks_above, parameter.capacity_weeks, NULL, 'weeks',
        format(
            '{}: for {} weeks in a row more handoffs came in than are acknowledged; in the last {} against {:.2f} a week, and {} wait',
            full_week.business_unit, full_week.weeks_above, full_week.opened, full_week.throughput, coalesce(unanswered_count.unanswered, 0)
        ),
        to_json({
            'week_start': full_week.week_start, 'opened': full_week.opened, 'throughput': full_week.throughput, 'waiting': coalesce(unanswered_count.unanswered, 0)
        })::VARCHAR,
        list_append(waiting_people.people, escalation.person_id),
        'agree what comes first and who else acknowledges: mart.ingest_capacity, handoff whatif'
    FROM full_week
    CROSS JOIN parameter
    CROSS JOIN escalation
    LEFT JOIN waiting_people USING (business_unit)
    LEFT JOIN unanswered_count USING (business_unit)
    WHERE full_week.weeks_above >= parameter.capacity_weeks
    UNION ALL
    SELECT
        'ownership_currency_fell', 'medium', 'team', CASE WHEN ownership.dimension = 'team' AND ownership.team = 'all' THEN '(all)' ELSE ownership.team END, NULL, parameter.before_at, NULL,
        ownership.rate, greatest(ownership.rate_before - parameter.ownership_drop, 0), ownership.rate_before, 'share',
        format(
            '{}: {} of {} open findings have an owner who is there, after {} of {}', ownership.team, ownership.active, ownership.open_findings,
            ownership.active_before, ownership.open_before
        ),
        to_json({'active': ownership.active, 'open_findings': ownership.open_findings, 'active_before': ownership.active_before, 'open_before': ownership.open_before})::VARCHAR,
        list_append(left_people.people, escalation.person_id),
        'mend the mappings: handoff sweep --kind reattribution, and --kind binding'
    FROM ownership
    CROSS JOIN parameter
    CROSS JOIN escalation
    LEFT JOIN left_people USING (dimension, team)
    WHERE ownership.rate_before - ownership.rate >= parameter.ownership_drop - 1e-9 AND ownership.rate < ownership.rate_before
    UNION ALL
    SELECT
        'coverage_fell', 'medium', 'business_unit', coverage.business_unit, NULL, parameter.before_at, NULL,
        coverage.rate, greatest(coverage.rate_before - parameter.coverage_drop, 0), coverage.rate_before, 'share',
        format(
            '{}: {} of {} active assets were scanned in time, after {} of {}', coverage.business_unit, coverage.covered, coverage.assets,
            coverage.covered_before, coverage.assets_before
        ),
        to_json({'covered': coverage.covered, 'assets': coverage.assets, 'covered_before': coverage.covered_before, 'assets_before': coverage.assets_before})::VARCHAR,
        [escalation.person_id],
        'see which scans are missing: mart.scan_coverage, mart.scanner_coverage'
    FROM coverage
    CROSS JOIN parameter
    CROSS JOIN escalation
    WHERE least(coverage.assets, coverage.assets_before) >= parameter.minimum
        AND coverage.rate_before - coverage.rate >= parameter.coverage_drop - 1e-9 AND coverage.rate < coverage.rate_before
)
SELECT
    kind, severity, subject_kind, subject_id, cycle, since_at, due_at, figure::DOUBLE AS figure, threshold::DOUBLE AS threshold, previous, unit, detail, evidence,
    -- Each once, where they come first.
    list_filter(coalesce(people, []), lambda person, place: person IS NOT NULL AND list_position(people, person) = place) AS call,
    action
FROM warnings
