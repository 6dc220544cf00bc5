-- Which handoffs took longest until somebody acknowledged?
-- Wall seconds from t0 to t1, the longest first; only those with a valid acknowledgement. Those that still wait are in question.waiting_for_acknowledgement.
-- key: finding_id, cycle
-- finding_id VARCHAR
-- cycle INTEGER
-- severity VARCHAR
-- title VARCHAR
-- team VARCHAR
-- acknowledged_by VARCHAR
-- captured_at TIMESTAMP
-- acknowledged_at TIMESTAMP
-- latency_seconds DOUBLE
-- latency_business_seconds DOUBLE
-- failure_mode VARCHAR
SELECT
    finding_id, cycle, severity, title, team, acknowledged_by, captured_at, acknowledged_at, latency_seconds, latency_business_seconds, failure_mode
FROM mart.handoff
WHERE latency_seconds IS NOT NULL
ORDER BY latency_seconds DESC, finding_id, cycle
