-- Which handoffs will probably break their SLA in the next five business days?
-- Open, unacknowledged and unbroken at as_of, the likeliest first. breach_probability runs from 0 to 1; its sum is the number of breaches to expect. Null where no cycle of that severity ever waited as long.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR
-- title VARCHAR
-- business_unit VARCHAR
-- team VARCHAR
-- owner_id VARCHAR
-- handoff_due_at TIMESTAMP
-- breach_probability DOUBLE: Probability that nobody acknowledges before it is due (0 to 1).
SELECT finding_id, cycle, severity, title, business_unit, team, owner_id, handoff_due_at, breach_probability
FROM mart.breach_forecast
ORDER BY breach_probability DESC NULLS LAST, handoff_due_at, finding_id, cycle
