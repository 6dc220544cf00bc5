-- What every mart of cohorts is grouped by, stated once. Each macro gives a list: `unnest(derived.cuts(handoff), recursive := true)` makes
-- one row of each, with the columns dimension and dimension_value. One to a SELECT: two would run side by side instead of multiplying.

-- Every cut that a handoff counts under: `handoff` is a row with these columns. One of no failure mode counts under none (ruling 67).
CREATE MACRO derived.cuts(handoff) AS list_filter(
    [
        {'dimension': 'all', 'dimension_value': 'all'},
        {'dimension': 'team', 'dimension_value': coalesce(handoff.team, '(none)')},
        {'dimension': 'business_unit', 'dimension_value': coalesce(handoff.business_unit, '(none)')},
        {'dimension': 'environment', 'dimension_value': coalesce(handoff.environment, '(none)')},
        {'dimension': 'origin', 'dimension_value': handoff.origin},
        {'dimension': 'failure_mode', 'dimension_value': handoff.failure_mode},
        {'dimension': 'engagement', 'dimension_value': coalesce(handoff.engagement, '(none)')},
        {'dimension': 'capture_channel', 'dimension_value': coalesce(handoff.capture_channel, '(none)')}
    ] || list_transform(handoff.scanners, lambda scanner: {'dimension': 'scanner', 'dimension_value': scanner}),
    lambda cut: cut.dimension_value IS NOT NULL
);

-- Every period that a local day lies in, ISO weeks; columns period_grain and period_start.
CREATE MACRO derived.grains(day) AS [
    {'period_grain': 'all', 'period_start': NULL::DATE},
    {'period_grain': 'day', 'period_start': day},
    {'period_grain': 'week', 'period_start': date_trunc('week', day)::DATE},
    {'period_grain': 'month', 'period_start': date_trunc('month', day)::DATE},
    {'period_grain': 'quarter', 'period_start': date_trunc('quarter', day)::DATE}
];

-- A band, and all of them.
CREATE MACRO derived.bands(severity) AS ['all', severity];
