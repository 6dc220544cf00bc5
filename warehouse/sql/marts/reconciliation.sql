-- One row per law of our own work and what it is about: both sides counted apart, which must come out alike.
-- key: law, subject
-- law VARCHAR: row_balance, rows_kept, unique_grain, references, t0_earliest, stage_sums, lag_sums, totals_agree, rate_sums, evidence_sums, share_sums, parts_of_whole or restatement_chain.
-- subject VARCHAR: What is counted - a run, a mart, two tables and how they refer to one another.
-- expected BIGINT: What the law asks for.
-- actual BIGINT: What is there.
-- difference BIGINT: actual - expected; 0 where the law holds.
-- statement VARCHAR: What is counted, in words.
WITH parameter AS (FROM derived.parameter),
attempts AS (
    FROM record.landing_attempt WHERE landed_at <= (SELECT as_of FROM parameter)
),
rejected AS (
    SELECT claim_id, attempt, count(*) AS rows_rejected
    FROM record.rejected_row
    GROUP BY ALL
),
-- Each law has a row whether or not anything ever happened: what is not counted would look like what holds.
row_balance AS (
    SELECT
        'all runs' AS subject, sum(rows_in) AS expected, sum(rows_new + rows_duplicate + rows_rejected) AS actual,
        'rows in = new + duplicate + rejected' AS statement
    FROM attempts
    UNION ALL
    SELECT concat('runs as of ', landed_at::VARCHAR), sum(rows_in), sum(rows_new + rows_duplicate + rows_rejected), 'rows in = new + duplicate + rejected, over the run'
    FROM attempts
    GROUP BY landed_at
    UNION ALL
    SELECT 'files', count(*), count(*) FILTER (WHERE rows_in = rows_new + rows_duplicate + rows_rejected),
        'readings of files, and those whose rows in = new + duplicate + rejected'
    FROM attempts
    UNION ALL
    SELECT 'record.rejected_row', sum(attempts.rows_rejected), sum(coalesce(rejected.rows_rejected, 0)),
        'rejected rows as counted, and as kept with their reason'
    FROM attempts
    LEFT JOIN rejected USING (claim_id, attempt)
),
kept AS (
    SELECT claim_id, count(*) AS kept
    FROM (
        SELECT claim_id FROM record.observation
        UNION ALL SELECT claim_id FROM record.activity
        UNION ALL SELECT claim_id FROM record.ticket
        UNION ALL SELECT claim_id FROM record.asset
        UNION ALL SELECT claim_id FROM record.person
        UNION ALL SELECT claim_id FROM record.ownership
        UNION ALL SELECT claim_id FROM record.known_exploited
        UNION ALL SELECT claim_id FROM record.vulnerability_alias
        UNION ALL SELECT claim_id FROM record.exploit_prediction
    )
    GROUP BY claim_id
),
rows_kept AS (
    -- A file that is read again may bring less than at first: what it brought then stays.
    SELECT 'schema record' AS subject, sum(rows_new) AS expected, sum(least(rows_new, coalesce(kept.kept, 0))) AS actual,
        'rows that the latest reading of each file brought, and those of them that are there' AS statement
    FROM (FROM attempts QUALIFY row_number() OVER (PARTITION BY claim_id ORDER BY attempt DESC) = 1)
    LEFT JOIN kept USING (claim_id)
),
unique_grain AS (
    SELECT concat('mart.', mart) AS subject, rows AS expected, keys AS actual, 'rows, and distinct values of the key' AS statement
    FROM derived.grain
),
reference_counts AS (
    SELECT 'mart.handoff to mart.finding' AS subject, count(*) AS expected, count(finding.finding_id) AS actual
    FROM mart.handoff LEFT JOIN mart.finding USING (finding_id)
    UNION ALL
    SELECT 'mart.finding_alias to mart.finding', count(*), count(finding.finding_id)
    FROM mart.finding_alias LEFT JOIN mart.finding USING (finding_id)
    UNION ALL
    SELECT 'mart.finding to mart.finding_alias', count(*), count(finding_alias.sighting_id)
    FROM mart.finding LEFT JOIN mart.finding_alias ON finding_alias.sighting_id = finding.finding_id AND finding_alias.finding_id = finding.finding_id
    UNION ALL
    SELECT 'derived.capture to mart.finding', count(*), count(finding.finding_id)
    FROM derived.capture LEFT JOIN mart.finding USING (finding_id)
    UNION ALL
    SELECT 'derived.capture to record.observation', count(*), count(observation.observation_id)
    FROM derived.capture LEFT JOIN record.observation USING (observation_id, content_id, claim_id)
    UNION ALL
    SELECT 'mart.event to mart.finding', count(event.finding_id), count(finding.finding_id)
    FROM mart.event LEFT JOIN mart.finding USING (finding_id)
    UNION ALL
    SELECT 'mart.finding to mart.absence', count(*), count(absence.finding_id)
    FROM mart.finding LEFT JOIN (SELECT DISTINCT finding_id FROM mart.absence) AS absence USING (finding_id)
    WHERE finding.is_open
    UNION ALL
    SELECT 'mart.failure_mode to mart.handoff', count(*), count(handoff.finding_id)
    FROM mart.failure_mode LEFT JOIN mart.handoff USING (finding_id, cycle)
    UNION ALL
    SELECT 'mart.handoff to mart.failure_mode', count(*), count(failure_mode.finding_id)
    FROM mart.handoff LEFT JOIN mart.failure_mode ON failure_mode.finding_id = handoff.finding_id AND failure_mode.cycle = handoff.cycle AND is_primary
    WHERE handoff.failure_mode IS NOT NULL
    UNION ALL
    SELECT 'mart.lag_attribution to mart.handoff', count(*), count(handoff.finding_id)
    FROM mart.lag_attribution LEFT JOIN mart.handoff USING (finding_id, cycle)
    UNION ALL
    -- What a lapse starts, starts when it lapses.
    SELECT 'mart.compensating_control to mart.handoff', count(*), count(handoff.finding_id)
    FROM mart.compensating_control AS control
    LEFT JOIN mart.handoff
        ON handoff.finding_id = control.finding_id AND handoff.cycle = control.revalidation_cycle AND handoff.origin = 'revalidation'
        AND handoff.captured_at = control.ended_at
    WHERE control.revalidation_cycle IS NOT NULL
    UNION ALL
    -- The derived table, because the mart leaves out a control that began while its cycle was unrated.
    SELECT 'mart.handoff to derived.compensating_control', count(*), count(control.finding_id)
    FROM mart.handoff
    LEFT JOIN derived.compensating_control AS control ON control.finding_id = handoff.finding_id AND control.revalidation_cycle = handoff.cycle
    WHERE handoff.origin = 'revalidation'
),
opened AS (
    SELECT finding_id, cycle, min(first_at) AS opened_at
    FROM (
        SELECT finding_id, cycle, captured_at AS first_at FROM derived.capture WHERE band <> 'informational' AND cycle IS NOT NULL
        UNION ALL
        SELECT finding_id, cycle, occurred_at FROM derived.event WHERE event = 'reopened' AND cycle IS NOT NULL
    )
    GROUP BY ALL
),
t0_earliest AS (
    SELECT 'mart.handoff' AS subject, count(*) AS expected, count(*) FILTER (WHERE handoff.captured_at = opened.opened_at) AS actual,
        'cycles opened by an observation or event, and those whose t0 is its instant' AS statement
    FROM mart.handoff LEFT JOIN opened USING (finding_id, cycle)
    WHERE handoff.origin <> 'revalidation'
),
stage_spans AS (
    SELECT finding_id, cycle, sum(span_us) AS us FROM mart.stage GROUP BY ALL
),
segment_spans AS (
    SELECT finding_id, cycle, sum(epoch_us(ended_at) - epoch_us(started_at)) AS us
    FROM mart.segment
    WHERE segment <> 'control'
    GROUP BY ALL
),
stage_sums AS (
    SELECT 'mart.stage' AS subject, count(*) AS expected,
        count(*) FILTER (WHERE stage_spans.us = epoch_us(handoff.triaged_at) - epoch_us(handoff.captured_at)) AS actual,
        'cycles that reached triage, and those whose spans add up to it' AS statement
    FROM mart.handoff LEFT JOIN stage_spans USING (finding_id, cycle)
    WHERE handoff.triaged_at IS NOT NULL
    UNION ALL
    SELECT 'mart.segment', count(*),
        count(*) FILTER (
            WHERE coalesce(segment_spans.us, 0)
                = epoch_us(greatest(handoff.captured_at, triaged_at, in_progress_at, resolved_at, verified_at)) - epoch_us(handoff.captured_at)
        ),
        'cycles, and those whose segments add up to their latest boundary'
    FROM mart.handoff LEFT JOIN segment_spans USING (finding_id, cycle)
),
lags AS (
    SELECT finding_id, cycle, sum(lost_us) AS us FROM mart.lag_attribution GROUP BY ALL
),
lag_sums AS (
    SELECT 'mart.lag_attribution' AS subject, count(*) AS expected,
        count(*) FILTER (WHERE lags.us = epoch_us(least(acknowledged_at, horizon_at)) - epoch_us(handoff_due_at)) AS actual,
        'cycles that broke the handoff SLA, and those whose time beyond its due instant the stages add up to' AS statement
    FROM mart.handoff LEFT JOIN lags USING (finding_id, cycle)
    WHERE handoff_breached
    UNION ALL
    SELECT 'mart.lag_attribution cycles', count(*) FILTER (WHERE handoff_breached), (SELECT count(*) FROM lags), 'cycles that broke the handoff SLA, and those charged with lost time'
    FROM mart.handoff
),
total AS (
    SELECT * FROM mart.handoff_latency WHERE period_grain = 'all' AND dimension = 'all' AND severity = 'all'
),
last_week AS (
    FROM mart.ingest_capacity WHERE business_unit = 'all' AND week_start = (SELECT max(week_start) FROM mart.ingest_capacity)
),
by_grain AS (
    SELECT period_grain, sum(handoffs) AS handoffs FROM mart.handoff_latency WHERE dimension = 'all' AND severity <> 'all' GROUP BY period_grain
),
throughput_sums AS (
    SELECT moment.moment, period_grain, sum(moment.handoffs) AS handoffs
    FROM mart.throughput
    CROSS JOIN LATERAL (VALUES ('opened', opened), ('acknowledged', acknowledged), ('closed', closed)) AS moment (moment, handoffs)
    WHERE severity <> 'all'
    GROUP BY ALL
    UNION ALL
    SELECT moment.moment, 'total', moment.handoffs
    FROM mart.throughput
    CROSS JOIN LATERAL (VALUES ('opened', opened), ('acknowledged', acknowledged), ('closed', closed)) AS moment (moment, handoffs)
    WHERE severity = 'all' AND period_grain = 'all'
),
moments AS (
    SELECT moment.*
    FROM (SELECT count(*) AS opened, count(acknowledged_at) AS acknowledged, count(closed_at) AS closed FROM mart.handoff) AS handoff
    CROSS JOIN LATERAL (VALUES ('opened', opened), ('acknowledged', acknowledged), ('closed', closed)) AS moment (moment, handoffs)
),
deduplicated AS (
    SELECT dimension, sum(findings) AS findings, sum(observations) AS observations
    FROM mart.deduplication
    WHERE dimension IN ('all', 'scanner') AND severity = 'all'
    GROUP BY dimension
),
totals_agree AS (
    SELECT 'mart.handoff_latency handoffs' AS subject, (SELECT count(*) FROM mart.handoff) AS expected, coalesce((SELECT sum(handoffs) FROM total), 0) AS actual
    UNION ALL
    SELECT concat('mart.handoff_latency handoffs by severity and ', period_grain), (SELECT count(*) FROM mart.handoff), handoffs
    FROM by_grain
    UNION ALL
    SELECT 'mart.handoff_latency acknowledged', (SELECT count(acknowledged_at) FROM mart.handoff), coalesce((SELECT sum(acknowledged) FROM total), 0)
    UNION ALL
    SELECT 'mart.handoff_latency mature', (SELECT count(*) FROM mart.handoff WHERE is_mature), coalesce((SELECT sum(mature) FROM total), 0)
    UNION ALL
    SELECT 'mart.handoff_latency unacknowledged', (SELECT count(*) FROM mart.handoff WHERE is_unacknowledged), coalesce((SELECT sum(unacknowledged) FROM total), 0)
    UNION ALL
    SELECT 'mart.handoff_latency handoff_breaches', (SELECT count(*) FROM mart.handoff WHERE handoff_breached), coalesce((SELECT sum(handoff_breaches) FROM total), 0)
    UNION ALL
    SELECT 'mart.sla_breach handoff', (SELECT count(*) FROM mart.handoff WHERE handoff_breached), (SELECT count(*) FROM mart.sla_breach WHERE sla = 'handoff')
    UNION ALL
    SELECT 'mart.sla_breach remediation', (SELECT count(*) FROM mart.handoff WHERE remediation_breached),
        (SELECT count(*) FROM mart.sla_breach WHERE sla = 'remediation')
    UNION ALL
    SELECT concat('mart.cycle_share ', segment), (SELECT count(*) FROM mart.handoff), sum(cycles + incomplete + unverified)
    FROM mart.cycle_share
    WHERE period_grain = 'all' AND dimension = 'all' AND severity = 'all'
    GROUP BY segment
    UNION ALL
    SELECT 'mart.instrumentation spans', (SELECT count(*) FROM mart.stage WHERE len(covers) = 1), coalesce(sum(spans), 0)
    FROM mart.instrumentation
    WHERE period_grain = 'all' AND dimension = 'all' AND severity = 'all'
    UNION ALL
    SELECT 'mart.reopen completed', (SELECT count(*) FROM mart.handoff WHERE resolved_at IS NOT NULL OR verified_at IS NOT NULL), coalesce(sum(completed), 0)
    FROM mart.reopen
    WHERE period_grain = 'all' AND dimension = 'all' AND severity = 'all'
    UNION ALL
    SELECT 'mart.unrouted_queue', (SELECT count(*) FROM mart.handoff WHERE is_open AND acknowledged_at IS NULL AND owner_id IS NULL),
        (SELECT count(*) FROM mart.unrouted_queue)
    UNION ALL
    SELECT concat('mart.throughput ', moments.moment, CASE WHEN grain <> 'total' THEN concat(' by severity and ', grain) ELSE '' END), moments.handoffs,
        throughput_sums.handoffs
    FROM moments
    CROSS JOIN (VALUES ('total'), ('all'), ('day'), ('week'), ('month'), ('quarter')) AS grains (grain)
    LEFT JOIN throughput_sums ON throughput_sums.moment = moments.moment AND throughput_sums.period_grain = grain
    UNION ALL
    SELECT 'mart.open_aging', (SELECT count(*) FROM mart.handoff WHERE is_open), (SELECT sum(open) FROM mart.open_aging)
    UNION ALL
    SELECT 'mart.ownership_currency', (SELECT count(*) FROM mart.finding WHERE is_open AND severity <> 'unrated'),
        (SELECT open_findings FROM mart.ownership_currency WHERE dimension = 'all' AND severity = 'all' AND mapping_age = 'all')
    UNION ALL
    SELECT 'mart.ownership_currency by mapping_age', (SELECT count(*) FROM mart.handoff WHERE is_open),
        (SELECT sum(open_findings) FROM mart.ownership_currency WHERE dimension = 'all' AND severity = 'all' AND mapping_age <> 'all')
    UNION ALL
    SELECT 'mart.deduplication findings', (SELECT count(DISTINCT finding_id) FROM mart.handoff), (SELECT findings FROM deduplicated WHERE dimension = 'all')
    UNION ALL
    SELECT 'mart.deduplication observations', (SELECT count(*) FROM derived.capture SEMI JOIN mart.handoff USING (finding_id) WHERE band <> 'informational'),
        (SELECT observations FROM deduplicated WHERE dimension = 'all')
    UNION ALL
    SELECT 'mart.scanner_overlap', (SELECT findings FROM deduplicated WHERE dimension = 'scanner'),
        (SELECT sum(findings) FROM mart.scanner_overlap WHERE scanner = other_scanner)
    UNION ALL
    SELECT 'mart.severity_matrix observations', (SELECT count(*) FROM derived.capture), (SELECT sum(observations) FROM mart.severity_matrix)
    UNION ALL
    SELECT 'mart.severity_matrix handoffs', (SELECT count(*) FROM mart.handoff), (SELECT sum(handoffs) FROM mart.severity_matrix)
    UNION ALL
    SELECT 'mart.severity_matrix lost microseconds',
        (SELECT sum(lost_us) FROM mart.lag_attribution JOIN mart.handoff USING (finding_id, cycle) WHERE list_contains(handoff.failure_modes, 'severity_mismatch')),
        (SELECT sum(round(lost_seconds * 1e6)) FROM mart.severity_matrix)
    UNION ALL
    SELECT 'mart.severity_calibration observations', (SELECT count(*) FROM derived.capture), (SELECT sum(observations) FROM mart.severity_calibration)
    UNION ALL
    SELECT 'mart.time_quality', count(*), count(*) FILTER (WHERE anomalies BETWEEN 1 AND population)
    FROM mart.time_quality
    UNION ALL
    SELECT 'mart.ingest_capacity opened', (SELECT count(*) FROM mart.handoff),
        (SELECT sum(opened) FROM mart.ingest_capacity WHERE business_unit = 'all' AND step = 'routed')
    UNION ALL
    SELECT 'mart.ingest_capacity opened by business unit', (SELECT count(*) FROM mart.handoff),
        (SELECT sum(opened) FROM mart.ingest_capacity WHERE business_unit <> 'all' AND step = 'routed')
    UNION ALL
    SELECT 'mart.ingest_capacity acknowledged', (SELECT count(acknowledged_at) FROM mart.handoff),
        (SELECT sum(completed) FROM mart.ingest_capacity WHERE business_unit = 'all' AND step = 'acknowledged')
    UNION ALL
    SELECT 'mart.ingest_capacity queues', (SELECT count(*) FROM mart.handoff WHERE is_open), (SELECT sum(queue) FROM last_week)
    UNION ALL
    SELECT 'mart.breach_forecast',
        (
            SELECT count(*)
            FROM mart.handoff JOIN derived.horizon AS horizon ON horizon.week_start IS NULL
            WHERE is_open AND acknowledged_at IS NULL AND handoff_due_at > horizon.starts_at AND handoff_due_at <= horizon.ends_at
        ),
        (SELECT count(*) FROM mart.breach_forecast)
    UNION ALL
    SELECT 'mart.single_sla single_breaches', (SELECT count(*) FROM mart.handoff WHERE single_sla_breached),
        (SELECT sum(single_breaches) FROM mart.single_sla WHERE period_grain = 'all' AND dimension = 'all' AND severity = 'all')
    UNION ALL
    SELECT 'mart.single_sla misattributed', (SELECT count(*) FROM mart.handoff WHERE misattributed),
        (SELECT sum(misattributed) FROM mart.single_sla WHERE period_grain = 'all' AND dimension = 'all' AND severity = 'all')
),
rates AS (
    SELECT period_grain, period_start, severity, sum(unacknowledged) AS unacknowledged, max(mature) AS mature
    FROM mart.no_acknowledgement
    GROUP BY ALL
),
rate_sums AS (
    SELECT 'mart.no_acknowledgement' AS subject, count(*) AS expected,
        count(*) FILTER (
            WHERE cohort.unacknowledged = coalesce(rates.unacknowledged, 0) AND (cohort.unacknowledged = 0 OR cohort.mature = rates.mature)
        ) AS actual,
        'cohorts of mart.handoff_latency, and those whose unacknowledged cycles the failure modes add up to' AS statement
    FROM mart.handoff_latency AS cohort
    LEFT JOIN rates
        ON rates.period_grain = cohort.period_grain AND rates.period_start IS NOT DISTINCT FROM cohort.period_start AND rates.severity = cohort.severity
    WHERE cohort.dimension = 'all'
),
shares AS (
    SELECT
        period_grain, period_start, dimension, dimension_value, severity,
        any_value(cycles) AS cycles,
        any_value(cycles + incomplete + unverified) AS handoffs,
        count(*) AS segments,
        sum(mean_share) AS mean_share,
        sum(summed_share) AS summed_share
    FROM mart.cycle_share
    GROUP BY ALL
),
share_sums AS (
    SELECT 'mart.cycle_share' AS subject, count(*) AS expected,
        count(*) FILTER (WHERE segments = 4 AND abs(mean_share - 1) < 1e-9 AND abs(summed_share - 1) < 1e-9) AS actual,
        'cohorts with complete cycles, and those whose four shares add up to 1' AS statement
    FROM shares
    WHERE cycles > 0
    UNION ALL
    SELECT 'mart.cycle_share to mart.handoff_latency', count(*), count(*) FILTER (WHERE shares.handoffs = cohort.handoffs),
        'cohorts of either mart, and those in which complete, incomplete and unverified cycles are all of the handoffs'
    FROM shares
    FULL JOIN mart.handoff_latency AS cohort
        ON cohort.period_grain = shares.period_grain AND cohort.period_start IS NOT DISTINCT FROM shares.period_start
        AND cohort.dimension = shares.dimension AND cohort.dimension_value = shares.dimension_value AND cohort.severity = shares.severity
),
parts_of_whole AS (
    SELECT 'mart.cycle_share' AS subject, count(*) AS expected,
        count(*) FILTER (WHERE coalesce(mean_share BETWEEN 0 AND 1 AND summed_share BETWEEN 0 AND 1, cycles = 0)) AS actual,
        'rows, and those whose shares are between 0 and 1' AS statement
    FROM mart.cycle_share
    UNION ALL
    SELECT 'mart.instrumentation', count(*),
        count(*) FILTER (WHERE observed BETWEEN 0 AND past AND coalesce(coverage_rate BETWEEN 0 AND 1, past = 0) AND (stage <> 'capture' OR observed = past)),
        'rows, and those that observed no more than is past, and every capture'
    FROM mart.instrumentation
    UNION ALL
    SELECT 'mart.reopen', count(*), count(*) FILTER (WHERE reopened BETWEEN 0 AND completed AND reopen_rate BETWEEN 0 AND 1),
        'rows, and those that reopened no more than was completed'
    FROM mart.reopen
    UNION ALL
    SELECT 'mart.lag_attribution', count(*), count(*) FILTER (WHERE lost_us > 0), 'rows, and those that lost time'
    FROM mart.lag_attribution
    UNION ALL
    SELECT 'mart.sweep binding', (SELECT count(*) FROM mart.binding_gap), sum(handoffs), 'open handoffs on no active asset, and those that a sweep puts before a person'
    FROM mart.sweep
    WHERE kind = 'binding' AND state = 'open'
    UNION ALL
    SELECT 'mart.sweep unmatched_activity', (SELECT count(*) FROM mart.event WHERE finding_id IS NULL AND method <> 'own'), sum(events),
        'events that match no one finding, and those that a sweep puts before a person'
    FROM mart.sweep
    WHERE kind = 'unmatched_activity' AND state = 'open' AND reason <> 'before_capture'
    UNION ALL
    SELECT 'mart.early_warning breach_expected', count(*), count(*) FILTER (WHERE warning.finding_id IS NOT NULL),
        'expected breaches, and those that are forecast'
    FROM mart.early_warning AS breach
    LEFT JOIN mart.breach_forecast AS warning ON warning.finding_id = breach.subject_id AND warning.cycle = breach.cycle
    WHERE breach.kind = 'breach_expected'
),
evidence_sums AS (
    -- Against the tables that the populations are of, not against the rows that were judged.
    SELECT 'mart.control_evidence' AS subject, sum(population) AS expected, sum(complete_chains + exceptions + pending) AS actual
    FROM mart.control_evidence
    UNION ALL
    SELECT concat('mart.obligation ', obligation), expected, actual
    FROM (
        SELECT 'named_accountability' AS obligation, count(*) AS expected FROM mart.handoff
        UNION ALL SELECT 'identified', count(*) FROM mart.handoff
        UNION ALL SELECT 'ranked', (SELECT count(*) FROM mart.handoff) + count(*) FROM mart.finding WHERE severity = 'unrated' AND cycles > 0
        UNION ALL SELECT 'ownership_current', count(*) FROM mart.handoff WHERE is_open
        UNION ALL SELECT 'monitoring_cadence', count(*) FROM mart.scan_coverage
    )
    LEFT JOIN (SELECT obligation, count(*) AS actual FROM mart.obligation WHERE status IN ('complete', 'exception', 'pending') GROUP BY obligation) USING (obligation)
    UNION ALL
    SELECT 'mart.obligation timely_handoff', (SELECT count(*) FROM mart.handoff WHERE handoff_breached), count(*)
    FROM mart.obligation
    WHERE obligation = 'timely_handoff' AND status = 'exception'
),
chains AS (
    -- Where the finding of an id is now, and whether one of this run's restatements of it ends there. A second run at the same as_of cannot
    -- tell its own from the first one's, after which the cycle may have become another.
    SELECT restatement.finding_id, restatement.cycle, bool_or(restatement.captured_at_is = handoff.captured_at) AS is_joined
    FROM record.restatement
    JOIN mart.finding_alias ON finding_alias.sighting_id = restatement.finding_id
    JOIN mart.handoff ON handoff.finding_id = finding_alias.finding_id AND handoff.cycle = restatement.cycle
    WHERE restatement.recorded_at = (SELECT as_of FROM parameter) AND NOT EXISTS (FROM record.run WHERE run.as_of = (SELECT as_of FROM parameter))
    GROUP BY ALL
),
restatement_chain AS (
    SELECT 'record.restatement' AS subject, count(*) AS expected, count(*) FILTER (WHERE captured_at_was <> captured_at_is) AS actual,
        'restatements, and those that lead from one instant to another' AS statement
    FROM record.restatement
    WHERE recorded_at <= (SELECT as_of FROM parameter)
    UNION ALL
    SELECT 'record.restatement to mart.handoff', count(*), count(*) FILTER (WHERE is_joined), 'cycles restated by this run, and those whose t0 is what it says'
    FROM chains
),
laws AS (
    SELECT 'row_balance' AS law, * FROM row_balance
    UNION ALL SELECT 'rows_kept', * FROM rows_kept
    UNION ALL SELECT 'unique_grain', * FROM unique_grain
    UNION ALL SELECT 'references', *, 'rows that refer, and those whose counterpart is there' FROM reference_counts
    UNION ALL SELECT 't0_earliest', * FROM t0_earliest
    UNION ALL SELECT 'stage_sums', * FROM stage_sums
    UNION ALL SELECT 'lag_sums', * FROM lag_sums
    UNION ALL SELECT 'totals_agree', *, 'the rows that it is of, and the total that the mart shows' FROM totals_agree
    UNION ALL SELECT 'rate_sums', * FROM rate_sums
    UNION ALL SELECT 'share_sums', * FROM share_sums
    UNION ALL SELECT 'parts_of_whole', * FROM parts_of_whole
    UNION ALL SELECT 'evidence_sums', *, 'subjects that are held to it, and those that are complete, excepted or pending' FROM evidence_sums
    UNION ALL SELECT 'restatement_chain', * FROM restatement_chain
)
SELECT
    law, subject,
    coalesce(expected, 0)::BIGINT AS expected,
    coalesce(actual, 0)::BIGINT AS actual,
    (coalesce(actual, 0) - coalesce(expected, 0))::BIGINT AS difference,
    statement
FROM laws
