-- One row per open, unacknowledged, unbreached handoff cycle that falls due within five business days (default calendar) of as_of.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR
-- business_unit VARCHAR
-- team VARCHAR
-- owner_id VARCHAR
-- title VARCHAR
-- captured_at TIMESTAMP
-- handoff_due_at TIMESTAMP
-- waited_seconds DOUBLE: Wall seconds from t0 to as_of.
-- breach_probability DOUBLE: Share of the severity's cycles, of those that waited as long, that still wait when it falls due (Kaplan-Meier, business time).
SELECT
    finding_id, cycle, handoff.severity, business_unit, team, owner_id, title, captured_at, handoff.handoff_due_at, waited_seconds, breach_probability
FROM mart.forecast_listing AS listing
JOIN mart.handoff USING (finding_id, cycle)
WHERE listing.week_start IS NULL
