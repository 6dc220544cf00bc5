-- What every mart of cohorts is grouped by, stated once:
--
--     cuts AS (SELECT …, severity, unnest(derived.periods(captured_on)), unnest(derived.cuts(handoff), recursive := true) FROM mart.handoff)
--     SELECT derived.grain(day, week, month, quarter), coalesce(day, week, month, quarter), dimension, dimension_value, coalesce(severity, 'all'), …
--     GROUP BY dimension, dimension_value, GROUPING SETS ((), (severity)), GROUPING SETS ((), (day), (week), (month), (quarter))
--
-- Grouping sets go over the rows as they are; a row for each band and period would be ten times as many, and a quantile would hold them all.

-- Every cut that a handoff counts under, as rows of dimension and dimension_value; `handoff` is a row with these columns. A cycle counts
-- under each of its scanners, and under no failure mode where it has none (ruling 67).
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

-- The first local day of every period that a local day lies in, as columns; weeks are ISO's.
CREATE MACRO derived.periods(on_day) AS {
    'day': on_day, 'week': date_trunc('week', on_day)::DATE, 'month': date_trunc('month', on_day)::DATE, 'quarter': date_trunc('quarter', on_day)::DATE
};

-- Which of them a group is of: the one that it was grouped by.
CREATE MACRO derived.grain(day, week, month, quarter) AS CASE
    WHEN day IS NOT NULL THEN 'day' WHEN week IS NOT NULL THEN 'week' WHEN month IS NOT NULL THEN 'month' WHEN quarter IS NOT NULL THEN 'quarter' ELSE 'all'
END;

-- The local day by whose end something is due. Due with the day's last instant is due on that day.
CREATE MACRO derived.due_on(due_at, zone) AS timezone(zone, timezone('UTC', due_at - INTERVAL 1 MICROSECOND))::DATE;
