-- Doubtful instants of the whole record by kind.
SELECT anomaly, sum(anomalies)::BIGINT AS anomalies
FROM mart.time_quality
GROUP BY anomaly
ORDER BY anomalies DESC, anomaly
