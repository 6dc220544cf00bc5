-- Which failure mode costs which team how much time?
-- Wall seconds lost beyond the handoff SLA, charged to the stage that was being waited for; the team is that at t1, else at as_of, null where there is none.
-- key: team, failure_mode, stage
-- team VARCHAR
-- failure_mode VARCHAR: First broken link of the cycle.
-- stage VARCHAR: Stage that was being waited for.
-- handoffs BIGINT: Handoff cycles.
-- lost_seconds DOUBLE: Wall seconds lost.
SELECT team, failure_mode, stage, count(*) AS handoffs, sum(lost_us)::BIGINT / 1e6 AS lost_seconds
FROM mart.lag_attribution
GROUP BY team, failure_mode, stage
ORDER BY lost_seconds DESC, team, failure_mode, stage
