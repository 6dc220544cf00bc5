-- One row per period, cut and band of handoff cycles whose single SLA (one budget from t0 to closure) fell due by as_of: whom it would have blamed.
-- key: period_grain, period_start, dimension, dimension_value, severity
-- period_grain VARCHAR
-- period_start DATE: First local day of the period in which the single SLA fell due, in the reporting zone; null for all.
-- dimension VARCHAR: all, team, business_unit, environment, scanner, origin, failure_mode, engagement or capture_channel.
-- dimension_value VARCHAR
-- severity VARCHAR: Band, or all.
-- cycles BIGINT: Handoff cycles whose single SLA fell due in the period, by as_of.
-- single_breaches BIGINT: Of them, those that broke the single SLA.
-- handoff_breaches BIGINT: Of them, those that broke the handoff SLA, whose part is security operations'.
-- remediation_breaches BIGINT: Of them, those that broke the remediation SLA, whose part is engineering's.
-- both BIGINT: Of them, those that broke both.
-- misattributed BIGINT: Of them, those for which the single SLA blames engineering though only the handoff SLA broke.
-- misattributed_seconds DOUBLE: Wall seconds that these ran beyond the single SLA, up to closure, or to as_of or the cycle's end.
-- blamed_rightly BIGINT: Of them, those that broke the single SLA and the remediation SLA too.
WITH due AS (
    SELECT
        severity, team, business_unit, environment, origin, failure_mode, engagement, capture_channel, scanners,
        timezone(reporting_zone, timezone('UTC', single_sla_due_at))::DATE AS due_on,
        single_sla_breached, handoff_breached, coalesce(remediation_breached, false) AS remediation_breached, misattributed,
        CASE WHEN misattributed THEN epoch_us(coalesce(verified_at, horizon_at)) - epoch_us(single_sla_due_at) ELSE 0 END AS misattributed_us
    FROM mart.handoff
    CROSS JOIN derived.parameter
    WHERE single_sla_due_at <= as_of
),
cuts AS (
    SELECT due.*, unnest([
        {'dimension': 'all', 'dimension_value': 'all'}, {'dimension': 'team', 'dimension_value': team},
        {'dimension': 'business_unit', 'dimension_value': business_unit}, {'dimension': 'environment', 'dimension_value': environment},
        {'dimension': 'origin', 'dimension_value': origin}, {'dimension': 'failure_mode', 'dimension_value': failure_mode},
        {'dimension': 'engagement', 'dimension_value': engagement}, {'dimension': 'capture_channel', 'dimension_value': capture_channel}
    ]) AS cut
    FROM due
    UNION ALL
    SELECT due.*, {'dimension': 'scanner', 'dimension_value': unnest(scanners)}
    FROM due
),
periods AS (
    SELECT cuts.*, period.*, band.severity AS cut_severity
    FROM cuts
    CROSS JOIN LATERAL (
        VALUES
            ('all', NULL::DATE), ('day', due_on), ('week', date_trunc('week', due_on)::DATE),
            ('month', date_trunc('month', due_on)::DATE), ('quarter', date_trunc('quarter', due_on)::DATE)
    ) AS period (period_grain, period_start)
    CROSS JOIN LATERAL (VALUES ('all'), (cuts.severity)) AS band (severity)
    WHERE NOT (cut.dimension = 'failure_mode' AND cut.dimension_value IS NULL)
)
SELECT
    period_grain, period_start, cut.dimension AS dimension, coalesce(cut.dimension_value, '(none)') AS dimension_value, cut_severity AS severity,
    count(*) AS cycles,
    count(*) FILTER (WHERE single_sla_breached) AS single_breaches,
    count(*) FILTER (WHERE handoff_breached) AS handoff_breaches,
    count(*) FILTER (WHERE remediation_breached) AS remediation_breaches,
    count(*) FILTER (WHERE handoff_breached AND remediation_breached) AS "both",
    count(*) FILTER (WHERE misattributed) AS misattributed,
    (sum(misattributed_us) / 1e6)::DOUBLE AS misattributed_seconds,
    count(*) FILTER (WHERE single_sla_breached AND remediation_breached) AS blamed_rightly
FROM periods
GROUP BY ALL
