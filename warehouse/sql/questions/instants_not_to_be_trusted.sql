-- How far can the instants be trusted?
-- Doubtful instants by kind and source, the commonest first; rate (0 to 1) is of what could have shown it. No row means that none of that kind was found.
-- key: anomaly, subject, source, detail
-- anomaly VARCHAR: Kind of doubt.
-- subject VARCHAR: observation, event or cycle.
-- source VARCHAR: Scanner or format; (none) for a cycle.
-- detail VARCHAR: What exactly, by kind (see mart.time_quality).
-- anomalies BIGINT: How many.
-- population BIGINT: Of how many.
-- rate DOUBLE: anomalies / population.
SELECT anomaly, subject, source, detail, anomalies, population, rate
FROM mart.time_quality
ORDER BY anomalies DESC, anomaly, subject, source, detail
