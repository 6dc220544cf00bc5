-- The axes of the handoff over all cohorts, by every cut.
SELECT
    figure.basis, figure.measure, 'all' AS period_grain, NULL::DATE AS period_start, dimension, dimension_value, severity, NULL::VARCHAR AS failure_mode,
    figure.clock, figure.unit, figure.value, figure.word, figure.population
FROM mart.handoff_latency
CROSS JOIN LATERAL (
    VALUES
        ('handoff', 'handoffs', NULL, 'count', handoffs::DOUBLE, NULL, handoffs),
        ('latency', 'acknowledged_handoffs', 'wall', 'count', acknowledged::DOUBLE, NULL, handoffs),
        ('latency', 'median_handoff_latency', 'business', 'seconds', median_business_seconds, NULL, acknowledged),
        ('latency', 'median_handoff_latency', 'wall', 'seconds', median_seconds, NULL, acknowledged),
        ('latency', 'p90_handoff_latency', 'business', 'seconds', p90_business_seconds, NULL, acknowledged),
        ('latency', 'p90_handoff_latency', 'wall', 'seconds', p90_seconds, NULL, acknowledged),
        ('latency', 'tail_handoff_latency', 'wall', 'seconds', tail_seconds, NULL, acknowledged),
        ('survival', 'kaplan_meier_median', 'wall', 'seconds', km_median_seconds, NULL, handoffs),
        ('survival', 'kaplan_meier_median_low', 'wall', 'seconds', km_median_low_seconds, NULL, handoffs),
        ('survival', 'kaplan_meier_median_high', 'wall', 'seconds', km_median_high_seconds, NULL, handoffs),
        ('survival', 'kaplan_meier_p90', 'wall', 'seconds', km_p90_seconds, NULL, handoffs),
        ('window', 'no_acknowledgement_rate', NULL, 'rate', no_acknowledgement_rate, NULL, mature),
        ('window', 'unacknowledged_handoffs', NULL, 'count', unacknowledged::DOUBLE, NULL, mature),
        ('handoff_breach', 'handoff_sla_breaches', NULL, 'count', handoff_breaches::DOUBLE, NULL, handoffs),
        ('unrouted', 'unrouted_queue_depth', NULL, 'count', unrouted::DOUBLE, NULL, handoffs),
        ('verdict', 'verdict', NULL, 'word', NULL::DOUBLE, verdict, handoffs)
) AS figure (basis, measure, clock, unit, value, word, population)
WHERE period_grain = 'all' AND (figure.measure <> 'verdict' OR verdict IS NOT NULL) AND (figure.measure <> 'no_acknowledgement_rate' OR dimension <> 'failure_mode')
