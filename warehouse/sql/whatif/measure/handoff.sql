-- Whose SLA broke, whom one SLA would have blamed, and what broke each handoff, by every cut.
WITH cuts AS (
    SELECT handoff.*, cut.dimension, coalesce(cut.dimension_value, '(none)') AS dimension_value
    FROM mart.handoff
    CROSS JOIN LATERAL (
        VALUES
            ('all', 'all'), ('team', team), ('business_unit', business_unit), ('environment', environment), ('origin', origin),
            ('failure_mode', failure_mode), ('engagement', engagement), ('capture_channel', capture_channel)
    ) AS cut (dimension, dimension_value)
    WHERE NOT (cut.dimension = 'failure_mode' AND failure_mode IS NULL)
    UNION ALL
    SELECT handoff.*, 'scanner', unnest(scanners)
    FROM mart.handoff
),
banded AS (
    SELECT cuts.* EXCLUDE (severity), band.severity
    FROM cuts
    CROSS JOIN LATERAL (VALUES ('all'), (cuts.severity)) AS band (severity)
),
counted AS (
    SELECT
        dimension, dimension_value, severity,
        count(*) AS handoffs,
        count(*) FILTER (WHERE is_mature) AS mature,
        count(*) FILTER (WHERE remediation_due_at IS NOT NULL) AS acknowledged,
        count(*) FILTER (WHERE remediation_breached) AS remediation_breaches,
        count(*) FILTER (WHERE single_sla_breached) AS single_breaches,
        count(*) FILTER (WHERE breach_attribution = 'handoff') AS by_handoff,
        count(*) FILTER (WHERE breach_attribution = 'remediation') AS by_remediation,
        count(*) FILTER (WHERE breach_attribution = 'both') AS by_both,
        count(*) FILTER (WHERE misattributed) AS misattributed
    FROM banded
    GROUP BY ALL
),
causes AS (
    SELECT
        dimension, dimension_value, severity, failure_mode,
        count(*) FILTER (WHERE handoff_breached) AS handoff_breaches,
        count(*) FILTER (WHERE is_unacknowledged) AS unacknowledged
    FROM banded
    WHERE failure_mode IS NOT NULL AND dimension <> 'failure_mode'
    GROUP BY ALL
)
SELECT
    figure.basis, figure.measure, 'all' AS period_grain, NULL::DATE AS period_start, dimension, dimension_value, severity, NULL::VARCHAR AS failure_mode,
    NULL::VARCHAR AS clock, 'count' AS unit, figure.value::DOUBLE AS value, NULL::VARCHAR AS word, figure.population
FROM counted
CROSS JOIN LATERAL (
    VALUES
        ('remediation_breach', 'remediation_sla_breaches', remediation_breaches, acknowledged),
        ('single_breach', 'single_sla_breaches', single_breaches, handoffs),
        ('handoff alone', 'breaches_of_handoff_alone', by_handoff, handoffs),
        ('remediation alone', 'breaches_of_remediation_alone', by_remediation, handoffs),
        ('both', 'breaches_of_both', by_both, handoffs),
        ('misattributed', 'misattributed_breaches', misattributed, handoffs)
) AS figure (basis, measure, value, population)
UNION ALL
SELECT
    figure.basis, figure.measure, 'all', NULL, causes.dimension, causes.dimension_value, causes.severity, failure_mode, NULL, figure.unit, figure.value, NULL,
    figure.population
FROM causes
JOIN counted USING (dimension, dimension_value, severity)
CROSS JOIN LATERAL (
    VALUES
        ('handoff_breach', 'handoff_sla_breaches', 'count', causes.handoff_breaches::DOUBLE, counted.handoffs),
        ('window', 'no_acknowledgement_rate', 'rate', CASE WHEN counted.mature > 0 THEN causes.unacknowledged / counted.mature END, counted.mature)
) AS figure (basis, measure, unit, value, population)
